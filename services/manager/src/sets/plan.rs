//! What a save would change, in words, and the message that would be stored.

use sla_domain::invalid::Invalid;
use sla_domain::objective::Objective;
use sla_domain::objective::ObjectiveId;
use sla_domain::set::SetId;
use sla_domain::set::{SetPlan, SlaSet};
use sla_domain::{Unit, quantity};
use sla_proto::convert;
use sla_proto::objective::v1 as pb;
use sla_proto::series::v1::CounterMode;
use sla_proto::set::v1::{PlannedChange, planned_change::Action};

use crate::sets::identity::Identities;

/// A save that was thought through.
#[derive(Debug, Clone)]
pub struct PlannedSave {
    /// As it would be stored, without the store's own fields.
    pub message: pb::SlaSet,
    /// As it would be judged.
    pub set: SlaSet,
    /// What differs.
    pub plan: SetPlan,
    /// Whether it becomes evaluated or stops to be.
    pub activity: Option<bool>,
    /// Whether it becomes its owner's alone, or everybody's again.
    pub privacy: Option<bool>,
    /// Whether nothing is stored yet.
    pub new: bool,
}

impl PlannedSave {
    /// Plans saving `wanted` over `stored`. Ids that the stored set does not know are replaced by fresh ones, because
    /// the ledger knows objectives by id alone.
    pub fn new(stored: Option<&pb::SlaSet>, wanted: &pb::SlaSet, ids: &Identities) -> Result<Self, Vec<Invalid>> {
        let mut wanted = wanted.clone();
        for objective in &mut wanted.objectives {
            let known = stored.is_some_and(|set| set.objectives.iter().any(|have| have.id == objective.id));
            if !known {
                objective.id = String::new();
            }
        }
        wanted.id = stored.map_or_else(String::new, |set| set.id.clone());
        let mut set = convert::set(&wanted)?;
        let one = |problem: Invalid| vec![problem];
        if stored.is_none() {
            set.id = SetId::new(ids.fresh(&set.name)).map_err(one)?;
        }
        for (objective, asked) in set.objectives.iter_mut().zip(&wanted.objectives) {
            if asked.id.is_empty() {
                objective.id = ObjectiveId::new(ids.fresh(&objective.name)).map_err(one)?;
            }
        }
        // A stored set that cannot be read any more is replaced as a whole.
        let current = stored.and_then(|stored| convert::set(stored).ok());
        let mut plan = SetPlan::new(current.as_ref(), &set);
        if let Some(stored) = stored {
            plan.after.id = set.id.clone();
            plan.after.version = stored.version;
        }
        let objectives = plan
            .after
            .objectives
            .iter()
            .zip(&wanted.objectives)
            .map(|(objective, asked)| objective_message(objective, asked))
            .collect();
        Ok(Self {
            message: pb::SlaSet {
                id: plan.after.id.as_str().to_owned(),
                name: plan.after.name.clone(),
                objectives,
                ..wanted.clone()
            },
            set: plan.after.clone(),
            activity: (stored.map(|set| set.active) != Some(wanted.active)).then_some(wanted.active),
            privacy: (stored.is_some_and(|set| set.private) != wanted.private).then_some(wanted.private),
            new: stored.is_none(),
            plan,
        })
    }

    /// Whether saving would change nothing.
    pub fn is_empty(&self) -> bool {
        !self.new && self.plan.is_empty() && self.activity.is_none() && self.privacy.is_none()
    }

    /// One line for the set, then one for each objective that is touched.
    pub fn changes(&self) -> Vec<PlannedChange> {
        let set = &self.set.name;
        let mut details: Vec<String> = Vec::new();
        if !self.new {
            details.extend(self.plan.fields.iter().map(|field| (*field).to_owned()));
            details.extend(self.privacy.map(|on| {
                if on {
                    "is seen by its owner and by admins alone"
                } else {
                    "is seen by everybody"
                }
                .to_owned()
            }));
            details.extend(self.activity.map(|on| {
                if on {
                    "starts being evaluated"
                } else {
                    "stops being evaluated"
                }
                .to_owned()
            }));
        }
        let action = if self.new {
            Action::Create
        } else if self.is_empty() {
            Action::Keep
        } else {
            Action::Update
        };
        let mut lines = vec![change(action, set, "", details, false)];
        for objective in &self.plan.added {
            let words = format!("{} {}", objective.query, objective.range);
            lines.push(change(Action::Create, set, &objective.name, vec![words], true));
        }
        for changed in &self.plan.changed {
            let details = differences(&changed.before, &changed.after);
            lines.push(change(
                Action::Update,
                set,
                &changed.after.name,
                details,
                changed.new_generation,
            ));
        }
        for objective in &self.plan.removed {
            let words = "its violations stay in the ledger, marked retired".to_owned();
            lines.push(change(Action::Delete, set, &objective.name, vec![words], false));
        }
        lines
    }
}

