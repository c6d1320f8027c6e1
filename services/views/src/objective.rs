//! Sets and objectives, in both directions: what was read may be edited and sent back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sla_domain::{Invalid, MissingPolicy, Query};
use sla_proto::convert;
use sla_proto::objective::v1 as wire;
use sla_proto::series::v1::CounterMode;
use sla_proto::set::v1::{ApplySetsResponse, PlannedChange};

use crate::value::{Seconds, Time, time, word};
use crate::word::action_word;

/// What is agreed about the series of a query.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Objective {
    /// Given by the server; empty in a new one.
    pub id: String,
    /// For people.
    pub name: String,
    /// A selector or expression.
    pub query: Option<String>,
    /// Distance of the points of an expression; only where it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_s: Option<Seconds>,
    /// Name of the metric source; only where it is not the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Least allowed value.
    pub min: Option<f64>,
    /// Greatest allowed value.
    pub max: Option<f64>,
    /// At risk below.
    pub warn_below: Option<f64>,
    /// At risk above.
    pub warn_above: Option<f64>,
    /// `gap`, `good`, `bad`, `zero`, `hold(10m)`: what unknown time counts as.
    pub missing: String,
    /// `auto` (the rate of counters, the value of all else), `rate` or `raw`.
    pub counter: String,
    /// Width of the rate; only where it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_over_s: Option<Seconds>,
    /// Agreed percent of time inside, exact decimal.
    pub target_percent: Option<String>,
    /// Known share of a window below which it has no percentage.
    pub coverage_floor: Option<f64>,
    /// Shorter violations do not count; only where it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration_s: Option<Seconds>,
    /// Not agreed by a person.
    pub suggested: bool,
    /// Whether it is forecast; left out: it is.
    #[serde(default = "yes")]
    pub forecast: bool,
    /// How far ahead it is forecast, 60 to 86,400; null: as far as the instance looks.
    pub horizon_s: Option<Seconds>,
    /// Grows with every change of query or bounds.
    pub generation: u32,
}

fn yes() -> bool {
    true
}

impl From<&wire::Objective> for Objective {
    fn from(objective: &wire::Objective) -> Self {
        let range = objective.range.unwrap_or_default();
        let query = objective.query.as_ref();
        let span = |ms: i64| (ms != 0).then_some(Seconds(ms));
        Self {
            id: objective.id.clone(),
            name: objective.name.clone(),
            query: query.map(|query| convert::query_text(query).to_owned()),
            step_s: query.and_then(|query| span(query.step_ms)),
            source: query.and_then(|query| word(&query.source)),
            min: range.min,
            max: range.max,
            warn_below: range.warn_below,
            warn_above: range.warn_above,
            missing: convert::missing(objective).to_string(),
            counter: match objective.counter_mode() {
                CounterMode::Raw => "raw",
                CounterMode::Rate => "rate",
                CounterMode::Auto | CounterMode::Unspecified => "auto",
            }
            .to_owned(),
            rate_over_s: span(objective.rate_over_ms),
            target_percent: word(&objective.target_percent),
            coverage_floor: objective.coverage_floor,
            min_duration_s: span(objective.min_duration_ms),
            suggested: objective.suggested,
            forecast: !objective.no_forecast,
            horizon_s: span(objective.horizon_ms),
            generation: objective.generation,
        }
    }
}

