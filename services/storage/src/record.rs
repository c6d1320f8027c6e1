//! What a record of the result stream says, checked: a fact that can be stored, or the reason why it cannot.

use std::fmt;

use prost::Message as _;
use prost_types::Timestamp;
use sla_domain::SeriesId;
use sla_proto::convert;
use sla_proto::result::v1::{
    Analysis, Failure, Forecast, Metadata, ReadShare, Record, RunFinished, SeriesResult, WindowStatistics, record,
    series_result,
};
use sla_proto::series::v1::Series;

/// The version of the record's schema that this code reads.
pub const RECORD_SCHEMA: u32 = 1;
/// A record above this many bytes is not decoded.
pub const MAX_RECORD_BYTES: usize = 256 << 10;
/// The longest run id, in bytes.
pub const MAX_RUN_ID_BYTES: usize = 64;
/// Times outside ±(year 9999) are garbage.
const MAX_TIME_MS: i64 = 253_402_300_799_999;

/// Why a record became a dead letter: a stable word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// No bytes.
    Empty,
    /// More than [`MAX_RECORD_BYTES`].
    Oversize,
    /// Not a `Record`.
    Undecodable,
    /// A schema that this version does not know.
    UnknownSchema,
    /// Neither a series result nor a closing word.
    NoFact,
    /// The run id is missing or too long.
    BadRunId,
    /// The series is missing or its id is not 16 bytes.
    BadSeries,
    /// A time is missing or impossible.
    BadTime,
    /// Neither an analysis nor a failure.
    NoOutcome,
    /// NaN or infinite where a computed number must be finite.
    NonFinite,
}

impl Rejection {
    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Oversize => "oversize",
            Self::Undecodable => "undecodable",
            Self::UnknownSchema => "unknown_schema",
            Self::NoFact => "no_fact",
            Self::BadRunId => "bad_run_id",
            Self::BadSeries => "bad_series",
            Self::BadTime => "bad_time",
            Self::NoOutcome => "no_outcome",
            Self::NonFinite => "non_finite",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The kinds of parts a result is stored in; the numbers are in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Statistics = 1,
    Metadata = 2,
    Forecast = 3,
    Failure = 4,
}

impl Kind {
    pub(crate) const fn number(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_number(number: i64) -> Option<Self> {
        [Self::Statistics, Self::Metadata, Self::Forecast, Self::Failure]
            .into_iter()
            .find(|kind| kind.number() == number)
    }
}

/// A part of a series result: the message with this part alone, without run, series and time, which have columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    /// 0 = it has no window of its own.
    pub(crate) window_ms: i64,
    pub(crate) content: SeriesResult,
}

/// A fact about a series, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeriesFact {
    pub(crate) run_id: String,
    pub(crate) series_id: SeriesId,
    pub(crate) series: Series,
    pub(crate) as_of_ms: i64,
    pub(crate) failed: bool,
    pub(crate) read: Option<ReadShare>,
    pub(crate) parts: Vec<Part>,
}

/// A producer's closing word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FinishedFact {
    pub(crate) run_id: String,
    pub(crate) expected: u32,
    pub(crate) finished_ms: i64,
    pub(crate) cancelled: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    Series(Box<SeriesFact>),
    Finished(FinishedFact),
}

impl Fact {
    pub(crate) fn run_id(&self) -> &str {
        match self {
            Self::Series(fact) => &fact.run_id,
            Self::Finished(fact) => &fact.run_id,
        }
    }
}

/// Reads one record.
pub(crate) fn read(body: &[u8]) -> Result<Fact, Rejection> {
    if body.is_empty() {
        return Err(Rejection::Empty);
    }
    if body.len() > MAX_RECORD_BYTES {
        return Err(Rejection::Oversize);
    }
    let record = Record::decode(body).map_err(|_| Rejection::Undecodable)?;
    if record.schema != RECORD_SCHEMA {
        return Err(Rejection::UnknownSchema);
    }
    match record.fact.ok_or(Rejection::NoFact)? {
        record::Fact::SeriesResult(result) => series_fact(result).map(|fact| Fact::Series(Box::new(fact))),
        record::Fact::RunFinished(finished) => finished_fact(finished).map(Fact::Finished),
    }
}

fn finished_fact(finished: RunFinished) -> Result<FinishedFact, Rejection> {
    let RunFinished {
        run_id,
        expected,
        finished,
        cancelled,
    } = finished;
    Ok(FinishedFact {
        run_id: checked_run_id(run_id)?,
        expected,
        finished_ms: time(finished.as_ref())?,
        cancelled,
    })
}

fn series_fact(result: SeriesResult) -> Result<SeriesFact, Rejection> {
    let SeriesResult {
        run_id,
        series,
        as_of,
        outcome,
        timings,
        read,
    } = result;
    let run_id = checked_run_id(run_id)?;
    let series = series.ok_or(Rejection::BadSeries)?;
    let series_id = convert::series_id(&series).ok_or(Rejection::BadSeries)?;
    let as_of_ms = time(as_of.as_ref())?;
    if timings.iter().any(|timing| !timing.ms.is_finite()) {
        return Err(Rejection::NonFinite);
    }
    let outcome = outcome.ok_or(Rejection::NoOutcome)?;
    let failed = matches!(outcome, series_result::Outcome::Failure(_));
    let mut parts = match outcome {
        series_result::Outcome::Analysis(analysis) => analysis_parts(analysis)?,
        series_result::Outcome::Failure(failure) => vec![failure_part(failure)],
    };
    // Step times belong to the record, not to a part; the first part carries them.
    parts[0].content.timings = timings;
    Ok(SeriesFact {
        run_id,
        series_id,
        series,
        as_of_ms,
        failed,
        read,
        parts,
    })
}

