//! Which city is asked for next: each once a round, the one that has waited longest first, whoever watches it.

use std::collections::{BTreeMap, BTreeSet};

use crate::options::MIN_ROUND_MS;

const DAY_MS: i64 = 86_400_000;
/// Pause after the first failure of a city; each further one is twice as long, up to a round.
const FIRST_RETRY_MS: i64 = 60_000;
/// A round of a city is longer by a part of it between 0 and this: places that were added together drift apart.
const JITTER: f64 = 0.05;
/// Turns are multiples of this, milliseconds: the cities of one are asked for together and stored at once.
const TOGETHER_MS: i64 = 10_000;

#[derive(Debug, Clone, Copy, Default)]
struct Due {
    at_ms: i64,
    failures: u32,
}

/// When each city is due, by its slot.
#[derive(Debug)]
pub(crate) struct Rounds {
    due: BTreeMap<u32, Due>,
    under_way: BTreeSet<u32>,
    quota: u32,
    /// Requests of a city and day besides its polls.
    further: u32,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask for the city in this slot now: it counts as under way.
    Poll(u32),
    /// Nothing before this instant, Unix milliseconds.
    Wait(i64),
}

impl Rounds {
    pub(crate) fn new(quota: u32, further: u32) -> Self {
        Self {
            due: BTreeMap::new(),
            under_way: BTreeSet::new(),
            quota,
            further,
        }
    }

    /// How long a round is: 15 min, or as long as the quota of a day needs for all cities.
    pub(crate) fn round_ms(&self) -> i64 {
        let cities = self.due.len() as i64;
        let left = i64::from(self.quota) - cities * i64::from(self.further);
        if left <= 0 {
            return DAY_MS;
        }
        let needed_ms = (cities * DAY_MS).div_euclid(left) + 1;
        needed_ms.clamp(MIN_ROUND_MS, DAY_MS)
    }

    /// A round and its part of the jitter.
    fn longest_ms(&self, jitter: f64) -> i64 {
        let round_ms = self.round_ms();
        round_ms + (round_ms as f64 * JITTER * jitter) as i64
    }

    /// A city that was asked for last at `last_ms`; never, where there is none.
    pub(crate) fn add(&mut self, slot: u32, last_ms: Option<i64>, now_ms: i64) {
        self.due.insert(slot, Due::default());
        let at_ms = last_ms.map_or(now_ms, |last_ms| last_ms + self.round_ms());
        self.due.insert(slot, Due { at_ms, failures: 0 });
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        self.due.remove(&slot);
        self.under_way.remove(&slot);
    }

    /// When a city is due, Unix milliseconds.
    pub(crate) fn due_ms(&self, slot: u32, now_ms: i64) -> Option<i64> {
        self.due.get(&slot).map(|due| due.at_ms.min(self.furthest_ms(now_ms)))
    }

    /// Turns further ahead than any can be are of a clock that was set back.
    fn furthest_ms(&self, now_ms: i64) -> i64 {
        now_ms + self.longest_ms(1.0)
    }

    pub(crate) fn next(&mut self, now_ms: i64) -> Next {
        let furthest_ms = self.furthest_ms(now_ms);
        for due in self.due.values_mut() {
            due.at_ms = due.at_ms.min(furthest_ms);
        }
        let idle = self.due.iter().filter(|(slot, _)| !self.under_way.contains(slot));
        match idle.map(|(slot, due)| (due.at_ms, *slot)).min() {
            Some((at_ms, slot)) if at_ms <= now_ms => {
                self.under_way.insert(slot);
                Next::Poll(slot)
            }
            Some((at_ms, _)) => Next::Wait(at_ms),
            None => Next::Wait(now_ms + MIN_ROUND_MS),
        }
    }

    /// A city has answered; `jitter` lies in [0, 1).
    pub(crate) fn answered(&mut self, slot: u32, now_ms: i64, jitter: f64) {
        let least_ms = now_ms + self.round_ms();
        let at_ms = now_ms + self.longest_ms(jitter);
        let before_ms = at_ms - at_ms.rem_euclid(TOGETHER_MS);
        self.settle(slot, |_| Due {
            at_ms: if before_ms < least_ms {
                before_ms + TOGETHER_MS
            } else {
                before_ms
            },
            failures: 0,
        });
    }

    /// It has failed alone.
    pub(crate) fn failed(&mut self, slot: u32, now_ms: i64) {
        let round_ms = self.round_ms();
        self.settle(slot, |due| Due {
            at_ms: now_ms + round_ms.min(FIRST_RETRY_MS.saturating_mul(1 << due.failures.min(10))),
            failures: due.failures + 1,
        });
    }

    /// Nobody could be asked: it keeps its turn.
    pub(crate) fn put_back(&mut self, slot: u32) {
        self.settle(slot, |due| due);
    }

