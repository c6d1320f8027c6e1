//! What the instance answers to the sets screen.

use sla_proto::objective::v1::SlaSet;
use sla_proto::set::v1 as set;

use super::SetsScreen;
use super::draft::Writing;
use crate::context::Context;
use crate::context::request::{Answer, Problem, Reply, RequestId, Slot};
use crate::overlay::Overlay;
use crate::say;

/// Sets that are listed at most.
const LISTED: u32 = 1_000;

impl SetsScreen {
    pub(super) fn read_sets(cx: &mut Context) {
        let request = set::ListSetsRequest {
            page_size: LISTED,
            ..set::ListSetsRequest::default()
        };
        let id = cx.call(Slot::Sets, request);
        cx.sets.asked(id, cx.now.wall_ms);
    }

    pub(super) fn answered(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
        let now_ms = cx.now.wall_ms;
        match (slot, result) {
            (Slot::Sets, Ok(Reply::Sets(sets))) => {
                let (total, listed) = (sets.total, sets.sets.len() as u64);
                if cx.sets.answer(id, Ok(sets.sets), now_ms) {
                    let unlisted = total.saturating_sub(listed);
                    if unlisted > 0 && self.unlisted == 0 {
                        cx.say(say::sets::the_first_by_name(&listed, &total));
                    }
                    self.unlisted = unlisted;
                    self.sets_listed(cx);
                    self.follow_others(cx);
                }
            }
            (Slot::Sets, Err(problem)) => {
                if self.early.take().is_some() {
                    cx.complain(problem.sentence());
                }
                cx.sets.answer(id, Err(problem), now_ms);
            }
            (Slot::SetWrite, result) => {
                let place = self.writing.iter().position(|(call, _)| *call == id);
                let writing = place.map(|at| self.writing.remove(at).1);
                match result {
                    Ok(reply) => self.written(cx, writing, reply),
                    Err(problem) => self.refused(cx, writing.as_ref(), &problem),
                }
                self.write_next(cx);
            }
            (Slot::Suggest, Ok(Reply::Suggest(suggestion))) => self.suggested(cx, &suggestion),
            (Slot::Suggest, Err(problem)) => {
                let name = self.suggesting.take().unwrap_or_default();
                cx.complain(say::sets::no_range_can_be(&name, &problem.sentence()));
                self.next_suggestion(cx);
            }
            (Slot::CheckQuery, result) => {
                if let Some(form) = &mut self.form {
                    form.checked(id, result);
                }
            }
            (Slot::WhatIf, result) => {
                self.what_if.answer(id, result.and_then(Reply::take), now_ms);
                self.rebuild(cx);
            }
            (Slot::WhatIfChart, result) => {
                self.chart.answer(id, result.and_then(Reply::take), now_ms);
            }
            (_, Ok(other)) => cx.complain(Problem::unexpected(&other).text),
            (_, Err(problem)) => cx.complain(problem.sentence()),
        }
    }

    fn written(&mut self, cx: &mut Context, writing: Option<Writing>, reply: Reply) {
        let saved = match reply {
            Reply::CreateSet(told) => told.set,
            Reply::UpdateSet(told) => told.set,
            Reply::DuplicateSet(told) => told.set,
            Reply::DeleteSet(_) => {
                cx.say(say::sets::the_set_is_deleted());
                let gone = |id: &str| matches!(&writing, Some(Writing::Deletion(gone)) if gone == id);
                self.draft = self.draft.take().filter(|draft| !gone(&draft.set.id));
                if let Some(sets) = cx.sets.get_mut() {
                    sets.retain(|set| !gone(&set.id));
                }
                self.rebuild(cx);
                Self::read_sets(cx);
                return;
            }
            other => return cx.complain(Problem::unexpected(&other).text),
        };
        let Some(set) = saved else {
            return cx.complain(say::sets::the_instance_answered_without());
        };
        // Whoever counts sets knows it before they are listed again.
        if let Some(sets) = cx.sets.get_mut() {
            match sets.iter_mut().find(|have| have.id == set.id) {
                Some(have) => have.clone_from(&set),
                None => sets.push(set.clone()),
            }
        }
        let told = say::sets::is_saved_version(&set.name, &set.version);
        let is_edited = self.is_edited();
        match (writing, self.draft.as_mut().filter(|draft| draft.set.id == set.id)) {
            (Some(Writing::Alone), Some(draft)) => {
                let watched = if set.active {
                    say::sets::watched()
                } else {
                    say::sets::not_watched()
                };
                let left = if draft.is_dirty() {
                    say::sets::the_other_changes_are()
                } else {
                    ""
                };
                cx.say(say::sets::is_now(&set.name, &watched, &left));
                draft.rebase(set);
                self.rebuild(cx);
            }
            (Some(Writing::Draft { sent, steps }), Some(draft)) => {
                draft.saved(&sent, steps, set);
                let left = if draft.is_dirty() {
                    say::sets::what_was_changed_meanwhile()
                } else {
                    ""
                };
                cx.say(format!("{told}{left}"));
                self.kept_text = None;
                self.what_if.clear();
                self.changed(cx);
            }
            // The set that is open has changes, which are not left for another one.
            _ if is_edited => cx.say(told),
            _ => {
                cx.say(told);
                self.open(cx, set);
            }
        }
        Self::read_sets(cx);
        let waiting = std::mem::take(&mut self.waiting);
        if !waiting.is_empty() {
            self.add_objectives(cx, waiting);
        }
    }

