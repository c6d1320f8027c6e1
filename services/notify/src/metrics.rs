//! What the role counts.

use sla_runtime::metrics::Counter;

sla_runtime::role_metrics! {
    /// Counts since the start of the process.
    NotifyMetrics, "sla_notify_" {
        /// Changes of the ledger that were read
        changes: Counter,
        /// Notices that were written to the outbox
        notices: Counter,
        /// Messages that the other end has
        sent: Counter,
        /// Attempts that failed and are repeated
        retries: Counter,
        /// Messages that were given up
        given_up: Counter,
        /// Channels that were disabled because the other end refused them
        disabled: Counter,
    }
}
