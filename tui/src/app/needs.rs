//! What a command lacks.

use super::App;
use crate::command::{Command, Need, Tab};
use crate::say;

impl App {
    /// The first thing that is not there, in words; `None` when the command can be done.
    pub(crate) fn lacks(&self, command: &Command) -> Option<&'static str> {
        let missing = command.needs.iter().find(|need| !self.has(**need))?;
        Some(match missing {
            Need::Cities if self.cx.server.get().is_none() => say::needs::the_instance_has_not_introduced(),
            need => need.lacking(),
        })
    }

    fn has(&self, need: Need) -> bool {
        match need {
            Need::Write => !self.read_only,
            Need::Connection => self.is_connected(),
            Need::Cities => self.cx.has_tab(Tab::Weather),
            Need::Back => self.trail.leads_back(),
            Need::Forward => self.trail.leads_forward(),
            need => self.screens.iter().any(|screen| screen.has(need)),
        }
    }
}
