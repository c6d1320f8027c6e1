//! Results: statistics of each window, metadata, forecast.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use sla_proto::convert;
use sla_proto::result::v1 as wire;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::retrieval::v1::{GetSeriesHistoryResponse, HistoryEntry, StoredRow};

use crate::series::{Labels, Point, kind, labels};
use crate::value::{Seconds, Time, by_window, time, word};

/// What is known about a series.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SeriesResult {
    /// Label → value, with `__name__`.
    pub labels: Labels,
    /// Name of the metric source.
    pub source: Option<String>,
    /// Only for results of a PromQL expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// `gauge` or `counter`.
    pub kind: &'static str,
    /// The instant all windows end at.
    pub at: Option<Time>,
    /// What was found; absent where the series could not be done.
    #[serde(flatten)]
    pub analysis: Option<Analysis>,
    /// Instead of `last` … `forecast`: the series could not be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What each step took.
    pub timings: Vec<Timing>,
    /// Only for stored ones: the instant of each part; parts may come from different runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<StoredAt>,
    /// Only in a history: id of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

impl From<&wire::SeriesResult> for SeriesResult {
    fn from(result: &wire::SeriesResult) -> Self {
        let series = result.series.as_ref();
        let (analysis, failure) = match &result.outcome {
            Some(Outcome::Analysis(analysis)) => (Some(Analysis::from(analysis)), None),
            Some(Outcome::Failure(failure)) => (None, Some(Failure::from(failure))),
            None => (None, None),
        };
        let timings = result.timings.iter().map(|timing| Timing {
            step: timing.step.clone(),
            ms: timing.ms,
            window_s: Seconds(timing.window_ms),
        });
        Self {
            labels: labels(series),
            source: series.map(|series| series.source.clone()),
            expression: series.and_then(|series| word(&series.expression)),
            kind: kind(series),
            at: time(result.as_of.as_ref()),
            analysis,
            failure,
            timings: timings.collect(),
            stored: None,
            run: None,
        }
    }
}

impl From<&StoredRow> for SeriesResult {
    fn from(row: &StoredRow) -> Self {
        let stored = StoredAt {
            statistics: time(row.statistics_as_of.as_ref()),
            metadata: time(row.metadata_as_of.as_ref()),
            forecast: time(row.forecast_as_of.as_ref()),
        };
        Self {
            stored: Some(stored),
            ..Self::from(&row.result.clone().unwrap_or_default())
        }
    }
}

/// The instant of each part of a stored result.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StoredAt {
    /// Of `windows` and `rate`.
    pub statistics: Option<Time>,
    /// Of `metadata`.
    pub metadata: Option<Time>,
    /// Of `forecast`.
    pub forecast: Option<Time>,
}

/// What was found about a series.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Analysis {
    /// Newest finite sample.
    pub last: Option<Point>,
    /// Usual distance of samples.
    pub spacing_s: Seconds,
    /// Raw values by window.
    pub windows: BTreeMap<String, WindowFigures>,
    /// Only for counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// What kind of series it is; null when not asked for.
    pub metadata: Option<Metadata>,
    /// Only with several windows of metadata: the further ones, each as `metadata`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_metadata: Vec<Metadata>,
    /// Classic forecast; null when not asked for.
    pub forecast: Option<Forecast>,
}

impl From<&wire::Analysis> for Analysis {
    fn from(analysis: &wire::Analysis) -> Self {
        Self {
            last: analysis.last.as_ref().map(Point::from),
            spacing_s: Seconds(analysis.spacing_ms),
            windows: windows(&analysis.windows),
            rate: analysis.rate.as_ref().map(|rate| Rate {
                over_s: Seconds(rate.over_ms),
                last: analysis.last_rate.as_ref().map(Point::from),
                windows: windows(&rate.windows),
            }),
            metadata: analysis.metadata.as_ref().map(Metadata::from),
            more_metadata: analysis.more_metadata.iter().map(Metadata::from).collect(),
            forecast: analysis.forecast.as_ref().map(Forecast::from),
        }
    }
}

/// Per-second rates of a counter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Rate {
    /// Width of the rate window.
    pub over_s: Seconds,
    /// Newest per-second rate.
    pub last: Option<Point>,
    /// As `windows`, of the rate.
    pub windows: BTreeMap<String, WindowFigures>,
}

