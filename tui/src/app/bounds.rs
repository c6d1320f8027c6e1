//! Bounds moved on a chart: the chart is of one tab, the draft of another.

use super::App;
use crate::command::{Cmd, Tab};
use crate::context::Jump;

impl App {
    /// The series on the chart that is open.
    fn charted(&self) -> Option<Vec<u8>> {
        match self.screen().place()? {
            Jump::Chart { series_id, .. } => Some(series_id),
            _ => None,
        }
    }

    /// A command about the bounds of the series on the chart; false when it is none, or no chart is open.
    pub(super) fn bound_command(&mut self, cmd: Cmd, argument: Option<&str>) -> bool {
        let of_bounds = matches!(
            cmd,
            Cmd::RaiseBound
                | Cmd::LowerBound
                | Cmd::TurnBound
                | Cmd::SetBound
                | Cmd::Undo
                | Cmd::Redo
                | Cmd::Revert
                | Cmd::Save
        );
        let Some(series_id) = self.charted().filter(|_| of_bounds) else {
            return false;
        };
        let (sets, cx) = self.of(Tab::Sets);
        sets.command_of_chart(cx, &series_id, cmd, argument);
        true
    }

    /// Tells the chart what the draft says about its series, when that has changed.
    pub(super) fn follow_trial(&mut self) {
        let sets = &self.screens[Tab::Sets.at()];
        let trial = self.charted().and_then(|series_id| sets.trial(&self.cx, &series_id));
        if trial != self.cx.trial {
            self.cx.trial = trial;
            let (screen, cx) = self.here();
            screen.trial_changed(cx);
        }
    }
}
