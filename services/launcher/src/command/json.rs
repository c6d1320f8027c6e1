//! From the contract's messages to the JSON that `docs/reference/json.md` promises. Times are RFC 3339 UTC, spans are
//! seconds as numbers; what is unknown is null or absent, never a made-up number and never NaN.

mod agreement;
mod analysis;
mod run;

use prost_types::Timestamp;
use serde_json::{Map, Value, json};
use sla_domain::instant;
use sla_proto::convert;
use sla_proto::series::v1::{Point, Series, SourceStatus};

pub(crate) use agreement::{objective, objective_status, outlook, set, side_word, state_word, violation};
pub(crate) use analysis::{forecast_summary, series_result};
pub(crate) use run::{run, run_state_word};

/// A time, or null.
pub(crate) fn time(timestamp: Option<&Timestamp>) -> Value {
    timestamp.map_or(Value::Null, |timestamp| {
        Value::from(instant::format_ms(convert::millis(timestamp)))
    })
}

/// Milliseconds as seconds: whole ones without a fraction.
pub(crate) fn seconds(ms: i64) -> Value {
    if ms % 1000 == 0 {
        json!(ms / 1000)
    } else {
        json!(ms as f64 / 1000.0)
    }
}

/// A window's length as its key: `1h`.
pub(crate) fn window_key(ms: i64) -> String {
    sla_domain::duration::format_ms(ms)
}

/// The labels of a series as an object, with `__name__`.
pub(crate) fn labels(series: Option<&Series>) -> Value {
    let mut object = Map::new();
    for label in series.map(|series| series.labels.as_slice()).unwrap_or_default() {
        object.insert(label.name.clone(), Value::from(label.value.clone()));
    }
    Value::Object(object)
}

/// A value at a time, or null.
pub(crate) fn point(point: Option<&Point>) -> Value {
    point.map_or(
        Value::Null,
        |point| json!({ "time": time(point.time.as_ref()), "value": point.value }),
    )
}

/// A word or sentence, null where there is none.
pub(crate) fn word(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

/// How the source did.
pub(crate) fn source(status: Option<&SourceStatus>) -> Value {
    let Some(status) = status else { return Value::Null };
    json!({
        "name": status.source,
        "address": status.address,
        "version": status.version,
        "way": status.way,
        "last_success": time(status.last_success.as_ref()),
        "problem": word(&status.problem),
        "cause": word(&status.problem_cause),
        "hint": word(&status.problem_hint),
        "redirect_to": word(&status.redirect_to),
        "clock_offset_s": status.clock_offset_ms.map(seconds),
        "clock_notice": word(&status.clock_notice),
        "demo": status.demo,
        "warnings": status.warnings,
    })
}
