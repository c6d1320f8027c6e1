//! Completions and the man page, made from the definitions of the command line.

use clap::CommandFactory as _;
use color_eyre::eyre::{Report, WrapErr as _};

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output;

/// Prints the completions of `shell`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sla", &mut text);
    output::print(&String::from_utf8_lossy(&text));
    Exit::OK
}

/// Prints the man page.
pub(crate) fn man_page() -> Result<Exit, Report> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut text)
        .wrap_err("cannot make the man page")?;
    output::print(&String::from_utf8_lossy(&text));
    Ok(Exit::OK)
}
