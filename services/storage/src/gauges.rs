//! How far the results of the stream are read, looked up when somebody asks for the metrics.

use std::sync::Arc;

use sla_bus::{Lag, LagBoard};
use sla_domain::Clock;
use sla_runtime::metrics::{Metrics, single};

/// Tells it of the partitions that are read here; nothing where there is no stream.
pub(crate) fn register(metrics: &Metrics, lags: &LagBoard, clock: &Arc<dyn Clock>) {
    let of = lags.clone();
    metrics.gauge(
        "sla_storage_lag_records",
        "Records that are published and not stored, by partition of the stream; none where it is not known",
        move || of.by_partition(|lag| lag.behind.map(|records| records as f64)),
    );
    let (of, clock) = (lags.clone(), clock.clone());
    metrics.gauge(
        "sla_storage_lag_seconds",
        "How long ago the oldest record was published that is read and not stored, by partition",
        move || {
            let now_ms = clock.now_ms();
            of.by_partition(|lag| age_s(lag, now_ms))
        },
    );
    let of = lags.clone();
    metrics.gauge(
        "sla_storage_results_waiting",
        "Records that are read and wait for their transaction",
        move || {
            let (_, lags) = of.look().unwrap_or_default();
            single(lags.iter().map(|lag| f64::from(lag.waiting)).sum())
        },
    );
    let of = lags.clone();
    metrics.gauge(
        "sla_storage_partitions_read",
        "Partitions of the stream that are read here",
        move || single(of.look().map_or(0, |(_, lags)| lags.len()) as f64),
    );
}

/// 0 when nothing is behind. The publisher's clock may be ahead of ours: nothing is younger than now.
fn age_s(lag: &Lag, now_ms: i64) -> Option<f64> {
    match (lag.oldest_ms, lag.behind) {
        (Some(oldest_ms), _) => Some((now_ms - oldest_ms).max(0) as f64 / 1e3),
        (None, Some(0)) => Some(0.0),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_where_it_is_known() {
        let lag = |behind, oldest_ms| Lag {
            partition: 1,
            behind,
            waiting: 0,
            oldest_ms,
        };
        assert_eq!(age_s(&lag(Some(0), None), 9_000), Some(0.0));
        assert_eq!(age_s(&lag(Some(4), Some(5_000)), 9_000), Some(4.0));
        assert_eq!(age_s(&lag(None, Some(10_000)), 9_000), Some(0.0));
        assert_eq!(age_s(&lag(Some(4), None), 9_000), None, "none of them was read yet");
    }
}
