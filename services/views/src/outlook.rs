//! What is expected.

use schemars::JsonSchema;
use serde::Serialize;
use sla_proto::violation::v1 as wire;

use crate::objective::Objective;
use crate::series::{Labels, Point, labels};
use crate::value::{Seconds, Time, time, word};
use crate::word::{side, state_word};

/// What is expected of a series.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Outlook {
    /// How far ahead.
    pub horizon_s: Option<Seconds>,
    /// That the range is left within the horizon; null when withheld or unknown.
    pub probability: Option<f64>,
    /// Median of the first crossing.
    pub first_crossing: Option<Time>,
    /// Expected at the end of the horizon.
    pub value_at_end: Option<f64>,
    /// What ARIMA(1,1,1) says to the same question; null where it cannot be fitted.
    pub arima_probability: Option<f64>,
    /// Which forecasters.
    pub method: String,
    /// Under an hour of history: no two digits.
    pub low_confidence: bool,
    /// How earlier forecasts did.
    pub track_record: Option<TrackRecord>,
    /// Why there is none.
    pub problem: Option<String>,
    /// The kind of `problem`: `no_history`, `silent`, `history_too_short`, `too_many_series` or `refused`.
    pub no_outlook: Option<&'static str>,
    /// What whoever the samples are from foretells; null where nothing, or not the whole horizon.
    pub provider: Option<ProviderOutlook>,
    /// When it was made.
    pub made: Option<Time>,
    /// Quantile bands.
    pub fan: Vec<FanPoint>,
    /// Classic forecast points outside the range.
    pub predicted_outside: Vec<PredictedPoint>,
    /// Points outside in a row, on one side, are one; null without a classic forecast.
    pub predicted_violations: Option<u32>,
}

/// Bands at one time.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FanPoint {
    /// When.
    pub time: Option<Time>,
    /// As likely below as above.
    pub median: f64,
    /// Low and high of the 50 % band.
    #[serde(rename = "50")]
    pub band_50: [f64; 2],
    /// Low and high of the 80 % band.
    #[serde(rename = "80")]
    pub band_80: [f64; 2],
    /// Low and high of the 95 % band.
    #[serde(rename = "95")]
    pub band_95: [f64; 2],
}

/// A classic forecast point outside the range.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PredictedPoint {
    /// When.
    pub time: Option<Time>,
    /// Expected then.
    pub value: f64,
    /// `above` or `below`.
    pub side: Option<&'static str>,
}

impl From<&wire::Outlook> for Outlook {
    fn from(outlook: &wire::Outlook) -> Self {
        let fan = outlook.fan.iter().map(|point| FanPoint {
            time: time(point.time.as_ref()),
            median: point.median,
            band_50: [point.low_50, point.high_50],
            band_80: [point.low_80, point.high_80],
            band_95: [point.low_95, point.high_95],
        });
        let outside = outlook.predicted_outside.iter().map(|point| PredictedPoint {
            time: time(point.time.as_ref()),
            value: point.value,
            side: side(point.side()),
        });
        Self {
            horizon_s: Seconds::of(outlook.horizon.as_ref()),
            probability: outlook.probability,
            first_crossing: time(outlook.first_crossing.as_ref()),
            value_at_end: outlook.value_at_end,
            arima_probability: outlook.arima_probability,
            method: outlook.method.clone(),
            low_confidence: outlook.low_confidence,
            track_record: outlook.track_record.as_ref().map(TrackRecord::from),
            problem: word(&outlook.problem),
            no_outlook: no_outlook(outlook.no_outlook()),
            provider: outlook.provider.as_ref().map(ProviderOutlook::from),
            made: time(outlook.made.as_ref()),
            fan: fan.collect(),
            predicted_outside: outside.collect(),
            predicted_violations: outlook.predicted_violations,
        }
    }
}

/// A course that a provider foretells; it says no probability.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProviderOutlook {
    /// Who.
    pub name: String,
    /// Whether it leaves the range within the horizon.
    pub leaves: bool,
    /// When it does first.
    pub first: Option<Time>,
    /// The value then.
    pub value: Option<f64>,
    /// When it was made.
    pub made: Option<Time>,
}

