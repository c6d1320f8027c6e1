//! Counters of the store, cheap enough for every call.

use sla_runtime::metrics::Counter;

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
