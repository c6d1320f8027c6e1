//! Putting the console together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sla_domain::Clock;
use sla_proto::Peer;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::alert::{Alert, Reload};
use super::editor::Editing;
use super::event_loop::{Exit, Shell};
use super::hangup;
use super::input::TerminalInput;
use super::record::Recorded;
use super::signal::Signals;
use super::term::Term;
use super::writer::{FrameWriter, StdoutSink};
use crate::app::{App, Settings, Start};
use crate::command::keymap::KeymapError;
use crate::context::Now;
use crate::context::log_ring::LogRing;
use crate::link::{Attach, KeepToken, Link, PeerWire, Wire};
use crate::remembered::{REMEMBERED_BYTES_MAX, Remembered};
use crate::say;
use crate::theme::caps::Caps;

/// Panics of workers that may wait to be shown.
const PANICS_MAX: usize = 16;
/// How long an Esc waits for its sequence when nothing is configured, milliseconds.
const ESC_HOLD_MS: i64 = 35;

/// What the launcher decides.
#[derive(Clone)]
pub struct TuiOptions {
    /// What the terminal can do.
    pub caps: Caps,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// What is connected to, in words, before the instance has said its name: `default instance`.
    pub target: String,
    /// Keys, theme, times: what `:reload` reads again.
    pub settings: Settings,
    /// Reads the configuration again.
    pub reload: Option<Reload>,
    /// Where what is shown is recorded; `None` = nowhere.
    pub record: Option<PathBuf>,
    /// What a new violation does beside being told.
    pub alert: Alert,
    /// Whether the mouse is taken from the terminal (wheel and clicks).
    pub mouse: bool,
    /// How long an Esc waits for the rest of a sequence, milliseconds; `None` = 35.
    pub esc_hold_ms: Option<i64>,
    /// Where the console remembers tab, window, filter and order; `None` = nowhere.
    pub state_path: Option<PathBuf>,
    /// The last lines of the log, which `:log` shows. Give a clone to a tracing layer.
    pub log: LogRing,
    /// Called before each attempt to connect: finds or starts the instance. The first frame does not wait for it.
    pub attach: Option<Attach>,
    /// The user's editor; without one a set is edited in the form alone.
    pub editing: Option<Editing>,
    /// Takes the token of a login: calls are made with it from then on, and it is kept for the next console.
    pub keep_token: Option<KeepToken>,
}

impl std::fmt::Debug for TuiOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TuiOptions")
            .field("caps", &self.caps)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl TuiOptions {
    /// The defaults: UTC, no mouse, nothing remembered.
    pub fn new(caps: Caps, clock: Arc<dyn Clock>) -> Self {
        Self {
            caps,
            clock,
            target: "the instance".to_owned(),
            settings: Settings::default(),
            reload: None,
            record: None,
            alert: Alert::Nothing,
            mouse: false,
            esc_hold_ms: None,
            state_path: None,
            log: LogRing::default(),
            attach: None,
            editing: None,
            keep_token: None,
        }
    }
}

/// Why the console could not start.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// Standard input or output is no terminal.
    #[error(
        "the console needs a terminal; here use `sla metrics`, `sla violations`, `sla forecast`, `sla runs` or `sla sets`, with --json for scripts"
    )]
    NoTerminal,
    /// A key of the config was refused.
    #[error(transparent)]
    Keys(#[from] KeymapError),
    /// The line was cut, and what was not saved could not be written either.
    #[error("{}", say::shell::changes_are_lost(&.0.display()))]
    ChangesLost(PathBuf, #[source] std::io::Error),
    /// What is shown cannot be recorded there.
    #[error("nothing can be recorded in {}{}", .0.display(), recording_hint(.1))]
    Recording(PathBuf, #[source] std::io::Error),
    /// The terminal or a thread could not be set up.
    #[error("the terminal could not be prepared")]
    Terminal(#[from] std::io::Error),
}

fn recording_hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => ": the file exists already; give another name, or remove it",
        _ => ": give a file in a folder that you may write in",
    }
}

/// Runs the console on this process's terminal until the user leaves. Call it on the runtime's main thread (`block_on`).
///
/// The peer should be a lazy one: the first frame is painted before anything is connected.
pub async fn run(peer: Peer, options: TuiOptions) -> Result<Exit, TuiError> {
    // Its state is large; callers carry a pointer.
    Box::pin(run_on(PeerWire(peer), options)).await
}

/// The same on any wire.
pub(crate) async fn run_on(wire: impl Wire, options: TuiOptions) -> Result<Exit, TuiError> {
    if !rustix::termios::isatty(rustix::stdio::stdin()) || !rustix::termios::isatty(rustix::stdio::stdout()) {
        return Err(TuiError::NoTerminal);
    }
    let start = start_of(&options, Term::size());
    let now = Now {
        wall_ms: options.clock.now_ms(),
        mono_ms: 0,
    };
    let app = App::new(start, now)?;

    let (gone, left) = (CancellationToken::new(), CancellationToken::new());
    let (tell_panics, panics) = mpsc::channel(PANICS_MAX);
    // A file that cannot be written is said before the screen is taken.
    let record = options.record.as_deref();
    let sink = Recorded::start(StdoutSink, record, Term::size(), now.wall_ms / 1_000)
        .map_err(|error| TuiError::Recording(record.unwrap_or(Path::new("")).to_owned(), error))?;
    let signals = Signals::install()?;
    let term = Term::new(options.mouse);
    term.install_panic_hook(std::thread::current().id(), tell_panics);
    term.enter()?;
    let writer = FrameWriter::start(sink)?;
    let input = TerminalInput::start(options.esc_hold_ms.unwrap_or(ESC_HOLD_MS).clamp(1, 1_000))?;
    hangup::watch(gone.clone(), left.clone())?;
    let link = Link::start(wire, options.attach);
    let mut shell = Shell {
        app,
        clock: options.clock,
        started: Instant::now(),
        term,
        writer,
        input,
        signals,
        link,
        gone,
        panics,
        state_path: options.state_path,
        suspended: false,
        editing: options.editing,
        editor: None,
        keep_token: options.keep_token,
        reload: options.reload,
        alert: options.alert,
    };
    shell.paint();
    let exit = shell.run().await;
    let kept = shell.leave(exit);
    left.cancel();
    kept.map_err(|(path, error)| TuiError::ChangesLost(path, error))?;
    Ok(exit)
}

/// What the app begins with.
pub(super) fn start_of(options: &TuiOptions, size: (u16, u16)) -> Start {
    Start {
        caps: options.caps,
        size,
        settings: options.settings.clone(),
        log: options.log.clone(),
        target: options.target.clone(),
        remembered: options.state_path.as_deref().map(read_remembered).unwrap_or_default(),
        editor: options.editing.is_some(),
        keeps_drafts: options.state_path.is_some(),
    }
}

/// A missing, broken or oversized file is no reason not to start.
fn read_remembered(path: &Path) -> Remembered {
    let small = std::fs::metadata(path).is_ok_and(|meta| meta.len() <= REMEMBERED_BYTES_MAX);
    if !small {
        return Remembered::default();
    }
    std::fs::read_to_string(path)
        .map(|text| Remembered::from_toml(&text))
        .unwrap_or_default()
}
