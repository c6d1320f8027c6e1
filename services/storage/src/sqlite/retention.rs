//! The bounded deletions that retention is made of.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{DIALECT, SqliteStore};
use crate::error::StoreError;
use crate::retention::ROWS_AT_ONCE;
use crate::statement::retention as sql;

const LIMIT: i64 = ROWS_AT_ONCE as i64;

/// How the file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// Pages in the file.
    pub count: u64,
    /// Of these, pages that hold nothing.
    pub free: u64,
    /// Bytes of a page.
    pub bytes: u64,
}

impl Pages {
    /// Bytes that hold something.
    pub fn used_bytes(self) -> u64 {
        (self.count - self.free) * self.bytes
    }

    /// Bytes of the file.
    pub fn file_bytes(self) -> u64 {
        self.count * self.bytes
    }
}

fn pages(connection: &Connection) -> Result<Pages, StoreError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(Pages {
        count: pragma("page_count")?.cast_unsigned(),
        free: pragma("freelist_count")?.cast_unsigned(),
        bytes: pragma("page_size")?.cast_unsigned(),
    })
}

impl SqliteStore {
    async fn delete(&self, statement: &'static str, before_ms: i64) -> Result<u64, StoreError> {
        self.connections
            .write(move |tx| Ok(tx.prepare_cached(statement)?.execute(params![before_ms, LIMIT])? as u64))
            .await
    }

    pub(crate) async fn delete_results_before(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.delete(sql::RESULTS_BEFORE, before_ms).await
    }

    pub(crate) async fn delete_runs_before(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.delete(sql::RUNS_BEFORE, before_ms).await
    }

    pub(crate) async fn delete_forecasts_before(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.delete(sql::FORECASTS_BEFORE, before_ms).await
    }

    pub(crate) async fn delete_oldest_results(&self) -> Result<u64, StoreError> {
        self.connections
            .write(|tx| Ok(tx.prepare_cached(sql::OLDEST_RESULTS)?.execute([LIMIT])? as u64))
            .await
    }

    /// Series that were last seen before `series_ms`, whose results have gone; models learned before `models_ms`; the
    /// counters of runs of which nothing is left. Few rows: one transaction.
    pub(crate) async fn delete_unused(&self, series_ms: i64, models_ms: i64) -> Result<u64, StoreError> {
        self.connections
            .write(move |tx| {
                let mut rows = tx.execute(sql::LATEST_BEFORE, [series_ms])?;
                rows += tx.execute(sql::SERIES_BEFORE, [series_ms])?;
                rows += tx.execute(sql::MODELS_BEFORE, [models_ms])?;
                rows += tx.execute(sql::PROGRESS, [])?;
                Ok(rows as u64)
            })
            .await
    }

    pub(crate) async fn thin_results(&self, from_ms: i64, to_ms: i64) -> Result<u64, StoreError> {
        self.connections
            .write(move |tx| Ok(tx.prepare_cached(sql::THIN)?.execute([from_ms, to_ms, LIMIT])? as u64))
            .await
    }

    pub(crate) async fn first_run(&self, from_ms: i64, to_ms: i64) -> Result<Option<i64>, StoreError> {
        self.connections
            .read(move |tx| {
                Ok(tx
                    .prepare_cached(sql::FIRST_RUN)?
                    .query_row([from_ms, to_ms], |row| row.get(0))?)
            })
            .await
    }

    pub(crate) async fn retention_mark(&self, tier: &'static str) -> Result<Option<i64>, StoreError> {
        self.connections
            .read(move |tx| Ok(tx.query_row(sql::MARK, [tier], |row| row.get(0)).optional()?))
            .await
    }

    pub(crate) async fn set_retention_mark(&self, tier: &'static str, until_ms: i64) -> Result<(), StoreError> {
        self.connections
            .write(move |tx| {
                tx.execute(
                    &DIALECT.upsert("retention_mark", &["tier", "until_ms"], &["tier"]),
                    params![tier, until_ms],
                )?;
                Ok(())
            })
            .await
    }

    /// How the file is used.
    pub async fn pages(&self) -> Result<Pages, StoreError> {
        self.connections.on_writer(|connection| pages(connection)).await
    }

    /// Gives up to `count` free pages back to the disk; `false` when none went.
    pub(crate) async fn vacuum(&self, count: u64) -> Result<bool, StoreError> {
        self.connections
            .on_writer(move |connection| {
                let before = pages(connection)?.count;
                let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({count})"))?;
                let mut rows = statement.query([])?;
                // Each step frees a page.
                while rows.next()?.is_some() {}
                drop(rows);
                drop(statement);
                Ok(pages(connection)?.count < before)
            })
            .await
    }
}
