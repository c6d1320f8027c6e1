//! Sets, states, violations, outlooks.

use serde_json::{Map, Value, json};
use sla_proto::convert;
use sla_proto::objective::v1::{Objective, SlaSet};
use sla_proto::series::v1::CounterMode;
use sla_proto::violation::v1::{
    ObjectiveStatus, Outlook, SeriesStatus, Side, State, TrackRecord, Trust, Violation, WindowResult,
};

use super::{labels, point, seconds, time, window_key};

/// The word of a state.
pub(crate) fn state_word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::AtRisk => "at_risk",
        State::Violated => "violated",
        State::Excluded => "excluded",
        State::NoData | State::Unspecified => "no_data",
    }
}

fn side_json(side: Side) -> Value {
    match side {
        Side::Unspecified => Value::Null,
        known => json!(side_word(known)),
    }
}

/// The word of a side.
pub(crate) fn side_word(side: Side) -> &'static str {
    match side {
        Side::Below => "below",
        Side::Above | Side::Unspecified => "above",
    }
}

/// An objective.
pub(crate) fn objective(objective: &Objective) -> Value {
    let range = objective.range.unwrap_or_default();
    let query = objective.query.as_ref();
    json!({
        "id": objective.id,
        "name": objective.name,
        "query": query.map(convert::query_text),
        "min": range.min,
        "max": range.max,
        "warn_below": range.warn_below,
        "warn_above": range.warn_above,
        "missing": convert::missing(objective).to_string(),
        "counter": match objective.counter_mode() {
            CounterMode::Raw => "raw",
            CounterMode::Rate => "rate",
            CounterMode::Auto | CounterMode::Unspecified => "auto",
        },
        "target_percent": if objective.target_percent.is_empty() { Value::Null } else { json!(objective.target_percent) },
        "coverage_floor": objective.coverage_floor,
        "suggested": objective.suggested,
        "forecast": !objective.no_forecast,
        "generation": objective.generation,
    })
}

/// A set with its objectives.
pub(crate) fn set(set: &SlaSet) -> Value {
    json!({
        "id": set.id,
        "name": set.name,
        "description": set.description,
        "version": set.version,
        "author": set.author,
        "owner": super::word(&set.owner),
        "private": set.private,
        "updated": time(set.updated.as_ref()),
        "active": set.active,
        "objectives": set.objectives.iter().map(objective).collect::<Vec<_>>(),
    })
}

/// An objective with its state, windows and series.
pub(crate) fn objective_status(status: &ObjectiveStatus) -> Value {
    json!({
        "set": status.set_name,
        "set_id": status.set_id,
        "objective": status.objective.as_ref().map(objective),
        "state": state_word(status.state()),
        "why": status.why,
        "windows": windows(&status.windows),
        "series": status.series.iter().map(series_status).collect::<Vec<_>>(),
        "series_seen": status.series_seen,
        "series_known": status.series_known,
        "outlook": status.outlook.as_ref().map(outlook),
        "evaluated": time(status.evaluated.as_ref()),
        "problem": if status.problem.is_empty() { Value::Null } else { json!(status.problem) },
    })
}

fn series_status(series: &SeriesStatus) -> Value {
    json!({
        "labels": labels(series.series.as_ref()),
        "state": state_word(series.state()),
        "why": series.why,
        "last": point(series.last.as_ref()),
        "rate": series.rate,
        "cap_s": seconds(series.cap_ms),
        "windows": windows(&series.windows),
        "open": series.open.as_ref().map(violation),
        "outlook": series.outlook.as_ref().map(outlook),
    })
}

fn windows(list: &[WindowResult]) -> Value {
    let mut object = Map::new();
    for window in list {
        let figures = json!({
            "violations": window.violations,
            "violated_s": seconds(window.violated_ms),
            "covered_s": seconds(window.covered_ms),
            "unknown_s": seconds(window.unknown_ms),
            "bad_s": seconds(window.bad_ms),
            "judged_s": seconds(window.judged_ms),
            "coverage": window.coverage,
            "samples": window.samples,
            "samples_violating": window.samples_violating,
            "samples_nan": window.samples_nan,
            "percent_good": window.percent_good,
            "worst": window.worst,
        });
        object.insert(window_key(window.window_ms), figures);
    }
    Value::Object(object)
}

/// A stored violation.
pub(crate) fn violation(violation: &Violation) -> Value {
    json!({
        "set_id": violation.set_id,
        "objective_id": violation.objective_id,
        "generation": violation.generation,
        "labels": labels(violation.series.as_ref()),
        "start": time(violation.start.as_ref()),
        "end": time(violation.end.as_ref()),
        "open": violation.end.is_none(),
        "side": side_json(violation.side()),
        "worst": violation.worst,
        "excess": violation.excess,
        "bound": violation.bound,
        "samples": violation.samples,
        "duration_s": seconds(violation.duration_ms),
        "retired": violation.retired,
    })
}

/// What is expected of a series.
pub(crate) fn outlook(outlook: &Outlook) -> Value {
    let fan: Vec<_> = outlook
        .fan
        .iter()
        .map(|point| {
            json!({
                "time": time(point.time.as_ref()),
                "median": point.median,
                "50": [point.low_50, point.high_50],
                "80": [point.low_80, point.high_80],
                "95": [point.low_95, point.high_95],
            })
        })
        .collect();
    let outside: Vec<_> = outlook
        .predicted_outside
        .iter()
        .map(
            |point| json!({ "time": time(point.time.as_ref()), "value": point.value, "side": side_json(point.side()) }),
        )
        .collect();
    json!({
        "horizon_s": outlook.horizon.as_ref().map(|horizon| seconds(convert::duration_ms(horizon))),
        "probability": outlook.probability,
        "first_crossing": time(outlook.first_crossing.as_ref()),
        "value_at_end": outlook.value_at_end,
        "method": outlook.method,
        "low_confidence": outlook.low_confidence,
        "track_record": outlook.track_record.as_ref().map(track_record),
        "problem": if outlook.problem.is_empty() { Value::Null } else { json!(outlook.problem) },
        "made": time(outlook.made.as_ref()),
        "fan": fan,
        "predicted_outside": outside,
        "predicted_violations": outlook.predicted_violations,
    })
}

fn track_record(record: &TrackRecord) -> Value {
    json!({
        "trust": match record.trust() {
            Trust::Proven => "proven",
            Trust::Withheld => "withheld",
            Trust::Unproven | Trust::Unspecified => "unproven",
        },
        "scored": record.scored,
        "violations": record.violations,
        "right": record.right,
        "brier": record.brier,
        "brier_last_value": record.brier_last_value,
        "brier_base_rate": record.brier_base_rate,
        "brier_arima": record.brier_arima,
        "coverage_95": record.coverage_95,
        "text": record.text,
    })
}