/// An objective as it is stored. Rate by choice and rate by kind are one thing to the domain; the contract keeps which.
pub fn objective_message(objective: &Objective, asked: &pb::Objective) -> pb::Objective {
    let mut message = convert::objective_message(objective);
    if message.counter_mode() == CounterMode::Rate && asked.counter_mode() != CounterMode::Rate {
        message.set_counter_mode(CounterMode::Auto);
    }
    message
}

/// The line for a set that goes.
pub fn deletion(set: &pb::SlaSet) -> PlannedChange {
    let words = format!(
        "{} objectives; their violations stay in the ledger, marked retired",
        set.objectives.len()
    );
    change(Action::Delete, &set.name, "", vec![words], false)
}

fn change(action: Action, set: &str, objective: &str, details: Vec<String>, new_generation: bool) -> PlannedChange {
    PlannedChange {
        action: action.into(),
        set: set.to_owned(),
        objective: objective.to_owned(),
        details,
        new_generation,
    }
}

/// The source as people know it.
fn source(objective: &Objective) -> String {
    if objective.source.is_empty() {
        "the default one".to_owned()
    } else {
        objective.source.clone()
    }
}

/// Every setting that differs, as `range.max 4 → 5`.
pub fn differences(before: &Objective, after: &Objective) -> Vec<String> {
    let mut lines = Vec::new();
    let mut put = |name: &str, a: String, b: String| {
        if a != b {
            lines.push(format!("{name} {a} → {b}"));
        }
    };
    let bound = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), quantity::bare);
    let time = |ms: i64| sla_domain::duration::format_short_ms(ms);
    put("name", before.name.clone(), after.name.clone());
    put("query", before.query.to_string(), after.query.to_string());
    put("source", source(before), source(after));
    put("range.min", bound(before.range.min()), bound(after.range.min()));
    put("range.max", bound(before.range.max()), bound(after.range.max()));
    put(
        "range.warn_below",
        bound(before.range.warn_min()),
        bound(after.range.warn_min()),
    );
    put(
        "range.warn_above",
        bound(before.range.warn_max()),
        bound(after.range.warn_max()),
    );
    put("missing", before.missing.to_string(), after.missing.to_string());
    put("counter", counter(before), counter(after));
    put("query.step", time(before.step_ms), time(after.step_ms));
    let target = |o: &Objective| o.target.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    put("target", target(before), target(after));
    put(
        "coverage_floor",
        quantity::exact(before.coverage_floor, Unit::PLAIN),
        quantity::exact(after.coverage_floor, Unit::PLAIN),
    );
    put(
        "min_duration",
        time(before.min_duration_ms),
        time(after.min_duration_ms),
    );
    let word = |on: bool| if on { "yes" } else { "no" }.to_owned();
    put("suggested", word(before.suggested), word(after.suggested));
    put("forecast", word(before.forecast), word(after.forecast));
    let horizon = |o: &Objective| o.horizon_ms.map_or_else(|| "the instance's".to_owned(), time);
    put("horizon", horizon(before), horizon(after));
    lines
}

fn counter(objective: &Objective) -> String {
    match objective.counter {
        sla_domain::objective::CounterMode::Raw => "raw".to_owned(),
        sla_domain::objective::CounterMode::Rate { over_ms: None } => "rate".to_owned(),
        sla_domain::objective::CounterMode::Rate { over_ms: Some(ms) } => {
            format!("rate over {}", sla_domain::duration::format_short_ms(ms))
        }
    }
}

