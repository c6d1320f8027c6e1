//! Numbered migrations. MySQL ends a transaction before each change of a table, so a migration that was cut off is half
//! there: its row in `schema_version` says that it had begun, and the next start goes on, passing over what exists.

use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use xxhash_rust::xxh3::xxh3_128;

use super::error::{Failure, Verdict, judge};
use super::session::Session;
use crate::error::StoreError;
use crate::failpoint;

/// All migrations, oldest first; number = position + 1. Never edit one that was released: append.
const MIGRATIONS: &[(&str, &str)] = &[
    ("results", include_str!("../../migrations/mysql/0001_results.sql")),
    ("runs", include_str!("../../migrations/mysql/0002_runs.sql")),
    ("sets", include_str!("../../migrations/mysql/0003_sets.sql")),
    ("ledger", include_str!("../../migrations/mysql/0004_ledger.sql")),
    ("leases", include_str!("../../migrations/mysql/0005_leases.sql")),
    ("accounts", include_str!("../../migrations/mysql/0006_accounts.sql")),
    ("notify", include_str!("../../migrations/mysql/0007_notify.sql")),
    ("reads", include_str!("../../migrations/mysql/0008_reads.sql")),
    (
        "set_changes",
        include_str!("../../migrations/mysql/0009_set_changes.sql"),
    ),
];

const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (
  version BIGINT NOT NULL PRIMARY KEY,
  name VARBINARY(64) NOT NULL,
  begun_ms BIGINT NOT NULL,
  done_ms BIGINT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";

/// How long a storage waits for another one that migrates.
const LOCK_WAIT: Duration = Duration::from_mins(1);
/// Table, column or key is there already, or gone already.
const DONE_BEFORE: [u16; 4] = [1050, 1060, 1061, 1091];

/// The schema this code works with.
pub(super) const NEWEST: u32 = MIGRATIONS.len() as u32;

/// Brings the schema to `target`, at most [`NEWEST`]; refuses a newer one. One storage does it at a time.
pub(super) async fn migrate(session: &mut Session, database: &str, now_ms: i64, target: u32) -> Result<(), Failure> {
    let node = session.node.clone();
    // Locks are the server's, not the database's.
    let name = format!("sla/{:032x}", xxh3_128(database.as_bytes()));
    let seconds = LOCK_WAIT.as_secs();
    let locked: Option<Option<i64>> = session
        .conn
        .exec_first("SELECT GET_LOCK(?, ?)", (name, seconds))
        .await
        .map_err(|error| judge(error, &node))?;
    if locked.flatten() != Some(1) {
        let waited_ms = LOCK_WAIT.as_millis() as u64;
        return Err(Failure::new(Verdict::Final, StoreError::Busy { waited_ms }));
    }
    let migrated = locked_migrate(session, now_ms, target).await;
    // The lock goes with the connection, whatever comes of this.
    let _ = session.conn.query_drop("DO RELEASE_ALL_LOCKS()").await;
    migrated
}

async fn locked_migrate(session: &mut Session, now_ms: i64, target: u32) -> Result<(), Failure> {
    let node = session.node.clone();
    let conn = &mut session.conn;
    conn.query_drop(VERSION_TABLE)
        .await
        .map_err(|error| judge(error, &node))?;
    let newest: Option<Option<u32>> = conn
        .query_first("SELECT CAST(MAX(version) AS UNSIGNED) FROM schema_version")
        .await
        .map_err(|error| judge(error, &node))?;
    let found = newest.flatten().unwrap_or(0);
    if found > NEWEST {
        let newer = StoreError::NewerSchema { found, known: NEWEST };
        return Err(Failure::new(Verdict::Final, newer));
    }
    for (number, (name, sql)) in (1..=target).zip(MIGRATIONS) {
        let state: Option<Option<i64>> = conn
            .exec_first("SELECT done_ms FROM schema_version WHERE version = ?", (number,))
            .await
            .map_err(|error| judge(error, &node))?;
        let begun = state.is_some();
        if state.flatten().is_some() {
            continue;
        }
        let step = async {
            let begin = "INSERT INTO schema_version (version, name, begun_ms) VALUES (?, ?, ?) \
                 ON DUPLICATE KEY UPDATE version = version";
            conn.exec_drop(begin, (number, *name, now_ms)).await?;
            for statement in statements(sql) {
                match conn.query_drop(statement).await {
                    Err(mysql_async::Error::Server(error)) if begun && DONE_BEFORE.contains(&error.code) => {}
                    done => done?,
                }
                failpoint::pass(failpoint::MIGRATED);
            }
            let end = "UPDATE schema_version SET done_ms = ? WHERE version = ?";
            conn.exec_drop(end, (now_ms, number)).await
        };
        step.await.map_err(|error| {
            let Failure { verdict, error } = judge(error, &node);
            let error = match error {
                StoreError::Database(source) => StoreError::Migration {
                    version: number,
                    source,
                },
                other => other,
            };
            Failure::new(verdict, error)
        })?;
        tracing::info!(version = number, name, "migrated the database");
    }
    Ok(())
}

/// The statements of a file, without the comments around them.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|statement| {
        let mut lines = statement.lines();
        lines.any(|line| !line.trim().is_empty() && !line.trim_start().starts_with("--"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_cut_into_statements() {
        let found: Vec<&str> = statements("-- a\nCREATE x (\n  y\n);\n\n-- b\nINSERT z;\n-- end\n").collect();
        assert_eq!(found, ["-- a\nCREATE x (\n  y\n)", "-- b\nINSERT z"]);
        for (name, sql) in MIGRATIONS {
            assert!(statements(sql).count() >= 2, "{name}");
        }
    }
}
