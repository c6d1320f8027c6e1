//! `RunStore`: runs as people see them, idempotent by request id, and the schedule.

use async_trait::async_trait;
use prost::Message as _;
use sla_proto::convert;
use sla_proto::etl::v1::{Run, RunState, Schedule};

use super::{SqlStore, audit};
use crate::error::StoreError;
use crate::page;
use crate::port::{Page, Paged, RunStore};
use crate::record::MAX_RUN_ID_BYTES;
use crate::stored::{decoded, new_id};
use crate::transaction::{Database, Insert, Met, Transaction};
use crate::value::{Row, values};

/// The longest request id, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 64;

const BY_REQUEST: &str = "SELECT number, body FROM run WHERE request_id = ?";
const BY_ID: &str = "SELECT number, body FROM run WHERE run_id = ?";
const UPDATE: &str = "UPDATE run SET ended = ?, body = ? WHERE run_id = ? AND ended = 0";
const LIST: &str = "SELECT number, body FROM run WHERE number < ? ORDER BY number DESC LIMIT ?";
const LIST_UNFINISHED: &str =
    "SELECT number, body FROM run WHERE ended = 0 AND number < ? ORDER BY number DESC LIMIT ?";
const SCHEDULE: &str = "SELECT body FROM schedule WHERE id = 1";
const CREATE: Insert = Insert {
    table: "run",
    key: &["run_id"],
    columns: &["request_id", "ended", "started_ms", "body"],
    met: Met::Keep,
};
const PUT_SCHEDULE: Insert = Insert {
    table: "schedule",
    key: &["id"],
    columns: &["body"],
    met: Met::Replace,
};

#[async_trait]
impl<D: Database> RunStore for SqlStore<D> {
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
        self.database
            .write(move |tx| create(tx, &request_id, run.clone(), now_ms))
            .await
    }

    async fn update_run(&self, run: Run) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        self.database
            .write(move |tx| {
                let updated = tx.execute(UPDATE, &values![ended(&run), body(&run), &run.id])?;
                // 0 rows: it has ended or says nothing new, which is fine, or it was never created.
                if updated == 0 && by_id(tx, &run.id)?.is_none() {
                    return Err(not_found(&run.id));
                }
                if updated > 0 && run.state() == RunState::Cancelled {
                    audit::run(tx, now_ms, &run.cancelled_by, "run.cancel", &run)?;
                }
                Ok(())
            })
            .await
    }

    async fn run(&self, id: &str) -> Result<Run, StoreError> {
        let id = id.to_owned();
        self.database
            .read(move |tx| by_id(tx, &id)?.ok_or_else(|| not_found(&id)))
            .await
    }

    async fn list_runs(&self, unfinished_only: bool, page: Page) -> Result<Paged<Run>, StoreError> {
        let before = page::number(page.after.as_deref(), i64::MAX)?;
        let list = if unfinished_only { LIST_UNFINISHED } else { LIST };
        self.database
            .read(move |tx| {
                let rows = tx.rows(list, &values![before, page::wanted(page.size)])?;
                let key = |row: &Row| Ok(row.number::<i64>(0)?.to_string());
                page::cut(rows, page.size, Row::size, key, |row| restored(&row))
            })
            .await
    }

    async fn schedule(&self) -> Result<Option<Schedule>, StoreError> {
        self.database
            .read(|tx| {
                let row = tx.row(SCHEDULE, &[])?;
                row.map(|row| decoded("schedule", row.bytes(0)?)).transpose()
            })
            .await
    }

    async fn put_schedule(&self, schedule: Schedule, author: &str) -> Result<(), StoreError> {
        let (author, now_ms) = (author.to_owned(), self.clock.now_ms());
        self.database
            .write(move |tx| {
                let before = tx.row(SCHEDULE, &[])?;
                let before = before.map(|row| decoded("schedule", row.bytes(0)?)).transpose()?;
                audit::schedule(tx, now_ms, &author, before.as_ref(), &schedule)?;
                tx.insert(&PUT_SCHEDULE, &values![1_u32, schedule.encode_to_vec()])?;
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

fn restored(row: &Row) -> Result<Run, StoreError> {
    Ok(Run {
        number: row.number(0)?,
        ..decoded("run", row.bytes(1)?)?
    })
}

fn ended(run: &Run) -> bool {
    matches!(
        run.state(),
        RunState::Done | RunState::Partial | RunState::Failed | RunState::Cancelled
    )
}

fn not_found(id: &str) -> StoreError {
    StoreError::NotFound {
        what: "run",
        id: id.to_owned(),
    }
}

fn by_id(tx: &mut dyn Transaction, id: &str) -> Result<Option<Run>, StoreError> {
    tx.row(BY_ID, &values![id])?.as_ref().map(restored).transpose()
}

fn create(tx: &mut dyn Transaction, request_id: &str, mut run: Run, now_ms: i64) -> Result<(Run, bool), StoreError> {
    if let Some(there) = tx.row(BY_REQUEST, &values![request_id])? {
        return Ok((restored(&there)?, true));
    }
    if run.id.is_empty() {
        run.id = new_id()?;
    } else if by_id(tx, &run.id)?.is_some() {
        return Err(StoreError::RunTaken { id: run.id });
    }
    let started_ms = run.started.as_ref().map_or(now_ms, convert::millis);
    let row = values![&run.id, request_id, ended(&run), started_ms, body(&run)];
    if tx.insert(&CREATE, &row)? == 0 {
        return Err(StoreError::Overtaken);
    }
    let stored = by_id(tx, &run.id)?.ok_or_else(|| not_found(&run.id))?;
    audit::run(tx, now_ms, &stored.started_by, "run.start", &stored)?;
    Ok((stored, false))
}
