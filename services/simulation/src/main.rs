//! `dev/simulate`: many seeds, or one with its trace.

#![allow(clippy::print_stdout, reason = "a program for people at a terminal")]

use std::process::ExitCode;
use std::time::Instant;

use sla_simulation::{Bug, Figures, Held, simulate, simulate_long};

/// What is asked for.
#[derive(Default)]
struct Wanted {
    first: u64,
    count: u64,
    one: bool,
    hours: u32,
    bug: Option<Bug>,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted {
        count: 200,
        ..Wanted::default()
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let number = value
            .parse::<u64>()
            .map_err(|_| format!("{word} {value}: not a number"));
        match word.as_str() {
            "--seeds" => wanted.count = number?,
            "--from" => wanted.first = number?,
            "--seed" => (wanted.first, wanted.count, wanted.one) = (number?, 1, true),
            "--hours" => wanted.hours = number? as u32,
            "--days" => wanted.hours = number? as u32 * 24,
            "--bug" => {
                let known = Bug::ALL.into_iter().find(|bug| bug.word() == value);
                let words = Bug::ALL.map(Bug::word).join(", ");
                wanted.bug = Some(known.ok_or(format!("--bug {value}: one of {words}"))?);
            }
            _ => {
                return Err(format!(
                    "{word}: give --seeds N, --from N, --seed N, --hours N, --days N, --bug WORD"
                ));
            }
        }
    }
    Ok(wanted)
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(words) => {
            println!("{words}");
            return ExitCode::from(64);
        }
    };
    let (mut sum, mut failed, mut held) = (Figures::default(), 0_u64, None);
    let begun = Instant::now();
    for seed in wanted.first..wanted.first + wanted.count {
        let outcome = if wanted.hours > 0 {
            simulate_long(seed, wanted.hours)
        } else {
            simulate(seed, wanted.bug)
        };
        let report = match outcome {
            Ok(report) => report,
            Err(error) => {
                println!("seed {seed} could not be run: {error}");
                return ExitCode::FAILURE;
            }
        };
        if wanted.one {
            println!("{}", report.trace.join("\n"));
        }
        for words in &report.failures {
            println!("seed {seed}: {words}\n  again: {}", report.command());
        }
        failed += u64::from(!report.failures.is_empty());
        sum.virtual_ms += report.figures.virtual_ms;
        sum.edits += report.figures.edits;
        sum.lives += report.figures.lives;
        sum.looks += report.figures.looks;
        sum.violations += report.figures.violations;
        sum.messages += report.figures.messages;
        sum.faults += report.figures.faults;
        // What every process pays once is no leak.
        held = held.or_else(|| Held::now().ok());
    }
    let flat = match (held, Held::now()) {
        (Some(before), Ok(now)) if !before.is_flat(now) => {
            println!("memory is not flat: {before} after the first seed, {now} after the last");
            false
        }
        _ => true,
    };
    println!(
        "{} seeds in {:.0} s, {failed} failed: {:.1} h of virtual time, {} faults, {} starts, {} edits acknowledged, {} looks, \
         {} rows of the ledger compared, {} messages",
        wanted.count,
        begun.elapsed().as_secs_f64(),
        sum.virtual_ms as f64 / 3_600_000.0,
        sum.faults,
        sum.lives,
        sum.edits,
        sum.looks,
        sum.violations,
        sum.messages
    );
    if failed == 0 && flat {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
