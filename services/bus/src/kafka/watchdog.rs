//! Notices a consumer that gives nothing although there is something: after a rolling restart of brokers one member of a
//! group was seen without any partition for a minute.

use std::time::{Duration, Instant};

/// Silence after which it is asked whether something should have come.
pub(super) const SILENCE: Duration = Duration::from_secs(10);
/// Time without any partition after which a member joins anew; it doubles, because there may be none left for it.
const ALONE: Duration = Duration::from_secs(20);
/// Longest such time.
const LONGEST_ALONE: Duration = Duration::from_mins(10);
/// New consumers in a row that also gave nothing: then it is said.
pub(super) const STRIKES: u32 = 3;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Fine,
    /// Ask the brokers whether records wait.
    Ask,
    /// Join the group anew.
    Rejoin,
    /// It does not help.
    GiveUp,
}

/// The silence so far.
#[derive(Debug)]
pub(super) struct Watchdog {
    quiet_since: Instant,
    alone_since: Option<Instant>,
    alone_limit: Duration,
    strikes: u32,
}

impl Watchdog {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            quiet_since: now,
            alone_since: Some(now),
            alone_limit: ALONE,
            strikes: 0,
        }
    }

    /// A record came.
    pub(super) fn heard(&mut self, now: Instant) {
        self.quiet_since = now;
        self.strikes = 0;
    }

    /// Nothing could have come: the reader is full, a broker is away, or all was read.
    pub(super) fn excused(&mut self, now: Instant) {
        self.quiet_since = now;
    }

    /// How it looks, with or without partitions of ours.
    pub(super) fn look(&mut self, now: Instant, has_partitions: bool) -> Verdict {
        if has_partitions {
            self.alone_since = None;
            self.alone_limit = ALONE;
            return if now - self.quiet_since >= SILENCE {
                Verdict::Ask
            } else {
                Verdict::Fine
            };
        }
        let since = *self.alone_since.get_or_insert(now);
        if now - since < self.alone_limit {
            return Verdict::Fine;
        }
        self.alone_since = Some(now);
        self.alone_limit = (self.alone_limit * 2).min(LONGEST_ALONE);
        Verdict::Rejoin
    }

    /// Records wait and none came.
    pub(super) fn strike(&mut self, now: Instant) -> Verdict {
        self.quiet_since = now;
        self.strikes += 1;
        if self.strikes >= STRIKES {
            Verdict::GiveUp
        } else {
            Verdict::Rejoin
        }
    }

    /// How often in a row.
    pub(super) fn strikes(&self) -> u32 {
        self.strikes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_asked_about_and_the_third_time_told() {
        let begun = Instant::now();
        let mut dog = Watchdog::new(begun);
        assert_eq!(dog.look(begun + SILENCE / 2, true), Verdict::Fine);
        let mut now = begun + SILENCE;
        assert_eq!(dog.look(now, true), Verdict::Ask);
        dog.excused(now);
        assert_eq!(dog.look(now + SILENCE / 2, true), Verdict::Fine);
        for expected in [Verdict::Rejoin, Verdict::Rejoin, Verdict::GiveUp] {
            now += SILENCE;
            assert_eq!(dog.look(now, true), Verdict::Ask);
            assert_eq!(dog.strike(now), expected);
        }
        dog.heard(now);
        assert_eq!(dog.strike(now), Verdict::Rejoin, "a record forgives");
    }

    #[test]
    fn a_member_without_partitions_joins_anew_ever_more_rarely() {
        let begun = Instant::now();
        let mut dog = Watchdog::new(begun);
        let rejoins: Vec<u64> = (0..400)
            .filter(|second| dog.look(begun + Duration::from_secs(*second), false) == Verdict::Rejoin)
            .collect();
        assert_eq!(rejoins, [20, 60, 140, 300]);
        let late = begun + Duration::from_secs(400);
        assert_eq!(dog.look(late, true), Verdict::Ask);
        assert_eq!(dog.look(late, false), Verdict::Fine);
    }
}
