//! The binary `sla`: reads the command line and the configuration, wires the roles together, attaches the console.
//!
//! Invariant: the only place that knows all crates, reads the environment, and decides what runs in which process.

mod cli;
mod command;
pub mod config;
mod exit;
pub mod instance;
mod output;

use std::process::ExitCode;

use clap::Parser as _;
use color_eyre::eyre::Report;

use crate::cli::Cli;
use crate::exit::Exit;

/// What `sla` does with its command line; the answer is its exit code.
pub fn run() -> ExitCode {
    // clap's own exit code for wrong usage is 2, which means "violated" here.
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // The line could not be read, so what it asks for is looked up by hand.
            let wants_json = std::env::args_os()
                .take_while(|argument| argument != "--")
                .any(|argument| argument == "--json");
            if wants_json && error.use_stderr() {
                output::misused_json(&error);
            } else {
                output::note(error.print());
            }
            if error.use_stderr() {
                return Exit::USAGE.into();
            }
            return ended(Ok(Exit::OK), wants_json);
        }
    };
    let as_json = cli.global.json;
    ended(command::run(cli), as_json)
}

fn ended(outcome: Result<Exit, Report>, as_json: bool) -> ExitCode {
    match outcome.and_then(|exit| output::arrived().map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(report) => {
            let exit = Exit::of_report(&report);
            if as_json {
                output::complain_json(&report, exit);
            } else {
                output::complain(&report);
            }
            exit.into()
        }
    }
}
