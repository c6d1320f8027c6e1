//! What a console was told, and what becomes of changes that are not saved: nothing that is no edit may touch them, what is taken
//! back is what was there before, and what is saved is what was sent.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyModifiers};
use sla_proto::objective::v1::{AllowedRange, SlaSet};
use sla_proto::set_file;
use sla_testkit::estate::Truth;

use crate::app::{App, Msg};
use crate::command::{Cmd, Scope, Tab};
use crate::context::request::{Effect, LinkEvent, Reply, Request, RequestId, Slot};
use crate::context::wire;
use crate::overlay::Overlay;
use crate::remembered::KeptDraft;

/// How the instance is reached, as the console was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    Never,
    Now,
    NoLonger,
}

/// What a message may do to changes that are not saved.
#[derive(Debug, Clone, PartialEq)]
enum Touch {
    /// Nothing.
    Nothing,
    /// Nothing; where there are none, another set may be opened.
    Elsewhere,
    /// One edit, or none.
    Edit,
    Undo,
    Redo,
    /// A key in the form of an objective.
    Form,
    /// A command that is not known beforehand: from the palette, a question, a list.
    Anything,
    /// The answer to a write.
    Written(RequestId),
    /// The sets were listed.
    Listed,
}

/// The changes of a set, as they would be kept for the next start.
type Kept = Option<(String, String)>;

/// Objectives as far as an operator decides about them: name, query, bounds.
type Agreement = Vec<(String, String, Option<AllowedRange>)>;

fn agreement(set: &SlaSet) -> Agreement {
    let objectives = set.objectives.iter();
    objectives
        .map(|o| (o.name.clone(), wire::query_text(o.query.as_ref()).to_owned(), o.range))
        .collect()
}

fn read(text: &str) -> Option<SlaSet> {
    set_file::read(text, "kept").ok().and_then(|mut sets| sets.pop())
}

/// All of it.
pub(super) struct Model {
    /// As of the last evaluation that arrived.
    pub(super) told: Option<Truth>,
    /// Sets by id: as they were listed, or answered to a write.
    pub(super) sets: Option<BTreeMap<String, SlaSet>>,
    asked: Option<RequestId>,
    pub(super) reached: Reached,
    pub(super) server_failed: bool,
    server_asked: Option<RequestId>,
    writes: BTreeMap<RequestId, Request>,
    before: Kept,
    touch: Touch,
    undo: Vec<Kept>,
    redo: Vec<Kept>,
    /// The last list came while something was edited: what was open stayed.
    pub(super) kept_open: bool,
    /// A form is open over the changes, which were these before it.
    form: Option<Kept>,
}

