//! Sets as TOML: what `sla sets export` writes is what `sla sets apply` and an editor read back.
//!
//! ```toml
//! [[set]]
//! name = "web"
//!
//! [[set.objective]]
//! name = "Load"
//! query = "node_load1"
//! max = 4.0
//! ```
//!
//! Every mistake is an [`Invalid`] that names the line, the set and the objective. The rules of a set itself (bounds,
//! unknown queries, names that stand twice) are the service's: it checks them before anything is saved.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use sla_domain::unit::Kind;
use sla_domain::{Invalid, MissingPolicy, Query, Unit, duration, quantity};
use toml::Spanned;

use crate::convert;
use crate::objective::v1::{self as wire, AllowedRange, SlaSet};
use crate::series::v1::CounterMode;

/// The longest file that is read, bytes: 100 sets of 500 objectives fit.
pub const MAX_FILE_BYTES: usize = 16 << 20;
/// What a coverage is measured in.
const SHARE: Unit = Unit {
    kind: Kind::Ratio,
    step: 1.0,
    per_second: false,
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    #[serde(default = "Vec::new")]
    set: Vec<FileSet<T>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSet<T> {
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    active: bool,
    /// Seen by its owner and by admins alone.
    #[serde(default, skip_serializing_if = "is_no")]
    private: bool,
    #[serde(default = "Vec::new")]
    objective: Vec<T>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileObjective {
    /// Only in an editor's copy: an objective that keeps its id keeps its history, whatever else changes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    id: String,
    /// Without one the service takes the query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    query: String,
    /// The metric source that is asked, where it is not the default one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warn_below: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warn_above: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
    /// "rate" or "raw"; absent: by the kind of the series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate_over: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    /// Percent as a text or a number; `target_percent` is its name in JSON.
    #[serde(
        default,
        alias = "target_percent",
        deserialize_with = "decimal",
        skip_serializing_if = "String::is_empty"
    )]
    target: String,
    /// A share of 1, or percent as a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coverage_floor: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_duration: Option<String>,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    forecast: bool,
    /// How far ahead; absent: as far as the instance looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    horizon: Option<String>,
    #[serde(default, skip_serializing_if = "is_no")]
    suggested: bool,
}

/// A number as people write it: as one, or as a text with a prefix or a unit such as `"6GiB"` or `"250ms"`.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNumber)
    }
}

/// Takes whole numbers of any length: a value is a number with a point in any case.
struct AnyNumber;

