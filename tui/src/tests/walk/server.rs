//! The instance behind a walk: the estate judged, sets as they are stored; what else is asked for the script answers.

use sla_proto::convert as time;
use sla_proto::objective::v1::{MissingPolicy, Objective, SlaSet};
use sla_proto::series::v1::CounterMode;
use sla_proto::set::v1 as set;
use sla_proto::violation::v1 as violation;
use sla_testkit::estate::Estate;

use super::super::script::Script;
use crate::context::request::{Answer, Problem, Request};

/// The estate, and a script for what is beside it.
pub(super) struct Server {
    pub(super) estate: Estate,
    script: Script,
}

impl Server {
    pub(super) fn of(seed: u64) -> Self {
        let estate = Estate::of(seed);
        let script = Script {
            series: estate.series.iter().map(|series| (series.clone(), 1.5)).collect(),
            town: seed.is_multiple_of(5),
            ..Script::default()
        };
        Self { estate, script }
    }

    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        Ok(match request {
            Request::CreateSet(m) => set::CreateSetResponse {
                set: Some(self.create(m.set.clone().unwrap_or_default())?),
                ..set::CreateSetResponse::default()
            }
            .into(),
            Request::DuplicateSet(m) => {
                let of = self.estate.sets.iter().find(|set| set.id == m.id).cloned();
                let copy = SlaSet {
                    name: m.new_name.clone(),
                    ..of.ok_or_else(|| Problem::plain("no such set"))?
                };
                set::DuplicateSetResponse {
                    set: Some(self.create(copy)?),
                }
                .into()
            }
            Request::UpdateSet(m) => set::UpdateSetResponse {
                set: Some(self.update(m.set.clone().unwrap_or_default())?),
                ..set::UpdateSetResponse::default()
            }
            .into(),
            Request::DeleteSet(m) => {
                let at = self.stored(&m.id, m.version)?;
                self.estate.sets.remove(at);
                set::DeleteSetResponse::default().into()
            }
            Request::Evaluate(m) if m.objective_id.is_empty() => self.evaluate(&m.objectives).into(),
            Request::Evaluate(m) => {
                let sets = self.estate.sets.iter();
                let all = sets.flat_map(|set| &set.objectives).filter(|o| o.id == m.objective_id);
                let all: Vec<Objective> = all.cloned().collect();
                self.evaluate(&all).into()
            }
            Request::Future(_) => violation::ListFutureViolationsResponse {
                rows: self.estate.future(),
            }
            .into(),
            Request::Ledger(m) => {
                let mut violations = self.estate.ledger();
                violations.retain(|v| m.objective_id.is_empty() || v.objective_id == m.objective_id);
                violation::ListViolationsResponse {
                    violations,
                    next_page_token: String::new(),
                }
                .into()
            }
            request => {
                self.script.sets.clone_from(&self.estate.sets);
                self.script.source_problem.clone_from(&self.estate.problem);
                return self.script.answer(request);
            }
        })
    }

    fn evaluate(&self, objectives: &[Objective]) -> violation::EvaluateResponse {
        let nowhere = SlaSet::default();
        violation::EvaluateResponse {
            at: Some(time::timestamp(self.estate.at_ms)),
            objectives: objectives.iter().map(|o| self.estate.status(&nowhere, o)).collect(),
            source: None,
        }
    }

    /// Place of a set, where the version is the one that was read.
    fn stored(&self, id: &str, version: u64) -> Result<usize, Problem> {
        let at = self.estate.sets.iter().position(|set| set.id == id);
        let at = at.ok_or_else(|| Problem::plain("no such set"))?;
        let stored = &self.estate.sets[at];
        if stored.version == version {
            return Ok(at);
        }
        Err(Problem {
            reason: "STALE_VERSION".into(),
            conflict: Some(Box::new(stored.clone())),
            ..Problem::plain("somebody was faster")
        })
    }

    /// The rules of a set that the service keeps.
    fn check(&self, set: &SlaSet) -> Result<(), Problem> {
        let others = self.estate.sets.iter().filter(|other| other.id != set.id);
        if set.name.trim().is_empty() || others.into_iter().any(|other| other.name == set.name) {
            return Err(Problem::plain("name: is taken, or empty"));
        }
        let names = set.objectives.iter().map(|o| &o.name);
        let mut known: Vec<&String> = names.collect();
        known.sort();
        known.dedup();
        if known.len() < set.objectives.len() {
            return Err(Problem::plain("objectives: a name stands twice"));
        }
        Ok(())
    }

    /// As the service writes what was left to it.
    fn settled(mut objective: Objective) -> Objective {
        if objective.missing() == MissingPolicy::Unspecified {
            objective.set_missing(MissingPolicy::Gap);
        }
        if objective.counter_mode() == CounterMode::Unspecified {
            objective.set_counter_mode(CounterMode::Auto);
        }
        objective
    }

    fn create(&mut self, mut set: SlaSet) -> Result<SlaSet, Problem> {
        set.id = String::new();
        self.check(&set)?;
        (set.id, set.version) = (self.estate.id("set"), 1);
        for objective in &mut set.objectives {
            (objective.id, objective.generation) = (self.estate.id("o"), 1);
        }
        self.estate.sets.push(set.clone());
        Ok(set)
    }

    pub(super) fn update(&mut self, mut set: SlaSet) -> Result<SlaSet, Problem> {
        let at = self.stored(&set.id, set.version)?;
        self.check(&set)?;
        set.objectives = set.objectives.into_iter().map(Self::settled).collect();
        set.version += 1;
        let before = self.estate.sets[at].clone();
        for objective in &mut set.objectives {
            let same = before.objectives.iter().find(|have| have.id == objective.id);
            match same.filter(|_| !objective.id.is_empty()) {
                None => (objective.id, objective.generation) = (self.estate.id("o"), 1),
                Some(have) if have.range == objective.range && have.query == objective.query => {}
                Some(have) => objective.generation = have.generation + 1,
            }
        }
        self.estate.sets[at] = set.clone();
        Ok(set)
    }
}
