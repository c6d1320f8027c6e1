//! Numbered migrations. Each runs in one transaction with its row in `schema_version`, so a process that is killed in the
//! middle leaves the version before; the transaction, begun IMMEDIATE, is the lock against a second migrator.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::error::StoreError;
use crate::failpoint;

/// All migrations, oldest first; number = position + 1. Never edit one that was released: append.
const MIGRATIONS: &[(&str, &str)] = &[
    ("results", include_str!("../../migrations/sqlite/0001_results.sql")),
    ("runs", include_str!("../../migrations/sqlite/0002_runs.sql")),
    ("sets", include_str!("../../migrations/sqlite/0003_sets.sql")),
    ("ledger", include_str!("../../migrations/sqlite/0004_ledger.sql")),
    ("retention", include_str!("../../migrations/sqlite/0005_retention.sql")),
    ("shard", include_str!("../../migrations/sqlite/0006_shard.sql")),
    ("sequence", include_str!("../../migrations/sqlite/0007_sequence.sql")),
    ("state", include_str!("../../migrations/sqlite/0008_state.sql")),
    ("leases", include_str!("../../migrations/sqlite/0009_leases.sql")),
    ("accounts", include_str!("../../migrations/sqlite/0010_accounts.sql")),
    ("notify", include_str!("../../migrations/sqlite/0011_notify.sql")),
    ("reads", include_str!("../../migrations/sqlite/0012_reads.sql")),
    (
        "set_changes",
        include_str!("../../migrations/sqlite/0013_set_changes.sql"),
    ),
];

const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  applied_ms INTEGER NOT NULL
) STRICT";

/// The schema this code works with.
pub(crate) const NEWEST: u32 = MIGRATIONS.len() as u32;

/// Brings the schema to [`NEWEST`]; refuses a newer one.
pub(crate) fn migrate(connection: &mut Connection, now_ms: i64) -> Result<(), StoreError> {
    migrate_to(connection, now_ms, NEWEST)
}

/// Brings the schema to `target`, at most [`NEWEST`].
pub(crate) fn migrate_to(connection: &mut Connection, now_ms: i64, target: u32) -> Result<(), StoreError> {
    let before = version(connection)?;
    if before > NEWEST {
        return Err(StoreError::NewerSchema {
            found: before,
            known: NEWEST,
        });
    }
    for (number, (name, sql)) in (1..=target).zip(MIGRATIONS) {
        let step = |connection: &mut Connection| -> Result<bool, rusqlite::Error> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(VERSION_TABLE)?;
            // Read again under the lock: another migrator may have been faster.
            if current(&transaction)? >= number {
                return Ok(false);
            }
            transaction.execute_batch(sql)?;
            failpoint::pass(failpoint::MIGRATED);
            transaction.execute(
                "INSERT INTO schema_version (version, name, applied_ms) VALUES (?, ?, ?)",
                (number, name, now_ms),
            )?;
            transaction.commit()?;
            Ok(true)
        };
        if number > before
            && step(connection).map_err(|source| match StoreError::from(source) {
                StoreError::Database(source) => StoreError::Migration {
                    version: number,
                    source,
                },
                other => other,
            })?
        {
            tracing::info!(version = number, name, "migrated the database");
        }
    }
    Ok(())
}

/// The version of the schema; 0 for an empty file.
pub(crate) fn version(connection: &Connection) -> Result<u32, StoreError> {
    let known: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if known.is_none() {
        Ok(0)
    } else {
        Ok(current(connection)?)
    }
}