fn part(kind: Kind, window_ms: i64, outcome: series_result::Outcome) -> Part {
    Part {
        kind,
        window_ms,
        content: SeriesResult {
            outcome: Some(outcome),
            ..SeriesResult::default()
        },
    }
}

fn failure_part(failure: Failure) -> Part {
    part(Kind::Failure, 0, series_result::Outcome::Failure(failure))
}

/// At least one part: an analysis without metadata and forecast is one of statistics, even with no window at all.
fn analysis_parts(analysis: Analysis) -> Result<Vec<Part>, Rejection> {
    let Analysis {
        windows,
        rate,
        metadata,
        forecast,
        spacing_ms,
        last,
        last_rate,
        more_metadata,
    } = analysis;
    let rates = rate.iter().flat_map(|rate| &rate.windows);
    if !windows.iter().chain(rates).all(statistics_are_finite)
        || !metadata.iter().chain(&more_metadata).all(metadata_is_finite)
        || !forecast.as_ref().is_none_or(forecast_is_finite)
    {
        return Err(Rejection::NonFinite);
    }
    let mut parts = Vec::with_capacity(3);
    let has_statistics =
        !windows.is_empty() || rate.is_some() || spacing_ms != 0 || last.is_some() || last_rate.is_some();
    if has_statistics || (metadata.is_none() && forecast.is_none()) {
        let statistics = Analysis {
            windows,
            rate,
            spacing_ms,
            last,
            last_rate,
            ..Analysis::default()
        };
        parts.push(part(Kind::Statistics, 0, series_result::Outcome::Analysis(statistics)));
    }
    if let Some(metadata) = metadata {
        let window_ms = metadata.window_ms;
        let only = Analysis {
            metadata: Some(metadata),
            more_metadata,
            ..Analysis::default()
        };
        parts.push(part(Kind::Metadata, window_ms, series_result::Outcome::Analysis(only)));
    }
    if let Some(forecast) = forecast {
        let only = Analysis {
            forecast: Some(forecast),
            ..Analysis::default()
        };
        parts.push(part(Kind::Forecast, 0, series_result::Outcome::Analysis(only)));
    }
    Ok(parts)
}

fn checked_run_id(run_id: String) -> Result<String, Rejection> {
    if run_id.is_empty() || run_id.len() > MAX_RUN_ID_BYTES {
        Err(Rejection::BadRunId)
    } else {
        Ok(run_id)
    }
}

fn time(timestamp: Option<&Timestamp>) -> Result<i64, Rejection> {
    let ms = convert::millis(timestamp.ok_or(Rejection::BadTime)?);
    if (-MAX_TIME_MS..=MAX_TIME_MS).contains(&ms) {
        Ok(ms)
    } else {
        Err(Rejection::BadTime)
    }
}

/// The newest sample (`last`) may be NaN, as samples are; what was computed may not.
fn statistics_are_finite(window: &WindowStatistics) -> bool {
    [
        window.mean,
        window.min,
        window.max,
        window.std,
        window.median,
        window.p95,
        window.p99,
    ]
    .into_iter()
    .flatten()
    .all(f64::is_finite)
}

fn metadata_is_finite(metadata: &Metadata) -> bool {
    let stationarity = metadata.stationarity.iter().flat_map(|test| {
        [
            test.statistic,
            test.p_value,
            test.critical_1,
            test.critical_5,
            test.critical_10,
        ]
    });
    let autocorrelation = metadata
        .autocorrelation
        .iter()
        .flat_map(|correlation| correlation.acf.iter().chain(&correlation.band))
        .copied();
    let seasonality = metadata
        .seasonality
        .iter()
        .flat_map(|season| std::iter::once(season.strength).chain(season.pattern.iter().copied()));
    stationarity
        .chain(autocorrelation)
        .chain(seasonality)
        .all(f64::is_finite)
}

fn forecast_is_finite(forecast: &Forecast) -> bool {
    [&forecast.mean, &forecast.max, &forecast.min]
        .into_iter()
        .flatten()
        .all(|line| {
            line.sse.is_finite()
                && line.parameters.iter().all(|number| number.is_finite())
                && line
                    .points
                    .iter()
                    .all(|point| [point.value, point.low, point.high].into_iter().all(f64::is_finite))
        })
}

/// Puts parts of one series back together. Timings of several parts are joined.
pub(crate) fn merge(into: &mut SeriesResult, content: SeriesResult) {
    into.timings.extend(content.timings);
    match (&mut into.outcome, content.outcome) {
        (Some(series_result::Outcome::Analysis(have)), Some(series_result::Outcome::Analysis(more))) => {
            if !more.windows.is_empty() || more.rate.is_some() || more.spacing_ms != 0 || more.last.is_some() {
                have.windows = more.windows;
                have.rate = more.rate;
                have.spacing_ms = more.spacing_ms;
                have.last = more.last;
                have.last_rate = more.last_rate;
            }
            if more.metadata.is_some() {
                have.metadata = more.metadata;
                have.more_metadata = more.more_metadata;
            }
            if more.forecast.is_some() {
                have.forecast = more.forecast;
            }
        }
        (outcome, Some(more)) => *outcome = Some(more),
        (_, None) => {}
    }
}
