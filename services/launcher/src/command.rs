//! One file a command. Each gets a [`Session`], answers on stdout, and says how it ended.

mod check;
mod config;
mod console;
mod evaluate;
mod forecast;
mod json;
mod manual;
mod metrics;
mod runs;
mod samples;
mod serve;
mod session;
mod sets;
mod stop;
mod table;
mod violations;

use color_eyre::eyre::{Report, WrapErr as _};

use crate::cli::{Cli, Command, Global};
use crate::config::Loaded;
use crate::exit::Exit;

pub(crate) use session::Session;

/// Runs what was asked for.
pub(crate) fn run(cli: Cli) -> Result<Exit, Report> {
    let Cli { global, command } = cli;
    let _ = rustls::crypto::ring::default_provider().install_default();
    match command {
        // These need no configuration and no runtime.
        Some(Command::Completions { shell }) => return Ok(manual::completions(shell)),
        Some(Command::Man) => return manual::man_page(),
        _ => {}
    }
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

async fn dispatch(global: Global, command: Option<Command>, loaded: Loaded) -> Result<Exit, Report> {
    let session = Session::new(global, loaded)?;
    match command {
        None => console::open(session).await,
        Some(Command::Demo(arguments)) => console::demo(session, &arguments).await,
        Some(Command::Serve(arguments)) => serve::serve(session, &arguments).await,
        Some(Command::Stop) => stop::stop(&session).await,
        Some(Command::Config(arguments)) => config::config(&session, &arguments),
        Some(Command::Evaluate(arguments)) => evaluate::evaluate(&session, &arguments).await,
        Some(Command::Run(arguments)) => runs::run(&session, &arguments).await,
        Some(Command::Runs(arguments)) => runs::runs(&session, &arguments).await,
        Some(Command::Check(arguments)) => check::check(&session, &arguments).await,
        Some(Command::Metrics(arguments)) => metrics::metrics(&session, &arguments).await,
        Some(Command::Sets(arguments)) => sets::sets(&session, arguments).await,
        Some(Command::Violations(arguments)) => violations::violations(&session, &arguments).await,
        Some(Command::Forecast(arguments)) => forecast::forecast(&session, &arguments).await,
        Some(_) => Ok(Exit::SOFTWARE),
    }
}
