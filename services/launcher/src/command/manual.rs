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
mod tables;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use sla_domain::ManualClock;
    use sla_proto::peer::{Access, access, contract};
    use sla_proto::server::v1::GetServerInfoRequest;
    use sla_runtime::Shutdown;
    use sla_runtime::server::Connections;

    use super::tables;
    use crate::config::{Config, defaults_markdown};
    use crate::instance::{self, Demo, Paths, Serve, Wiring};

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");

    /// The generated pages of `docs/reference/`, each with its heading.
    fn pages() -> [(&'static str, String); 5] {
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
        let folder = std::path::Path::new(FOLDER);
        let json = tables::filled(&std::fs::read_to_string(folder.join("json.md")).unwrap());
        let openapi = serde_json::to_string_pretty(&sla_gateway::openapi().unwrap()).unwrap() + "\n";
        [
            ("commands.md", commands),
            ("config.md", config),
            ("permissions.md", permissions),
            ("json.md", json),
            ("openapi.json", openapi),
        ]
    }

    fn permissions() -> String {
        let line = |path: &str| {
            let who = match access(path) {
                Access::Anyone => "anyone".to_owned(),
                Access::Somebody => "user: whoever is known, for what is his own".to_owned(),
                Access::User(rank) => rank.word().to_owned(),
                Access::Host(rank) => format!("{}, on the host of the instance", rank.word()),
                Access::Roles => "the roles of an instance among themselves".to_owned(),
            };
            format!("| `{}` | {who} |\n", path.trim_start_matches('/'))
        };
        contract::rpcs().iter().map(|rpc| line(&rpc.path)).collect()
    }

    /// The page of a process with all roles: what its registry tells.
    async fn metrics_page() -> String {
        let folder = tempfile::tempdir().unwrap();
        let (config, paths) = (Config::default(), Paths::inside(folder.path()));
        std::fs::create_dir_all(&paths.data).unwrap();
        std::fs::create_dir_all(&paths.log).unwrap();
        let run = Serve {
            demo: Some(Demo {
                folder: folder.path().to_owned(),
                frozen_ms: Some(1_700_000_000_000),
                step_ms: 15_000,
            }),
            ..Serve::default()
        };
        let shutdown = Shutdown::new();
        let wiring = Wiring {
            config: &config,
            paths: &paths,
            run: &run,
            clock: Arc::new(ManualClock::at(1_700_000_000_000)),
            shutdown: &shutdown,
        };
        let roles = instance::start(wiring).await.unwrap();
        // A family is told once it has a member: calls are told with the first one.
        roles
            .local
            .server()
            .get_server_info(GetServerInfoRequest {})
            .await
            .unwrap();
        instance::tell_connections(&roles.metrics, &Connections::default());
        let text = roles.metrics.text();
        assert!(shutdown.drain(Duration::from_secs(20)).await);
        roles.running.close().await;
        metrics_markdown(&text)
    }

    fn metrics_markdown(text: &str) -> String {
        let lines = |word| {
            text.lines()
                .filter_map(move |line| line.strip_prefix(word)?.split_once(' '))
        };
        let kinds: BTreeMap<_, _> = lines("# TYPE ").collect();
        let mut rows: Vec<String> = lines("# HELP ")
            .map(|(name, help)| {
                let kind = kinds[name];
                let total = if kind == "counter" { "_total" } else { "" };
                format!("| `{name}{total}` | {kind} | {help} |")
            })
            .collect();
        rows.sort();
        let told = rows.len();
        rows.dedup();
        assert_eq!(rows.len(), told, "a metric is told twice");
        format!(
            "# Own metrics\n\nWhat each process tells about itself at `/metrics`, once `[metrics] listen` says where; a process \
             tells the metrics of the roles that run in it. OpenMetrics for who asks for it, else the text format of Prometheus. \
             Made from the registry of a process with all roles.\n\n| metric | type | meaning |\n|---|---|---|\n{}\n",
            rows.join("\n")
        )
    }

    /// With SLA_UPDATE_DOCS set it writes the pages instead.
    #[tokio::test]
    async fn the_generated_pages_are_fresh() {
        let folder = std::path::Path::new(FOLDER);
        for (name, text) in pages().into_iter().chain([("metrics.md", metrics_page().await)]) {
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
