//! States of objectives and series, and violations.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use sla_proto::violation::v1 as wire;

use crate::mark::Care;
use crate::objective::Objective;
use crate::outlook::Outlook;
use crate::series::{Labels, Point, Source, labels};
use crate::value::{Seconds, Time, by_window, time, word};
use crate::word::{reason_word, side, state_word};

/// A stored violation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Violation {
    /// The set of the objective.
    pub set_id: String,
    /// The objective.
    pub objective_id: String,
    /// Of the objective: grows with every change of query or bounds.
    pub generation: u32,
    /// Of the series.
    pub labels: Labels,
    /// When it began.
    pub start: Option<Time>,
    /// Null while it goes on.
    pub end: Option<Time>,
    /// It goes on.
    pub open: bool,
    /// `above` or `below`.
    pub side: Option<&'static str>,
    /// The worst value.
    pub worst: f64,
    /// Distance of the worst value to the bound.
    pub excess: f64,
    /// The bound that was broken.
    pub bound: f64,
    /// Violating samples.
    pub samples: u64,
    /// So far.
    pub duration_s: Seconds,
    /// Its objective was deleted, or its query or bounds were changed since; only with `--retired`.
    pub retired: bool,
}

impl From<&wire::Violation> for Violation {
    fn from(violation: &wire::Violation) -> Self {
        Self {
            set_id: violation.set_id.clone(),
            objective_id: violation.objective_id.clone(),
            generation: violation.generation,
            labels: labels(violation.series.as_ref()),
            start: time(violation.start.as_ref()),
            end: time(violation.end.as_ref()),
            open: violation.end.is_none(),
            side: side(violation.side()),
            worst: violation.worst,
            excess: violation.excess,
            bound: violation.bound,
            samples: violation.samples,
            duration_s: Seconds(violation.duration_ms),
            retired: violation.retired,
        }
    }
}

/// A sample outside the range of its objective.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ViolatingSample {
    /// The set of the objective.
    pub set_id: String,
    /// Name of the objective.
    pub objective: String,
    /// Of the series.
    pub labels: Labels,
    /// When it was measured.
    pub time: Option<Time>,
    /// What was measured.
    pub value: f64,
    /// `above` or `below`.
    pub side: Option<&'static str>,
}

impl ViolatingSample {
    /// One sample of a series that `status` is about.
    pub fn of(
        status: &wire::ObjectiveStatus,
        series: &wire::SeriesStatus,
        outside: wire::Side,
        (at, value): (&prost_types::Timestamp, f64),
    ) -> Self {
        let objective = status.objective.as_ref();
        Self {
            set_id: status.set_id.clone(),
            objective: objective.map(|objective| objective.name.clone()).unwrap_or_default(),
            labels: labels(series.series.as_ref()),
            time: time(Some(at)),
            value,
            side: side(outside),
        }
    }
}

/// What an objective or series did in one window.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WindowState {
    /// Intervals that touch the window.
    pub violations: u64,
    /// Time outside the range.
    pub violated_s: Seconds,
    /// Known time.
    pub covered_s: Seconds,
    /// Unknown time.
    pub unknown_s: Seconds,
    /// Judged bad, after the missing-data policy.
    pub bad_s: Seconds,
    /// Judged in all, after the missing-data policy.
    pub judged_s: Seconds,
    /// Known share, 0…1.
    pub coverage: f64,
    /// Samples in the window.
    pub samples: u64,
    /// Samples outside the range.
    pub samples_violating: u64,
    /// NaN and infinite samples that were skipped.
    pub samples_nan: u64,
    /// 100 (1 − bad / judged), null below the coverage floor.
    pub percent_good: Option<f64>,
    /// The worst value.
    pub worst: Option<f64>,
}

fn windows(list: &[wire::WindowResult]) -> BTreeMap<String, WindowState> {
    by_window(list, |window| {
        let state = WindowState {
            violations: window.violations,
            violated_s: Seconds(window.violated_ms),
            covered_s: Seconds(window.covered_ms),
            unknown_s: Seconds(window.unknown_ms),
            bad_s: Seconds(window.bad_ms),
            judged_s: Seconds(window.judged_ms),
            coverage: window.coverage,
            samples: window.samples,
            samples_violating: window.samples_violating,
            samples_nan: window.samples_nan,
            percent_good: window.percent_good,
            worst: window.worst,
        };
        (window.window_ms, state)
    })
}

/// What `why` says, for whoever words it himself.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Reason {
    /// `warning_bound`, `forecast`, `silent`, `not_finite`, `no_series`, `not_read`, `not_yet`.
    pub kind: &'static str,
    /// `above` or `below`: of the warning bound.
    pub side: Option<&'static str>,
    /// The newest sample of a silent series.
    pub newest: Option<Time>,
    /// Violated when last seen, since then.
    pub violated_since: Option<Time>,
    /// That the range is left within the horizon.
    pub probability: Option<f64>,
    /// How far ahead.
    pub horizon_s: Option<Seconds>,
    /// How far the instant lies in the future.
    pub ahead_s: Option<Seconds>,
    /// Of an objective with several series: what tells the one that is meant from the others.
    pub series: Option<String>,
}

