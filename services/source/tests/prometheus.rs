//! The adapter on real servers. `SLA_TEST_PROMETHEUS` names them, separated by commas, each as `URL=TRUTH.json` with the
//! truth of `dev/prometheus/up.sh`.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use sla_domain::{Labels, Samples, is_stale};
use sla_source::conformance::{Scene, check};
use sla_source::{
    Call, ExpressionRequest, MetricSource, Prometheus, ReadLimits, ReadRequest, SeriesData, SourceOptions, Way, xor,
};
use sla_testkit::servers;

#[derive(Deserialize)]
struct Truth {
    end_ms: i64,
    series: Vec<TruthSeries>,
}

#[derive(Deserialize)]
struct TruthSeries {
    labels: BTreeMap<String, String>,
    windows: BTreeMap<String, TruthWindow>,
}

#[derive(Deserialize)]
struct TruthWindow {
    n: usize,
    n_nan: usize,
    mean: f64,
    min: f64,
    max: f64,
    std: Option<f64>,
}

fn source(url: &str, ways: &[Way]) -> Prometheus {
    let mut options = SourceOptions::new("test", url);
    options.ways = ways.to_vec();
    Prometheus::new(options).unwrap()
}

const ALL: [Way; 3] = [Way::RemoteReadChunks, Way::RemoteReadSamples, Way::InstantQuery];
/// Every backfilled series, none of the live ones.
const HISTORY: &str = r#"{instance=~"10\\..*|106"}"#;

fn call() -> Call {
    Call::within(Duration::from_mins(1))
}

async fn decoded(source: &Prometheus, after_ms: i64, until_ms: i64, way: Way) -> BTreeMap<Labels, Samples> {
    let read = source
        .read(&ReadRequest::selector(HISTORY, after_ms, until_ms), &call())
        .await
        .unwrap();
    assert_eq!(read.way, way);
    assert!(read.failures.is_empty());
    read.decoded().unwrap().into_iter().collect()
}

fn bits(samples: &Samples) -> Vec<(i64, u64)> {
    samples.iter().map(|(time, value)| (time, value.to_bits())).collect()
}

/// JSON writes every NaN as `NaN`.
fn without_stale(samples: &Samples) -> Vec<(i64, Option<u64>)> {
    samples
        .iter()
        .filter(|(_, value)| !is_stale(*value))
        .map(|(time, value)| (time, (!value.is_nan()).then(|| value.to_bits())))
        .collect()
}

#[tokio::test]
#[ignore = "real server: dev/test"]
async fn conformance() {
    for (url, truth) in servers::<Truth>() {
        for way in ALL {
            let scene = Scene {
                selector: r#"{__name__=~"node_load1|node_load5|cpuLoad|cpuTemp",instance=~"10\\..*|106"}"#.into(),
                now_ms: truth.end_ms,
                expressions: true,
            };
            check(&source(&url, &[way]), &scene).await;
        }
    }
}

#[tokio::test]
#[ignore = "real server: dev/test"]
async fn every_way_gives_the_same_samples() {
    for (url, truth) in servers::<Truth>() {
        let (after, until) = (truth.end_ms - 43_200_000, truth.end_ms);
        let chunks = decoded(&source(&url, &ALL), after, until, Way::RemoteReadChunks).await;
        let samples = decoded(&source(&url, &ALL[1..]), after, until, Way::RemoteReadSamples).await;
        let json = decoded(&source(&url, &ALL[2..]), after, until, Way::InstantQuery).await;
        assert_eq!(chunks.len(), truth.series.len());
        assert!(chunks.keys().eq(samples.keys()) && chunks.keys().eq(json.keys()));
        for (labels, by_chunks) in &chunks {
            assert_eq!(bits(by_chunks), bits(&samples[labels]), "{labels}");
            assert_eq!(without_stale(by_chunks), without_stale(&json[labels]), "{labels}");
        }
    }
}

