//! What a seed means: how long the world lasts, which faults come when, and when the instance dies.

use crate::dice::Dice;
use crate::fault::{DiskMood, Fault, SkyMood, SourceMood};

const MINUTE_MS: i64 = 60_000;
/// When worlds of minutes begin, Unix milliseconds.
const BEGUN_MS: i64 = 1_700_000_000_000;
/// When long ones begin, Unix milliseconds: 2024-03-30 12:00 UTC, the day before Europe's clocks go forward.
const DAY_BEGUN_MS: i64 = 1_711_800_000_000;
/// Every promise holds again this long after the last fault, milliseconds.
pub(crate) const RECOVERY_MS: i64 = 30_000;
/// Editors rest for this long before a look, milliseconds: what they saved is judged by then.
pub(crate) const REST_MS: i64 = 20_000;
/// One seed in so many has no faults.
const CALM_EACH: u64 = 8;
/// So many percent of the others end with a source that says for minutes that there is nothing.
const SILENT_PERCENT: u64 = 8;
/// In so many percent messages to people go astray for a while.
const UNHEARD_PERCENT: u64 = 30;
/// In so many percent objectives are forecast, which costs much.
const FORECAST_PERCENT: u64 = 10;
/// In so many percent there is a city whose weather is polled.
const CITY_PERCENT: u64 = 20;
/// A calm world is looked at this often, milliseconds.
const LOOK_EVERY_MS: i64 = 2 * MINUTE_MS;

/// A fault in its time, milliseconds since the world began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spell {
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
    pub(crate) fault: Fault,
}

/// How a life of the instance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// As by SIGKILL.
    Killed,
    /// In the middle of the first write from then on.
    Torn,
    /// As by SIGTERM.
    Stopped,
}

/// The instance dies, and is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Restart {
    pub(crate) at_ms: i64,
    pub(crate) down_ms: i64,
    pub(crate) death: Death,
}

/// Everything that a seed decides beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Unix milliseconds.
    pub(crate) begun_ms: i64,
    pub(crate) length_ms: i64,
    pub(crate) spells: Vec<Spell>,
    pub(crate) restarts: Vec<Restart>,
    /// From this instant on the machine's clock is wrong for good by so much, milliseconds.
    pub(crate) clock_set: Option<(i64, i64)>,
    /// Whether the source tells the time of its server.
    pub(crate) tells_time: bool,
    /// Whether results go over a bus.
    pub(crate) over_bus: bool,
    /// Whether objectives are forecast.
    pub(crate) forecasts: bool,
    /// Whether the weather of a city is polled.
    pub(crate) city: bool,
    /// Editors edit for so long, milliseconds; `None`: almost to the end.
    pub(crate) edits_for_ms: Option<i64>,
}

