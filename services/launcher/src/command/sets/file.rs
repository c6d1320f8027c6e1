//! Sets as TOML: what `sla sets export` writes is what `sla sets apply` reads.

use color_eyre::eyre::{Report, WrapErr as _};
use serde::{Deserialize, Serialize};
use sla_domain::{Invalid, MissingPolicy, Query};
use sla_proto::convert;
use sla_proto::objective::v1::{self as wire, AllowedRange, SlaSet};
use sla_proto::series::v1::CounterMode;

use crate::config::Span;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    set: Vec<FileSet>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSet {
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    active: bool,
    #[serde(default)]
    objective: Vec<FileObjective>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileObjective {
    name: String,
    query: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warn_below: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warn_above: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
    /// "rate" or "raw".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate_over: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coverage_floor: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_duration: Option<Span>,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    forecast: bool,
    #[serde(default, skip_serializing_if = "is_no")]
    suggested: bool,
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

/// Sets as TOML text.
pub(super) fn write(sets: &[SlaSet]) -> Result<String, Report> {
    let file = File {
        set: sets.iter().map(file_set).collect(),
    };
    toml::to_string_pretty(&file).wrap_err("cannot write the sets as TOML")
}

/// Sets from TOML text; a mistake is named with line and column.
pub(super) fn read(text: &str, name: &str) -> Result<Vec<SlaSet>, Report> {
    let file: File = toml::from_str(text)
        .map_err(|error| Invalid::new("file", name, error.to_string(), "see `sla sets export` for the form"))?;
    if file.set.is_empty() {
        let fix = "begin each with [[set]], its objectives with [[set.objective]]";
        return Err(Invalid::new("file", name, "names no set", fix).into());
    }
    Ok(file
        .set
        .into_iter()
        .map(wired_set)
        .collect::<Result<Vec<_>, Invalid>>()?)
}

fn file_set(set: &SlaSet) -> FileSet {
    FileSet {
        name: set.name.clone(),
        description: set.description.clone(),
        active: set.active,
        objective: set.objectives.iter().map(file_objective).collect(),
    }
}

fn file_objective(objective: &wire::Objective) -> FileObjective {
    let range = objective.range.unwrap_or_default();
    let query = objective.query.clone().unwrap_or_default();
    let missing = match objective.missing() {
        wire::MissingPolicy::Gap | wire::MissingPolicy::Unspecified => None,
        wire::MissingPolicy::Good => Some(MissingPolicy::Good),
        wire::MissingPolicy::Bad => Some(MissingPolicy::Bad),
        wire::MissingPolicy::Zero => Some(MissingPolicy::Zero),
        wire::MissingPolicy::Hold => Some(MissingPolicy::Hold {
            max_ms: objective.hold_max_ms,
        }),
    };
    let span = |ms: i64| (ms != 0).then_some(Span(ms));
    FileObjective {
        name: objective.name.clone(),
        query: convert::query_text(&query).to_owned(),
        min: range.min,
        max: range.max,
        warn_below: range.warn_below,
        warn_above: range.warn_above,
        missing: missing.map(|policy| policy.to_string()),
        counter: match objective.counter_mode() {
            CounterMode::Raw => Some("raw".to_owned()),
            CounterMode::Rate => Some("rate".to_owned()),
            CounterMode::Auto | CounterMode::Unspecified => None,
        },
        rate_over: span(objective.rate_over_ms),
        step: span(query.step_ms),
        target: (!objective.target_percent.is_empty()).then(|| objective.target_percent.clone()),
        coverage_floor: objective
            .coverage_floor
            .filter(|&floor| floor != sla_domain::Objective::DEFAULT_COVERAGE_FLOOR),
        min_duration: span(objective.min_duration_ms),
        forecast: !objective.no_forecast,
        suggested: objective.suggested,
    }
}

fn wired_set(set: FileSet) -> Result<SlaSet, Invalid> {
    let name = set.name;
    let objectives = set
        .objective
        .into_iter()
        .enumerate()
        .map(|(at, objective)| {
            wired_objective(objective).map_err(|invalid| invalid.within(&format!("set {name:?} objective[{at}]")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(SlaSet {
        name,
        description: set.description,
        active: set.active,
        objectives,
        ..SlaSet::default()
    })
}

fn wired_objective(objective: FileObjective) -> Result<wire::Objective, Invalid> {
    let query = Query::parse(&objective.query).map_err(|error| error.into_invalid("query", &objective.query))?;
    let policy: MissingPolicy = objective.missing.as_deref().unwrap_or("gap").parse()?;
    let (missing, hold_max_ms) = match policy {
        MissingPolicy::Gap => (wire::MissingPolicy::Gap, 0),
        MissingPolicy::Good => (wire::MissingPolicy::Good, 0),
        MissingPolicy::Bad => (wire::MissingPolicy::Bad, 0),
        MissingPolicy::Zero => (wire::MissingPolicy::Zero, 0),
        MissingPolicy::Hold { max_ms } => (wire::MissingPolicy::Hold, max_ms),
    };
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
    Ok(wire::Objective {
        id: String::new(),
        name: objective.name,
        query: Some(convert::query_message(&query, objective.step.map_or(0, Span::ms))),
        range: Some(AllowedRange {
            min: objective.min,
            max: objective.max,
            warn_below: objective.warn_below,
            warn_above: objective.warn_above,
        }),
        missing: missing.into(),
        hold_max_ms,
        counter_mode: counter_mode.into(),
        rate_over_ms: objective.rate_over.map_or(0, Span::ms),
        target_percent: objective.target.unwrap_or_default(),
        coverage_floor: objective.coverage_floor,
        min_duration_ms: objective.min_duration.map_or(0, Span::ms),
        suggested: objective.suggested,
        no_forecast: !objective.forecast,
        generation: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [[set]]
        name = "web"
        [[set.objective]]
        name = "load"
        query = "node_load1{job=\"node\"}"
        max = 4.0
        missing = "hold(10m)"
        target = "99.9"
    "#;

    #[test]
    fn what_is_written_is_what_is_read() {
        let sets = read(TEXT, "web.toml").unwrap();
        let again = read(&write(&sets).unwrap(), "web.toml").unwrap();
        assert_eq!(sets, again);
        assert_eq!(sets[0].objectives[0].hold_max_ms, 600_000);
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        let error = read("[[set]]\nname = 3\n", "web.toml").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        let error = read(&TEXT.replace("hold(10m)", "perhaps"), "web.toml").unwrap_err();
        assert!(error.to_string().contains("objective[0].missing"), "{error}");
    }
}
