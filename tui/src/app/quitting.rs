//! Leaving without losing what was edited.

use super::App;
use crate::command::{Cmd, Need, Tab};
use crate::context::request::{Effect, Slot};
use crate::overlay::{Item, Overlay, Pick, PickKind};
use crate::say;

impl App {
    fn has_changes(&self) -> bool {
        self.screens.iter().any(|screen| screen.has(Need::Changes))
    }

    /// Ends the console; with changes that are not saved it asks what becomes of them.
    pub(super) fn quit(&mut self, argument: Option<&str>) {
        match argument {
            None if self.overlay.is_some() => self.overlay = None,
            None if self.has_changes() => self.ask_before_quitting(),
            Some("save") if self.has_changes() => {
                let (sets, cx) = self.of(Tab::Sets);
                sets.command(cx, Cmd::Save, None);
                self.leaving = cx.asks(Slot::SetWrite) || sets.is_writing();
            }
            Some("drop") => {
                let (sets, cx) = self.of(Tab::Sets);
                sets.command(cx, Cmd::Revert, None);
                self.cx.effect(Effect::Quit);
            }
            None | Some("save" | "keep") => self.cx.effect(Effect::Quit),
            Some(other) => self.cx.complain(say::notices::quit_must_be_save(&other)),
        }
    }

    fn ask_before_quitting(&mut self) {
        let mut items = Vec::new();
        if self.is_connected() && !self.read_only {
            items.push(Item::new(say::notices::save_them_then_quit(), "save"));
        }
        if self.keeps_drafts {
            items.push(Item::new(say::notices::quit_and_find_them(), "keep"));
        }
        items.push(Item::new(say::notices::quit_and_drop_them(), "drop"));
        let title = say::notices::changes_are_not_saved();
        self.overlay = Some(Overlay::Pick(Pick::new(title, PickKind::Run(Cmd::Quit), items)));
    }

    /// The answer to a save is here: leave if that was the wish, or stay where it was refused.
    pub(super) fn leave_when_saved(&mut self) {
        // The save may have waited for another write, whose answer this is.
        let saving = self.cx.asks(Slot::SetWrite);
        if !saving && std::mem::take(&mut self.leaving) && !self.has_changes() {
            self.cx.effect(Effect::Quit);
        }
    }
}
