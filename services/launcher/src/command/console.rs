//! `sla` and `sla demo`: attach the console, starting what is missing.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Report, WrapErr as _};
use sla_domain::{SystemClock, instant};
use sla_proto::Peer;
use sla_proto::peer::Bearer;
use sla_runtime::telemetry;
use sla_tui::{
    Alert, Attach, Background, Caps, ColourDepth, Editing, KeepToken, Language, LogRing, OwnTheme, Settings,
    THEME_BYTES_MAX, Themes, TuiOptions,
};

use super::people::keyring;
use super::{Session, remote};
use crate::cli::DemoArgs;
use crate::config::{ConfigError, ConsoleConfig, Flags, Loaded, environment, user_config_file};
use crate::exit::{Exit, Failure};
use crate::instance::{self, Paths, Wanted};
use crate::output;

/// The address offered when none is configured.
const USUAL_URL: &str = "http://localhost:9090";
/// How long an address that was typed is tried before it is kept.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
/// SIGHUP: what a terminal that has gone away counts as.
const HANG_UP: u8 = 1;
/// How long a demo stays when its console has gone.
const DEMO_IDLE: Duration = Duration::from_secs(2);

/// Opens the console on the configured or a running instance.
pub(crate) async fn open(mut session: Session) -> Result<Exit, Report> {
    need_terminal()?;
    if let Some((address, trust)) = remote::far_end(&session.global, session.config())? {
        let bearer = session.bearer()?;
        let peer = Peer::lazy_tcp(&address, &trust)?.bearing(bearer.clone());
        let keep = token_keeper(bearer, session.token_file()?);
        return draw(&session, peer, keep, address, None).await;
    }
    if session.paths.running().is_none() && !session.config().has_source() {
        session = ask_for_source(session).await?;
    }
    let idle = session.config().instance.idle_exit;
    let wanted = session.wanted(idle.duration())?;
    let target = format!("instance {}", session.config().instance.name);
    let keep = token_keeper(wanted.bearer.clone(), session.token_file()?);
    let exit = attach_and_draw(&session, session.paths.clone(), wanted, keep, target).await?;
    let words = format!("The watch goes on for {idle} without a console; `sla` comes back to it, `sla stop` ends it.");
    output::remark(&words);
    Ok(exit)
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
    if let Some(at_ms) = super::serve::frozen_at(arguments.frozen.as_deref())? {
        serve.push(format!("--frozen={}", instant::format_ms(at_ms)));
    }
    let wanted = Wanted {
        source_url: String::new(),
        serve,
        environment: None,
        bearer: Bearer::default(),
    };
    // What is done to the demo is gone with it.
    let keep = token_keeper(wanted.bearer.clone(), None);
    attach_and_draw(&session, Paths::inside(&folder), wanted, keep, "the demo".to_owned()).await
}

/// Draws at once; the link finds or starts the instance while the first frame is already there.
async fn attach_and_draw(
    session: &Session,
    paths: Paths,
    wanted: Wanted,
    keep: KeepToken,
    target: String,
) -> Result<Exit, Report> {
    let socket = paths.running();
    if socket.is_some() {
        // A wrong source or version is said before the screen is taken; who is not known logs in on it.
        match instance::attach(&paths, &wanted).await {
            Err(report) if is_unauthenticated(&report) => {}
            other => drop(other?),
        }
    }
    let peer = Peer::lazy_unix(socket.as_deref().unwrap_or(&paths.socket))?.bearing(wanted.bearer.clone());
    let attach: Attach = Arc::new(move || {
        let (paths, wanted) = (paths.clone(), wanted.clone());
        Box::pin(async move {
            instance::ensure(&paths, &wanted)
                .await
                .map_err(|report| format!("{report:#}"))
        })
    });
    draw(session, peer, keep, target, Some(attach)).await
}

fn is_unauthenticated(report: &Report) -> bool {
    let status = report.chain().find_map(|cause| cause.downcast_ref::<tonic::Status>());
    status.is_some_and(|status| status.code() == tonic::Code::Unauthenticated)
}