/// Statistics of a window; numbers that do not exist are null.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WindowFigures {
    /// Finite samples.
    pub n: u64,
    /// NaN and infinite ones.
    pub n_nan: u64,
    /// Mean.
    pub mean: Option<f64>,
    /// Least.
    pub min: Option<f64>,
    /// Greatest.
    pub max: Option<f64>,
    /// Standard deviation, ddof 1.
    pub std: Option<f64>,
    /// Median.
    pub median: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// From the first to the last sample inside.
    pub spanned_s: Seconds,
}

fn windows(list: &[wire::WindowStatistics]) -> BTreeMap<String, WindowFigures> {
    by_window(list, |window| {
        let figures = WindowFigures {
            n: window.n,
            n_nan: window.n_nan,
            mean: window.mean,
            min: window.min,
            max: window.max,
            std: window.std,
            median: window.median,
            p95: window.p95,
            p99: window.p99,
            spanned_s: Seconds(window.spanned_ms),
        };
        (window.window_ms, figures)
    })
}

/// What kind of series it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Metadata {
    /// What the numbers are about.
    pub window_s: Seconds,
    /// Samples used.
    pub n: u64,
    /// Of the rate rather than of raw values.
    pub of_rate: bool,
    /// Whether it stays around a level.
    pub stationarity: Option<Stationarity>,
    /// How it resembles itself.
    pub autocorrelation: Option<Autocorrelation>,
    /// What comes again.
    pub seasonality: Option<Seasonality>,
    /// Why a part is absent.
    pub notes: Vec<String>,
}

/// The augmented Dickey–Fuller test.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Stationarity {
    /// `adf`.
    pub test: &'static str,
    /// The statistic.
    pub statistic: f64,
    /// 0…1.
    pub p_value: f64,
    /// Lags used.
    pub used_lag: u32,
    /// Observations used.
    pub nobs: u32,
    /// Critical values.
    pub critical: Critical,
    /// p < 0.05.
    pub stationary: bool,
}

/// Critical values of a test.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Critical {
    /// At 1 %.
    #[serde(rename = "1%")]
    pub at_1: f64,
    /// At 5 %.
    #[serde(rename = "5%")]
    pub at_5: f64,
    /// At 10 %.
    #[serde(rename = "10%")]
    pub at_10: f64,
}

/// How a series resembles itself.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Autocorrelation {
    /// Lag 0 first.
    pub acf: Vec<f64>,
    /// Half width of the 95 % band.
    pub band: Vec<f64>,
    /// Between two lags.
    pub lag_s: Seconds,
}

/// What comes again.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Seasonality {
    /// Null: no season was found.
    pub period_s: Option<Seconds>,
    /// 0…1.
    pub strength: f64,
    /// One period.
    pub pattern: Vec<f64>,
    /// Further periods.
    pub other_periods_s: Vec<Seconds>,
}

impl From<&wire::Metadata> for Metadata {
    fn from(metadata: &wire::Metadata) -> Self {
        Self {
            window_s: Seconds(metadata.window_ms),
            n: metadata.n,
            of_rate: metadata.of_rate,
            stationarity: metadata.stationarity.as_ref().map(|test| Stationarity {
                test: "adf",
                statistic: test.statistic,
                p_value: test.p_value,
                used_lag: test.used_lag,
                nobs: test.nobs,
                critical: Critical {
                    at_1: test.critical_1,
                    at_5: test.critical_5,
                    at_10: test.critical_10,
                },
                stationary: test.stationary,
            }),
            autocorrelation: metadata.autocorrelation.as_ref().map(|found| Autocorrelation {
                acf: found.acf.clone(),
                band: found.band.clone(),
                lag_s: Seconds(found.lag_ms),
            }),
            seasonality: metadata.seasonality.as_ref().map(|found| Seasonality {
                period_s: (found.period_ms != 0).then_some(Seconds(found.period_ms)),
                strength: found.strength,
                pattern: found.pattern.clone(),
                other_periods_s: found.other_periods_ms.iter().map(|&ms| Seconds(ms)).collect(),
            }),
            notes: metadata.notes.clone(),
        }
    }
}

