//! Records, sets and violations for tests: deterministic, of the shape and size that real runs have.

use prost::Message as _;
use sla_domain::{Labels, SeriesId, SourceId};
use sla_proto::convert;
use sla_proto::result::v1::{
    Analysis, Autocorrelation, Failure, Forecast, ForecastLine, ForecastPoint, Metadata, RateStatistics, Record,
    RunFinished, Seasonality, SeriesResult, StationarityTest, StepTiming, WindowStatistics, record, series_result,
};
use sla_proto::series::v1::{Point, Series, SeriesKind};

const HOUR_MS: i64 = 3_600_000;

/// The series number `n` of a made-up host.
pub fn series(n: u64) -> Series {
    let labels = Labels::from_pairs([
        ("__name__", format!("node_metric_{}_bytes", n % 50)),
        ("instance", format!("host-{}.example.org:9100", n / 50)),
        ("job", "node".to_owned()),
        ("device", format!("nvme{}n1", n % 3)),
    ]);
    let id = SeriesId::of_series(&SourceId("prom".to_owned()), &labels);
    convert::series_message(
        id,
        "prom",
        &labels,
        "",
        if n.is_multiple_of(2) {
            SeriesKind::Gauge
        } else {
            SeriesKind::Counter
        },
    )
}

/// The id of [`series`] number `n`.
pub fn series_id(n: u64) -> SeriesId {
    let mut id = SeriesId([0; 16]);
    if let Some(found) = convert::series_id(&series(n)) {
        id = found;
    }
    id
}

/// Which parts a result has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Statistics of four windows; counters also of the rate.
    pub statistics: bool,
    /// ADF, ACF and season.
    pub metadata: bool,
    /// Three lines of ten points.
    pub forecast: bool,
}

/// What a run every five minutes computes.
pub const USUAL: Parts = Parts {
    statistics: true,
    metadata: false,
    forecast: true,
};
/// Everything.
pub const ALL: Parts = Parts {
    statistics: true,
    metadata: true,
    forecast: true,
};

