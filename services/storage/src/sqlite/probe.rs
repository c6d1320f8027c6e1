//! What tests need to see and to provoke; only with the feature `test-support`.

use rusqlite::types::ValueRef;
use xxhash_rust::xxh3::Xxh3Default;

use super::SqliteStore;
use crate::error::StoreError;

/// Everything the database says, in natural keys and in a stable order; row ids, which depend on the order of arrival, are
/// left out.
const CONTENT: &[&str] = &[
    "SELECT run_id, done, failed, expected, cancelled, finished_ms, as_of_ms FROM run_progress ORDER BY run_id",
    "SELECT fingerprint, as_of_ms, body FROM series ORDER BY fingerprint",
    "SELECT p.run_id, s.fingerprint, r.kind, r.window_ms, r.as_of_ms, r.payload FROM result r \
     JOIN run_progress p ON p.id = r.run JOIN series s ON s.id = r.series ORDER BY 1, 2, 3, 4",
    "SELECT s.fingerprint, l.kind, l.as_of_ms, l.run_id, l.payload FROM latest l \
     JOIN series s ON s.id = l.series ORDER BY 1, 2",
    "SELECT body_hash, reason, body FROM dead_letter ORDER BY body_hash",
];

impl SqliteStore {
    /// A hash of all results, dead letters (without their counts) and counters: equal databases, equal hashes.
    pub async fn content_hash(&self) -> Result<u128, StoreError> {
        self.database
            .connections
            .read(|tx| {
                let mut hash = Xxh3Default::new();
                for query in CONTENT {
                    let mut statement = tx.prepare(query)?;
                    let columns = statement.column_count();
                    let mut rows = statement.query([])?;
                    hash.update(query.as_bytes());
                    while let Some(row) = rows.next()? {
                        for column in 0..columns {
                            let (kind, bytes) = match row.get_ref(column)? {
                                ValueRef::Null => (0_u8, Vec::new()),
                                ValueRef::Integer(number) => (1, number.to_le_bytes().to_vec()),
                                ValueRef::Real(number) => (2, number.to_le_bytes().to_vec()),
                                ValueRef::Text(text) => (3, text.to_vec()),
                                ValueRef::Blob(blob) => (4, blob.to_vec()),
                            };
                            hash.update(&[kind]);
                            hash.update(&(bytes.len() as u64).to_le_bytes());
                            hash.update(&bytes);
                        }
                    }
                }
                Ok(hash.digest128())
            })
            .await
    }

    /// SQLite's full check of the file: "ok", or what is wrong.
    pub async fn integrity(&self) -> Result<String, StoreError> {
        self.database
            .connections
            .on_writer(|connection| Ok(connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?))
            .await
    }

    /// The number of rows in `table`.
    pub async fn row_count(&self, table: &'static str) -> Result<u64, StoreError> {
        self.database
            .connections
            .read(move |tx| {
                let count: i64 = tx.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0))?;
                Ok(count.cast_unsigned())
            })
            .await
    }

    /// Makes SQLite answer "disk full" when the file would grow beyond `pages`; a large number makes room again.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.database
            .connections
            .on_writer(move |connection| {
                connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
                Ok(())
            })
            .await
    }

    /// Makes SQLite answer "read-only" to every write.
    pub async fn make_read_only(&self, read_only: bool) -> Result<(), StoreError> {
        self.database
            .connections
            .on_writer(move |connection| Ok(connection.pragma_update(None, "query_only", read_only)?))
            .await
    }
}
