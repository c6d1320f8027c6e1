//! The bounded deletions that retention is made of: each at most [`ROWS_AT_ONCE`] rows in one transaction, so that writes
//! wait for tens of milliseconds only; 0 rows say that there is no more.

use std::collections::HashSet;

use super::{SqlStore, sets, state};
use crate::error::StoreError;
use crate::transaction::{Database, Insert, Met};
use crate::value::values;

/// Rows deleted in one transaction at most.
pub(crate) const ROWS_AT_ONCE: i64 = 2_000;

const MARK: &str = "SELECT until_ms FROM retention_mark WHERE tier = ?";
const FIRST_RUN: &str = "SELECT MIN(as_of_ms) FROM run_progress WHERE as_of_ms >= ? AND as_of_ms < ?";
const NEWEST_RUN: &str = "SELECT MAX(as_of_ms) FROM run_progress";
const PUT_MARK: Insert = Insert {
    table: "retention_mark",
    key: &["tier"],
    columns: &["until_ms"],
    met: Met::Replace,
};

/// A deletion of at most [`ROWS_AT_ONCE`] rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// What is older than this instant, Unix milliseconds.
    Old(Kind, i64),
    /// Of the results of the runs in [from, to), all but the first part of each series and kind.
    Thin(i64, i64),
    /// The oldest results, whatever their age.
    OldestResults,
    /// The counters of runs whose results have all gone.
    Counters,
}

/// What grows old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Results of runs.
    Results,
    /// The newest parts of series that were last seen before.
    Latest,
    /// Series that were last seen before, whose newest parts have gone.
    Series,
    /// Runs that have ended.
    Runs,
    /// Forecasts, by the time at which they were made.
    Forecasts,
    /// State whose days are over.
    State,
    /// Messages that were sent or given up, by the time at which they were made.
    Notices,
}

/// LIMIT stands in a derived table: MySQL takes none inside IN.
const fn statement(of: Kind) -> &'static str {
    match of {
        Kind::Results => {
            "DELETE FROM result WHERE id IN (SELECT id FROM (SELECT r.id AS id FROM run_progress p \
             JOIN result r ON r.run = p.id WHERE p.as_of_ms < ? LIMIT ?) AS old)"
        }
        Kind::Latest => {
            "DELETE FROM latest WHERE series IN (SELECT id FROM (SELECT DISTINCT s.id AS id FROM series s \
             JOIN latest l ON l.series = s.id WHERE s.as_of_ms < ? LIMIT ?) AS old)"
        }
        Kind::Series => {
            "DELETE FROM series WHERE id IN (SELECT id FROM (SELECT s.id AS id FROM series s \
             LEFT JOIN latest l ON l.series = s.id WHERE s.as_of_ms < ? AND l.series IS NULL LIMIT ?) AS old)"
        }
        Kind::Runs => {
            "DELETE FROM run WHERE number IN (SELECT number FROM (SELECT number FROM run \
             WHERE ended = 1 AND started_ms < ? ORDER BY number LIMIT ?) AS old)"
        }
        Kind::Forecasts => {
            "DELETE FROM forecast WHERE id IN (SELECT id FROM (SELECT id FROM forecast \
             WHERE made_ms < ? ORDER BY made_ms LIMIT ?) AS old)"
        }
        Kind::State => {
            "DELETE FROM state WHERE id IN (SELECT id FROM (SELECT id FROM state \
             WHERE until_ms < ? ORDER BY until_ms LIMIT ?) AS old)"
        }
        Kind::Notices => {
            "DELETE FROM outbox WHERE id IN (SELECT id FROM (SELECT id FROM outbox \
             WHERE made_ms < ? AND settled > 0 ORDER BY made_ms LIMIT ?) AS old)"
        }
    }
}

const THIN: &str = "DELETE FROM result WHERE id IN (SELECT id FROM (SELECT r.id AS id, ROW_NUMBER() OVER \
     (PARTITION BY r.series, r.kind, r.window_ms ORDER BY p.as_of_ms, p.run_id) AS place \
     FROM run_progress p JOIN result r ON r.run = p.id \
     WHERE p.as_of_ms >= ? AND p.as_of_ms < ? ORDER BY place DESC LIMIT ?) AS placed WHERE place > 1)";
const OLDEST_RESULTS: &str = "DELETE FROM result WHERE id IN (SELECT id FROM (SELECT r.id AS id FROM run_progress p \
     JOIN result r ON r.run = p.id ORDER BY p.as_of_ms, p.id LIMIT ?) AS old)";
/// Ids rise with time, so only the oldest are looked at.
const COUNTERS: &str = "DELETE FROM run_progress WHERE id IN (SELECT id FROM (SELECT p.id AS id FROM run_progress p \
     LEFT JOIN run r ON r.run_id = p.run_id WHERE p.id < (SELECT MIN(run) FROM result) AND r.run_id IS NULL \
     LIMIT ?) AS old)";

impl<D: Database> SqlStore<D> {
    /// Deletes some rows and gives their number; 0 rows say that there is no more.
    pub(crate) async fn delete(&self, what: Deletion) -> Result<u64, StoreError> {
        self.database
            .write(move |tx| match what {
                Deletion::Old(kind, before_ms) => tx.execute(statement(kind), &values![before_ms, ROWS_AT_ONCE]),
                Deletion::Thin(from_ms, to_ms) => tx.execute(THIN, &values![from_ms, to_ms, ROWS_AT_ONCE]),
                Deletion::OldestResults => tx.execute(OLDEST_RESULTS, &values![ROWS_AT_ONCE]),
                Deletion::Counters => tx.execute(COUNTERS, &values![ROWS_AT_ONCE]),
            })
            .await
    }

    /// State of objectives that are in no set, not written since `before_ms`.
    pub(crate) async fn forget_strays(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.database
            .write(move |tx| {
                let sets = sets::all(tx)?;
                let objectives = sets.into_iter().flat_map(|set| set.objectives);
                let known: HashSet<String> = objectives.map(|objective| objective.id).collect();
                state::forget_strays(tx, &known, before_ms)
            })
            .await
    }

    pub(crate) async fn first_run(&self, from_ms: i64, to_ms: i64) -> Result<Option<i64>, StoreError> {
        self.database
            .read(move |tx| {
                tx.row(FIRST_RUN, &values![from_ms, to_ms])?
                    .map_or(Ok(None), |row| row.optional(0))
            })
            .await
    }

    /// The newest instant that a run was about.
    pub(crate) async fn newest_run(&self) -> Result<Option<i64>, StoreError> {
        self.database
            .read(|tx| tx.row(NEWEST_RUN, &[])?.map_or(Ok(None), |row| row.optional(0)))
            .await
    }

    pub(crate) async fn retention_mark(&self, tier: &'static str) -> Result<Option<i64>, StoreError> {
        self.database
            .read(move |tx| tx.row(MARK, &values![tier])?.map(|row| row.number(0)).transpose())
            .await
    }

    pub(crate) async fn set_retention_mark(&self, tier: &'static str, until_ms: i64) -> Result<(), StoreError> {
        self.database
            .write(move |tx| tx.insert(&PUT_MARK, &values![tier, until_ms]).map(|_| ()))
            .await
    }
}
