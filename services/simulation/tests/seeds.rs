//! Seeds that run with every test of the project.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall fail where it stands")]

use std::sync::atomic::{AtomicU64, Ordering};

use sla_simulation::{Report, simulate, simulate_long};

/// Seeds of every test run, a minute of two cores; `dev/simulate` runs as many as one likes.
const SEEDS: u64 = 40;
const THREADS: usize = 2;
/// Memory that a seed leaves behind, at most, bytes: what allocators keep is not counted twice.
const KEPT_BYTES: u64 = 64 << 20;

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn told(report: &Report) -> String {
    format!(
        "seed {}: {}\n  again: {}",
        report.seed,
        report.failures.join("\n"),
        report.command()
    )
}

#[test]
fn every_promise_holds_in_every_seed_and_the_memory_is_flat() {
    let next = AtomicU64::new(0);
    let work = || {
        let (mut wrong, mut looks) = (Vec::new(), 0);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= SEEDS {
                return (wrong, looks);
            }
            let report = simulate(seed, None).unwrap();
            looks += report.figures.looks;
            wrong.extend((!report.failures.is_empty()).then(|| told(&report)));
        }
    };
    // What every process pays once is no leak.
    assert!(simulate(0, None).unwrap().failures.is_empty());
    let (bytes, files) = (resident_bytes(), descriptors());
    let outcomes: Vec<(Vec<String>, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let wrong: Vec<String> = outcomes.iter().flat_map(|(wrong, _)| wrong.clone()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let looks: u64 = outcomes.iter().map(|(_, looks)| looks).sum();
    assert!(looks >= 2 * SEEDS, "{looks} looks say little");
    assert!(
        resident_bytes() < bytes + KEPT_BYTES,
        "{bytes} bytes before, {} after",
        resident_bytes()
    );
    assert!(
        descriptors() <= files + 2,
        "{files} descriptors before, {} after",
        descriptors()
    );
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