impl From<&wire::ProviderOutlook> for ProviderOutlook {
    fn from(outlook: &wire::ProviderOutlook) -> Self {
        Self {
            name: outlook.name.clone(),
            leaves: outlook.leaves,
            first: time(outlook.first.as_ref()),
            value: outlook.value,
            made: time(outlook.made.as_ref()),
        }
    }
}

fn no_outlook(kind: wire::NoOutlook) -> Option<&'static str> {
    Some(match kind {
        wire::NoOutlook::Unspecified => return None,
        wire::NoOutlook::NoHistory => "no_history",
        wire::NoOutlook::Silent => "silent",
        wire::NoOutlook::HistoryTooShort => "history_too_short",
        wire::NoOutlook::TooManySeries => "too_many_series",
        wire::NoOutlook::Refused => "refused",
    })
}

/// How earlier forecasts did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TrackRecord {
    /// `proven`, `unproven` or `withheld`.
    pub trust: &'static str,
    /// Forecasts whose outcome is known.
    pub scored: u32,
    /// Of these, did leave.
    pub violations: u32,
    /// Said 50 % or more and left, or less and not left; *never* is right nearly always.
    pub right: u32,
    /// False: what hardly ever leaves its range is called right by whoever says "never"; compare `skill`.
    pub right_is_skill: bool,
    /// Share of the squared error of "as it is now" that was avoided; null where that made none.
    pub skill: Option<f64>,
    /// How many of `scored` were made in hindsight, over the stored history.
    pub hindsight: u32,
    /// Brier score.
    pub brier: Option<f64>,
    /// Brier score of "as it is now".
    pub brier_last_value: Option<f64>,
    /// Brier score of the base rate.
    pub brier_base_rate: Option<f64>,
    /// Brier score of ARIMA.
    pub brier_arima: Option<f64>,
    /// Of `scored`, those at which the provider of the samples had foretold a course.
    pub provider_scored: u32,
    /// Brier score of the provider there.
    pub brier_provider: Option<f64>,
    /// Brier score of ours at the same ones.
    pub brier_beside_provider: Option<f64>,
    /// Share of values inside the 95 % band.
    pub coverage_95: Option<f64>,
    /// A sentence.
    pub text: String,
}

fn skill(record: &wire::TrackRecord) -> Option<f64> {
    let (own, rival) = (record.brier?, record.brier_last_value?);
    (rival > 0.0).then(|| 1.0 - own / rival)
}

impl From<&wire::TrackRecord> for TrackRecord {
    fn from(record: &wire::TrackRecord) -> Self {
        Self {
            trust: match record.trust() {
                wire::Trust::Proven => "proven",
                wire::Trust::Withheld => "withheld",
                wire::Trust::Unproven | wire::Trust::Unspecified => "unproven",
            },
            scored: record.scored,
            violations: record.violations,
            right: record.right,
            right_is_skill: false,
            skill: skill(record),
            hindsight: record.hindsight,
            brier: record.brier,
            brier_last_value: record.brier_last_value,
            brier_base_rate: record.brier_base_rate,
            brier_arima: record.brier_arima,
            provider_scored: record.provider_scored,
            brier_provider: record.brier_provider,
            brier_beside_provider: record.brier_beside_provider,
            coverage_95: record.coverage_95,
            text: record.text.clone(),
        }
    }
}

/// What is expected of one series of an objective.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FutureRow {
    /// The set of the objective.
    pub set_id: String,
    /// The objective.
    pub objective: Option<Objective>,
    /// Of the series.
    pub labels: Labels,
    /// Now: `ok`, `at_risk`, `violated`, `no_data`, `excluded`.
    pub state: &'static str,
    /// Newest judged value.
    pub last: Option<Point>,
    /// What is expected.
    pub outlook: Option<Outlook>,
}

impl From<&wire::FutureRow> for FutureRow {
    fn from(row: &wire::FutureRow) -> Self {
        let series = row.series.clone().unwrap_or_default();
        Self {
            set_id: row.set_id.clone(),
            objective: row.objective.as_ref().map(Objective::from),
            labels: labels(series.series.as_ref()),
            state: state_word(series.state()),
            last: series.last.as_ref().map(Point::from),
            outlook: series.outlook.as_ref().map(Outlook::from),
        }
    }
}
