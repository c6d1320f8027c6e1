//! Wrong passwords cost time: per name, whether somebody has it or not, and per address. It is counted before anything is
//! hashed, so that guessing is slow and cheap for us.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Names and addresses that are remembered; the oldest are forgotten first.
const MAX_KEPT: usize = 10_000;
/// Wrong passwords for a name that cost nothing.
const FREE_OF_NAME: u32 = 5;
/// The same from an address, behind which many people may sit.
const FREE_OF_ADDRESS: u32 = 30;
/// The first wait, then doubled …
const FIRST_WAIT_MS: i64 = 1_000;
/// … up to this.
const LONGEST_WAIT_MS: i64 = 60_000;
/// After so long without another one all is forgotten.
const FORGOTTEN_MS: i64 = 15 * 60_000;

/// Whose wrong passwords are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    /// In lower case.
    Name(String),
    /// An IP address, or a uid at the socket.
    Address(String),
}

impl Whose {
    fn free(&self) -> u32 {
        match self {
            Self::Name(_) => FREE_OF_NAME,
            Self::Address(_) => FREE_OF_ADDRESS,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    last_ms: i64,
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: HashMap<Whose, Tries>,
}

impl Backoff {
    /// How long the next try must wait, milliseconds; 0: not at all.
    pub(crate) fn wait_ms(&self, whose: &[Whose], now_ms: i64) -> i64 {
        let wait = |whose: &Whose| {
            let tries = self.tries.get(whose)?;
            let over = tries.count.checked_sub(whose.free())?;
            let wait_ms = FIRST_WAIT_MS.saturating_mul(1 << over.min(16)).min(LONGEST_WAIT_MS);
            // A clock that was set back must not lock anybody out for longer.
            Some((tries.last_ms + wait_ms - now_ms).clamp(0, wait_ms))
        };
        whose.iter().filter_map(wait).max().unwrap_or(0)
    }

    /// A try that is not known to be right. Counted before it is hashed: tries at once do not slip through together.
    pub(crate) fn tried(&mut self, whose: &[Whose], now_ms: i64) {
        for whose in whose {
            match self.tries.entry(whose.clone()) {
                Entry::Occupied(mut found) => {
                    let tries = found.get_mut();
                    let old = now_ms - tries.last_ms > FORGOTTEN_MS;
                    tries.count = if old { 1 } else { tries.count.saturating_add(1) };
                    tries.last_ms = now_ms;
                }
                Entry::Vacant(place) => {
                    place.insert(Tries {
                        count: 1,
                        last_ms: now_ms,
                    });
                }
            }
        }
        if self.tries.len() > MAX_KEPT {
            self.forget_half();
        }
    }

    /// The password was right: the name is free again, and the address gets this try back.
    pub(crate) fn right(&mut self, whose: &[Whose]) {
        for whose in whose {
            match whose {
                Whose::Name(_) => {
                    self.tries.remove(whose);
                }
                Whose::Address(_) => {
                    if let Some(tries) = self.tries.get_mut(whose) {
                        tries.count = tries.count.saturating_sub(1);
                    }
                }
            }
        }
    }

    /// A call that was over before its password was looked at is no try: nobody has learned anything by it.
    pub(crate) fn undecided(&mut self, whose: &[Whose]) {
        for whose in whose {
            if let Some(tries) = self.tries.get_mut(whose) {
                tries.count = tries.count.saturating_sub(1);
            }
        }
    }

    fn forget_half(&mut self) {
        let mut times: Vec<i64> = self.tries.values().map(|tries| tries.last_ms).collect();
        let middle = times.len() / 2;
        let (_, &mut median, _) = times.select_nth_unstable(middle);
        self.tries.retain(|_, tries| tries.last_ms >= median);
        if self.tries.len() > MAX_KEPT {
            // All at one instant: nothing tells them apart.
            self.tries.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Whose {
        Whose::Name(text.to_owned())
    }

    #[test]
    fn waits_double_to_a_minute_and_end_with_the_right_password() {
        let mut backoff = Backoff::default();
        let anna = [name("anna"), Whose::Address("1.2.3.4".to_owned())];
        let mut waits = Vec::new();
        for _ in 0..13 {
            waits.push(backoff.wait_ms(&anna, 0));
            backoff.tried(&anna, 0);
        }
        assert_eq!(waits[..5], [0; 5]);
        assert_eq!(waits[5..], [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(backoff.wait_ms(&anna, 59_000), 1_000);
        assert_eq!(
            backoff.wait_ms(&anna, -500_000),
            60_000,
            "never longer than the longest"
        );
        assert_eq!(backoff.wait_ms(&[name("bob")], 0), 0);
        let before = backoff.tries[&anna[0]].count;
        backoff.tried(&anna, 0);
        backoff.undecided(&anna);
        assert_eq!(
            backoff.tries[&anna[0]].count, before,
            "what nobody looked at is not counted"
        );
        backoff.right(&anna);
        assert_eq!(backoff.wait_ms(&anna, 0), 0);
    }

    #[test]
    fn an_address_waits_whatever_the_names_and_time_heals() {
        let mut backoff = Backoff::default();
        let address = Whose::Address("uid 7".to_owned());
        for number in 0..31 {
            backoff.tried(&[name(&number.to_string()), address.clone()], 0);
        }
        assert_eq!(backoff.wait_ms(&[name("new"), address.clone()], 0), 2_000);
        backoff.tried(std::slice::from_ref(&address), FORGOTTEN_MS + 1);
        assert_eq!(backoff.wait_ms(&[address], FORGOTTEN_MS + 1), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut backoff = Backoff::default();
        for number in 0..3 * MAX_KEPT {
            backoff.tried(&[name(&number.to_string())], (number / 100) as i64);
        }
        assert!(backoff.tries.len() <= MAX_KEPT);
        let newest = name(&(3 * MAX_KEPT - 1).to_string());
        assert!(backoff.tries.contains_key(&newest), "the newest are kept");
    }
}
