//! Going back to where one came from, and forward again.

use super::App;
use super::trail::Station;
use crate::command::{Cmd, Tab};

impl App {
    fn station(&self, led_to: Option<Tab>) -> Station {
        Station {
            tab: self.tab,
            place: self.screen().place(),
            led_to,
        }
    }

    /// This place is left for another; `led_to` when something on screen leads there.
    pub(super) fn leave_for(&mut self, led_to: Option<Tab>) {
        let station = self.station(led_to);
        self.trail.leave(station);
    }

    /// Esc: returns to the row that led here; false when nothing did.
    pub(super) fn return_from(&mut self) -> bool {
        if self.trail.led_to() != Some(self.tab) || !self.screen().at_arrival() {
            return false;
        }
        let here = self.station(None);
        let (screen, cx) = self.here();
        screen.back(cx);
        self.go_along(false, here);
        true
    }

    /// One place back or forward.
    pub(super) fn walk(&mut self, cmd: Cmd) {
        let here = self.station(None);
        self.go_along(cmd == Cmd::JumpForward, here);
    }

    fn go_along(&mut self, forward: bool, here: Station) {
        let Some(station) = self.trail.step(forward, here) else {
            return;
        };
        self.overlay = None;
        self.tab = station.tab;
        match station.place {
            Some(place) => {
                let (screen, cx) = self.here();
                screen.arrive(cx, place);
            }
            None => self.refresh(),
        }
    }
}
