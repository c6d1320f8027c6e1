//! What tests need to see, the same of every database; only with the feature `test-support`.

use xxhash_rust::xxh3::Xxh3Default;

use super::SqlStore;
use crate::error::StoreError;
use crate::transaction::Database;
use crate::value::Value;

/// Everything the database says, in natural keys and in a stable order; row ids, which depend on the order of arrival, are
/// left out.
const CONTENT: &[&str] = &[
    "SELECT run_id, done, failed, expected, cancelled, finished_ms, as_of_ms, told, samples_read, bytes_read FROM run_progress ORDER BY run_id",
    "SELECT fingerprint, as_of_ms, body FROM series ORDER BY fingerprint",
    "SELECT p.run_id, s.fingerprint, r.kind, r.window_ms, r.as_of_ms, r.payload FROM result r \
     JOIN run_progress p ON p.id = r.run JOIN series s ON s.id = r.series ORDER BY 1, 2, 3, 4",
    "SELECT s.fingerprint, l.kind, l.as_of_ms, l.run_id, l.payload FROM latest l \
     JOIN series s ON s.id = l.series ORDER BY 1, 2",
    "SELECT body_hash, reason, body FROM dead_letter ORDER BY body_hash",
];

impl<D: Database> SqlStore<D> {
    /// A hash of all results, dead letters (without their counts) and counters: equal content, equal hashes, whatever the
    /// database.
    pub async fn content_hash(&self) -> Result<u128, StoreError> {
        self.database
            .read(|tx| {
                let mut hash = Xxh3Default::new();
                for query in CONTENT {
                    hash.update(query.as_bytes());
                    for row in tx.rows(query, &[])? {
                        for field in row.0 {
                            let (kind, bytes) = match field {
                                Value::Null => (0_u8, Vec::new()),
                                Value::Integer(number) => (1, number.to_le_bytes().to_vec()),
                                Value::Text(text) => (2, text.as_bytes().to_vec()),
                                Value::Bytes(bytes) => (2, bytes.to_vec()),
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

    /// The number of rows in `table`.
    pub async fn row_count(&self, table: &'static str) -> Result<u64, StoreError> {
        self.database
            .read(move |tx| {
                let row = tx.row(&format!("SELECT COUNT(*) FROM {table}"), &[])?;
                row.map_or(Ok(0), |row| row.number(0))
            })
            .await
    }
}