pub(super) fn kept(app: &App) -> Kept {
    let draft = app.remembered().draft;
    draft.map(|KeptDraft { set, text, .. }| (set, text))
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            told: None,
            sets: None,
            asked: None,
            reached: Reached::Never,
            server_failed: false,
            server_asked: None,
            writes: BTreeMap::new(),
            before: None,
            touch: Touch::Nothing,
            undo: Vec::new(),
            redo: Vec::new(),
            kept_open: false,
            form: None,
        }
    }

    /// A console that was started with these changes.
    pub(super) fn starting_with(before: Kept) -> Self {
        Self { before, ..Self::new() }
    }

    /// How many objectives stand in sets that nobody watches.
    pub(super) fn not_watched(&self) -> usize {
        let sets = self.sets.iter().flatten().map(|(_, set)| set);
        sets.filter(|set| !set.active).map(|set| set.objectives.len()).sum()
    }

    /// A message is about to be handed in.
    pub(super) fn expect(&mut self, app: &App, msg: &Msg) {
        self.touch = touch(app, msg);
        if let Msg::Link(event) = msg {
            self.hear(event);
        }
    }

    fn hear(&mut self, event: &LinkEvent) {
        match event {
            LinkEvent::Connected => self.reached = Reached::Now,
            LinkEvent::Lost { .. } => self.reached = Reached::NoLonger,
            LinkEvent::Connecting if self.reached == Reached::Now => self.reached = Reached::NoLonger,
            LinkEvent::Reply { slot, id, result } => match (slot, result) {
                (Slot::Server, result) if self.server_asked == Some(*id) => {
                    self.server_asked = None;
                    self.server_failed = result.is_err();
                }
                (Slot::Sets, result) if self.asked == Some(*id) => {
                    self.asked = None;
                    if let Ok(Reply::Sets(told)) = result {
                        let sets = told.sets.iter().map(|set| (set.id.clone(), set.clone()));
                        self.sets = Some(sets.collect());
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// What the console asked for.
    pub(super) fn asked(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Call { slot, id, request } = effect {
                match slot {
                    Slot::Sets => self.asked = Some(*id),
                    Slot::Server => self.server_asked = Some(*id),
                    Slot::SetWrite => {
                        self.writes.insert(*id, request.clone());
                    }
                    _ => {}
                }
            }
        }
    }

    /// The message was handled. Words where the changes are not what they must be.
    pub(super) fn check(&mut self, app: &App, answer: Option<&Reply>) -> Result<(), String> {
        let after = kept(app);
        // What it was after the message before.
        let before = std::mem::replace(&mut self.before, after.clone());
        let has_form = has_form(app, self.form.is_some());
        let changed = before != after;
        if let Some((_, text)) = after.as_ref().filter(|_| changed) {
            check_ids(text)?;
        }
        let wrong = |what: &str| Err(format!("{what}:\nbefore {before:#?}\nafter {after:#?}"));
        let opened = before.clone();
        if self.touch == Touch::Listed {
            self.kept_open = before.is_some() || self.form.is_some();
        }
        match self.touch.clone() {
            Touch::Nothing | Touch::Elsewhere if changed => return wrong("changes that nobody edited became others"),
            // Below a form the set may be another one, as long as nothing else was changed.
            Touch::Listed if self.form.as_ref().is_some_and(Option::is_none) && after.is_some() => {}
            Touch::Listed if changed && before.is_some() => {
                let is_gone =
                    |(set, _): &(String, String)| self.sets.as_ref().is_some_and(|sets| !sets.contains_key(set));
                // What somebody else, or a write whose answer was lost, has stored is no change any more.
                let is_stored = |(set, text): &(String, String)| {
                    let stored = self.sets.as_ref().and_then(|sets| sets.get(set));
                    after.is_none() && stored.map(agreement) == read(text).as_ref().map(agreement)
                };
                if !before
                    .as_ref()
                    .is_some_and(|before| is_gone(before) || is_stored(before))
                {
                    return wrong("a list of sets changed what is being edited");
                }
            }
            Touch::Written(id) => {
                self.check_written(id, answer, (&before, &after))?;
                self.forget_steps();
            }
            Touch::Undo if self.form.is_none() => {
                if let Some(wanted) = self.undo.pop() {
                    if after != wanted {
                        return Err(format!("taken back became {after:#?}, before it was {wanted:#?}"));
                    }
                    self.redo.push(before);
                }
            }
            Touch::Redo if self.form.is_none() => {
                if let Some(wanted) = self.redo.pop() {
                    if after != wanted {
                        return Err(format!("done again became {after:#?}, before it was {wanted:#?}"));
                    }
                    self.undo.push(before);
                }
            }
            Touch::Edit if self.form.is_none() => {
                if before.is_none() {
                    // Another set may have been opened for it.
                    self.forget_steps();
                }
                if changed {
                    self.undo.push(before);
                    self.redo.clear();
                }
            }
            Touch::Form => {
                if let (Some(opened), false) = (self.form.clone(), has_form)
                    && after != opened
                {
                    self.undo.push(opened);
                    self.redo.clear();
                }
            }
            Touch::Listed | Touch::Elsewhere | Touch::Anything | Touch::Undo | Touch::Redo | Touch::Edit => {
                self.forget_steps();
            }
            Touch::Nothing => {}
        }
        match (&self.form, has_form) {
            (None, true) => self.form = Some(opened),
            (Some(_), false) => self.form = None,
            _ => {}
        }
        Ok(())
    }

    /// From here on it is not known what comes back.
    fn forget_steps(&mut self) {
        self.undo.clear();
        self.redo.clear();
    }

    fn check_written(
        &mut self,
        id: RequestId,
        answer: Option<&Reply>,
        (before, after): (&Kept, &Kept),
    ) -> Result<(), String> {
        let request = self.writes.remove(&id);
        let wrong = |what: &str| {
            Err(format!(
                "{what}:\nbefore {before:#?}\nafter {after:#?}\nasked {request:#?}"
            ))
        };
        let saved = match answer {
            Some(Reply::CreateSet(told)) => told.set.as_ref(),
            Some(Reply::UpdateSet(told)) => told.set.as_ref(),
            Some(Reply::DuplicateSet(told)) => told.set.as_ref(),
            _ => None,
        };
        if let (Some(sets), Some(saved)) = (&mut self.sets, saved) {
            sets.insert(saved.id.clone(), saved.clone());
        }
        if let (Some(sets), Some(Request::DeleteSet(m)), Some(_)) = (&mut self.sets, &request, answer) {
            sets.remove(&m.id);
        }
        let Some((set, text)) = before else {
            // What was taken back after it was sent is a change now.
            let is_save = matches!((&request, answer), (Some(Request::UpdateSet(_)), Some(_)));
            let explained = after.is_none() || self.form.is_some() || is_save;
            return if explained {
                Ok(())
            } else {
                wrong("an answer made changes")
            };
        };
        match (&request, answer) {
            (Some(Request::DeleteSet(m)), Some(_)) if m.id == *set => Ok(()),
            (Some(Request::UpdateSet(m)), Some(_)) if m.set.as_ref().is_some_and(|sent| sent.id == *set) => {
                let sent = m.set.as_ref().and_then(|sent| read(&set_file::write_for_editor(sent)));
                let of = |set: Option<SlaSet>| set.map(|set| agreement(&set));
                let here = of(read(text));
                if of(sent) == here {
                    return Ok(());
                }
                if of(after.as_ref().and_then(|(_, text)| read(text))) == here {
                    return Ok(());
                }
                wrong("what was edited beside a save is gone")
            }
            _ if before != after => wrong("a write that saved nothing of it changed what is being edited"),
            _ => Ok(()),
        }
    }
}

/// Two objectives of a set never have one id: one of them would be lost on save.
fn check_ids(text: &str) -> Result<(), String> {
    let set = read(text).unwrap_or_default();
    let mut ids: Vec<&str> = set.objectives.iter().map(|o| o.id.as_str()).collect();
    ids.retain(|id| !id.is_empty());
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    if ids.len() < count {
        return Err(format!("two objectives have one id in\n{text}"));
    }
    Ok(())
}

/// Whether the form of an objective is open; where something lies over it, as before.
fn has_form(app: &App, before: bool) -> bool {
    if app.overlay.is_some() || app.tab != Tab::Sets {
        before
    } else {
        app.scopes().contains(&Scope::Form)
    }
}

fn touch(app: &App, msg: &Msg) -> Touch {
    match msg {
        Msg::Key(key) => {
            let scopes = app.scopes();
            if app.pending.is_some() {
                return Touch::Nothing;
            }
            let is_alt = key.modifiers.contains(KeyModifiers::ALT);
            if scopes.contains(&Scope::Form) {
                let submits = is_alt
                    || key.code == KeyCode::Enter
                    || (key.code == KeyCode::Char('s') && key.modifiers.contains(KeyModifiers::CONTROL));
                return match &app.overlay {
                    Some(_) if submits => Touch::Anything,
                    None if app.tab == Tab::Sets => Touch::Form,
                    _ => Touch::Nothing,
                };
            }
            match app.keymap.lookup(&scopes, *key) {
                None if is_alt => Touch::Anything,
                Some(Cmd::Undo) => Touch::Undo,
                Some(Cmd::Redo) => Touch::Redo,
                Some(Cmd::NextSet | Cmd::EditRange) => Touch::Elsewhere,
                Some(Cmd::Yes) => Touch::Anything,
                Some(Cmd::Open) if matches!(app.overlay, Some(Overlay::Pick(_))) => Touch::Anything,
                Some(
                    Cmd::BoundUp
                    | Cmd::BoundDown
                    | Cmd::RaiseBound
                    | Cmd::LowerBound
                    | Cmd::DeleteObjective
                    | Cmd::Revert
                    | Cmd::AddToSet,
                ) => Touch::Edit,
                _ => Touch::Nothing,
            }
        }
        Msg::Paste(..) if app.overlay.is_none() && app.tab == Tab::Sets => Touch::Form,
        Msg::Edited(Ok(Some(_))) => Touch::Edit,
        Msg::Link(LinkEvent::Reply { slot, id, .. }) => match slot {
            Slot::SetWrite => Touch::Written(*id),
            Slot::Suggest => Touch::Edit,
            Slot::Sets => Touch::Listed,
            _ => Touch::Nothing,
        },
        _ => Touch::Nothing,
    }
}
