//! `sla` and `sla demo`: attach the console, starting what is missing.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use color_eyre::eyre::{Report, WrapErr as _};
use sla_proto::Peer;

use super::Session;
use crate::cli::DemoArgs;
use crate::config::{Flags, Loaded, user_config_file};
use crate::exit::{Exit, Failure};
use crate::instance::{self, Paths, Wanted};
use crate::output;

/// The address offered when none is configured.
const USUAL_URL: &str = "http://localhost:9090";
/// How long a demo stays when its console has gone.
const DEMO_IDLE: Duration = Duration::from_secs(2);

/// Opens the console on the configured or a running instance.
pub(crate) async fn open(mut session: Session) -> Result<Exit, Report> {
    need_terminal()?;
    if let Some(address) = session.global.connect.clone() {
        return draw(&session, Peer::lazy_tcp(&address)?, None).await;
    }
    if instance::find_running(&session.paths).is_none() && session.config().source.url.is_empty() {
        session = ask_for_source(session)?;
    }
    let idle = session.config().instance.idle_exit.duration();
    let peer = instance::attach_lazily(&session.paths, &session.wanted(idle)).await?;
    let words = format!(
        "the watch goes on without a console for {}; `sla stop` ends it",
        session.config().instance.idle_exit
    );
    draw(&session, peer, Some(words)).await
}

/// Opens the console on a generated estate that ends with it.
pub(crate) async fn demo(session: Session, arguments: &DemoArgs) -> Result<Exit, Report> {
    need_terminal()?;
    let folder = tempfile::Builder::new()
        .prefix("sla-demo-")
        .tempdir()
        .wrap_err("cannot make a folder for the demo")?;
    // The demo's process removes it, at its own end.
    let folder = folder.keep();
    let mut serve = ["serve", "--detached", "--idle-exit"].map(str::to_owned).to_vec();
    serve.push(sla_domain::duration::format_ms(DEMO_IDLE.as_millis() as i64));
    serve.extend(["--demo-dir".to_owned(), folder.display().to_string()]);
    serve.extend(["--step".to_owned(), arguments.step.to_string()]);
    if arguments.frozen {
        serve.push("--frozen".to_owned());
    }
    let wanted = Wanted {
        source_url: String::new(),
        serve,
    };
    let peer = instance::attach_lazily(&Paths::inside(&folder), &wanted).await?;
    draw(&session, peer, None).await
}

async fn draw(session: &Session, peer: Peer, farewell: Option<String>) -> Result<Exit, Report> {
    let _ = (session, peer, farewell);
    Ok(Exit::OK)
}

fn need_terminal() -> Result<(), Report> {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    let words = "the console needs a terminal; scripts use `sla check`, `sla metrics` or `sla violations` with --json";
    Err(Failure::new(Exit::USAGE, words).into())
}

/// Asks for the address of a Prometheus and keeps the answer in the user's configuration file.
fn ask_for_source(session: Session) -> Result<Session, Report> {
    let mut out = std::io::stderr().lock();
    let _ = write!(
        out,
        "No metric source is configured yet. (`sla demo` shows the console on generated data.)\n\
         Address of your Prometheus [{USUAL_URL}]: "
    );
    let _ = out.flush();
    let mut answer = String::new();
    let read = std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .wrap_err("cannot read the answer")?;
    if read == 0 {
        return Err(Failure::new(Exit::USAGE, "no address was given; try --prometheus URL").into());
    }
    let url = match answer.trim() {
        "" => USUAL_URL.to_owned(),
        given if given.contains("://") => given.to_owned(),
        given => format!("http://{given}"),
    };
    if let Some(path) = user_config_file().filter(|path| !path.exists() && session.global.config.is_none()) {
        remember(&path, &url)?;
        output::remark(&format!("kept in {}", path.display()));
    }
    let mut global = session.global;
    global.prometheus = Some(url);
    let loaded = Loaded::read(&Flags { ..global.flags() })?;
    Session::new(global, loaded)
}

fn remember(path: &Path, url: &str) -> Result<(), Report> {
    let failed = |source| crate::config::ConfigError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut table = toml::Table::new();
    let mut source = toml::Table::new();
    source.insert("url".to_owned(), toml::Value::String(url.to_owned()));
    table.insert("source".to_owned(), toml::Value::Table(source));
    std::fs::write(path, table.to_string()).map_err(failed)?;
    Ok(())
}
