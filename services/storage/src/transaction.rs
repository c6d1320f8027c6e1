//! The port below the stores: one transaction of one database. The stores say everything in SQL that all databases accept
//! (`?` for each parameter, no reserved word, no LIMIT inside an IN) and in [`Insert`], whose words differ.
//!
//! Why it blocks: SQLite works on a thread of its own anyway, and a network database waits for its server far longer than
//! the way from a blocking thread costs; so the rules are written once, as plain functions.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::trouble::Trouble;
use crate::value::{Row, Value};

/// What an insert does with a row whose key is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// Leaves it as it is.
    Keep,
    /// Replaces its other columns.
    Replace,
    /// Replaces its other columns when these have grown, compared one after the other; else leaves it. At most two columns.
    Advance(&'static [&'static str]),
}

/// Rows for one table.
#[derive(Debug, Clone, Copy)]
pub struct Insert {
    /// The table.
    pub table: &'static str,
    /// The natural key.
    pub key: &'static [&'static str],
    /// The other columns that are given.
    pub columns: &'static [&'static str],
    /// What happens to a row that is there.
    pub met: Met,
}

impl Insert {
    /// Values of one row: those of the key, then those of the columns.
    pub fn width(&self) -> usize {
        self.key.len() + self.columns.len()
    }

    /// Names of all columns, the key first.
    pub fn names(&self) -> String {
        [self.key, self.columns].concat().join(", ")
    }
}

/// What some wait for, and look at again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Agreements.
    Sets,
    /// Violations.
    Ledger,
    /// Messages that are to be sent.
    Outbox,
}

/// One transaction. What it wrote is undone when the work in it fails.
pub trait Transaction {
    /// Runs a statement and gives the number of rows that it changed. A row that already was as the statement wants it may
    /// or may not count: let the condition say what must change.
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError>;

    /// The rows of a query, all of them: limit it.
    fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;

    /// As [`Transaction::rows`]; nobody else changes these rows before this transaction ends.
    fn lock(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;

    /// The clock of the database, Unix milliseconds: the same for all processes that use it.
    fn now_ms(&mut self) -> Result<i64, StoreError>;

    /// Inserts rows, whose values stand one row after the other. Gives the number of new rows with [`Met::Keep`]; with the
    /// others the number means nothing.
    fn insert(&mut self, insert: &Insert, values: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Says that this transaction writes something of `subject`.
    fn touch(&mut self, _subject: Subject) {}

    /// The first row of a query.
    fn row(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values)?.into_iter().next())
    }
}

/// Values of one list at most, and the shorter lists it is rounded up to: few forms of a statement stay prepared.
const LIST_SIZES: [usize; 3] = [1, 16, 128];

/// The rows of a query that contains `IN (*)`, for any number of values: asked in pieces. `before` are the parameters that
/// stand before the list.
pub(crate) fn rows_in(
    tx: &mut dyn Transaction,
    sql: &str,
    before: &[Value<'_>],
    wanted: &[Value<'_>],
) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::new();
    for piece in wanted.chunks(LIST_SIZES[2]) {
        let size = LIST_SIZES
            .into_iter()
            .find(|&size| size >= piece.len())
            .unwrap_or(piece.len());
        let sql = sql.replace("(*)", &format!("({})", placeholders(size)));
        let mut values = before.to_vec();
        values.extend_from_slice(piece);
        // The last value again: a value that is named twice finds nothing more.
        if let Some(last) = piece.last() {
            values.resize(before.len() + size, last.clone());
        }
        found.append(&mut tx.rows(&sql, &values)?);
    }
    Ok(found)
}

/// `?, ?, ?`.
pub(crate) fn placeholders(count: usize) -> String {
    let mut text = "?, ".repeat(count);
    text.truncate(text.len().saturating_sub(2));
    text
}

/// How a database uses its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Space {
    /// Bytes that hold something.
    pub used_bytes: u64,
    /// Bytes taken from the disk.
    pub file_bytes: u64,
}

/// A database that runs transactions. Cheap to clone.
#[async_trait]
pub trait Database: Clone + Send + Sync + 'static {
    /// Runs `work` in one transaction and commits when it succeeds: when this returns `Ok`, the change is durable. Where
    /// writers meet, `work` may be run again from the start. Dropping the future does not stop a write that has begun.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static;

    /// Runs `work` in one snapshot of the database.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static;

    /// How often something of `subject` was written; `None` where others may have done so, and this process would not know.
    fn written(&self, _subject: Subject) -> Option<u64> {
        None
    }

    /// Writes nothing new, but writes: finds out whether it can.
    async fn try_write(&self) -> Result<(), StoreError>;

    /// How the disk is used.
    async fn space(&self) -> Result<Space, StoreError>;

    /// Gives some of the unused space back to the disk, more of it above `max_bytes`; `false` when there is no more to give.
    async fn give_back(&self, max_bytes: u64) -> Result<bool, StoreError>;

    /// Whether writes succeed.
    fn trouble(&self) -> &Trouble;

    /// Ends after the writes that wait; later calls give [`StoreError::Closed`].
    async fn close(&self);
}
