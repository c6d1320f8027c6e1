//! `RunStore` on SQLite.

use async_trait::async_trait;
use prost::Message as _;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use sla_proto::convert;
use sla_proto::etl::v1::{Run, RunState, Schedule};

use super::{DIALECT, SqliteStore, decoded, page_number, page_of};
use crate::error::StoreError;
use crate::port::{Page, Paged, RunStore};
use crate::record::MAX_RUN_ID_BYTES;
use crate::statement::runs as sql;

/// The longest request id, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 64;

#[async_trait]
impl RunStore for SqliteStore {
    async fn create_run(&self, request_id: &str, run: Run) -> Result<(Run, bool), StoreError> {
        if request_id.is_empty() || request_id.len() > MAX_REQUEST_ID_BYTES {
            return Err(StoreError::invalid(
                "request_id",
                request_id,
                "must have 1 to 64 bytes",
                "choose a new id for each run",
            ));
        }
        if run.id.len() > MAX_RUN_ID_BYTES {
            return Err(StoreError::invalid("run.id", &run.id, "at most 64 bytes", "use a UUID"));
        }
        let request_id = request_id.to_owned();
        let now_ms = self.clock.now_ms();
        self.connections
            .write(move |tx| create(tx, &request_id, run, now_ms))
            .await
    }

    async fn update_run(&self, run: Run) -> Result<(), StoreError> {
        self.connections
            .write(move |tx| {
                let updated = tx
                    .prepare_cached(sql::UPDATE)?
                    .execute(params![ended(&run), body(&run), run.id])?;
                // 0 rows: it has ended, which is fine, or it was never created.
                if updated == 0 && by_id(tx, &run.id)?.is_none() {
                    return Err(StoreError::NotFound {
                        what: "run",
                        id: run.id,
                    });
                }
                Ok(())
            })
            .await
    }

    async fn run(&self, id: &str) -> Result<Run, StoreError> {
        let id = id.to_owned();
        self.connections
            .read(move |tx| by_id(tx, &id)?.ok_or_else(|| StoreError::NotFound { what: "run", id }))
            .await
    }

    async fn list_runs(&self, unfinished_only: bool, page: Page) -> Result<Paged<Run>, StoreError> {
        let before = page_number(page.after.as_deref(), i64::MAX)?;
        self.connections
            .read(move |tx| {
                let list = if unfinished_only {
                    sql::LIST_UNFINISHED
                } else {
                    sql::LIST
                };
                let mut statement = tx.prepare_cached(list)?;
                let rows: Vec<(i64, Vec<u8>)> = statement
                    .query_map([before, page.size as i64 + 1], columns)?
                    .collect::<Result<_, _>>()?;
                page_of(rows, page.size, |(number, _)| number.to_string(), restored)
            })
            .await
    }

    async fn schedule(&self) -> Result<Option<Schedule>, StoreError> {
        self.connections
            .read(|tx| {
                let body: Option<Vec<u8>> = tx
                    .prepare_cached(sql::SCHEDULE)?
                    .query_row([], |row| row.get(0))
                    .optional()?;
                body.map(|body| decoded("schedule", &body)).transpose()
            })
            .await
    }

    async fn put_schedule(&self, schedule: Schedule) -> Result<(), StoreError> {
        self.connections
            .write(move |tx| {
                let upsert = DIALECT.upsert("schedule", &["id", "body"], &["id"]);
                tx.prepare_cached(&upsert)?
                    .execute(params![1, schedule.encode_to_vec()])?;
                Ok(())
            })
            .await
    }
}

/// The number has a column of its own and is left out of the body.
fn body(run: &Run) -> Vec<u8> {
    Run {
        number: 0,
        ..run.clone()
    }
    .encode_to_vec()
}

fn columns(row: &Row<'_>) -> Result<(i64, Vec<u8>), rusqlite::Error> {
    Ok((row.get(0)?, row.get(1)?))
}

fn restored((number, body): (i64, Vec<u8>)) -> Result<Run, StoreError> {
    Ok(Run {
        number: number.cast_unsigned(),
        ..decoded("run", &body)?
    })
}

fn ended(run: &Run) -> bool {
    matches!(
        run.state(),
        RunState::Done | RunState::Partial | RunState::Failed | RunState::Cancelled
    )
}

fn by_id(tx: &Transaction<'_>, id: &str) -> Result<Option<Run>, StoreError> {
    tx.prepare_cached(sql::BY_ID)?
        .query_row([id], columns)
        .optional()?
        .map(restored)
        .transpose()
}

fn create(tx: &Transaction<'_>, request_id: &str, mut run: Run, now_ms: i64) -> Result<(Run, bool), StoreError> {
    let there = tx
        .prepare_cached(sql::BY_REQUEST)?
        .query_row([request_id], columns)
        .optional()?;
    if let Some(there) = there {
        return Ok((restored(there)?, true));
    }
    if run.id.is_empty() {
        run.id = super::new_id(tx)?;
    } else if by_id(tx, &run.id)?.is_some() {
        return Err(StoreError::RunTaken { id: run.id });
    }
    let started_ms = run.started.as_ref().map_or(now_ms, convert::millis);
    tx.prepare_cached(sql::INSERT)?
        .execute(params![run.id, request_id, ended(&run), started_ms, body(&run)])?;
    run.number = tx.last_insert_rowid().cast_unsigned();
    Ok((run, false))
}