impl Plan {
    /// Of an ordinary seed: some minutes, with faults unless it is a calm one.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed, "plan");
        let mut plan = Self {
            seed,
            begun_ms: BEGUN_MS,
            length_ms: dice.between(7, 11) * MINUTE_MS,
            spells: Vec::new(),
            restarts: Vec::new(),
            clock_set: None,
            tells_time: dice.chance(70),
            over_bus: dice.chance(50),
            forecasts: Dice::of(seed, "forecasts").chance(FORECAST_PERCENT),
            city: Dice::of(seed, "city").chance(CITY_PERCENT),
            edits_for_ms: None,
        };
        if seed % CALM_EACH == CALM_EACH - 1 {
            return plan;
        }
        let last_ms = plan.length_ms - 2 * MINUTE_MS;
        for _ in 0..dice.between(1, 4) {
            let from_ms = dice.between(20_000, last_ms - 10_000);
            let until_ms = (from_ms + dice.between(2_000, 100_000)).min(last_ms);
            let fault = fault(&mut dice);
            plan.spells.push(Spell {
                from_ms,
                until_ms,
                fault,
            });
        }
        for _ in 0..dice.between(0, 2) {
            let at_ms = dice.between(15_000, last_ms - 60_000);
            let death = match dice.below(4) {
                0 => Death::Stopped,
                1 => Death::Torn,
                _ => Death::Killed,
            };
            let down_ms = if dice.chance(30) {
                dice.between(10_000, 50_000)
            } else {
                dice.between(200, 3_000)
            };
            plan.restarts.push(Restart { at_ms, down_ms, death });
        }
        if plan.tells_time && dice.chance(25) {
            let by_ms = dice.between(10_000, 600_000) * if dice.chance(50) { 1 } else { -1 };
            plan.clock_set = Some((dice.between(30_000, last_ms), by_ms));
        }
        plan.swaps();
        plan.restarts.sort_by_key(|restart| restart.at_ms);
        plan.long_silence();
        plan.lost_messages(last_ms);
        plan.dark_skies(last_ms);
        plan
    }

    /// Receivers of messages are away now and then, until `last_ms` at most.
    fn lost_messages(&mut self, last_ms: i64) {
        let mut dice = Dice::of(self.seed, "messages");
        if dice.chance(UNHEARD_PERCENT) {
            let from_ms = dice.between(60_000, last_ms - 10_000);
            let fault = Fault::Post(dice.below(90) + 10);
            let until_ms = (from_ms + dice.between(10_000, 120_000)).min(last_ms);
            self.spells.push(Spell {
                from_ms,
                until_ms,
                fault,
            });
        }
    }

    /// Where there is a city, its provider is in a mood for a while.
    fn dark_skies(&mut self, last_ms: i64) {
        if !self.city {
            return;
        }
        let mut dice = Dice::of(self.seed, "sky");
        let mood = match dice.below(4) {
            0 => SkyMood::Old,
            1 => SkyMood::Slow(dice.below(5_000) + 500),
            _ => SkyMood::Away,
        };
        // Polls are rare: the first one meets it.
        let from_ms = dice.between(0, 5_000);
        let until_ms = dice.between(20_000, 180_000).min(last_ms);
        self.spells.push(Spell {
            from_ms,
            until_ms,
            fault: Fault::Sky(mood),
        });
    }

    /// Whether nothing keeps the role weather from remembering what it asked, and when.
    pub(crate) fn remembers(&self) -> bool {
        let forgets = |spell: &Spell| {
            matches!(
                spell.fault,
                Fault::Disk(_) | Fault::Wire(_) | Fault::Jump(_) | Fault::FolderSwapped
            )
        };
        self.clock_set.is_none() && !self.spells.iter().any(forgets)
    }

    /// Now and then the source has nothing to say for longer than tails reach back, when all else is over.
    fn long_silence(&mut self) {
        let mut dice = Dice::of(self.seed, "silence");
        if dice.chance(SILENT_PERCENT) {
            let from_ms = self.length_ms - RECOVERY_MS;
            let until_ms = from_ms + dice.between(6 * MINUTE_MS, 8 * MINUTE_MS);
            self.spells.push(Spell {
                from_ms,
                until_ms,
                fault: Fault::Source(SourceMood::Empty),
            });
            self.length_ms = until_ms + MINUTE_MS + RECOVERY_MS;
        }
    }

    /// Of a long seed without faults.
    pub(crate) fn day(seed: u64, length_ms: i64) -> Self {
        let mut plan = Self {
            spells: Vec::new(),
            restarts: Vec::new(),
            clock_set: None,
            edits_for_ms: Some(MINUTE_MS),
            ..Self::of(seed)
        };
        plan.length_ms = length_ms;
        plan.begun_ms = DAY_BEGUN_MS;
        plan
    }

    /// Whether it is one of hours.
    pub(crate) fn is_long(&self) -> bool {
        self.length_ms > 60 * MINUTE_MS
    }

    /// A folder that was swapped is noticed when the instance dies, and only once.
    fn swaps(&mut self) {
        let mut seen = false;
        self.spells
            .retain(|spell| spell.fault != Fault::FolderSwapped || !std::mem::replace(&mut seen, true));
        let Some(swap) = self.spells.iter_mut().find(|spell| spell.fault == Fault::FolderSwapped) else {
            return;
        };
        swap.until_ms = swap.until_ms.min(swap.from_ms + 40_000);
        let (from_ms, until_ms) = (swap.from_ms, swap.until_ms);
        self.restarts
            .retain(|restart| restart.at_ms < from_ms - 5_000 || restart.at_ms > until_ms + 5_000);
        self.restarts.push(Restart {
            at_ms: until_ms,
            down_ms: 500,
            death: Death::Killed,
        });
    }

    /// The faults that are active at `at_ms`, and when each began, all since the world began.
    pub(crate) fn active(&self, at_ms: i64) -> Vec<(Fault, i64)> {
        let spells = self
            .spells
            .iter()
            .filter(|spell| (spell.from_ms..spell.until_ms).contains(&at_ms));
        spells.map(|spell| (spell.fault, spell.from_ms)).collect()
    }

    /// By how much the machine's clock is ahead at `at_ms`, milliseconds.
    pub(crate) fn skew_ms(&self, at_ms: i64) -> i64 {
        let jumps = self.active(at_ms).into_iter().map(|(fault, _)| match fault {
            Fault::Jump(by_ms) => by_ms,
            _ => 0,
        });
        let set = self
            .clock_set
            .filter(|&(from_ms, _)| at_ms >= from_ms)
            .map_or(0, |(_, by_ms)| by_ms);
        jumps.sum::<i64>() + set
    }

    /// Instants at which what is active changes, rising.
    pub(crate) fn changes(&self) -> Vec<i64> {
        let ends = self.spells.iter().flat_map(|spell| [spell.from_ms, spell.until_ms]);
        let mut changes: Vec<i64> = ends.chain(self.clock_set.map(|(at_ms, _)| at_ms)).collect();
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    /// Instants at which every promise must hold: [`RECOVERY_MS`] after a fault where no other came meanwhile. `died_ms` is
    /// when lives have ended and begun so far.
    pub(crate) fn looks(&self, born_ms: i64) -> Vec<i64> {
        let mut ends: Vec<i64> = self.spells.iter().map(|spell| spell.until_ms).collect();
        ends.extend(self.clock_set.map(|(at_ms, _)| at_ms));
        ends.push(born_ms);
        ends.push(self.length_ms - RECOVERY_MS - 1_000);
        if self.spells.is_empty() && self.restarts.is_empty() {
            let every_ms = LOOK_EVERY_MS.max(self.length_ms / 40);
            ends.extend((1..self.length_ms / every_ms).map(|at| at * every_ms));
        }
        let mut looks: Vec<i64> = ends
            .into_iter()
            .filter(|&end_ms| end_ms >= born_ms && self.is_calm(end_ms, end_ms + RECOVERY_MS + 1_000))
            .map(|end_ms| end_ms + RECOVERY_MS)
            .collect();
        looks.sort_unstable();
        // Each needs its rest before it.
        looks.dedup_by(|later, earlier| *later - *earlier < RECOVERY_MS);
        looks
    }

    fn is_calm(&self, from_ms: i64, until_ms: i64) -> bool {
        let spells = self.spells.iter().map(|spell| (spell.from_ms, spell.until_ms));
        let deaths = self.restarts.iter().map(|restart| (restart.at_ms, restart.at_ms + 1));
        let set = self.clock_set.map(|(at_ms, _)| (at_ms, at_ms));
        spells
            .chain(deaths)
            .chain(set)
            .all(|(begin_ms, end_ms)| end_ms <= from_ms || begin_ms >= until_ms)
    }
}

fn fault(dice: &mut Dice) -> Fault {
    let source = |mood| Fault::Source(mood);
    match dice.below(17) {
        0 | 1 => source(SourceMood::Away),
        2 => source(SourceMood::Refusing),
        3 => source(SourceMood::Slow(dice.below(9_000) + 500)),
        4 => source(SourceMood::Lagging(dice.between(10_000, 120_000))),
        5 => source(SourceMood::Partial(dice.below(5) as usize)),
        7 | 8 => Fault::Disk(DiskMood::Full),
        9 => Fault::Disk(DiskMood::Failing(dice.below(60) + 10)),
        10 | 11 => Fault::Wire(dice.below(25) + 2),
        12 => Fault::Bus(dice.below(50) + 10),
        6 => source(SourceMood::Empty),
        13 => Fault::Late(dice.below(5) as usize),
        14 => Fault::Jump(3_600_000),
        15 => Fault::Jump(dice.between(-3_600_000, 3_600_000)),
        _ => Fault::FolderSwapped,
    }
}