impl From<&wire::Reason> for Reason {
    fn from(reason: &wire::Reason) -> Self {
        let kind = reason.kind();
        let of = |wanted: wire::ReasonKind| kind == wanted;
        Self {
            kind: reason_word(kind),
            side: of(wire::ReasonKind::WarningBound)
                .then(|| side(reason.side()))
                .flatten(),
            newest: time(reason.newest.as_ref()),
            violated_since: time(reason.violated_since.as_ref()),
            probability: of(wire::ReasonKind::Forecast).then_some(reason.probability),
            horizon_s: of(wire::ReasonKind::Forecast).then_some(Seconds(reason.horizon_ms)),
            ahead_s: of(wire::ReasonKind::NotYet).then_some(Seconds(reason.ahead_ms)),
            series: word(&reason.series),
        }
    }
}

/// One series of an objective.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SeriesStatus {
    /// Of the series.
    pub labels: Labels,
    /// `ok`, `at_risk`, `violated`, `no_data`, `excluded`.
    pub state: &'static str,
    /// Why it is at risk or has no data.
    pub why: String,
    /// The same as figures; null where there is no reason.
    pub reason: Option<Reason>,
    /// Newest judged value.
    pub last: Option<Point>,
    /// Judged as a per-second rate.
    pub rate: bool,
    /// How long a sample holds.
    pub cap_s: Seconds,
    /// By window.
    pub windows: BTreeMap<String, WindowState>,
    /// The violation that goes on.
    pub open: Option<Violation>,
    /// What is expected.
    pub outlook: Option<Outlook>,
}

impl From<&wire::SeriesStatus> for SeriesStatus {
    fn from(series: &wire::SeriesStatus) -> Self {
        Self {
            labels: labels(series.series.as_ref()),
            state: state_word(series.state()),
            why: series.why.clone(),
            reason: series.reason.as_ref().map(Reason::from),
            last: series.last.as_ref().map(Point::from),
            rate: series.rate,
            cap_s: Seconds(series.cap_ms),
            windows: windows(&series.windows),
            open: series.open.as_ref().map(Violation::from),
            outlook: series.outlook.as_ref().map(Outlook::from),
        }
    }
}

/// An objective with its state, windows and series.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ObjectiveStatus {
    /// Name of the set.
    pub set: String,
    /// The set of the objective.
    pub set_id: String,
    /// The objective.
    pub objective: Option<Objective>,
    /// `ok`, `at_risk`, `violated`, `no_data`, `excluded`.
    pub state: &'static str,
    /// Why it is at risk or has no data.
    pub why: String,
    /// The same as figures; null where there is no reason.
    pub reason: Option<Reason>,
    /// By window.
    pub windows: BTreeMap<String, WindowState>,
    /// Worst first, at most 200.
    pub series: Vec<SeriesStatus>,
    /// Series with data.
    pub series_seen: u32,
    /// Series ever seen.
    pub series_known: u32,
    /// Of the series that breaks first.
    pub outlook: Option<Outlook>,
    /// When it was judged.
    pub evaluated: Option<Time>,
    /// Why the query failed.
    pub problem: Option<String>,
}

impl From<&wire::ObjectiveStatus> for ObjectiveStatus {
    fn from(status: &wire::ObjectiveStatus) -> Self {
        Self {
            set: status.set_name.clone(),
            set_id: status.set_id.clone(),
            objective: status.objective.as_ref().map(Objective::from),
            state: state_word(status.state()),
            why: status.why.clone(),
            reason: status.reason.as_ref().map(Reason::from),
            windows: windows(&status.windows),
            series: status.series.iter().map(SeriesStatus::from).collect(),
            series_seen: status.series_seen,
            series_known: status.series_known,
            outlook: status.outlook.as_ref().map(Outlook::from),
            evaluated: time(status.evaluated.as_ref()),
            problem: word(&status.problem),
        }
    }
}

/// The state of a set now, as `sla check` says it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Check {
    /// The worst of all objectives: `violated`, `no_data`, `at_risk`, `ok`.
    pub state: &'static str,
    /// When it was judged.
    pub evaluated: Option<Time>,
    /// How the metric source does.
    pub source: Option<Source>,
    /// Worst first.
    pub objectives: Vec<ObjectiveStatus>,
    /// Who takes care of which of them, and what is silent; null for an instant of the past, and where nobody tells.
    pub marks: Option<Vec<Care>>,
}
