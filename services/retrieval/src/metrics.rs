//! What the role counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start of the process.
#[derive(Debug, Default)]
pub struct RetrievalMetrics {
    /// Screens answered.
    pub answers: AtomicU64,
    /// Screens refused or failed.
    pub failures: AtomicU64,
    /// Series decoded.
    pub series: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RetrievalMetricsSnapshot {
    /// Screens answered.
    pub answers: u64,
    /// Screens refused or failed.
    pub failures: u64,
    /// Series decoded.
    pub series: u64,
}

impl RetrievalMetrics {
    /// The counters now.
    pub fn snapshot(&self) -> RetrievalMetricsSnapshot {
        RetrievalMetricsSnapshot {
            answers: self.answers.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            series: self.series.load(Ordering::Relaxed),
        }
    }
}
