//! Commands about a whole set: open, create, rename, copy, delete, watch, save.

use sla_proto::objective::v1::SlaSet;
use sla_proto::set::v1 as set;

use super::SetsScreen;
use super::draft::{Draft, Writing};
use super::form::Form;
use crate::command::Cmd;
use crate::context::request::{Request, Slot};
use crate::context::{Context, wire};
use crate::say;

/// Commands that write and wait for the answer to the write before them.
const HELD_MAX: usize = 8;

impl SetsScreen {
    pub(super) fn set_command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        let name = argument.unwrap_or_default().to_owned();
        match cmd {
            // A write counts on the version that the write before it makes.
            Cmd::Save | Cmd::NewSet | Cmd::RenameSet | Cmd::DuplicateSet | Cmd::DeleteSet | Cmd::ActivateSet
                if !self.writing.is_empty() =>
            {
                if self.held.len() < HELD_MAX {
                    self.held.push_back((cmd, argument.map(str::to_owned)));
                } else {
                    cx.complain(say::sets::still_writing());
                }
            }
            Cmd::Save => self.save(cx),
            Cmd::NextSet => self.open_next(cx, argument),
            // Another set would be opened, and the changes be gone.
            Cmd::NewSet | Cmd::DuplicateSet if self.is_edited() => cx.complain(say::sets::this_set_has_changes()),
            Cmd::NewSet => {
                let fresh = SlaSet {
                    name: name.clone(),
                    active: true,
                    ..SlaSet::default()
                };
                self.open_name = Some(name);
                self.write(cx, set::CreateSetRequest { set: Some(fresh) }, Writing::Fresh);
            }
            Cmd::RenameSet => self.save_alone(cx, |set| set.name = name),
            Cmd::DuplicateSet => {
                if let Some(id) = self.draft.as_ref().map(|d| d.set.id.clone()) {
                    self.open_name = Some(name.clone());
                    self.write(cx, set::DuplicateSetRequest { id, new_name: name }, Writing::Fresh);
                }
            }
            Cmd::DeleteSet => {
                if let Some(draft) = &self.draft {
                    let request = set::DeleteSetRequest {
                        id: draft.set.id.clone(),
                        version: draft.set.version,
                    };
                    let gone = Writing::Deletion(request.id.clone());
                    self.write(cx, request, gone);
                }
            }
            Cmd::ActivateSet => self.save_alone(cx, |set| set.active = !set.active),
            _ => return false,
        }
        true
    }

    /// Saves one thing about the stored set, and nothing that is being edited.
    fn save_alone(&mut self, cx: &mut Context, edit: impl FnOnce(&mut SlaSet)) {
        if let Some(mut set) = self.draft.as_ref().map(|draft| draft.stored().clone()) {
            edit(&mut set);
            self.write(cx, set::UpdateSetRequest { set: Some(set) }, Writing::Alone);
        }
    }

    pub(super) fn write(&mut self, cx: &mut Context, request: impl Into<Request>, what: Writing) {
        self.writing.push((cx.call(Slot::SetWrite, request), what));
    }

    /// What waited for the answer that is here now.
    pub(super) fn write_next(&mut self, cx: &mut Context) {
        while self.writing.is_empty()
            && let Some((cmd, argument)) = self.held.pop_front()
        {
            self.set_command(cx, cmd, argument.as_deref());
        }
    }

    /// What is asked before a set is no longer watched; nothing when it is not watched now.
    pub(super) fn stop_question(&self) -> Option<String> {
        let stored = self
            .draft
            .as_ref()
            .map(super::draft::Draft::stored)
            .filter(|set| set.active)?;
        let violated = self.rows.iter().filter(|row| row.is_violated_now()).count();
        let now = match violated {
            0 => String::new(),
            1 => say::sets::one_violated_now().to_owned(),
            many => say::sets::of_them_violated_now(&many),
        };
        Some(say::sets::stop_watching_its_will(
            &stored.name,
            &say::counts::objectives(&stored.objectives.len()),
            &now,
        ))
    }

    fn save(&mut self, cx: &mut Context) {
        let Some(draft) = &self.draft else { return };
        // Everything wrong is told before anything is sent.
        for objective in &draft.set.objectives {
            if let Err(problems) = sla_proto::convert::objective(objective) {
                let what = problems.first().map(ToString::to_string).unwrap_or_default();
                cx.complain(format!("{}: {what}", wire::objective_name(objective)));
                return;
            }
        }
        let (sent, steps) = (draft.set.clone(), draft.steps());
        let set = Some(sent.clone());
        self.write(cx, set::UpdateSetRequest { set }, Writing::Draft { sent, steps });
    }

    fn open_next(&mut self, cx: &mut Context, name: Option<&str>) {
        if self.is_edited() {
            cx.complain(say::sets::this_set_has_changes());
            return;
        }
        let sets = cx.sets.rows();
        let here = self
            .draft
            .as_ref()
            .and_then(|d| sets.iter().position(|s| s.id == d.set.id))
            .unwrap_or(0);
        let next = match name {
            Some(name) => sets.iter().find(|s| s.name == name || s.id == name),
            None => sets.get((here + 1) % sets.len().max(1)),
        };
        match next.cloned() {
            Some(set) => self.open(cx, set),
            None => cx.complain(say::sets::there_is_no_sla_set(&name.unwrap_or_default())),
        }
    }

    /// Opens the set with this id unless it is open; says why not when it cannot: one with changes is not left for another.
    pub(super) fn turn_to(&mut self, cx: &mut Context, set_id: &str) -> bool {
        if self.draft.as_ref().is_some_and(|draft| draft.set.id == set_id) {
            return true;
        }
        if self.is_edited() {
            cx.complain(say::sets::the_open_set_has());
            return false;
        }
        let set = cx.sets.rows().iter().find(|set| set.id == set_id).cloned();
        let known = set.is_some();
        match set {
            Some(set) => self.open(cx, set),
            None => cx.complain(say::sets::this_set_is_not()),
        }
        known
    }

    pub(super) fn open(&mut self, cx: &mut Context, set: SlaSet) {
        // A form into which nobody has typed shows its objective as it is in there.
        self.form = self.form.take().and_then(|form| {
            let at = set.objectives.iter().position(|o| o.id == form.objective_id())?;
            Some(Form::new(at, &set.objectives[at]))
        });
        self.draft = Some(Draft::new(set));
        self.kept_text = None;
        self.what_if.clear();
        self.changed(cx);
    }
}
