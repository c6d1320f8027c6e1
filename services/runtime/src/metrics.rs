//! What a process counts about itself: one registry for all its roles, told as OpenMetrics text.
//!
//! Names follow Prometheus' conventions: `sla_<role>_<what>_<unit>`, base units, counters named without the `_total` that the
//! text adds. Whoever counts registers its metrics where it is made; `docs/reference/metrics.md` is made from the registry.

pub mod door;
pub mod process;
pub mod rpc;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

pub use prometheus_client::metrics::counter::{ConstCounter, Counter};
pub use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::Gauge;

/// Upper bounds of all histograms of durations, seconds: from a look into memory to the longest deadline.
const BUCKETS: [f64; 12] = [0.000_5, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];

/// Labels of one sample: names and values.
pub type Labels = Vec<(&'static str, String)>;

/// The registry of a process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics(Arc<RwLock<Registry>>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Tells `metric` from now on. `name` is whole, without `_total`; `help` is one sentence without its full stop.
    pub fn register(&self, name: &'static str, help: &'static str, metric: impl Metric) {
        let mut registry = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match unit_of(name) {
            (stem, Some(unit)) => registry.register_with_unit(stem, help.trim(), unit, metric),
            (name, None) => registry.register(name, help.trim(), metric),
        }
    }

    /// Tells a gauge that is looked up whenever somebody asks: values by labels. What is not known is left out.
    pub fn gauge<R>(&self, name: &'static str, help: &'static str, read: R)
    where
        R: Fn() -> Vec<(Labels, f64)> + Send + Sync + 'static,
    {
        self.observe(MetricType::Gauge, name, help, read);
    }

    /// The same for what only grows.
    pub fn counter<R>(&self, name: &'static str, help: &'static str, read: R)
    where
        R: Fn() -> Vec<(Labels, f64)> + Send + Sync + 'static,
    {
        self.observe(MetricType::Counter, name, help, read);
    }

    fn observe<R>(&self, kind: MetricType, name: &'static str, help: &'static str, read: R)
    where
        R: Fn() -> Vec<(Labels, f64)> + Send + Sync + 'static,
    {
        let observed = Observed { kind, name, help, read };
        let mut registry = self.0.write().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(observed));
    }

    /// All of it now, as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut told = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut told, &self.registry());
        told
    }

    /// All of it now, in the older text format of Prometheus.
    pub fn plain_text(&self) -> String {
        let mut told = String::new();
        // As above.
        let _ = prometheus_text::encode(&mut told, &self.registry());
        told
    }

    fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        // A list that only grows.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One value without labels.
pub fn single(value: f64) -> Vec<(Labels, f64)> {
    vec![(Labels::new(), value)]
}

/// The unit at the end of a name, which the text appends again.
fn unit_of(name: &'static str) -> (&'static str, Option<Unit>) {
    for (end, unit) in [("_seconds", Unit::Seconds), ("_bytes", Unit::Bytes)] {
        if let Some(stem) = name.strip_suffix(end) {
            return (stem, Some(unit));
        }
    }
    (name, None)
}

/// A metric that is looked up when it is told.
struct Observed<R> {
    kind: MetricType,
    name: &'static str,
    help: &'static str,
    read: R,
}

impl<R> fmt::Debug for Observed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<R: Fn() -> Vec<(Labels, f64)> + Send + Sync + 'static> Collector for Observed<R> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (stem, unit) = unit_of(self.name);
        let help = format!("{}.", self.help.trim());
        let mut metric = encoder.encode_descriptor(stem, &help, unit.as_ref(), self.kind)?;
        for (labels, value) in (self.read)() {
            let one = metric.encode_family(&labels)?;
            match self.kind {
                MetricType::Counter => ConstCounter::new(value).encode(one)?,
                _ => ConstGauge::new(value).encode(one)?,
            }
        }
        Ok(())
    }
}

/// How long things took. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Durations(Histogram);

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram::new(BUCKETS))
    }
}

impl Durations {
    /// One more.
    pub fn observe(&self, took: Duration) {
        self.0.observe(took.as_secs_f64());
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl prometheus_client::metrics::TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

/// The metrics of a role as a struct: each field is a metric without labels whose name is the prefix and the field's, and whose
/// help is the field's one line of documentation.
#[macro_export]
macro_rules! role_metrics {
    ($(#[$about:meta])* $name:ident, $prefix:literal { $(#[doc = $help:literal] $field:ident: $kind:ty),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Default, Clone)]
        pub struct $name {$( #[doc = $help] pub $field: $kind, )*}

        impl $name {
            /// New ones, told by `metrics`.
            pub fn registered(metrics: &$crate::metrics::Metrics) -> Self {
                let new = Self::default();
                $( metrics.register(concat!($prefix, stringify!($field)), $help, new.$field.clone()); )*
                new
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #![expect(unreachable_pub, reason = "the macro is made for metrics that other crates use")]

    use super::*;

    role_metrics! {
        /// Of a test.
        TestMetrics, "sla_test_" {
            /// Things done
            things: Counter,
            /// Bytes received
            received_bytes: Counter,
            /// How long a thing took
            thing_duration_seconds: Durations,
        }
    }

    #[test]
    fn a_registry_is_told_with_units_and_types() {
        let metrics = Metrics::default();
        let counts = TestMetrics::registered(&metrics);
        counts.things.inc_by(2);
        counts.received_bytes.inc_by(7);
        counts.thing_duration_seconds.observe(Duration::from_millis(3));
        metrics.gauge("sla_test_up", "Whether each source answers", || {
            vec![(vec![("source", "a\"b".to_owned())], 1.0)]
        });
        metrics.gauge("sla_test_unknown", "Not known now", Vec::new);
        let text = metrics.text();
        for line in [
            "# HELP sla_test_things Things done.",
            "# TYPE sla_test_things counter",
            "sla_test_things_total 2",
            "# UNIT sla_test_received_bytes bytes",
            "sla_test_received_bytes_total 7",
            "# TYPE sla_test_thing_duration_seconds histogram",
            "sla_test_thing_duration_seconds_bucket{le=\"0.005\"} 1",
            "sla_test_thing_duration_seconds_count 1",
            "sla_test_up{source=\"a\\\"b\"} 1.0",
            "# EOF",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\nis not in\n{text}");
        }
        assert!(!text.contains("\nsla_test_unknown "), "what is not known has no value");
    }
}
