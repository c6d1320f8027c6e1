//! Objectives and sets. A message that breaks a rule gives every problem with its field, so that nothing is saved by halves.

use sla_domain::objective::{CounterMode, MissingPolicy, Objective, ObjectiveId};
use sla_domain::range::AllowedRange;
use sla_domain::set::{SetId, SlaSet};
use sla_domain::{Invalid, Query, Target};

use super::time::{millis, timestamp};
use crate::objective::v1 as wire;
use crate::series::v1 as series;

/// The id a new objective or set carries until the server has given it one.
pub const NEW_ID: &str = "new";

/// A query message as a query. Whether it is a selector or an expression is decided by its text.
pub fn query(message: Option<&series::Query>) -> Result<Query, Invalid> {
    let text = message.map_or("", super::query_text);
    Query::parse(text).map_err(|error| error.into_invalid("query", text))
}

/// A query as a message; `step_ms` matters for expressions only.
pub fn query_message(query: &Query, step_ms: i64) -> series::Query {
    let text = query.text().to_owned();
    series::Query {
        query: Some(match query {
            Query::Selector(_) => series::query::Query::Selector(text),
            Query::Expression(_) => series::query::Query::Expression(text),
        }),
        step_ms: if query.is_selector() { 0 } else { step_ms },
        source: String::new(),
    }
}

/// A range message as a range.
pub fn range(message: Option<&wire::AllowedRange>) -> Result<AllowedRange, Invalid> {
    let given = message.copied().unwrap_or_default();
    AllowedRange::new(given.min, given.max)
        .and_then(|range| range.with_warning(given.warn_below, given.warn_above))
        .map_err(|error| Invalid::from(error).within("range"))
}

/// A range as a message.
pub fn range_message(range: &AllowedRange) -> wire::AllowedRange {
    wire::AllowedRange {
        min: range.min(),
        max: range.max(),
        warn_below: range.warn_min(),
        warn_above: range.warn_max(),
    }
}

/// What unknown time counts as for an objective message.
pub fn missing(message: &wire::Objective) -> MissingPolicy {
    match message.missing() {
        wire::MissingPolicy::Good => MissingPolicy::Good,
        wire::MissingPolicy::Bad => MissingPolicy::Bad,
        wire::MissingPolicy::Zero => MissingPolicy::Zero,
        wire::MissingPolicy::Hold => MissingPolicy::Hold {
            max_ms: message.hold_max_ms,
        },
        wire::MissingPolicy::Gap | wire::MissingPolicy::Unspecified => MissingPolicy::Gap,
    }
}

/// A policy for unknown time as the two fields of an objective message: the policy and `hold_max_ms`.
pub fn missing_message(policy: MissingPolicy) -> (wire::MissingPolicy, i64) {
    match policy {
        MissingPolicy::Gap => (wire::MissingPolicy::Gap, 0),
        MissingPolicy::Good => (wire::MissingPolicy::Good, 0),
        MissingPolicy::Bad => (wire::MissingPolicy::Bad, 0),
        MissingPolicy::Zero => (wire::MissingPolicy::Zero, 0),
        MissingPolicy::Hold { max_ms } => (wire::MissingPolicy::Hold, max_ms),
    }
}

/// An objective message as an objective, or everything that is wrong with it. An empty id becomes [`NEW_ID`], an empty
/// name the query's text, a missing generation 1.
pub fn objective(message: &wire::Objective) -> Result<Objective, Vec<Invalid>> {
    let mut found = Vec::new();
    let mut keep = |invalid: Invalid| found.push(invalid);
    let id = if message.id.is_empty() { NEW_ID } else { &message.id };
    let id = ObjectiveId::new(id).map_err(&mut keep).ok();
    let query = query(message.query.as_ref()).map_err(&mut keep).ok();
    let range = range(message.range.as_ref()).map_err(&mut keep).ok();
    let target = match message.target_percent.trim() {
        "" => Some(None),
        text => Target::parse(text).map(Some).map_err(&mut keep).ok(),
    };
    let (Some(id), Some(query), Some(range), Some(target)) = (id, query, range, target) else {
        return Err(found);
    };
    let name = if message.name.trim().is_empty() {
        default_name(&query)
    } else {
        message.name.trim().to_owned()
    };
    let mut objective = Objective::new(id, name, query, range);
    objective.source = message
        .query
        .as_ref()
        .map(|query| query.source.clone())
        .unwrap_or_default();
    objective.target = target;
    objective.missing = missing(message);
    objective.counter = match message.counter_mode() {
        series::CounterMode::Raw => CounterMode::Raw,
        _ => CounterMode::Rate {
            over_ms: (message.rate_over_ms != 0).then_some(message.rate_over_ms),
        },
    };
    if let Some(step_ms) = message
        .query
        .as_ref()
        .map(|query| query.step_ms)
        .filter(|&step_ms| step_ms != 0)
    {
        objective.step_ms = step_ms;
    }
    if let Some(floor) = message.coverage_floor {
        objective.coverage_floor = floor;
    }
    objective.min_duration_ms = message.min_duration_ms;
    objective.suggested = message.suggested;
    objective.forecast = !message.no_forecast;
    objective.horizon_ms = (message.horizon_ms != 0).then_some(message.horizon_ms);
    objective.generation = message.generation.max(1);
    let problems = objective.check();
    if problems.is_empty() {
        Ok(objective)
    } else {
        Err(problems)
    }
}

