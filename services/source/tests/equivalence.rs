//! One truth by every way of reading and in every order of asking, on real servers. `SLA_TEST_WORLDS` names them, separated
//! by commas, each as `URL=world.json` with the truth that `dev/prometheus/world.sh` wrote.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use sla_domain::{Labels, is_stale};
use sla_source::{
    Call, ExpressionRequest, MetricSource, Prometheus, RawRead, ReadLimits, ReadRequest, SourceError, SourceOptions,
    Way,
};
use sla_testkit::worlds;

const ALL: &str = r#"{world="w"}"#;
const WAYS: [Way; 3] = [Way::RemoteReadChunks, Way::RemoteReadSamples, Way::InstantQuery];

#[derive(Deserialize)]
struct World {
    after_ms: i64,
    until_ms: i64,
    step_ms: i64,
    series: Vec<WorldSeries>,
}

#[derive(Deserialize)]
struct WorldSeries {
    labels: BTreeMap<String, String>,
    samples: Vec<(i64, u64)>,
    histograms: bool,
}

/// Time and bits; every NaN but the stale marker as one.
type Bits = Vec<(i64, u64)>;

fn one_nan(samples: impl Iterator<Item = (i64, f64)>, with_stale: bool) -> Bits {
    samples
        .filter(|(_, value)| with_stale || !is_stale(*value))
        .map(|(time, value)| {
            let is_other_nan = value.is_nan() && !is_stale(value);
            (
                time,
                if is_other_nan {
                    f64::NAN.to_bits()
                } else {
                    value.to_bits()
                },
            )
        })
        .collect()
}

impl World {
    fn labels(&self, is_wanted: impl Fn(&WorldSeries) -> bool) -> Vec<Labels> {
        let wanted = self.series.iter().filter(|one| is_wanted(one));
        wanted.map(|one| Labels::from_pairs(one.labels.clone())).collect()
    }

    /// Series that have floats: what reading them brings.
    fn truth(&self, with_stale: bool) -> BTreeMap<Labels, Bits> {
        let with_floats = self.series.iter().filter(|one| !one.samples.is_empty());
        with_floats
            .map(|one| {
                let samples = one.samples.iter().map(|(time, bits)| (*time, f64::from_bits(*bits)));
                (Labels::from_pairs(one.labels.clone()), one_nan(samples, with_stale))
            })
            .collect()
    }

    /// Series of nothing but histograms.
    fn histograms(&self) -> BTreeSet<Labels> {
        let only = self.labels(|one| one.histograms && one.samples.is_empty());
        only.into_iter().collect()
    }

    fn read(&self, series: Vec<Labels>) -> ReadRequest {
        ReadRequest::series(series, self.after_ms, self.until_ms)
    }
}

/// A source that has not been asked anything yet.
fn fresh(url: &str, ways: &[Way]) -> Prometheus {
    let mut options = SourceOptions::new("world", url);
    options.ways = ways.to_vec();
    options.system_proxy = false;
    Prometheus::new(options).unwrap()
}

fn call() -> Call {
    Call::within(Duration::from_mins(1))
}

/// The ways this server knows.
async fn ways(url: &str) -> Vec<Way> {
    fresh(url, &WAYS).probe(&call()).await.unwrap().ways
}

/// Holds a read against the truth about `asked`.
fn compare(world: &World, read: &RawRead, asked: &[Labels], what: &str) {
    let truth = world.truth(!read.hides_stale);
    let histograms = world.histograms();
    let decoded: BTreeMap<Labels, Bits> = read
        .decoded()
        .unwrap()
        .into_iter()
        .map(|(labels, samples)| (labels, one_nan(samples.iter(), !read.hides_stale)))
        .collect();
    assert_eq!(decoded.len(), read.series.len(), "{what}: a series twice");
    let wanted: BTreeSet<&Labels> = asked.iter().filter(|labels| truth.contains_key(*labels)).collect();
    assert_eq!(decoded.keys().collect::<BTreeSet<_>>(), wanted, "{what}: series");
    for (labels, samples) in &decoded {
        assert_eq!(samples, &truth[labels], "{what}: {labels}");
    }
    let failed: BTreeSet<&Labels> = read.failures.iter().map(|one| &one.labels).collect();
    let told: BTreeSet<&Labels> = asked.iter().filter(|labels| histograms.contains(*labels)).collect();
    assert_eq!(failed, told, "{what}: failures");
    for one in &read.failures {
        let SourceError::Histograms { count } = one.error else {
            panic!("{what}: {}", one.error);
        };
        assert_eq!(count as usize, told.len(), "{what}");
    }
}