impl Objective {
    /// The message, or the field that breaks a rule.
    pub fn message(&self) -> Result<wire::Objective, Invalid> {
        let text = self.query.clone().unwrap_or_default();
        let query = Query::parse(&text).map_err(|error| error.into_invalid("query", &text))?;
        let mut query = convert::query_message(&query, 0);
        query.step_ms = self.step_s.map_or(0, |span| span.0);
        query.source = self.source.clone().unwrap_or_default();
        let policy = match self.missing.as_str() {
            "" => MissingPolicy::Gap,
            text => text.parse().map_err(|error: Invalid| error.within("missing"))?,
        };
        let (missing, hold_max_ms) = convert::missing_message(policy);
        let counter_mode = match self.counter.as_str() {
            "" | "auto" => CounterMode::Auto,
            "rate" => CounterMode::Rate,
            "raw" => CounterMode::Raw,
            other => return Err(Invalid::new("counter", other, "unknown word", "give auto, rate or raw")),
        };
        Ok(wire::Objective {
            id: self.id.clone(),
            name: self.name.clone(),
            query: Some(query),
            range: Some(wire::AllowedRange {
                min: self.min,
                max: self.max,
                warn_below: self.warn_below,
                warn_above: self.warn_above,
            }),
            missing: missing.into(),
            hold_max_ms,
            counter_mode: counter_mode.into(),
            rate_over_ms: self.rate_over_s.map_or(0, |span| span.0),
            target_percent: self.target_percent.clone().unwrap_or_default(),
            coverage_floor: self.coverage_floor,
            min_duration_ms: self.min_duration_s.map_or(0, |span| span.0),
            suggested: self.suggested,
            no_forecast: !self.forecast,
            horizon_ms: self.horizon_s.map_or(0, |span| span.0),
            generation: self.generation,
        })
    }
}

/// A set with its objectives.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Set {
    /// Given by the server; empty in a new one.
    pub id: String,
    /// For people; taken once.
    pub name: String,
    /// In words.
    pub description: String,
    /// Grows with every save: send back the one that was read.
    pub version: u64,
    /// Of this version.
    pub author: String,
    /// Who made the set.
    pub owner: Option<String>,
    /// Seen by its owner and by admins alone.
    pub private: bool,
    /// When this version was saved.
    pub updated: Option<Time>,
    /// Whether it is evaluated.
    pub active: bool,
    /// What is agreed.
    pub objectives: Vec<Objective>,
}

impl From<&wire::SlaSet> for Set {
    fn from(set: &wire::SlaSet) -> Self {
        Self {
            id: set.id.clone(),
            name: set.name.clone(),
            description: set.description.clone(),
            version: set.version,
            author: set.author.clone(),
            owner: word(&set.owner),
            private: set.private,
            updated: time(set.updated.as_ref()),
            active: set.active,
            objectives: set.objectives.iter().map(Objective::from).collect(),
        }
    }
}

impl Set {
    /// The message, or the field that breaks a rule.
    pub fn message(&self) -> Result<wire::SlaSet, Invalid> {
        let objectives = self.objectives.iter().enumerate().map(|(index, objective)| {
            objective
                .message()
                .map_err(|invalid| invalid.within(&format!("objectives[{index}]")))
        });
        Ok(wire::SlaSet {
            id: self.id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            objectives: objectives.collect::<Result<_, _>>()?,
            version: self.version,
            author: self.author.clone(),
            owner: self.owner.clone().unwrap_or_default(),
            private: self.private,
            updated: self.updated.map(|time| convert::timestamp(time.0)),
            active: self.active,
        })
    }
}

/// A planned change of a set.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Change {
    /// `create`, `update`, `delete`, `keep`.
    pub action: &'static str,
    /// Name of the set.
    pub set: String,
    /// Null: the set itself.
    pub objective: Option<String>,
    /// What changes.
    pub details: Vec<String>,
    /// History starts anew.
    pub new_generation: bool,
}

impl From<&PlannedChange> for Change {
    fn from(change: &PlannedChange) -> Self {
        Self {
            action: action_word(change.action()),
            set: change.set.clone(),
            objective: word(&change.objective),
            details: change.details.clone(),
            new_generation: change.new_generation,
        }
    }
}

/// What applying a file of sets changes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Plan {
    /// Changes in order.
    pub plan: Vec<Change>,
    /// Whether they were made.
    pub applied: bool,
}

impl From<&ApplySetsResponse> for Plan {
    fn from(answer: &ApplySetsResponse) -> Self {
        Self {
            plan: answer.plan.iter().map(Change::from).collect(),
            applied: answer.applied,
        }
    }
}
