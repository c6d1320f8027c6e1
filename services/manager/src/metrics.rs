//! Counters of the role, cheap enough to keep always.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters since the start of the role.
        #[derive(Debug, Default)]
        pub struct SlaMetrics { $($name: AtomicU64),* }

        /// The counters at one moment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct SlaCounts { $($(#[$doc])* pub $name: u64),* }

        impl SlaMetrics {
            $($(#[$doc])* pub(crate) fn $name(&self, count: u64) { self.$name.fetch_add(count, Ordering::Relaxed); })*

            /// All counters now.
            pub fn snapshot(&self) -> SlaCounts {
                SlaCounts { $($name: self.$name.load(Ordering::Relaxed)),* }
            }
        }
    };
}

counters! {
    /// Evaluations of all active sets.
    evaluations,
    /// Evaluations that could not read or could not write.
    evaluations_failed,
    /// Milliseconds spent in evaluations, reading included.
    evaluation_ms,
    /// Series judged.
    series_judged,
    /// Violations written as opened.
    violations_opened,
    /// Violations written as closed.
    violations_closed,
    /// Outlooks made.
    outlooks,
    /// Forecasts stored.
    forecasts_stored,
    /// Forecasts scored.
    forecasts_scored,
    /// Watchers that were given a new snapshot because they lagged.
    watchers_resynchronised,
    /// Watchers cut because they took nothing.
    watchers_cut,
    /// Stateless evaluations served.
    what_ifs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let metrics = SlaMetrics::default();
        metrics.evaluations(1);
        metrics.series_judged(5);
        metrics.series_judged(7);
        let counts = metrics.snapshot();
        assert_eq!((counts.evaluations, counts.series_judged, counts.outlooks), (1, 12, 0));
    }
}
