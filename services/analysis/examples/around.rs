//! How often the list of what else moved is right, by kind of incident, and how long it takes: the figures of docs/around.md.
//!
//! `dev/bench-around`, which runs `around INCIDENTS SEED PAST_MINUTES` and `around speed`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement prints its figures, and fails by panicking"
)]

use std::time::Instant;

use sla_analysis::around::{Frame, profile, rank};

#[path = "../tests/around/injector.rs"]
mod injector;
#[path = "../tests/around/trial.rs"]
mod trial;

use injector::{Estate, Fault, Random};
use trial::{FALSE_SHARE, Score, Trial};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["speed"] {
        speed();
        return;
    }
    let numbers: Vec<u64> = arguments.iter().map(|n| n.parse().unwrap()).collect();
    let [incidents, seed, past] = numbers[..] else {
        panic!("INCIDENTS SEED PAST_MINUTES, or speed");
    };
    figures(Trial { past: past as usize }, incidents, seed);
}

fn figures(trial: Trial, incidents: u64, seed: u64) {
    println!(
        "past {} min, {incidents} incidents a kind, seeds from {seed} on",
        trial.past
    );
    println!("| kind | told | first | first 3 | first 5 | first 3 by z | first 5 by z | rows | wrong |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut all = Score::default();
    for fault in Fault::ALL {
        let mut score = Score::default();
        for n in 0..incidents {
            score.add(&trial.incident(fault, seed + n * 31 + fault as u64));
        }
        row(&format!("{fault:?}").to_lowercase(), &score);
        all.add(&score);
    }
    row("all", &all);
    let windows = incidents * 2;
    let told = (0..windows).filter(|n| trial.quiet(seed + 500_000 + n) > 0).count();
    println!("windows without an incident of which something is told: {told} of {windows}\n");
}

fn row(name: &str, score: &Score) {
    let share = |part: u32| format!("{:.2}", score.share(part));
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} | {:.1} | {:.3} |",
        share(score.told),
        share(score.first),
        share(score.third),
        share(score.fifth),
        share(score.z_third),
        share(score.z_fifth),
        f64::from(score.rows) / f64::from(score.incidents),
        f64::from(score.wrong) / f64::from(score.rows.max(1)),
    );
}

/// 10,000 series on one thread, the least of three runs.
fn speed() {
    for (name, past) in [("1 h", 60), ("2 h", 120), ("12 h", 720)] {
        let estate = Estate::new(10_000, past + 15, &mut Random::new(3));
        let frame = Frame::new(past + 15, past, 15, 5).unwrap();
        let least = (0..3)
            .map(|_| {
                let started = Instant::now();
                let profiles: Vec<_> = estate.series.iter().map(|bins| profile(bins, &frame)).collect();
                let profiles: Vec<_> = profiles.iter().map(Option::as_ref).collect();
                std::hint::black_box(rank(&profiles, FALSE_SHARE));
                started.elapsed()
            })
            .min()
            .unwrap();
        println!(
            "10,000 series x {name}: {:.0} ms on one thread",
            least.as_secs_f64() * 1e3
        );
    }
}
