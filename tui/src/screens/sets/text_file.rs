//! The set as text in the user's editor: what comes back becomes changes of the draft.

use sla_domain::SafeText;
use sla_proto::objective::v1::SlaSet;
use sla_proto::set_file;

use super::SetsScreen;
use crate::context::Context;
use crate::context::request::Effect;
use crate::overlay::Overlay;
use crate::remembered::KeptDraft;
use crate::say;

impl SetsScreen {
    /// Opens the editor on the draft, or on the text that could not be taken the last time.
    pub(super) fn edit_file(&self, cx: &mut Context) {
        let Some(draft) = &self.draft else { return };
        let text = self.kept_text.clone();
        cx.effect(Effect::Edit {
            name: draft.set.name.clone(),
            text: text.unwrap_or_else(|| set_file::write_for_editor(&draft.set)),
        });
    }

    /// The editor has ended: its text, nothing when it was left as it was, or why there is none.
    pub(super) fn take_text(&mut self, cx: &mut Context, result: Result<Option<String>, String>) {
        match result {
            Ok(Some(text)) => match one_set(&text) {
                Ok(edited) => self.take_edited(cx, edited),
                Err(why) => self.keep_text(cx, text, &why),
            },
            Ok(None) if self.kept_text.is_some() => cx.say(say::sets::the_text_was_left()),
            Ok(None) => cx.say(say::sets::nothing_was_changed_in()),
            Err(why) => cx.complain(why),
        }
    }

    /// What is not saved, for the next start; a form that is open counts as far as it can be taken.
    pub(super) fn kept_draft(&self) -> Option<KeptDraft> {
        let Some(draft) = &self.draft else {
            return self.kept.clone();
        };
        let mut draft = draft.clone();
        if let Some(form) = &self.form
            && let Ok(objective) = form.objective()
        {
            draft.put(form.at, objective);
        }
        draft.is_dirty().then(|| KeptDraft {
            set: draft.set.id.clone(),
            version: draft.set.version,
            text: set_file::write_for_editor(&draft.set),
        })
    }

    /// Opens the set that was being edited when an earlier console ended, with its changes.
    pub(super) fn take_kept(&mut self, cx: &mut Context, sets: &[SlaSet]) {
        let Some(kept) = self.kept.take() else { return };
        let Some(set) = sets.iter().find(|set| set.id == kept.set) else {
            cx.complain(say::sets::a_set_with_changes());
            return;
        };
        let (mut set, text) = (set.clone(), one_set(&kept.text));
        let edited = match text {
            Ok(edited) => edited,
            Err(why) => {
                self.open(cx, set);
                return self.keep_text(cx, kept.text, &why);
            }
        };
        let since = if set.version == kept.version {
            ""
        } else {
            say::sets::and_somebody_saved_this()
        };
        // A save over somebody else's then shows both.
        set.version = kept.version;
        let name = set.name.clone();
        self.open(cx, set);
        if let Some(draft) = &mut self.draft {
            draft.change(|set| take(set, edited));
        }
        self.changed(cx);
        cx.say(say::sets::changes_of_that_were(&name, &since));
    }

    fn take_edited(&mut self, cx: &mut Context, edited: SlaSet) {
        self.kept_text = None;
        let Some(draft) = &mut self.draft else { return };
        let before = draft.set.clone();
        draft.change(|set| take(set, edited));
        if draft.set == before {
            cx.say(say::sets::the_text_means_what());
        } else {
            cx.say(say::sets::changed_here_from_the());
        }
        self.changed(cx);
    }

    fn keep_text(&mut self, cx: &mut Context, text: String, why: &str) {
        self.kept_text = Some(text);
        let mut lines = vec![say::sets::nothing_was_taken_what().to_owned(), String::new()];
        lines.extend(why.lines().map(|line| SafeText::new(line).into_string()));
        lines.push(String::new());
        lines.push(say::sets::the_text_is_kept().to_owned());
        cx.overlay = Some(Overlay::text(say::sets::the_edited_text(), lines));
    }
}

fn one_set(text: &str) -> Result<SlaSet, String> {
    let sets = set_file::read(text, say::sets::the_edited_text()).map_err(|invalid| invalid.to_string())?;
    let count = sets.len();
    let mut sets = sets.into_iter();
    match (sets.next(), sets.next()) {
        (Some(set), None) => Ok(set),
        _ => Err(say::sets::there_are_sets_in(&count)),
    }
}

/// Takes over what was edited. What the text does not tell, an objective keeps; one that reads the same stays exactly as it was.
fn take(set: &mut SlaSet, edited: SlaSet) {
    set.name = edited.name;
    set.description = edited.description;
    set.active = edited.active;
    let old = std::mem::take(&mut set.objectives);
    let alone = |objective: &sla_proto::objective::v1::Objective| {
        set_file::write(&[SlaSet {
            objectives: vec![objective.clone()],
            ..SlaSet::default()
        }])
    };
    set.objectives = edited
        .objectives
        .into_iter()
        .map(|mut new| {
            let by_name = new.id.is_empty();
            let have = old
                .iter()
                .find(|o| if by_name { o.name == new.name } else { o.id == new.id });
            match have {
                Some(have) if alone(have) == alone(&new) => have.clone(),
                Some(have) => {
                    new.id.clone_from(&have.id);
                    new.generation = have.generation;
                    new
                }
                None => new,
            }
        })
        .collect();
}