fn current(connection: &Connection) -> Result<u32, rusqlite::Error> {
    connection.query_row("SELECT COALESCE(MAX(version), 0) FROM schema_version", [], |row| {
        row.get(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every object of the schema, in order of creation within its kind.
    fn dump(connection: &Connection) -> String {
        let mut statement = connection
            .prepare("SELECT type, name, COALESCE(sql, '') FROM sqlite_master ORDER BY type, name")
            .unwrap();
        let rows = statement
            .query_map([], |row| {
                Ok(format!(
                    "{} {}\n{}\n\n",
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?
                ))
            })
            .unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn snapshot() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite/schema.txt")
    }

    /// A database that stopped at `version`, then went on: the same schema as the one written down for review.
    #[test]
    fn a_migrated_schema_equals_a_fresh_one() {
        let mut fresh = Connection::open_in_memory().unwrap();
        migrate(&mut fresh, 1).unwrap();
        let fresh = dump(&fresh);
        assert_eq!(
            fresh,
            std::fs::read_to_string(snapshot()).unwrap_or_default(),
            "the schema differs from migrations/sqlite/schema.txt: \
             `cargo test -p sla-storage --lib write_down_the_schema -- --ignored` writes it anew"
        );
        for version_before in 0..=NEWEST {
            let mut old = Connection::open_in_memory().unwrap();
            migrate_to(&mut old, 1, version_before).unwrap();
            assert_eq!(version(&old).unwrap(), version_before);
            migrate(&mut old, 2).unwrap();
            assert_eq!(version(&old).unwrap(), NEWEST);
            assert_eq!(dump(&old), fresh, "from version {version_before}");
        }
    }

    #[test]
    #[ignore = "writes migrations/sqlite/schema.txt; run by hand after a new migration"]
    fn write_down_the_schema() {
        let mut fresh = Connection::open_in_memory().unwrap();
        migrate(&mut fresh, 1).unwrap();
        std::fs::write(snapshot(), dump(&fresh)).unwrap();
    }

    /// Owner, item, written, until, body.
    type Entry = (String, String, i64, Option<i64>, Vec<u8>);

    /// What version 5 kept as models and without numbers is there after the migration, with its owner.
    #[test]
    fn models_become_state_and_violations_get_numbers() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_to(&mut connection, 1, 5).unwrap();
        connection
            .execute_batch(
                "INSERT INTO model VALUES ('spacing/load-1/12', x'00ff', 5, x'01');
                 INSERT INTO model VALUES ('spacing/a/b/7', x'aa', 6, x'02');
                 INSERT INTO model VALUES ('pool/load-1/3', x'bb', 7, x'03');
                 INSERT INTO model VALUES ('long-look', x'cc', 8, x'04');
                 INSERT INTO violation (id, set_id, objective_id, generation, series, start_ms, duration_ms, body)
                   VALUES (4, 's', 'o', 1, x'aa', 1, 1, x''), (9, 's', 'o', 1, x'aa', 2, 1, x'');
                 INSERT INTO stream_position VALUES ('local', 0, 77);",
            )
            .unwrap();
        migrate(&mut connection, 2).unwrap();
        let mut statement = connection
            .prepare("SELECT owner, item, written_ms, until_ms, body FROM state ORDER BY id")
            .unwrap();
        let rows = statement
            .query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .unwrap();
        let found: Vec<Entry> = rows.map(Result::unwrap).collect();
        let days = |written_ms: i64| Some(written_ms + 90 * 86_400_000);
        let entry = |owner: &str, item: &str, written_ms, until_ms, body| {
            (owner.to_owned(), item.to_owned(), written_ms, until_ms, vec![body])
        };
        assert_eq!(
            found,
            [
                entry("load-1", "spacing/12/00ff", 5, None, 1),
                entry("a/b", "spacing/7/aa", 6, None, 2),
                entry("load-1", "pool/3/bb", 7, days(7), 3),
                entry("", "long-look/cc", 8, days(8), 4),
            ]
        );
        let numbers = "SELECT MIN(sequence), MAX(sequence), (SELECT last FROM counter) FROM violation";
        let numbers: (i64, i64, i64) = connection
            .query_row(numbers, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        assert_eq!(numbers, (4, 9, 9));
        let next: i64 = connection
            .query_row("SELECT next_offset FROM stream_position WHERE shard = 0", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(next, 77);
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, 1).unwrap();
        connection
            .execute("INSERT INTO schema_version VALUES (?, 'future', 1)", [NEWEST + 1])
            .unwrap();
        let error = migrate(&mut connection, 1).unwrap_err();
        assert!(
            matches!(error, StoreError::NewerSchema { found, known } if found == NEWEST + 1 && known == NEWEST),
            "{error}"
        );
    }

    #[test]
    fn a_failing_migration_leaves_the_version_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_to(&mut connection, 1, 2).unwrap();
        // The third migration makes this table: its statement fails and takes its whole transaction with it.
        connection.execute_batch("CREATE TABLE sla_set (x)").unwrap();
        let error = migrate(&mut connection, 1).unwrap_err();
        assert!(matches!(error, StoreError::Migration { version: 3, .. }), "{error}");
        assert_eq!(version(&connection).unwrap(), 2);
        connection.execute_batch("DROP TABLE sla_set").unwrap();
        migrate(&mut connection, 1).unwrap();
        assert_eq!(version(&connection).unwrap(), NEWEST);
    }
}