/// What tells `mine` from `theirs`, for somebody whose save was refused.
pub fn conflict(theirs: &pb::SlaSet, mine: &pb::SlaSet, ids: &Identities) -> Vec<String> {
    let Ok(save) = PlannedSave::new(Some(theirs), mine, ids) else {
        return Vec::new();
    };
    save.changes()
        .into_iter()
        .filter(|line| line.action() != Action::Keep)
        .map(|line| {
            let verb = match line.action() {
                Action::Create => "+",
                Action::Delete => "-",
                _ => "~",
            };
            let what = if line.objective.is_empty() {
                line.set
            } else {
                line.objective
            };
            format!("{verb} {what}: {}", line.details.join(", "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_domain::ManualClock;
    use sla_proto::series::v1 as series_pb;
    use std::sync::Arc;

    fn ids() -> Identities {
        Identities::new(Arc::new(ManualClock::at(1_700_000_000_000)))
    }

    fn objective(id: &str, name: &str, max: f64) -> pb::Objective {
        pb::Objective {
            id: id.into(),
            name: name.into(),
            query: Some(series_pb::Query {
                query: Some(series_pb::query::Query::Selector("up".into())),
                step_ms: 0,
                source: String::new(),
            }),
            range: Some(pb::AllowedRange {
                max: Some(max),
                ..pb::AllowedRange::default()
            }),
            ..pb::Objective::default()
        }
    }

    fn stored() -> pb::SlaSet {
        pb::SlaSet {
            id: "web".into(),
            name: "Web".into(),
            version: 3,
            active: true,
            objectives: vec![objective("a", "A", 1.0), objective("b", "B", 1.0)],
            ..pb::SlaSet::default()
        }
    }

    #[test]
    fn a_new_bound_starts_a_generation_and_says_so() {
        let mut wanted = stored();
        wanted.objectives[0].range = Some(pb::AllowedRange {
            max: Some(5.0),
            ..pb::AllowedRange::default()
        });
        wanted.objectives[1].target_percent = "99.5".into();
        wanted.objectives.push(objective("stranger", "C", 2.0));
        let save = PlannedSave::new(Some(&stored()), &wanted, &ids()).unwrap();
        assert_eq!(save.message.objectives[0].generation, 2);
        assert_eq!(save.message.objectives[1].generation, 1);
        assert_ne!(
            save.message.objectives[2].id, "stranger",
            "an id of another set is never taken over"
        );
        let lines = save.changes();
        let a = lines.iter().find(|line| line.objective == "A").unwrap();
        assert_eq!(
            (a.details.as_slice(), a.new_generation),
            (&["range.max 1 → 5".to_owned()][..], true)
        );
        let b = lines.iter().find(|line| line.objective == "B").unwrap();
        assert_eq!(
            (b.details.as_slice(), b.new_generation),
            (&["target none → 99.5 %".to_owned()][..], false)
        );
        assert_eq!(lines[0].action(), Action::Update);
    }

    #[test]
    fn the_same_again_is_kept_and_a_removal_is_named() {
        let same = PlannedSave::new(Some(&stored()), &stored(), &ids()).unwrap();
        assert!(same.is_empty());
        assert_eq!(same.changes()[0].action(), Action::Keep);
        let mut less = stored();
        less.objectives.remove(1);
        less.active = false;
        let save = PlannedSave::new(Some(&stored()), &less, &ids()).unwrap();
        assert_eq!(save.plan.removed[0].id.as_str(), "b");
        assert_eq!(save.changes()[0].details, ["stops being evaluated"]);
        assert_eq!(save.changes()[1].action(), Action::Delete);
    }

    #[test]
    fn a_first_save_gives_ids() {
        let mut wanted = stored();
        wanted.id = "chosen-by-a-stranger".into();
        let save = PlannedSave::new(None, &wanted, &ids()).unwrap();
        assert!(save.message.id.starts_with("web-"));
        assert!(
            save.message
                .objectives
                .iter()
                .all(|o| !o.id.is_empty() && o.generation == 1)
        );
        let mut twice = stored();
        twice.objectives[1].name = "a".into();
        assert_eq!(
            PlannedSave::new(None, &twice, &ids()).unwrap_err()[0].field,
            "objectives[1].name"
        );
    }

    #[test]
    fn a_conflict_is_told_in_lines() {
        let mut mine = stored();
        mine.objectives[0].range = Some(pb::AllowedRange {
            max: Some(9.0),
            ..pb::AllowedRange::default()
        });
        assert_eq!(conflict(&stored(), &mine, &ids())[1..], ["~ A: range.max 1 → 9"]);
    }
}
