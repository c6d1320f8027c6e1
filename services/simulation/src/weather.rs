//! What is wrong around the instance at the moment: set by the plan of faults, asked by the ports' decorators.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::dice::Dice;
use crate::fault::{DiskMood, Fault, SkyMood, SourceMood};

/// Everything that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mood {
    pub(crate) source: SourceMood,
    pub(crate) disk: DiskMood,
    pub(crate) sky: SkyMood,
    /// Percent of calls between roles and from consoles that are lost, half of them on the way back.
    pub(crate) lost_percent: u64,
    /// Percent of published results that are refused, doubled or delivered in another order.
    pub(crate) bus_percent: u64,
    /// Percent of messages that do not arrive, or whose receipt does not, half of them each.
    pub(crate) post_percent: u64,
    /// A series whose samples after this instant are kept back, and the instant.
    pub(crate) withheld: Option<(usize, i64)>,
}

/// What one call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives,
    /// It never gets there.
    Lost,
    /// It is done, and the answer is lost.
    AnswerLost,
}

/// Shared by all that is around the instance.
#[derive(Debug)]
pub(crate) struct Weather {
    seed: u64,
    inside: Mutex<(Mood, Dice)>,
    /// Calls while some are lost, by rpc.
    calls: Mutex<BTreeMap<String, u64>>,
}

impl Weather {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            inside: Mutex::new((Mood::default(), Dice::of(seed, "weather"))),
            calls: Mutex::default(),
        }
    }

    fn inside(&self) -> MutexGuard<'_, (Mood, Dice)> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mood(&self) -> Mood {
        self.inside().0
    }

    /// The faults that are active at `world_ms`, and since when each is.
    pub(crate) fn set(&self, active: &[(Fault, i64)]) {
        let mut mood = Mood::default();
        for &(fault, since_ms) in active {
            match fault {
                Fault::Source(source) => mood.source = source,
                Fault::Disk(disk) => mood.disk = disk,
                Fault::Sky(sky) => mood.sky = sky,
                Fault::Wire(percent) => mood.lost_percent = percent,
                Fault::Bus(percent) => mood.bus_percent = percent,
                Fault::Post(percent) => mood.post_percent = percent,
                Fault::Late(series) => mood.withheld = Some((series, since_ms)),
                Fault::Jump(_) | Fault::FolderSwapped => {}
            }
        }
        self.inside().0 = mood;
    }

    /// The next write is cut.
    pub(crate) fn tear(&self) {
        self.inside().0.disk = DiskMood::Tearing;
    }

    /// The write that was cut is over.
    pub(crate) fn torn(&self) {
        self.inside().0.disk = DiskMood::Fine;
    }

    pub(crate) fn chance(&self, percent: u64) -> bool {
        percent > 0 && self.inside().1.chance(percent)
    }

    pub(crate) fn below(&self, end: u64) -> u64 {
        self.inside().1.below(end)
    }

    /// What the next call of an rpc meets. Calls of other rpcs at the same instant change nothing about it.
    pub(crate) fn fate(&self, path: &str) -> Fate {
        let percent = self.mood().lost_percent;
        if percent == 0 {
            return Fate::Arrives;
        }
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry(path.to_owned()).or_default();
        *count += 1;
        let mut dice = Dice::of(self.seed.wrapping_add(*count << 32), path);
        if !dice.chance(percent) {
            Fate::Arrives
        } else if dice.chance(50) {
            Fate::Lost
        } else {
            Fate::AnswerLost
        }
    }
}
