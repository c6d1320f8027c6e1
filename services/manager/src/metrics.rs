//! What the role counts about itself.

use sla_runtime::metrics::{Counter, Durations};

sla_runtime::role_metrics! {
    /// Counters since the start of the role.
    SlaMetrics, "sla_manager_" {
        /// Evaluations of all active sets
        evaluations: Counter,
        /// Evaluations that could not read or could not write
        evaluations_failed: Counter,
        /// How long evaluations took, reading included
        evaluation_duration_seconds: Durations,
        /// Series judged
        series_judged: Counter,
        /// Violations written as opened
        violations_opened: Counter,
        /// Violations written as closed
        violations_closed: Counter,
        /// Outlooks made
        outlooks: Counter,
        /// Forecasts stored
        forecasts_stored: Counter,
        /// Forecasts scored
        forecasts_scored: Counter,
        /// Watchers that were given a new snapshot because they lagged
        watchers_resynchronised: Counter,
        /// Stateless evaluations served
        what_ifs: Counter,
    }
}