    /// The list of sets is here: keep the open one, or open the one wanted, else the first active one.
    fn sets_listed(&mut self, cx: &mut Context) {
        let sets = cx.sets.get().cloned().unwrap_or_default();
        let mut queries: Vec<sla_proto::series::v1::Query> = Vec::new();
        for objective in sets.iter().filter(|s| s.active).flat_map(|s| &s.objectives) {
            if let Some(query) = objective.query.clone().filter(|q| !queries.contains(q)) {
                queries.push(query);
            }
        }
        cx.agreed_queries = Some(queries);
        if self.kept.is_some() {
            self.take_kept(cx, &sets);
        }
        let wanted = self.open_name.take().filter(|_| !self.is_edited());
        if let Some(set) = wanted.and_then(|name| sets.iter().find(|s| s.name == name)) {
            self.open(cx, set.clone());
        } else if let Some(draft) = self.draft.as_ref().filter(|_| !self.is_edited()) {
            match sets.iter().find(|s| s.id == draft.set.id) {
                Some(stored) if stored.version != draft.set.version => self.open(cx, stored.clone()),
                None if self.unlisted == 0 => {
                    cx.say(say::sets::the_set_is_deleted());
                    self.open_first(cx, &sets);
                }
                _ => {}
            }
        } else if self.draft.is_none() {
            self.open_first(cx, &sets);
        }
        if !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            self.add_objectives(cx, waiting);
        }
        if let Some((series_id, cmd, argument)) = self.early.take() {
            self.moved_on_chart(cx, &series_id, cmd, argument.as_deref());
        }
    }

    /// The first active set, else the first.
    fn open_first(&mut self, cx: &mut Context, sets: &[SlaSet]) {
        self.draft = None;
        if let Some(set) = sets.iter().find(|s| s.active).or_else(|| sets.first()) {
            self.open(cx, set.clone());
        } else {
            self.rebuild(cx);
        }
    }

    fn suggested(&mut self, cx: &mut Context, suggestion: &set::SuggestRangeResponse) {
        let history = crate::format::duration(suggestion.spanned_ms);
        if let (None, Some(form)) = (&self.suggesting, &mut self.form) {
            form.suggest(suggestion.range.as_ref());
            cx.say(say::sets::suggested_from_samples_over(&suggestion.samples, &history));
            self.ask_what_if(cx, 0);
            return;
        }
        if let (Some(name), Some(range), Some(draft)) = (self.suggesting.take(), suggestion.range, &mut self.draft) {
            draft.set_range(&name, range);
            cx.say(say::sets::suggested_from_samples_over_s(&suggestion.samples, &history));
            self.changed(cx);
        }
        self.next_suggestion(cx);
    }

    /// A save was refused: somebody was faster, or something is wrong.
    fn refused(&mut self, cx: &mut Context, writing: Option<&Writing>, problem: &Problem) {
        // What was to follow counted on it.
        self.held.clear();
        if matches!(writing, Some(Writing::Alone)) {
            cx.complain(problem.sentence());
            Self::read_sets(cx);
            return;
        }
        if let (Some(theirs), Some(draft)) = (&problem.conflict, &mut self.draft) {
            cx.overlay = Some(Overlay::text(
                say::sets::conflict_somebody_saved_this(),
                draft.conflict_lines(theirs),
            ));
            // A second save is then on purpose, over their version.
            draft.set.version = theirs.version;
            return;
        }
        cx.complain(problem.sentence());
    }
}
