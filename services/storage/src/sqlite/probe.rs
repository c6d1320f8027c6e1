//! What tests need to see and to provoke; only with the feature `test-support`.

use super::SqliteStore;
use crate::error::StoreError;

impl SqliteStore {
    /// SQLite's full check of the file: "ok", or what is wrong.
    pub async fn integrity(&self) -> Result<String, StoreError> {
        self.database
            .inner()
            .connections
            .read(|tx| Ok(tx.query_row("PRAGMA integrity_check", [], |row| row.get(0))?))
            .await
    }

    /// Makes SQLite answer "disk full" when the file would grow beyond `pages`; a large number makes room again.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.database
            .inner()
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
            .inner()
            .connections
            .on_writer(move |connection| Ok(connection.pragma_update(None, "query_only", read_only)?))
            .await
    }
}