#[tokio::test]
#[ignore = "real server: dev/test"]
async fn our_encoder_writes_the_servers_bytes() {
    for (url, truth) in servers::<Truth>() {
        let request = ReadRequest::selector(HISTORY, truth.end_ms - 43_200_000, truth.end_ms);
        let read = source(&url, &ALL).read(&request, &call()).await.unwrap();
        let mut compared = 0;
        for one in &read.series {
            let SeriesData::Chunks(chunks) = &one.data else {
                panic!("chunks were asked for");
            };
            for chunk in chunks {
                let mut encoder = xor::XorEncoder::new();
                for sample in xor::XorIter::new(&chunk.bytes) {
                    let (time, value) = sample.unwrap();
                    assert!(encoder.push(time, value));
                }
                // Prometheus' bit stream opens the next byte early, so a chunk may end with one unused zero.
                let ours = encoder.bytes();
                let (theirs, rest) = chunk.bytes.split_at(ours.len());
                assert_eq!(ours, theirs, "{}", one.labels);
                assert!(rest.is_empty() || rest == [0], "{}", one.labels);
                compared += 1;
            }
        }
        assert!(compared > 20 * read.series.len(), "{compared} chunks");
    }
}

#[tokio::test]
#[ignore = "real server: dev/test"]
async fn statistics_equal_the_truth() {
    for (url, truth) in servers::<Truth>() {
        let (after, until) = (truth.end_ms - 43_200_000, truth.end_ms);
        for first in [0, 2] {
            let read = decoded(&source(&url, &ALL[first..]), after, until, ALL[first]).await;
            for one in &truth.series {
                let samples = &read[&Labels::from_pairs(one.labels.clone())];
                for (window, want) in &one.windows {
                    let hours: i64 = window.trim_end_matches('h').parse().unwrap();
                    let (_, values) = samples.between(until - hours * 3_600_000, until);
                    let good: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
                    let nan = values
                        .iter()
                        .filter(|value| value.is_nan() && !is_stale(**value))
                        .count();
                    assert_eq!((good.len(), nan), (want.n, want.n_nan), "{:?} {window}", one.labels);
                    assert_eq!(good.iter().copied().fold(f64::INFINITY, f64::min), want.min);
                    assert_eq!(good.iter().copied().fold(f64::NEG_INFINITY, f64::max), want.max);
                    let mean = good.iter().sum::<f64>() / good.len() as f64;
                    assert!(
                        (mean - want.mean).abs() <= 1e-9 * want.mean.abs().max(1.0),
                        "{:?} {window}",
                        one.labels
                    );
                    if let Some(std) = want.std {
                        let squares: f64 = good.iter().map(|value| (value - mean).powi(2)).sum();
                        let have = (squares / (good.len() - 1) as f64).sqrt();
                        assert!(
                            (have - std).abs() <= 1e-9 * std.abs().max(1e-3 * mean.abs()),
                            "{:?} {have} {std}",
                            one.labels
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test]
#[ignore = "real server: dev/test"]
async fn a_long_grid_is_split_and_joined() {
    for (url, truth) in servers::<Truth>() {
        let request = ExpressionRequest {
            expression: "vector(time())".into(),
            start_ms: truth.end_ms - 12_000_000,
            end_ms: truth.end_ms,
            step_ms: 500,
            limits: ReadLimits::default(),
        };
        let read = source(&url, &ALL).read_expression(&request, &call()).await.unwrap();
        assert!(read.requests >= 3, "{}", read.requests);
        assert_eq!(read.series.len(), 1);
        let samples = &read.series[0].1;
        assert_eq!(samples.len(), 24_001);
        assert!(samples.times_ms.windows(2).all(|pair| pair[1] - pair[0] == 500));
        assert!(
            samples
                .iter()
                .all(|(time, value)| (time as f64 / 1000.0 - value).abs() < 1e-3)
        );
    }
}

#[tokio::test]
#[ignore = "real server: dev/test"]
async fn metadata_tells_types() {
    for (url, _) in servers::<Truth>() {
        let names = source(&url, &ALL).metric_names(10_000, &call()).await.unwrap();
        let find = |name: &str| names.families.iter().find(|family| family.name == name);
        if let Some(build) = find("prometheus_build_info") {
            assert_eq!(build.kind.as_deref(), Some("gauge"));
            assert!(build.help.is_some());
        }
        assert!(names.total_series > 8);
    }
}