    fn settle(&mut self, slot: u32, change: impl FnOnce(Due) -> Due) {
        self.under_way.remove(&slot);
        if let Some(due) = self.due.get_mut(&slot) {
            *due = change(*due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_780_000_000_000;
    const MINUTE_MS: i64 = 60_000;

    fn rounds(cities: u32, quota: u32) -> Rounds {
        let mut rounds = Rounds::new(quota, 0);
        (0..cities).for_each(|slot| rounds.add(slot, None, NOW));
        rounds
    }

    #[test]
    fn a_round_is_as_long_as_the_quota_needs() {
        assert_eq!(rounds(1, 10_000).round_ms(), MIN_ROUND_MS);
        assert_eq!(rounds(104, 10_000).round_ms(), MIN_ROUND_MS, "104 × 96 are 9,984");
        let long = rounds(500, 10_000).round_ms();
        assert!((long - 72 * MINUTE_MS).abs() <= 1, "{long}");
        assert_eq!(rounds(5, 1).round_ms(), DAY_MS);
        let mut with_forecasts = Rounds::new(32_000, 8);
        (0..500).for_each(|slot| with_forecasts.add(slot, None, NOW));
        let polls = 500 * DAY_MS / with_forecasts.round_ms();
        assert!(polls + 500 * 8 <= 32_000, "{polls}");
    }

    #[test]
    fn each_once_a_round_and_nobody_starves() {
        let mut rounds = rounds(20, 1_000_000);
        let (mut asked, mut now_ms) = (BTreeMap::<u32, Vec<i64>>::new(), NOW);
        let end_ms = NOW + 10 * MIN_ROUND_MS;
        while now_ms < end_ms {
            match rounds.next(now_ms) {
                Next::Poll(slot) => {
                    asked.entry(slot).or_default().push(now_ms);
                    rounds.answered(slot, now_ms, f64::from(slot) / 20.0);
                }
                Next::Wait(until_ms) => now_ms = until_ms,
            }
        }
        assert_eq!(asked.len(), 20);
        for (slot, times) in asked {
            assert!((9..=10).contains(&times.len()), "{slot}: {}", times.len());
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= MIN_ROUND_MS), "{slot}");
        }
    }

    #[test]
    fn those_who_answered_one_by_one_are_asked_together_and_none_too_early_or_late() {
        let mut rounds = rounds(500, 1_000_000);
        let mut turns = BTreeSet::new();
        for slot in 0..500 {
            let now_ms = NOW + i64::from(slot) * 301;
            rounds.answered(slot, now_ms, f64::from(slot * 7 % 500) / 500.0);
            let due_ms = rounds.due_ms(slot, now_ms).unwrap();
            let longest_ms = MIN_ROUND_MS + (MIN_ROUND_MS as f64 * JITTER) as i64;
            assert!((MIN_ROUND_MS..=longest_ms).contains(&(due_ms - now_ms)), "{slot}");
            turns.insert(due_ms);
        }
        assert!(turns.len() <= 21, "of 195 s: {}", turns.len());
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_while_costs_a_round_at_most() {
        let mut rounds = rounds(1, 10_000);
        let ahead_ms = NOW + DAY_MS;
        assert_eq!(rounds.next(ahead_ms), Next::Poll(0));
        rounds.answered(0, ahead_ms, 0.5);
        let Next::Wait(until_ms) = rounds.next(NOW) else {
            panic!("it was asked for a moment ago");
        };
        assert!(until_ms <= NOW + MIN_ROUND_MS * 11 / 10, "{}", until_ms - NOW);
        assert_eq!(rounds.due_ms(0, NOW), Some(until_ms), "and that is told");
        assert_eq!(rounds.next(until_ms), Next::Poll(0));
    }

    #[test]
    fn who_fails_waits_longer_each_time_but_no_longer_than_a_round() {
        let mut rounds = rounds(2, 10_000);
        let mut waits = Vec::new();
        let mut now_ms = NOW;
        for _ in 0..6 {
            assert_eq!(rounds.next(now_ms), Next::Poll(0));
            rounds.failed(0, now_ms);
            let due_ms = rounds.due_ms(0, now_ms).unwrap();
            waits.push((due_ms - now_ms) / MINUTE_MS);
            now_ms = due_ms;
            rounds.due.get_mut(&1).unwrap().at_ms = now_ms + 1;
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
        assert_eq!(rounds.next(now_ms), Next::Poll(0));
        rounds.answered(0, now_ms, 0.0);
        assert_eq!(rounds.due_ms(0, now_ms), Some(now_ms + MIN_ROUND_MS));
    }

    #[test]
    fn what_is_under_way_is_not_asked_twice_and_keeps_its_turn() {
        let mut rounds = rounds(2, 10_000);
        assert_eq!(rounds.next(NOW), Next::Poll(0));
        assert_eq!(rounds.next(NOW), Next::Poll(1));
        assert_eq!(rounds.next(NOW), Next::Wait(NOW + MIN_ROUND_MS));
        rounds.put_back(0);
        assert_eq!(rounds.next(NOW), Next::Poll(0));
        rounds.remove(0);
        rounds.answered(0, NOW, 0.0);
        assert_eq!(rounds.due_ms(0, NOW), None, "who was removed does not come back");
        rounds.add(2, Some(NOW), NOW + 5);
        assert_eq!(
            rounds.due_ms(2, NOW),
            Some(NOW + MIN_ROUND_MS),
            "a restart asks nobody again before his time"
        );
    }
}
