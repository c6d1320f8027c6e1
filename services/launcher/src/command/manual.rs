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
    output::print(&format!(
        "{}{}",
        String::from_utf8_lossy(&text),
        sla_tui::commands_roff()
    ));
    Ok(Exit::OK)
}

#[cfg(test)]
mod tests {
    use sla_proto::peer::{Access, access, contract};

    use crate::config::defaults_markdown;

    /// The generated pages of `docs/reference/`, each with its heading.
    fn pages() -> [(&'static str, String); 3] {
        let commands = format!(
            "# Commands of the console\n\nMade from the registry in `tui/src/command/`; type `:` and a name, or press a key. \
             `[console.keys]` rebinds.\n\n{}",
            sla_tui::commands_markdown()
        );
        let config = format!(
            "# Configuration\n\nEvery key and its default, made from `services/launcher/src/config/schema.rs`, whose comments \
             say what each means. As an environment variable a key is written in capitals with two underscores between its \
             parts: `SLA_SOURCE__URL`.\n\n{}",
            defaults_markdown()
        );
        let permissions = format!(
            "# Permissions\n\nWho may make which call, made from `proto/permissions.txt`. Before the first user is added everybody \
             may what the way of the call allows ([people](../guide/people.md)).\n\n| rpc | who |\n|---|---|\n{}",
            permissions()
        );
        [
            ("commands.md", commands),
            ("config.md", config),
            ("permissions.md", permissions),
        ]
    }

    fn permissions() -> String {
        let line = |path: &str| {
            let who = match access(path) {
                Access::Anyone => "anyone".to_owned(),
                Access::User(rank) => rank.word().to_owned(),
                Access::Host(rank) => format!("{}, on the host of the instance", rank.word()),
                Access::Roles => "the roles of an instance among themselves".to_owned(),
            };
            format!("| `{}` | {who} |\n", path.trim_start_matches('/'))
        };
        contract::rpcs().iter().map(|rpc| line(&rpc.path)).collect()
    }

    /// With SLA_UPDATE_DOCS set it writes the pages instead.
    #[test]
    fn the_generated_pages_are_fresh() {
        let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference"));
        for (name, text) in pages() {
            let path = folder.join(name);
            if crate::config::environment("SLA_UPDATE_DOCS").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                kept == text,
                "docs/reference/{name} is stale: SLA_UPDATE_DOCS=1 cargo test -p sla-launcher pages"
            );
        }
    }
}