impl Visitor<'_> for AnyNumber {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number such as 4.0, or a text such as \"6GiB\", \"10%\" or \"250ms\"")
    }

    fn visit_i64<E>(self, number: i64) -> Result<Written, E> {
        Ok(Written::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Written, E> {
        Ok(Written::Number(number as f64))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Written, E> {
        Ok(Written::Number(number as f64))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Written, E> {
        Ok(Written::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Written, E> {
        Ok(Written::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Written, E> {
        Ok(Written::Text(text.to_owned()))
    }
}

impl Written {
    /// As a number where TOML writes its digits short, else as a text: `1e300`, not three hundred zeros.
    fn of(value: f64) -> Self {
        let text = quantity::bare(value);
        if text.contains('e') {
            Self::Text(text)
        } else {
            Self::Number(value)
        }
    }

    /// In the unit of the values.
    fn read(&self, field: &str, unit: Unit) -> Result<f64, Invalid> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => quantity::parse(text, unit).map_err(|invalid| Invalid {
                field: field.to_owned(),
                ..invalid
            }),
        }
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_yes(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_no(value: &bool) -> bool {
    !*value
}

/// A decimal as it was written: `"99.9"`, `99.9` and `99` are one thing to people.
fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        Written::Number(number) => quantity::bare(number),
    })
}

/// Sets as TOML text, for a file that another instance may read: without ids.
pub fn write(sets: &[SlaSet]) -> String {
    written(sets, false)
}

/// One set as TOML text for an editor: objectives keep their ids, so that a changed name is a new name and not a new
/// objective.
pub fn write_for_editor(set: &SlaSet) -> String {
    written(std::slice::from_ref(set), true)
}

fn written(sets: &[SlaSet], ids: bool) -> String {
    let file = File {
        set: sets.iter().map(|set| file_set(set, ids)).collect(),
    };
    // Texts, numbers and flags in tables: there is nothing in it that TOML has no form for.
    toml::to_string_pretty(&file).unwrap_or_default()
}

/// Sets from TOML text; `name` is what the file is called in a complaint. At least one set is in the answer, none has an
/// id or a version, and objectives have the ids the text gives them.
pub fn read(text: &str, name: &str) -> Result<Vec<SlaSet>, Invalid> {
    if text.len() > MAX_FILE_BYTES {
        let rule = format!("has {} bytes, at most {MAX_FILE_BYTES} are read", text.len());
        return Err(Invalid::new("file", name, rule, "split it"));
    }
    let file: File<Spanned<FileObjective>> = toml::from_str(text).map_err(|error| syntax(text, name, &error))?;
    if file.set.is_empty() {
        let fix = "begin each with [[set]], its objectives with [[set.objective]]";
        return Err(Invalid::new("file", name, "names no set", fix));
    }
    file.set.into_iter().map(|set| wired_set(set, text)).collect()
}

/// A line of what TOML itself refuses, and that line.
fn syntax(text: &str, name: &str, error: &toml::de::Error) -> Invalid {
    let fix = "see `sla sets export` for the form";
    let Some(span) = error.span() else {
        return Invalid::new(name, "", error.message(), fix);
    };
    let (line, column) = position(text, span.start);
    let given = text.lines().nth(line - 1).unwrap_or("").trim();
    let place = format!("{name} line {line} column {column}");
    if error.message().contains("number overflowed")
        && let Some((key, value)) = given.split_once('=')
    {
        let place = format!("{place}, {}", key.trim());
        let rule = "has more digits than any number that is kept";
        return Invalid::new(place, value.trim(), rule, "write it with an exponent, such as 1e40");
    }
    Invalid::new(place, given, error.message(), fix)
}

/// Line and column of a byte, both from 1, the column in characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

fn file_set(set: &SlaSet, ids: bool) -> FileSet<FileObjective> {
    let objective = |objective: &wire::Objective| FileObjective {
        id: if ids { objective.id.clone() } else { String::new() },
        ..file_objective(objective)
    };
    FileSet {
        name: set.name.clone(),
        description: set.description.clone(),
        active: set.active,
        private: set.private,
        objective: set.objectives.iter().map(objective).collect(),
    }
}

fn file_objective(objective: &wire::Objective) -> FileObjective {
    let range = objective.range.unwrap_or_default();
    let query = objective.query.clone().unwrap_or_default();
    let missing = convert::missing(objective);
    let span = |ms: i64| (ms != 0).then(|| duration::format_ms(ms));
    FileObjective {
        id: String::new(),
        name: objective.name.clone(),
        query: convert::query_text(&query).to_owned(),
        source: query.source.clone(),
        min: range.min.map(Written::of),
        max: range.max.map(Written::of),
        warn_below: range.warn_below.map(Written::of),
        warn_above: range.warn_above.map(Written::of),
        missing: (missing != MissingPolicy::Gap).then(|| missing.to_string()),
        counter: match objective.counter_mode() {
            CounterMode::Raw => Some("raw".to_owned()),
            CounterMode::Rate => Some("rate".to_owned()),
            CounterMode::Auto | CounterMode::Unspecified => None,
        },
        rate_over: span(objective.rate_over_ms),
        step: span(query.step_ms),
        target: objective.target_percent.clone(),
        coverage_floor: objective
            .coverage_floor
            .filter(|&floor| floor != sla_domain::Objective::DEFAULT_COVERAGE_FLOOR)
            .map(Written::of),
        min_duration: span(objective.min_duration_ms),
        forecast: !objective.no_forecast,
        horizon: span(objective.horizon_ms),
        suggested: objective.suggested,
    }
}

fn wired_set(set: FileSet<Spanned<FileObjective>>, text: &str) -> Result<SlaSet, Invalid> {
    let name = set.name;
    let mut objectives = Vec::with_capacity(set.objective.len());
    for spanned in set.objective {
        let (line, _) = position(text, spanned.span().start);
        let objective = spanned.into_inner();
        let called = if objective.name.is_empty() {
            objective.query.clone()
        } else {
            objective.name.clone()
        };
        objectives.push(wired_objective(objective).map_err(|mut invalid| {
            // People look for the line, then for the key in it.
            invalid.field = format!("set {name:?}, objective {called:?} (line {line}), {}", invalid.field);
            invalid
        })?);
    }
    Ok(SlaSet {
        name,
        description: set.description,
        active: set.active,
        private: set.private,
        objectives,
        ..SlaSet::default()
    })
}

fn wired_objective(objective: FileObjective) -> Result<wire::Objective, Invalid> {
    let query = Query::parse(&objective.query).map_err(|error| error.into_invalid("query", &objective.query))?;
    let policy: MissingPolicy = objective.missing.as_deref().unwrap_or("gap").parse()?;
    let (missing, hold_max_ms) = convert::missing_message(policy);
    let counter_mode = match objective.counter.as_deref() {
        // By the kind of the series: the rate of counters, the value of all else.
        None => CounterMode::Auto,
        Some("rate") => CounterMode::Rate,
        Some("raw") => CounterMode::Raw,
        Some(other) => {
            return Err(Invalid::new(
                "counter",
                other,
                "is no way to read a counter",
                "give rate or raw",
            ));
        }
    };
    let unit = query.bound_unit(counter_mode == CounterMode::Raw);
    let bound = |field: &str, bound: Option<&Written>| bound.map(|bound| bound.read(field, unit)).transpose();
    let span = |field: &str, text: Option<&str>| match text {
        None => Ok(0),
        Some(text) => duration::parse_ms(text).map_err(|invalid| Invalid {
            field: field.to_owned(),
            ..invalid
        }),
    };
    Ok(wire::Objective {
        id: objective.id,
        name: objective.name,
        query: Some(crate::series::v1::Query {
            source: objective.source,
            ..convert::query_message(&query, span("step", objective.step.as_deref())?)
        }),
        range: Some(AllowedRange {
            min: bound("min", objective.min.as_ref())?,
            max: bound("max", objective.max.as_ref())?,
            warn_below: bound("warn_below", objective.warn_below.as_ref())?,
            warn_above: bound("warn_above", objective.warn_above.as_ref())?,
        }),
        missing: missing.into(),
        hold_max_ms,
        counter_mode: counter_mode.into(),
        rate_over_ms: span("rate_over", objective.rate_over.as_deref())?,
        target_percent: objective.target,
        coverage_floor: objective
            .coverage_floor
            .map(|floor| floor.read("coverage_floor", SHARE))
            .transpose()?,
        min_duration_ms: span("min_duration", objective.min_duration.as_deref())?,
        suggested: objective.suggested,
        no_forecast: !objective.forecast,
        horizon_ms: span("horizon", objective.horizon.as_deref())?,
        generation: 0,
    })
}

#[cfg(test)]
mod tests;