/// A classic forecast.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Forecast {
    /// Which one.
    pub method: String,
    /// Between two points.
    pub step_s: Seconds,
    /// Of the rate rather than of raw values.
    pub of_rate: bool,
    /// Samples looked at.
    pub n: u64,
    /// Of the mean of each bin.
    pub mean: Option<Vec<ForecastPoint>>,
    /// The same of the maximum of each bin.
    pub max: Option<Vec<ForecastPoint>>,
    /// Of the minimum.
    pub min: Option<Vec<ForecastPoint>>,
    /// The horizon in three numbers.
    pub coming: Option<ForecastSummary>,
    /// Why there is none, or what to be careful about.
    pub notes: Vec<String>,
}

impl From<&wire::Forecast> for Forecast {
    fn from(forecast: &wire::Forecast) -> Self {
        Self {
            method: forecast.method.clone(),
            step_s: Seconds(forecast.step_ms),
            of_rate: forecast.of_rate,
            n: forecast.n,
            mean: line(forecast.mean.as_ref()),
            max: line(forecast.max.as_ref()),
            min: line(forecast.min.as_ref()),
            coming: convert::forecast_summary(forecast).as_ref().map(ForecastSummary::from),
            notes: forecast.notes.clone(),
        }
    }
}

/// A forecast point with its 95 % interval.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ForecastPoint {
    /// When.
    pub time: Option<Time>,
    /// Expected then.
    pub value: f64,
    /// Low end of the interval.
    pub low: f64,
    /// High end of the interval.
    pub high: f64,
}

fn line(line: Option<&wire::ForecastLine>) -> Option<Vec<ForecastPoint>> {
    let points = line?.points.iter().map(|point| ForecastPoint {
        time: time(point.time.as_ref()),
        value: point.value,
        low: point.low,
        high: point.high,
    });
    Some(points.collect())
}

/// A forecast in three numbers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ForecastSummary {
    /// Mean of the expected means.
    pub mean: Option<f64>,
    /// The greatest expected maximum.
    pub max: Option<f64>,
    /// The least expected minimum.
    pub min: Option<f64>,
    /// The end of the last bin.
    pub until: Option<Time>,
}

impl From<&wire::ForecastSummary> for ForecastSummary {
    fn from(summary: &wire::ForecastSummary) -> Self {
        Self {
            mean: summary.mean,
            max: summary.max,
            min: summary.min,
            until: time(summary.until.as_ref()),
        }
    }
}

/// Why a series could not be done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Failure {
    /// Stable word, see `docs/errors`.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// The step that failed.
    pub step: String,
}

impl From<&wire::Failure> for Failure {
    fn from(failure: &wire::Failure) -> Self {
        Self {
            reason: failure.reason.clone(),
            message: failure.message.clone(),
            step: failure.step.clone(),
        }
    }
}

/// How long a step took.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Timing {
    /// The step.
    pub step: String,
    /// How long, ms.
    pub ms: f64,
    /// 0: about no window.
    pub window_s: Seconds,
}

/// How each statistic of a series went over the runs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SeriesHistory {
    /// Label → value, with `__name__`.
    pub labels: Labels,
    /// Name of the metric source.
    pub source: Option<String>,
    /// Older results were left out: at most 2000.
    pub truncated: bool,
    /// Oldest first, one a run, without `forecast.mean`, `.max`, `.min`, autocorrelation and pattern.
    pub history: Vec<SeriesResult>,
}

impl From<&GetSeriesHistoryResponse> for SeriesHistory {
    fn from(history: &GetSeriesHistoryResponse) -> Self {
        let series = history.series.as_ref();
        let entry = |entry: &HistoryEntry| {
            let mut result = entry.result.clone().unwrap_or_default();
            result.series.clone_from(&history.series);
            let mut view = SeriesResult::from(&result);
            if let Some(forecast) = view.analysis.as_mut().and_then(|analysis| analysis.forecast.as_mut()) {
                forecast.coming = entry.coming.as_ref().map(ForecastSummary::from);
            }
            view.run = Some(result.run_id);
            view
        };
        Self {
            labels: labels(series),
            source: series.map(|series| series.source.clone()),
            truncated: history.truncated,
            history: history.entries.iter().map(entry).collect(),
        }
    }
}
