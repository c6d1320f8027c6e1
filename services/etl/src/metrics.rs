//! What the role counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters since the start of the process. Cheap to bump from anywhere.
        #[derive(Debug, Default)]
        pub struct EtlMetrics {$( $(#[$doc])* pub $name: AtomicU64, )*}

        /// The counters at one moment.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        pub struct EtlMetricsSnapshot {$( $(#[$doc])* pub $name: u64, )*}

        impl EtlMetrics {
            /// The counters now.
            pub fn snapshot(&self) -> EtlMetricsSnapshot {
                EtlMetricsSnapshot {$( $name: self.$name.load(Ordering::Relaxed), )*}
            }
        }
    };
}

counters! {
    /// Reads of the source that succeeded.
    source_reads,
    /// Reads of the source that failed.
    source_failures,
    /// Reads answered by a read of somebody else that was under way.
    coalesced_reads,
    /// Bytes received from the source.
    source_bytes,
    /// Sample streams answered.
    sample_streams,
    /// Streams cut because their reader did not read.
    cut_streams,
    /// Series analysed.
    series_analysed,
    /// Series that could not be analysed.
    series_failed,
    /// Last forecasts taken from the storage, so that the first fit after a restart starts warm.
    forecasts_recalled,
    /// Looks at days taken from the storage instead of reading the days again.
    looks_recalled,
    /// Runs started.
    runs_started,
    /// Runs ended, in whatever state.
    runs_ended,
    /// Log lines that were not written to the file.
    log_lines_lost,
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
