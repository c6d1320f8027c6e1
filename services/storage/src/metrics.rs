//! Counters of the store, cheap enough for every call.

use sla_runtime::metrics::Counter;

use crate::error::StoreError;
use crate::port::Applied;

sla_runtime::role_metrics! {
    /// Counts since the start of the process.
    StorageMetrics, "sla_storage_" {
        /// Records that were new
        inserted: Counter,
        /// Records that were there already
        duplicates: Counter,
        /// Records kept as dead letters
        dead_letters: Counter,
        /// Batches that could not be applied
        write_errors: Counter,
        /// Rows deleted by retention
        retired_rows: Counter,
    }
}

impl StorageMetrics {
    /// Counts what became of a batch, whichever way it came.
    pub(crate) fn count(&self, batch: &Result<Applied, StoreError>) {
        match batch {
            Ok(applied) => {
                self.inserted.inc_by(applied.inserted.into());
                self.duplicates.inc_by(applied.duplicates.into());
                self.dead_letters.inc_by(applied.dead_letters.into());
            }
            Err(_) => {
                self.write_errors.inc();
            }
        }
    }
}
