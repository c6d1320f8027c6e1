//! Ids of sets and objectives: readable, and never given twice, because the ledger knows objectives by id alone.
//!
//! The time alone does not keep that promise: a clock may stand or go back, and a process may start again within one
//! millisecond. So each process draws a word of its own and counts behind it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sla_domain::Clock;

/// Most characters an id takes from the name.
const MAX_SLUG_CHARS: usize = 40;
/// Digits of the suffix.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Letters of the word of a process, 41 bits: two processes that name something in the same millisecond share it once in
/// 2.8 · 10¹² times.
const WORD_CHARS: usize = 8;

/// Gives ids: a slug of the name, the time, the word of this process, and a count. Clones count together.
#[derive(Clone)]
pub struct Identities {
    clock: Arc<dyn Clock>,
    word: String,
    given: Arc<AtomicU64>,
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identities").finish_non_exhaustive()
    }
}

impl Identities {
    /// Times from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            word: word(),
            given: Arc::new(AtomicU64::new(0)),
        }
    }

    /// An id for something called `name`.
    pub fn fresh(&self, name: &str) -> String {
        let count = self.given.fetch_add(1, Ordering::Relaxed);
        let time = self.clock.now_ms().unsigned_abs();
        format!("{}-{}-{}{}", slug(name), base36(time), self.word, base36(count))
    }
}

/// `name` in lower-case letters, digits and dashes; `x` when nothing of it can be kept.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if out.len() >= MAX_SLUG_CHARS {
            break;
        }
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-');
    if out.is_empty() { "x".to_owned() } else { out.to_owned() }
}

/// Drawn from the keys that the operating system gives each process for its hash tables.
fn word() -> String {
    let drawn = base36(RandomState::new().build_hasher().finish());
    // The last digits: the first one of a number of 64 bits is nearly always the same.
    let from = drawn.len().saturating_sub(WORD_CHARS);
    format!("{:0>WORD_CHARS$}", &drawn[from..])
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(DIGITS[(number % 36) as usize]);
        number /= 36;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().map(|&digit| char::from(digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_domain::ManualClock;
    use sla_domain::objective::ObjectiveId;

    #[test]
    fn a_clock_that_stands_gives_no_id_twice_over_any_number_of_starts() {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let givers: Vec<Identities> = (0..50).map(|_| Identities::new(clock.clone())).collect();
        let mut seen = std::collections::HashSet::new();
        for giver in givers.iter().chain(&givers.clone()) {
            for _ in 0..20 {
                assert!(seen.insert(giver.fresh("Load")));
            }
        }
    }

    #[test]
    fn ids_are_valid_and_never_the_same() {
        let ids = Identities::new(Arc::new(ManualClock::at(1_700_000_000_000)));
        for name in ["node_load1{job=\"node\"}", "", "Größe", &"long ".repeat(50)] {
            let (a, b) = (ids.fresh(name), ids.fresh(name));
            assert_ne!(a, b);
            assert!(ObjectiveId::new(a).is_ok() && ObjectiveId::new(b).is_ok());
        }
        assert_eq!(word().len(), WORD_CHARS);
        assert_eq!(slug("node_load1{job=\"node\"}"), "node-load1-job-node");
        assert_eq!(slug("ÄÖ"), "x");
    }
}
