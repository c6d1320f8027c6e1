//! The places one came from, and those one went back from.

use crate::command::Tab;
use crate::context::Jump;

/// Places kept in each direction.
const PLACES_MAX: usize = 50;

/// A place that was left.
#[derive(Debug, Clone)]
pub(super) struct Station {
    pub(super) tab: Tab,
    /// What was open there; a tab keeps its own rows.
    pub(super) place: Option<Jump>,
    /// The tab that something there led to: back from its arrival Esc returns.
    pub(super) led_to: Option<Tab>,
}

/// Where one was.
#[derive(Debug, Default)]
pub(super) struct Trail {
    back: Vec<Station>,
    forward: Vec<Station>,
}

impl Trail {
    /// A place is left for another: what was ahead is gone.
    pub(super) fn leave(&mut self, station: Station) {
        if self.back.len() == PLACES_MAX {
            self.back.remove(0);
        }
        self.back.push(station);
        self.forward.clear();
    }

    /// The next place in a direction; `here` is then the next one the other way.
    pub(super) fn step(&mut self, forward: bool, here: Station) -> Option<Station> {
        let (from, to) = if forward {
            (&mut self.forward, &mut self.back)
        } else {
            (&mut self.back, &mut self.forward)
        };
        let station = from.pop()?;
        to.push(here);
        Some(station)
    }

    /// The tab that the place before led to.
    pub(super) fn led_to(&self) -> Option<Tab> {
        self.back.last().and_then(|station| station.led_to)
    }

    pub(super) fn leads_back(&self) -> bool {
        !self.back.is_empty()
    }

    pub(super) fn leads_forward(&self) -> bool {
        !self.forward.is_empty()
    }
}
