//! Bounds moved from a chart: the same draft, the same undo, the same save as on this tab.

use sla_proto::objective::v1::{Objective, SlaSet};
use sla_proto::violation::v1::ObjectiveStatus;

use super::SetsScreen;
use super::draft::{Aim, Bound};
use crate::command::Cmd;
use crate::context::Context;
use crate::context::trial::Trial;
use crate::say;
use crate::screens::Screen as _;

impl SetsScreen {
    pub(super) fn moved_on_chart(&mut self, cx: &mut Context, series_id: &[u8], cmd: Cmd, argument: Option<&str>) {
        if cx.sets.get().is_none() {
            // It is done when they are here.
            self.early = Some((series_id.to_vec(), cmd, argument.map(str::to_owned)));
            Self::read_sets(cx);
            return;
        }
        match cmd {
            Cmd::RaiseBound => self.step_bound(cx, series_id, 1.0),
            Cmd::LowerBound => self.step_bound(cx, series_id, -1.0),
            Cmd::TurnBound => self.turn_aim(cx, series_id),
            Cmd::SetBound => {
                if let Some((at, _)) = self.take_aim(cx, series_id) {
                    self.set_bound(cx, &[at], argument.unwrap_or_default());
                }
            }
            _ => {
                self.command(cx, cmd, argument);
            }
        }
    }

    fn step_bound(&mut self, cx: &mut Context, series_id: &[u8], by: f64) {
        let Some((at, bound)) = self.take_aim(cx, series_id) else {
            return;
        };
        let Some(draft) = &mut self.draft else { return };
        match draft.move_bounds(&[at], bound, by) {
            Ok(()) => self.changed(cx),
            Err(why) => cx.complain(why),
        }
    }

    /// The next bound of the series is the one in question.
    fn turn_aim(&mut self, cx: &mut Context, series_id: &[u8]) {
        let aims = self.aims(cx, series_id);
        let here = self.aim.as_ref().and_then(|aim| aims.iter().position(|one| one == aim));
        // The first press shows which one it is as long as none was chosen.
        let next = aims.get(here.map_or(1, |at| at + 1) % aims.len().max(1)).cloned();
        if let Some(aim) = next {
            let statuses = statuses(cx, series_id);
            let name = statuses.into_iter().find_map(|(set_id, objective)| {
                (set_id == aim.set_id && objective.id == aim.objective_id).then(|| objective.name.clone())
            });
            let name = sla_domain::SafeText::new(&name.unwrap_or_default());
            cx.say(say::sets::k_and_j_move(&aim.bound.word(), &name));
            self.aim = Some(aim);
        } else {
            cx.complain(say::sets::no_agreement_about_this());
        }
    }

    /// Place in the draft and side of the bound in question, its set opened; says why when there is none.
    fn take_aim(&mut self, cx: &mut Context, series_id: &[u8]) -> Option<(usize, Bound)> {
        let aims = self.aims(cx, series_id);
        let chosen = self.aim.take().filter(|aim| aims.contains(aim));
        let Some(aim) = chosen.or_else(|| aims.into_iter().next()) else {
            cx.complain(say::sets::no_agreement_about_this());
            return None;
        };
        if !self.turn_to(cx, &aim.set_id) {
            return None;
        }
        let draft = self.draft.as_ref()?;
        let place = draft.set.objectives.iter().position(|o| o.id == aim.objective_id);
        if place.is_none() {
            cx.complain(say::sets::its_objective_was_taken());
        }
        // The tab of the sets shows the same one.
        self.list.follow(aim.objective_id.as_bytes());
        let bound = aim.bound;
        self.aim = Some(aim);
        place.map(|at| (at, bound))
    }

    /// All bounds of the objectives that judge a series; those of the draft where its set is open.
    fn aims(&self, cx: &Context, series_id: &[u8]) -> Vec<Aim> {
        let mut aims = Vec::new();
        for (set_id, stored) in statuses(cx, series_id) {
            let draft = self
                .draft
                .as_ref()
                .map(|draft| &draft.set)
                .filter(|set| set.id == set_id);
            let objective = draft.and_then(|set| of_set(set, &stored.id)).unwrap_or(stored);
            let range = objective.range.unwrap_or_default();
            let bounds = [(range.max, Bound::Max), (range.min, Bound::Min)];
            for (_, bound) in bounds.into_iter().filter(|(value, _)| value.is_some()) {
                aims.push(Aim {
                    set_id: set_id.to_owned(),
                    objective_id: objective.id.clone(),
                    bound,
                });
            }
        }
        aims
    }

    /// The objective about the series whose range was changed and not saved; the one in question before others.
    pub(super) fn trial_of(&self, cx: &Context, series_id: &[u8]) -> Option<Trial> {
        let draft = self.draft.as_ref().filter(|draft| draft.is_dirty())?;
        let aimed = |objective: &Objective| self.aim.as_ref().is_some_and(|aim| aim.objective_id == objective.id);
        let mut trials: Vec<Trial> = statuses(cx, series_id)
            .into_iter()
            .filter(|(set_id, _)| *set_id == draft.set.id)
            .filter_map(|(_, judged)| {
                let stored = of_set(draft.stored(), &judged.id)?.range.unwrap_or_default();
                let objective = of_set(&draft.set, &judged.id)?.clone();
                (objective.range != Some(stored)).then(|| Trial {
                    series_id: series_id.to_vec(),
                    objective,
                    stored,
                    set_name: draft.set.name.clone(),
                })
            })
            .collect();
        trials.sort_by_key(|trial| !aimed(&trial.objective));
        trials.into_iter().next()
    }
}

/// The objectives that judge a series, each with the id of its set, as they were evaluated last.
fn statuses<'c>(cx: &'c Context, series_id: &[u8]) -> Vec<(&'c str, &'c Objective)> {
    let judges = |status: &&ObjectiveStatus| {
        let mut series = status.series.iter().filter_map(|one| one.series.as_ref());
        series.any(|series| series.id == series_id)
    };
    let all = cx.overview.get().map_or(&[][..], |o| o.objectives.as_slice());
    let judging = all.iter().filter(judges);
    judging
        .filter_map(|status| Some((status.set_id.as_str(), status.objective.as_ref()?)))
        .collect()
}

fn of_set<'s>(set: &'s SlaSet, objective_id: &str) -> Option<&'s Objective> {
    set.objectives.iter().find(|objective| objective.id == objective_id)
}
