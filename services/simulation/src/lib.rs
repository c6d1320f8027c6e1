//! One seed, one day, one minute: all roles of an instance, two consoles, the real SQLite store and a source that is a
//! function of the seed, in one thread and in virtual time. Faults come from the seed as well; what the instance tells and
//! stores is held against a model. `dev/simulate` runs it, docs/reliability.md says what it holds.
//!
//! Nothing of it ships: no crate of the product may import it.

mod book;
mod bug;
mod clock;
mod console;
mod day;
mod dice;
mod disk;
mod fault;
mod flat;
mod instance;
mod look;
mod mail;
mod outlooks;
mod panics;
mod plan;
mod post;
mod report;
mod sky;
mod source;
mod truth;
mod weather;
mod wire;
mod world;

pub use bug::Bug;
pub use flat::Held;
pub use report::{Figures, Report};

use plan::Plan;

/// Runs an ordinary seed, some minutes of virtual time, with one bug planted where one is named.
///
/// # Errors
/// The folder of the simulation cannot be made or copied.
pub fn simulate(seed: u64, bug: Option<Bug>) -> std::io::Result<Report> {
    watched(Plan::of(seed), bug)
}

/// Runs a seed without faults for `hours` of virtual time.
///
/// # Errors
/// The folder of the simulation cannot be made or copied.
pub fn simulate_long(seed: u64, hours: u32) -> std::io::Result<Report> {
    watched(Plan::day(seed, i64::from(hours) * 3_600_000), None)
}

/// Runs a plan; a task that panics is a failure, whatever the rest says.
fn watched(plan: Plan, bug: Option<Bug>) -> std::io::Result<Report> {
    panics::listen();
    let mut report = world::run(plan, bug)?;
    let heard = panics::heard().into_iter();
    report
        .failures
        .extend(heard.map(|words| format!("a task panicked: {words}")));
    Ok(report)
}