#[tokio::test]
#[ignore = "real server: dev/test"]
async fn every_way_and_every_order_gives_the_same_series_labels_and_samples() {
    for (url, world) in worlds::<World>() {
        let all = world.labels(|_| true);
        assert!(all.len() > 60, "{}", all.len());
        for first in ways(&url).await {
            // Where a server sends a series without any sample, a query has to tell whether it has histograms.
            let help = if first == Way::RemoteReadSamples {
                Way::InstantQuery
            } else {
                first
            };
            // The first question is for all of them, by selector.
            let source = fresh(&url, &[first, help]);
            let selector = ReadRequest::selector(ALL, world.after_ms, world.until_ms);
            let read = source.read(&selector, &call()).await.unwrap();
            assert!(read.way == first || read.way == help, "{:?}", read.way);
            compare(&world, &read, &all, &format!("{url} {first:?} all"));
            // The same source knows the same afterwards, in parts of any shape and order.
            for (stride, reverse) in [(2, false), (3, true), (7, false)] {
                let mut part: Vec<Labels> = all.iter().step_by(stride).cloned().collect();
                if reverse {
                    part.reverse();
                }
                let read = source.read(&world.read(part.clone()), &call()).await.unwrap();
                compare(&world, &read, &part, &format!("{url} {first:?} every {stride}th"));
            }
            // The first question is for one series alone: each in turn is the first.
            for labels in all.iter().step_by(5) {
                let one = std::slice::from_ref(labels);
                let read = fresh(&url, &[first, help])
                    .read(&world.read(one.to_vec()), &call())
                    .await
                    .unwrap();
                compare(&world, &read, one, &format!("{url} {first:?} alone"));
            }
        }
        // A series that does not exist is no other one.
        let strangers = vec![
            Labels::from_pairs([("__name__", "m_a"), ("world", "w"), ("cluster", "eu"), ("zone", "z")]),
            Labels::from_pairs([("__name__", "m_a")]),
        ];
        for first in ways(&url).await {
            let read = fresh(&url, &[first, Way::InstantQuery])
                .read(&world.read(strangers.clone()), &call())
                .await
                .unwrap();
            assert!(read.series.is_empty() && read.failures.is_empty(), "{url} {first:?}");
        }
    }
}

#[tokio::test]
#[ignore = "real server: dev/test"]
async fn series_and_range_queries_name_the_same_series_and_values() {
    for (url, world) in worlds::<World>() {
        let source = fresh(&url, &WAYS);
        let all: BTreeSet<Labels> = world.labels(|_| true).into_iter().collect();
        let listed = source
            .series(&[ALL.to_owned()], world.after_ms, world.until_ms, 1_000, &call())
            .await
            .unwrap();
        assert_eq!(listed.series.into_iter().collect::<BTreeSet<_>>(), all, "{url}");
        let request = ExpressionRequest {
            expression: ALL.into(),
            start_ms: world.until_ms - 20 * world.step_ms,
            end_ms: world.until_ms,
            step_ms: world.step_ms,
            limits: ReadLimits::default(),
        };
        let read = source.read_expression(&request, &call()).await.unwrap();
        let truth = world.truth(true);
        let drawn: BTreeMap<Labels, Bits> = read
            .series
            .into_iter()
            .map(|(labels, samples)| (labels, one_nan(samples.iter(), true)))
            .collect();
        for (labels, samples) in &truth {
            let points: BTreeMap<i64, u64> = drawn.get(labels).cloned().unwrap_or_default().into_iter().collect();
            let in_range = samples.iter().filter(|(time, _)| *time >= request.start_ms);
            for (time, bits) in in_range.filter(|(_, bits)| !f64::from_bits(*bits).is_nan()) {
                assert_eq!(points.get(time), Some(bits), "{url} {labels} at {time}");
            }
        }
        assert!(drawn.keys().all(|labels| truth.contains_key(labels)), "{url}");
        let histograms = world.histograms();
        if !histograms.is_empty() {
            let words = read.warnings.join(" ");
            let count = world.labels(|one| one.histograms).len();
            assert!(words.contains(&format!("{count} native histogram")), "{url}: {words}");
            let counted = ExpressionRequest {
                expression: r#"histogram_count({__name__="h_seconds"})"#.into(),
                ..request.clone()
            };
            assert_eq!(
                source.read_expression(&counted, &call()).await.unwrap().series.len(),
                histograms.len()
            );
            let bare = ExpressionRequest {
                expression: r#"{__name__="h_seconds"}"#.into(),
                ..request
            };
            let refused = source.read_expression(&bare, &call()).await.unwrap_err();
            assert!(matches!(refused, SourceError::Histograms { .. }), "{refused}");
        }
    }
}

#[tokio::test]
#[ignore = "real server: dev/test"]
async fn kinds_are_the_same_at_every_start() {
    for (url, world) in worlds::<World>() {
        let has_targets = !world.histograms().is_empty();
        let mut seen = BTreeSet::new();
        for _ in 0..6 {
            let names = fresh(&url, &WAYS).metric_names(10_000, &call()).await.unwrap();
            seen.insert(format!("{:?} {:?}", names.families, names.warnings));
            let find = |name: &str| names.families.iter().find(|family| family.name == name);
            if !has_targets {
                continue;
            }
            let disputed = find("disputed").unwrap();
            assert!(disputed.is_disputed && disputed.kind.is_none(), "{url}: {disputed:?}");
            assert_eq!(disputed.kind_in("counts"), Some("counter"), "{url}");
            assert_eq!(disputed.kind_in("gauges"), Some("gauge"), "{url}");
            assert_eq!(disputed.kind_in("others"), None, "{url}");
            assert!(
                names
                    .warnings
                    .iter()
                    .any(|words| words.contains("disputed has more kinds")),
                "{url}"
            );
            assert_eq!(find("agreed").unwrap().kind_in("gauges"), Some("gauge"), "{url}");
        }
        // Counts of live series may move; the kinds may not.
        assert!(!seen.is_empty(), "{url}");
    }
}
