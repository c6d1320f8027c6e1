//! What the role counts about itself.

use sla_runtime::metrics::Counter;

sla_runtime::role_metrics! {
    /// Counters since the start of the process. Cheap to bump from anywhere, and to clone.
    EtlMetrics, "sla_etl_" {
        /// Reads of the source that succeeded
        source_reads: Counter,
        /// Reads of the source that failed
        source_failures: Counter,
        /// Reads answered by a read of somebody else that was under way
        coalesced_reads: Counter,
        /// Bytes received from the source
        source_bytes: Counter,
        /// Sample streams answered
        sample_streams: Counter,
        /// Streams cut because their reader did not read
        cut_streams: Counter,
        /// Series analysed
        series_analysed: Counter,
        /// Series that could not be analysed
        series_failed: Counter,
        /// Last forecasts taken from the storage, so that the first fit after a restart starts warm
        forecasts_recalled: Counter,
        /// Looks at days taken from the storage instead of reading the days again
        looks_recalled: Counter,
        /// Runs started
        runs_started: Counter,
        /// Runs ended, in whatever state
        runs_ended: Counter,
        /// Tasks of runs done, where runs are dealt out
        tasks_done: Counter,
    }
}
