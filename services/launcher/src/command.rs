//! One file a command. Each gets a [`Session`], answers on stdout, and says how it ended.

mod analyze;
mod around;
mod away;
mod backtest;
mod bounds;
mod check;
mod config;
mod console;
mod copies;
pub(crate) mod csv_file;
mod evaluate;
pub(crate) mod forecast;
mod health;
mod input;
mod manual;
mod metrics;
mod notify;
mod outlook;
mod people;
mod remote;
mod replay;
mod runs;
mod samples;
mod schedule;
mod serve;
mod session;
mod sets;
mod standing;
mod stop;
mod storage;
mod table;
mod violating;
mod violations;
mod weather;

use std::ops::RangeInclusive;

use color_eyre::eyre::{Report, WrapErr as _};
use sla_domain::{Clock as _, SystemClock, instant};

use crate::cli::{Cli, Command, Global};
use crate::config::Loaded;
use crate::exit::{Exit, Failure};

pub(crate) use session::Session;

/// Runs what was asked for.
pub(crate) fn run(cli: Cli) -> Result<Exit, Report> {
    let Cli { global, command } = cli;
    let _ = rustls::crypto::ring::default_provider().install_default();
    match command {
        // These need no configuration and no runtime.
        Some(Command::Completions { shell }) => return Ok(manual::completions(shell)),
        Some(Command::Man) => return manual::man_page(),
        Some(Command::Serve(_)) => crate::instance::make_frugal(),
        None | Some(Command::Demo(_)) => crate::instance::make_sparing(),
        _ => {}
    }
    if let Some(outcome) = without_instance(&global, command.as_ref()) {
        return outcome;
    }
    check_clock(SystemClock.now_ms())?;
    let loaded = Loaded::read(&global.flags())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .wrap_err("cannot start the runtime")?;
    let outcome = runtime.block_on(dispatch(global, command, loaded));
    // Blocking work that nobody waits for any more must not hold the process back.
    runtime.shutdown_background();
    outcome
}

/// Instants between which a clock may stand, Unix milliseconds: 2000-01-01 and 9000-01-01. Outside, calendars and the libraries
/// that write times end; a machine without a battery starts in 1970.
const SANE_CLOCK: RangeInclusive<i64> = 946_684_800_000..=221_845_392_000_000;

fn check_clock(now_ms: i64) -> Result<(), Failure> {
    if SANE_CLOCK.contains(&now_ms) {
        return Ok(());
    }
    let words = format!(
        "the clock of this machine stands at {}: nothing can be judged by it; set it (timedatectl set-ntp true) and try again",
        instant::format_ms(now_ms)
    );
    Err(Failure::new(Exit::CONFIG, words))
}

/// Commands that work on files alone: neither a configuration, be it broken, nor a home folder, nor a network is needed.
fn without_instance(global: &Global, command: Option<&Command>) -> Option<Result<Exit, Report>> {
    match command? {
        Command::Evaluate(arguments) => arguments
            .csv
            .as_deref()
            .map(|file| evaluate::of_csv(file, arguments, global.json)),
        Command::Analyze(arguments) if arguments.input.is_file() => Some(analyze::of_file(arguments, global.json)),
        Command::Backtest(arguments) if arguments.input.is_file() => Some(backtest::of_file(arguments, global.json)),
        Command::Forecast(arguments) => arguments.tasks.as_deref().map(forecast::tasks::run),
        _ => None,
    }
}

async fn dispatch(global: Global, command: Option<Command>, loaded: Loaded) -> Result<Exit, Report> {
    let session = Session::new(global, loaded)?;
    match command {
        None => Box::pin(console::open(session)).await,
        Some(Command::Demo(arguments)) => Box::pin(console::demo(session, &arguments)).await,
        Some(Command::Serve(arguments)) => Box::pin(serve::serve(session, &arguments)).await,
        Some(Command::Stop) => stop::stop(&session).await,
        Some(Command::Health { all }) => health::health(&session, all).await,
        Some(Command::Weather(arguments)) => weather::weather(&session, arguments).await,
        Some(Command::User(arguments)) => people::users::users(&session, arguments).await,
        Some(Command::Login(arguments)) => people::login::login(&session, &arguments).await,
        Some(Command::Register(arguments)) => people::login::register(&session, &arguments).await,
        Some(Command::Logout) => people::login::logout(&session).await,
        Some(Command::Whoami) => people::login::whoami(&session).await,
        Some(Command::Session(arguments)) => people::sessions::sessions(&session, arguments).await,
        Some(Command::Token(arguments)) => people::sessions::tokens(&session, arguments).await,
        Some(Command::Audit(arguments)) => people::audit::audit(&session, &arguments).await,
        Some(Command::Notify(arguments)) => notify::notify(&session, arguments).await,
        Some(Command::Config(arguments)) => config::config(&session, &arguments),
        Some(Command::Replay(arguments)) => replay::replay(&arguments).await,
        Some(Command::Around(arguments)) => around::around(&session, &arguments).await,
        Some(Command::Evaluate(arguments)) => evaluate::evaluate(&session, &arguments).await,
        Some(Command::Run(arguments)) => runs::run(&session, &arguments).await,
        Some(Command::Runs(arguments)) => runs::runs(&session, &arguments).await,
        Some(Command::Check(arguments)) => check::check(&session, &arguments).await,
        Some(Command::Metrics(arguments)) => metrics::metrics(&session, &arguments).await,
        Some(Command::Schedule(arguments)) => schedule::schedule(&session, &arguments).await,
        Some(Command::Storage(arguments)) => storage::storage(&session, &arguments).await,
        Some(Command::Sets(arguments)) => sets::sets(&session, arguments).await,
        Some(Command::Violations(arguments)) => violations::violations(&session, &arguments).await,
        Some(Command::Forecast(arguments)) => forecast::forecast(&session, &arguments).await,
        Some(Command::Analyze(arguments)) => analyze::of_source(&session, &arguments).await,
        Some(Command::Backtest(arguments)) => backtest::of_source(&session, &arguments).await,
        // Answered before there was a session.
        Some(Command::Completions { .. } | Command::Man) => Ok(Exit::SOFTWARE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_the_epoch_or_at_the_end_of_days_is_refused_in_words() {
        for (now_ms, said) in [
            (-1, "1969-12-31"),
            (0, "1970-01-01"),
            (253_370_764_800_000, "9999-01-01"),
        ] {
            let refused = check_clock(now_ms).unwrap_err().to_string();
            assert!(refused.contains(said) && refused.contains("set it"), "{refused}");
        }
        check_clock(1_795_184_520_000).unwrap();
    }
}