/// A name for an objective whose author gave none: its query, as long as a name may be.
fn default_name(query: &Query) -> String {
    query.text().chars().take(Objective::MAX_NAME_CHARS).collect()
}

/// An objective as a message.
pub fn objective_message(objective: &Objective) -> wire::Objective {
    let (missing, hold_max_ms) = missing_message(objective.missing);
    let (counter_mode, rate_over_ms) = match objective.counter {
        CounterMode::Raw => (series::CounterMode::Raw, 0),
        CounterMode::Rate { over_ms } => (series::CounterMode::Rate, over_ms.unwrap_or(0)),
    };
    wire::Objective {
        id: objective.id.as_str().to_owned(),
        name: objective.name.clone(),
        query: Some(series::Query {
            source: objective.source.clone(),
            ..query_message(&objective.query, objective.step_ms)
        }),
        range: Some(range_message(&objective.range)),
        missing: missing.into(),
        hold_max_ms,
        counter_mode: counter_mode.into(),
        rate_over_ms,
        target_percent: objective
            .target
            .as_ref()
            .map(|target| target.text().to_owned())
            .unwrap_or_default(),
        coverage_floor: Some(objective.coverage_floor),
        min_duration_ms: objective.min_duration_ms,
        suggested: objective.suggested,
        no_forecast: !objective.forecast,
        horizon_ms: objective.horizon_ms.unwrap_or(0),
        generation: objective.generation,
    }
}

/// A set message as a set, or everything that is wrong with it. Objectives without an id get `new-<position>`.
pub fn set(message: &wire::SlaSet) -> Result<SlaSet, Vec<Invalid>> {
    let mut found = Vec::new();
    let id = SetId::new(if message.id.is_empty() { NEW_ID } else { &message.id }).map_err(|error| found.push(error));
    let mut objectives = Vec::new();
    for (at, wired) in message.objectives.iter().enumerate() {
        match objective(wired) {
            Ok(mut objective) => {
                if wired.id.is_empty()
                    && let Ok(id) = ObjectiveId::new(format!("{NEW_ID}-{at}"))
                {
                    objective.id = id;
                }
                objectives.push(objective);
            }
            Err(problems) => {
                let path = format!("objectives[{at}]");
                found.extend(problems.into_iter().map(|problem| problem.within(&path)));
            }
        }
    }
    let Ok(id) = id else { return Err(found) };
    let set = SlaSet {
        id,
        name: message.name.trim().to_owned(),
        description: message.description.clone(),
        objectives,
        version: message.version,
        author: message.author.clone(),
        updated_ms: message.updated.as_ref().map_or(0, millis),
    };
    found.extend(set.check());
    if found.is_empty() { Ok(set) } else { Err(found) }
}

/// A set as a message. Whether it is evaluated (`active`) is no part of the agreement itself.
pub fn set_message(set: &SlaSet, active: bool) -> wire::SlaSet {
    wire::SlaSet {
        id: set.id.as_str().to_owned(),
        name: set.name.clone(),
        description: set.description.clone(),
        objectives: set.objectives.iter().map(objective_message).collect(),
        version: set.version,
        author: set.author.clone(),
        updated: Some(timestamp(set.updated_ms)),
        active,
        ..wire::SlaSet::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wired(selector: &str, min: Option<f64>, max: Option<f64>) -> wire::Objective {
        wire::Objective {
            query: Some(series::Query {
                query: Some(series::query::Query::Selector(selector.to_owned())),
                step_ms: 0,
                source: String::new(),
            }),
            range: Some(wire::AllowedRange {
                min,
                max,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn an_objective_survives_the_wire() {
        let mut given = wired("node_load1{job=\"node\"}", None, Some(4.0));
        given.target_percent = "99.9".to_owned();
        given.missing = wire::MissingPolicy::Hold.into();
        given.hold_max_ms = 600_000;
        let objective_there = objective(&given).unwrap();
        let back = objective(&objective_message(&objective_there)).unwrap();
        assert_eq!(objective_there, back);
        assert_eq!(back.target.unwrap().text(), "99.9");
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_fields() {
        let message = wire::SlaSet {
            name: "x".to_owned(),
            objectives: vec![wired("node_load1{", Some(5.0), Some(4.0)), wired("up", None, None)],
            ..Default::default()
        };
        let fields: Vec<String> = set(&message)
            .unwrap_err()
            .into_iter()
            .map(|invalid| invalid.field)
            .collect();
        assert_eq!(
            fields,
            [
                "objectives[0].query",
                "objectives[0].range.min",
                "objectives[1].range.min"
            ]
        );
    }
}