/// Takes the token of a login, or forgets it: for this console, and in `file` for the next.
fn token_keeper(bearer: Bearer, file: Option<PathBuf>) -> KeepToken {
    Arc::new(move |token: Option<&str>| {
        bearer.set(token);
        let Some(file) = &file else { return Ok(()) };
        let kept = match token {
            Some(token) => keyring::write(file, token),
            None => keyring::remove(file),
        };
        kept.map_err(|error| format!("the token could not be kept in {}: {error}", file.display()))
    })
}

async fn draw(
    session: &Session,
    peer: Peer,
    keep: KeepToken,
    target: String,
    attach: Option<Attach>,
) -> Result<Exit, Report> {
    let config = session.config();
    // Its log and what it remembers are nobody else's business.
    instance::close_umask();
    let ring = LogRing::default();
    let lines = ring.clone();
    let _log = telemetry::to_file_and(&session.paths.log, "console", &config.log.level, move || lines.clone()).ok();
    let mut options = TuiOptions::new(caps(&config.console), Arc::new(SystemClock));
    options.target = target;
    options.settings = settings(&config.console, session.global.read_only);
    options.record.clone_from(&session.global.record);
    options.reload = Some(reload(&session.global));
    options.alert = match config.console.alert.as_str() {
        "bell" => Alert::Bell,
        "desktop" => Alert::Desktop,
        _ => Alert::Nothing,
    };
    options.mouse = config.console.mouse;
    options.esc_hold_ms = Some(config.console.esc_hold.ms());
    options.state_path = state_path();
    options.log = ring;
    options.attach = attach;
    options.editing = editing();
    options.keep_token = Some(keep);
    let plain = session.global.plain || environment("TERM").is_some_and(|term| term == "dumb");
    let ended = if plain {
        sla_tui::run_plain(peer, options).await
    } else {
        sla_tui::run(peer, options).await
    };
    Ok(match ended? {
        sla_tui::Exit::Quit => Exit::OK,
        sla_tui::Exit::Signal(number) => Exit::signal(number),
        sla_tui::Exit::Gone => Exit::signal(HANG_UP),
    })
}

/// What the console would complain about in its settings.
pub(super) fn check_settings(config: &ConsoleConfig) -> Result<(), ConfigError> {
    match settings(config, false).problems() {
        problems if problems.is_empty() => Ok(()),
        problems => Err(ConfigError::Unusable(problems.join("; "))),
    }
}

/// What may change while the console runs.
fn settings(config: &ConsoleConfig, read_only: bool) -> Settings {
    let keys = config.keys.iter();
    Settings {
        keys: keys
            .map(|(command, keys)| (command.clone(), keys.split_whitespace().map(str::to_owned).collect()))
            .collect(),
        local_time: !config.utc,
        read_only: read_only || config.read_only,
        language: Language::named(&config.language).unwrap_or_else(|| Language::from_environment(environment)),
        theme: config.theme.clone(),
        themes: own_themes(),
    }
}

fn reload(global: &crate::cli::Global) -> sla_tui::Reload {
    let global = global.clone();
    Arc::new(move || {
        let loaded = Loaded::read(&global.flags()).map_err(|error| error.to_string())?;
        Ok(settings(&loaded.config.console, global.read_only))
    })
}

/// Themes of the user's own read at most.
const THEMES_MAX: usize = 50;

/// The files `NAME.toml` in the folder `themes` beside the configuration; one that is wrong is told and left out.
fn own_themes() -> Themes {
    let mut out = Themes::default();
    let folder = user_config_file().and_then(|file| Some(file.parent()?.join("themes")));
    let Some(entries) = folder.and_then(|folder| std::fs::read_dir(folder).ok()) else {
        return out;
    };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    for path in files
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .take(THEMES_MAX)
    {
        let name = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let large = std::fs::metadata(&path).is_ok_and(|meta| meta.len() > THEME_BYTES_MAX);
        let text = if large {
            Err(format!("theme {name}: larger than {THEME_BYTES_MAX} bytes"))
        } else {
            std::fs::read_to_string(&path).map_err(|error| format!("theme {name}: {error}"))
        };
        match text.and_then(|text| OwnTheme::parse(&name, &text).map_err(|error| error.to_string())) {
            Ok(theme) => {
                out.themes.insert(name, theme);
            }
            Err(why) => out.problems.push(why),
        }
    }
    out
}

