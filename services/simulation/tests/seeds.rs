//! Seeds that run with every test of the project.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall fail where it stands")]

use std::process::{Command, Stdio};

use sla_simulation::{Report, simulate, simulate_long};

/// Seeds of every test run, at most three minutes of two cores; `dev/simulate` runs as many as one likes.
const SEEDS: u64 = 200;
/// Processes that share them.
const PROCESSES: u64 = 2;

fn told(report: &Report) -> String {
    format!(
        "seed {}: {}\n  again: {}",
        report.seed,
        report.failures.join("\n"),
        report.command()
    )
}

/// The number before a word of what `simulate` prints at its end.
fn figure(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|have| have.trim_end_matches([',', ':']) == word);
    words[at.unwrap() - 1].parse().unwrap()
}

/// Each process has one thread, and fails as well where its seeds leave memory or descriptors behind.
#[test]
fn every_promise_holds_in_every_seed_and_the_memory_is_flat() {
    let share = SEEDS / PROCESSES;
    let begin = |at: u64| {
        Command::new(env!("CARGO_BIN_EXE_simulate"))
            .args(["--from", &(at * share).to_string(), "--seeds", &share.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let processes: Vec<_> = (0..PROCESSES).map(begin).collect();
    let ends = processes.into_iter().map(|process| process.wait_with_output().unwrap());
    // None goes on when another has failed.
    for end in ends.collect::<Vec<_>>() {
        let text = String::from_utf8(end.stdout).unwrap();
        assert!(end.status.success(), "{text}");
        print!("{text}");
        assert_eq!(figure(&text, "seeds"), share);
        assert!(figure(&text, "looks") >= 2 * share, "{text}: that says little");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [1, 4, 9] {
        // Another thread: nothing of a thread's own may matter.
        let run = move || {
            std::thread::spawn(move || simulate(seed, None).unwrap().trace)
                .join()
                .unwrap()
        };
        let (first, second) = (run(), run());
        let differs = first.iter().zip(&second).find(|(a, b)| a != b);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
        assert!(first.len() > 50, "seed {seed}: {} lines", first.len());
    }
}

#[test]
fn hours_without_faults() {
    let report = simulate_long(3, 1).unwrap();
    assert!(report.failures.is_empty(), "{}", told(&report));
    assert!(report.figures.looks > 20, "{:?}", report.figures);
}
