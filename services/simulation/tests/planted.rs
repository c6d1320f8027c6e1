//! The checks are checked: each planted bug is found.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall fail where it stands")]

use sla_simulation::{Bug, simulate};

/// Within so many seeds.
const SEEDS: u64 = 200;

/// Searching all of them for all bugs would take minutes; each test run looks where each was found before, and searches on where
/// it is found there no more.
const FOUND_AT: [u64; Bug::ALL.len()] = [1, 1, 4, 9, 22, 1, 5, 0, 0, 8, 0, 0];

#[test]
fn each_planted_bug_is_found_within_200_seeds() {
    for (bug, first) in Bug::ALL.into_iter().zip(FOUND_AT) {
        let mut seeds = std::iter::once(first).chain(0..SEEDS);
        let found = seeds.find(|&seed| !simulate(seed, Some(bug)).unwrap().failures.is_empty());
        let Some(found) = found else {
            panic!("{} is not found", bug.word());
        };
        // The same seed without the bug keeps every promise: it is the bug that is found.
        let without = simulate(found, None).unwrap();
        assert!(without.failures.is_empty(), "{}: {:?}", bug.word(), without.failures);
    }
}