/// What the terminal can do, as the environment tells and the configuration overrides.
fn caps(config: &ConsoleConfig) -> Caps {
    let mut caps = Caps::from_environment(environment);
    match config.colour.as_str() {
        "truecolor" => caps.colour = ColourDepth::True,
        "256" => caps.colour = ColourDepth::Ansi256,
        "16" => caps.colour = ColourDepth::Ansi16,
        "mono" => caps.colour = ColourDepth::Mono,
        _ => {}
    }
    match config.background.as_str() {
        "dark" => caps.background = Background::Dark,
        "light" => caps.background = Background::Light,
        _ => {}
    }
    match config.unicode.as_str() {
        "true" => caps.unicode = true,
        "false" => caps.unicode = false,
        _ => {}
    }
    match config.links.as_str() {
        "true" => caps.links = true,
        "false" => caps.links = false,
        _ => {}
    }
    caps
}

/// Editors looked for, in this order, where none is named.
const USUAL_EDITORS: [&str; 3] = ["sensible-editor", "vi", "nano"];

/// The user's editor, or one that is installed. The file lies where only this user looks.
fn editing() -> Option<Editing> {
    let command = ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(environment)
        .find(|command| !command.trim().is_empty())
        .or_else(installed_editor)?;
    Some(Editing {
        command,
        folder: environment("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from),
    })
}

fn installed_editor() -> Option<String> {
    let path = environment("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = |name: &&str| folders.iter().any(|folder| folder.join(name).is_file());
    USUAL_EDITORS.into_iter().find(found).map(str::to_owned)
}

/// Where the console remembers tab, window and order between two visits.
fn state_path() -> Option<PathBuf> {
    let folder = environment("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| Path::new(&home).join(".local").join("state")))?;
    Some(folder.join("sla").join("console.toml"))
}

fn need_terminal() -> Result<(), Report> {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    let words = "the console needs a terminal; scripts use `sla check`, `sla metrics` or `sla violations` with --json";
    Err(Failure::new(Exit::USAGE, words).into())
}

/// Asks for the address of a Prometheus, and keeps one that answers in the user's configuration file.
async fn ask_for_source(session: Session) -> Result<Session, Report> {
    let url = asked_address()?;
    let path = user_config_file().filter(|path| !path.exists() && session.global.config.is_none());
    let mut global = session.global;
    global.prometheus = Some(url.clone());
    let loaded = Loaded::read(&Flags { ..global.flags() })?;
    let session = Session::new(global, loaded)?;
    if let Some(path) = path {
        match instance::probe(session.config(), PROBE_LIMIT).await {
            Ok(()) => {
                remember(&path, &url)?;
                output::remark(&format!("kept in {}", path.display()));
            }
            Err(error) => output::remark(&format!("the address is not kept: {error}")),
        }
    }
    Ok(session)
}

fn asked_address() -> Result<String, Report> {
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
    Ok(match answer.trim() {
        "" => USUAL_URL.to_owned(),
        given if given.contains("://") => given.to_owned(),
        given => format!("http://{given}"),
    })
}

fn remember(path: &Path, url: &str) -> Result<(), Report> {
    let failed = |source| ConfigError::Write {
        path: path.to_owned(),
        source,
    };
    // The address may carry a password.
    if let Some(folder) = path.parent() {
        instance::make_folder(folder).map_err(failed)?;
    }
    let mut table = toml::Table::new();
    let mut source = toml::Table::new();
    source.insert("url".to_owned(), toml::Value::String(url.to_owned()));
    table.insert("source".to_owned(), toml::Value::Table(source));
    let mut file = instance::open_private(path).map_err(failed)?;
    file.set_len(0)
        .and_then(|()| file.write_all(table.to_string().as_bytes()))
        .map_err(failed)?;
    Ok(())
}