/// A number with a full mantissa that depends on its arguments only.
fn noise(seed: u64, n: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

fn windows(seed: u64, scale: f64) -> Vec<WindowStatistics> {
    [1, 3, 6, 12]
        .into_iter()
        .map(|hours| {
            let value = |n| Some(scale * (1.0 + noise(seed, hours * 16 + n)));
            WindowStatistics {
                window_ms: hours as i64 * HOUR_MS,
                n: hours * 240,
                n_nan: 0,
                mean: value(1),
                min: value(2).map(f64::floor),
                max: value(3).map(f64::ceil),
                std: value(4),
                median: value(5),
                p95: value(6),
                p99: value(7),
                spanned_ms: hours as i64 * HOUR_MS - 15_000,
            }
        })
        .collect()
}

fn line(seed: u64, as_of_ms: i64) -> ForecastLine {
    ForecastLine {
        points: (1..=10)
            .map(|step| {
                let value = 1e6 * (1.0 + noise(seed, step));
                let half = 1e4 * (1.0 + noise(seed, 100 + step));
                ForecastPoint {
                    time: Some(convert::timestamp(as_of_ms + step as i64 * 60_000)),
                    value,
                    low: value - half,
                    high: value + half,
                }
            })
            .collect(),
        parameters: (0..15).map(|n| noise(seed, 200 + n)).collect(),
        sse: 1e9 * noise(seed, 300),
    }
}

fn timings(parts: Parts, seed: u64) -> Vec<StepTiming> {
    let mut steps = vec![("extract", 0)];
    if parts.statistics {
        steps.extend([1, 3, 6, 12].map(|hours| ("statistics", hours * HOUR_MS)));
    }
    if parts.metadata {
        steps.push(("metadata", 12 * HOUR_MS));
    }
    if parts.forecast {
        steps.push(("forecast", 0));
    }
    steps
        .into_iter()
        .zip(0..)
        .map(|((step, window_ms), n)| StepTiming {
            step: step.to_owned(),
            ms: 5.0 * noise(seed, 400 + n),
            window_ms,
        })
        .collect()
}

/// A result as a run would publish it.
pub fn result(run_id: &str, n: u64, as_of_ms: i64, parts: Parts) -> SeriesResult {
    let seed = n.wrapping_mul(1_000_003) ^ as_of_ms.cast_unsigned();
    let counter = n % 2 == 1;
    let point = |value| {
        Some(Point {
            time: Some(convert::timestamp(as_of_ms - 3_000)),
            value,
        })
    };
    let mut analysis = Analysis::default();
    if parts.statistics {
        analysis.windows = windows(seed, 1e6);
        analysis.spacing_ms = 15_000;
        analysis.last = point(1e6 * noise(seed, 500));
        if counter {
            analysis.rate = Some(RateStatistics {
                over_ms: 60_000,
                windows: windows(seed ^ 0x4d, 10.0),
            });
            analysis.last_rate = point(noise(seed, 501));
        }
    }
    if parts.metadata {
        analysis.metadata = Some(Metadata {
            window_ms: 12 * HOUR_MS,
            n: 2880,
            of_rate: counter,
            stationarity: Some(StationarityTest {
                statistic: -3.2,
                p_value: 0.01,
                used_lag: 4,
                nobs: 2870,
                critical_1: -3.4,
                critical_5: -2.8,
                critical_10: -2.5,
                stationary: true,
            }),
            autocorrelation: Some(Autocorrelation {
                acf: (0..41).map(|lag| noise(seed, 600 + lag)).collect(),
                band: (0..41).map(|lag| noise(seed, 700 + lag)).collect(),
                lag_ms: 60_000,
            }),
            seasonality: Some(Seasonality {
                period_ms: HOUR_MS,
                strength: 0.8,
                pattern: (0..60).map(|at| noise(seed, 800 + at)).collect(),
                other_periods_ms: vec![2 * HOUR_MS],
            }),
            notes: Vec::new(),
        });
    }
    if parts.forecast {
        analysis.forecast = Some(Forecast {
            method: "Holt-Winters 1-min bins m = 10".to_owned(),
            step_ms: 60_000,
            of_rate: counter,
            mean: Some(line(seed ^ 1, as_of_ms)),
            max: Some(line(seed ^ 2, as_of_ms)),
            min: Some(line(seed ^ 3, as_of_ms)),
            notes: Vec::new(),
            n: 720,
        });
    }
    SeriesResult {
        run_id: run_id.to_owned(),
        series: Some(series(n)),
        as_of: Some(convert::timestamp(as_of_ms)),
        outcome: Some(series_result::Outcome::Analysis(analysis)),
        timings: timings(parts, seed),
        read: None,
    }
}

/// A series that failed.
pub fn failure(run_id: &str, n: u64, as_of_ms: i64) -> SeriesResult {
    SeriesResult {
        run_id: run_id.to_owned(),
        series: Some(series(n)),
        as_of: Some(convert::timestamp(as_of_ms)),
        outcome: Some(series_result::Outcome::Failure(Failure {
            reason: "SOURCE_FAILED".to_owned(),
            message: "503 from the server".to_owned(),
            step: "extract".to_owned(),
        })),
        timings: Vec::new(),
        read: None,
    }
}

/// A result as it travels.
pub fn body(result: SeriesResult) -> Vec<u8> {
    Record {
        schema: crate::record::RECORD_SCHEMA,
        fact: Some(record::Fact::SeriesResult(result)),
    }
    .encode_to_vec()
}

/// A closing word as it travels.
pub fn finished(run_id: &str, expected: u32, finished_ms: i64) -> Vec<u8> {
    let finished = RunFinished {
        run_id: run_id.to_owned(),
        expected,
        finished: Some(convert::timestamp(finished_ms)),
        cancelled: false,
    };
    Record {
        schema: crate::record::RECORD_SCHEMA,
        fact: Some(record::Fact::RunFinished(finished)),
    }
    .encode_to_vec()
}
