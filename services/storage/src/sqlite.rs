//! The SQLite adapter of all four ports.

mod apply;
mod connections;
pub mod failpoint;
mod ledger;
mod migration;
mod opening;
#[cfg(feature = "test-support")]
mod probe;
mod results;
mod retention;
mod runs;
mod sets;
pub(crate) mod trouble;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use sla_domain::Clock;

use crate::dialect::Dialect;
use crate::error::StoreError;
use connections::Connections;
use trouble::Trouble;

pub use retention::Pages;

/// How long a statement waits for a lock. Only a foreign process (a backup, a shell) can hold one.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The dialect of this adapter.
const DIALECT: Dialect = Dialect::SQLITE;

/// All stores in one SQLite file. Cheap to clone; the file is closed by [`SqliteStore::close`] or with the last clone.
#[derive(Clone)]
pub struct SqliteStore {
    connections: Arc<Connections>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens or makes the database in `data_dir`, migrates it, and takes the lock that keeps other processes out.
    /// Blocks for as long as migrations take.
    pub fn open(data_dir: &Path, readers: usize, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let opened = opening::open(data_dir, clock.now_ms())?;
        Ok(Self {
            connections: Arc::new(Connections::start(opened, readers, Trouble::new(clock.clone()))?),
            clock,
        })
    }

    /// Ends the writer after the writes that wait and closes the file. Later calls give [`StoreError::Closed`].
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

/// A stored message.
fn decoded<M: Message + Default>(what: &'static str, body: &[u8]) -> Result<M, StoreError> {
    M::decode(body).map_err(|source| StoreError::Undecodable { what, source })
}

/// 32 random hexadecimal digits.
fn new_id(tx: &rusqlite::Transaction<'_>) -> Result<String, StoreError> {
    Ok(tx.query_row("SELECT LOWER(HEX(RANDOMBLOB(16)))", [], |row| row.get(0))?)
}

/// A number that the database keeps signed.
fn signed(field: &'static str, number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| {
        StoreError::invalid(
            field,
            number,
            "must be below 2^63",
            "this number is not one that was given out; read again",
        )
    })
}

/// The number inside a page key.
fn page_number(key: Option<&str>, first: i64) -> Result<i64, StoreError> {
    key.map_or(Ok(first), |key| key.parse().map_err(|_| bad_key(key)))
}

/// The two numbers inside a page key "a,b".
fn page_pair(key: Option<&str>, first: (i64, i64)) -> Result<(i64, i64), StoreError> {
    let Some(key) = key else { return Ok(first) };
    let (a, b) = key.split_once(',').ok_or_else(|| bad_key(key))?;
    Ok((
        a.parse().map_err(|_| bad_key(key))?,
        b.parse().map_err(|_| bad_key(key))?,
    ))
}

fn bad_key(key: &str) -> StoreError {
    StoreError::BadPageKey {
        key: key.chars().take(80).collect(),
    }
}

/// A page from one row more than was wanted: `key` names a row.
fn page_of<R, T>(
    mut rows: Vec<R>,
    size: usize,
    key: impl Fn(&R) -> String,
    row: impl FnMut(R) -> Result<T, StoreError>,
) -> Result<crate::port::Paged<T>, StoreError> {
    let more = rows.len() > size;
    rows.truncate(size);
    let next = if more { rows.last().map(key) } else { None };
    Ok(crate::port::Paged {
        rows: rows.into_iter().map(row).collect::<Result<_, _>>()?,
        next,
    })
}
