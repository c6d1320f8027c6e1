//! The loop: one `select!`, signals before input before link before the frame's deadline. It awaits nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::alert::{Alert, Reload};
use super::clipboard;
use super::editor::{self, Edit, Edited, Editing};
use super::encode::blank;
use super::input::{InputSource, sleep_until};
use super::keys::InputEvent;
use super::signal::{ShellSignal, Signals, stop_self};
use super::term::Term;
use super::writer::FrameWriter;
use crate::app::{App, Msg, draw, update};
use crate::context::Now;
use crate::context::request::{Effect, LinkEvent};
use crate::link::{KeepToken, Link, LinkCommand};
use crate::say;
use crate::widget::canvas::Canvas;
use crate::widget::marks::Marks;

/// Pictures that nobody asked for come at most this often: a burst of news is one frame.
const NEWS_FRAME: Duration = Duration::from_millis(33);
/// Events handled before a frame is painted.
const BURST_MAX: usize = 64;
/// Notes of file writers and of panicked workers that may wait.
const NOTES_MAX: usize = 16;
/// How long leaving waits for the line.
const DRAIN: Duration = Duration::from_millis(40);
/// A frame after the terminal was given back would be written over the shell's prompt.
const SUSPEND_DRAIN: Duration = Duration::from_secs(1);

/// An interrupt.
const SIGINT: u8 = 2;

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The user left.
    Quit,
    /// A signal asked for it; its number.
    Signal(u8),
    /// The terminal is gone.
    Gone,
}

/// Everything the loop holds.
pub(crate) struct Shell<I: InputSource> {
    pub(crate) app: App,
    pub(crate) clock: std::sync::Arc<dyn sla_domain::Clock>,
    pub(crate) started: Instant,
    pub(crate) term: Term,
    pub(crate) writer: FrameWriter,
    pub(crate) input: I,
    pub(crate) signals: Signals,
    pub(crate) link: Link,
    pub(crate) gone: CancellationToken,
    pub(crate) panics: mpsc::Receiver<String>,
    pub(crate) state_path: Option<PathBuf>,
    /// The terminal belongs to the shell: nothing is painted.
    pub(crate) suspended: bool,
    pub(crate) editing: Option<Editing>,
    pub(crate) reload: Option<Reload>,
    pub(crate) alert: Alert,
    /// The editor that has the terminal now.
    pub(crate) editor: Option<rustix::process::Pid>,
    pub(crate) keep_token: Option<KeepToken>,
}

enum Woken {
    Gone,
    Signal(ShellSignal),
    Input(InputEvent),
    Link(Option<LinkEvent>),
    Panic(String),
    Note(Result<String, String>),
    Edited(Edited),
    Deadline,
}

impl<I: InputSource> Shell<I> {
    /// The instant for the app.
    fn now(&self) -> Now {
        Now {
            wall_ms: self.clock.now_ms(),
            mono_ms: self.started.elapsed().as_millis() as i64,
        }
    }

    /// Paints the app as it is now.
    pub(crate) fn paint(&self) {
        let (width, height) = self.app.cx.size;
        let mut buffer = blank(self.writer.spare(), width, height);
        let mut marks = Marks::default();
        draw(&self.app, &mut Canvas::new(&mut buffer, &mut marks, &self.app.cx.theme));
        self.writer.submit(buffer, marks);
    }

    /// Runs until the user leaves, a signal says so, or the terminal is gone.
    #[allow(
        clippy::too_many_lines,
        reason = "one select over all that can happen: cut in pieces its order would be hidden"
    )]
    pub(crate) async fn run(&mut self) -> Exit {
        let (notes, mut noted) = mpsc::channel::<Result<String, String>>(NOTES_MAX);
        let (edited, mut edits) = mpsc::channel::<Edited>(1);
        let mut files: JoinSet<()> = JoinSet::new();
        let mut painted = Instant::now();
        let mut paint_at: Option<Instant> = None;
        loop {
            let deadline = self
                .app
                .deadline_ms()
                .map(|ms| self.started + Duration::from_millis(ms.max(0) as u64));
            let wake_at = [deadline, paint_at].into_iter().flatten().min();
            let woken = tokio::select! {
                biased;
                () = self.gone.cancelled() => Woken::Gone,
                signal = self.signals.next() => Woken::Signal(signal),
                event = self.input.next() => Woken::Input(event),
                Some(what) = self.panics.recv() => Woken::Panic(what),
                Some(note) = noted.recv() => Woken::Note(note),
                Some(text) = edits.recv() => Woken::Edited(text),
                event = self.link.events.recv() => Woken::Link(event),
                () = sleep_until(wake_at) => Woken::Deadline,
            };
            let came = Instant::now();
            let mut keys = 0_u32;
            let mut messages: Vec<Msg> = Vec::new();
            match woken {
                Woken::Gone | Woken::Input(InputEvent::Closed) => return Exit::Gone,
                // The editor's own: an interrupt typed there reaches us too.
                Woken::Signal(ShellSignal::Leave(SIGINT) | ShellSignal::Resume) if self.editor.is_some() => {}
                Woken::Signal(ShellSignal::Suspend) if self.editor.is_some() => stop_self(),
                Woken::Signal(ShellSignal::Leave(number)) => return Exit::Signal(number),
                Woken::Signal(ShellSignal::Suspend) => self.suspend(),
                Woken::Signal(ShellSignal::Resume) => self.resume(),
                Woken::Edited(text) => {
                    self.editor = None;
                    self.input.pause(false);
                    self.resume();
                    messages.push(Msg::Edited(text));
                }
                Woken::Input(event) => {
                    messages.extend(message_of(event, &mut keys));
                    // All that has arrived is handled before one frame is painted.
                    while messages.len() < BURST_MAX
                        && let Some(event) = self.input.next().now_or_never()
                    {
                        if event == InputEvent::Closed {
                            return Exit::Gone;
                        }
                        messages.extend(message_of(event, &mut keys));
                    }
                }
                Woken::Panic(what) => messages.push(Msg::WorkerPanic(what)),
                Woken::Note(note) => messages.push(Msg::Note(note)),
                Woken::Link(Some(event)) => {
                    messages.push(Msg::Link(event));
                    while messages.len() < BURST_MAX
                        && let Ok(event) = self.link.events.try_recv()
                    {
                        messages.push(Msg::Link(event));
                    }
                }
                // The link's task ended: only a panic does that, and it was told.
                Woken::Link(None) => sleep_until(Some(came + NEWS_FRAME)).await,
                Woken::Deadline | Woken::Signal(ShellSignal::Resize) => {}
            }
            let is_news = matches!(woken_kind(&messages), Kind::News);
            if matches!(woken_kind(&messages), Kind::None) {
                messages.push(Msg::Tick);
            }
            let size = Term::size();
            if size != self.app.cx.size {
                messages.push(Msg::Resize(size.0, size.1));
            }
            for message in messages {
                let now = self.now();
                let effects = update(&mut self.app, message, now);
                for effect in effects {
                    match effect {
                        Effect::Quit => match self.keep() {
                            // The user still sees it, and can save or drop them.
                            Err(error) if self.app.remembered().draft.is_some() => {
                                let why = Err(say::shell::changes_cannot_be_kept(&error));
                                let _ = notes.try_send(why);
                            }
                            Ok(()) | Err(_) => return Exit::Quit,
                        },
                        Effect::Suspend => self.suspend(),
                        Effect::Edit { name, text } => self.edit(&name, &text, &edited, &mut files),
                        Effect::Reload => self.read_settings(),
                        effect => self.perform(effect, &notes, &mut files),
                    }
                }
            }
            while files.try_join_next().is_some() {}
            if self.suspended {
                continue;
            }
            let frame_due = painted + NEWS_FRAME;
            if is_news && Instant::now() < frame_due {
                paint_at = Some(frame_due);
                continue;
            }
            self.paint();
            painted = Instant::now();
            paint_at = None;
            for _ in 0..keys {
                let (frame_bytes, frames) = self.writer.last_frame();
                tracing::trace!(
                    handled_us = came.elapsed().as_micros() as u64,
                    frame_bytes,
                    frames,
                    "key handled"
                );
            }
        }
    }

    fn perform(&mut self, effect: Effect, notes: &mpsc::Sender<Result<String, String>>, files: &mut JoinSet<()>) {
        let command = match effect {
            Effect::Call { slot, id, request } => LinkCommand::Call { slot, id, request },
            Effect::Cancel(slot) => LinkCommand::Cancel(slot),
            Effect::WatchRun(run_id) => LinkCommand::WatchRun(run_id),
            Effect::Reconnect => LinkCommand::Reconnect,
            Effect::UseToken(token) => {
                if let Some(keep) = &self.keep_token
                    && let Err(why) = keep(token.as_ref().map(|token| token.0.as_str()))
                {
                    let _ = notes.try_send(Err(why));
                }
                return;
            }
            Effect::Redraw => return self.writer.invalidate(),
            Effect::Copy(text) => {
                match clipboard::osc52(&text) {
                    Some(bytes) if self.writer.aside(&bytes) => {}
                    _ => {
                        let _ = notes.try_send(Err(say::shell::this_is_too_long().to_owned()));
                    }
                }
                return;
            }
            Effect::WriteFile { path, text } => {
                let notes = notes.clone();
                files.spawn_blocking(move || {
                    let note = write_new(Path::new(&path), &text);
                    let _ = notes.blocking_send(note);
                });
                return;
            }
            Effect::Alert(text) => {
                if let Some(bytes) = clipboard::alert(self.alert, &text) {
                    self.writer.aside(&bytes);
                }
                return;
            }
            Effect::Quit | Effect::Suspend | Effect::Reload | Effect::Edit { .. } => return,
        };
        if self.link.commands.try_send(command).is_err() {
            let _ = notes.try_send(Err(say::shell::the_link_is_overloaded().to_owned()));
        }
    }

    /// A small file of the user's own: read here and now.
    fn read_settings(&mut self) {
        let settings = match &self.reload {
            Some(reload) => reload(),
            None => Err(say::shell::this_console_has_no().to_owned()),
        };
        let now = self.now();
        // It asks for nothing outside.
        let _ = update(&mut self.app, Msg::Settings(settings), now);
    }

    /// Gives the terminal back and stops. The stop reaches this thread a moment later than it is asked for, so nothing may be
    /// written after this until [`Shell::resume`], which SIGCONT brings.
    fn suspend(&mut self) {
        let drained = self.writer.drain(SUSPEND_DRAIN);
        self.term.try_restore(!drained);
        self.suspended = true;
        stop_self();
    }

    /// Gives the terminal to the user's editor; its end comes as a message.
    fn edit(&mut self, name: &str, text: &str, edited: &mpsc::Sender<Edited>, files: &mut JoinSet<()>) {
        let Some(editing) = self.editing.clone().filter(|_| self.editor.is_none()) else {
            return;
        };
        self.input.pause(true);
        let drained = self.writer.drain(SUSPEND_DRAIN);
        self.term.try_restore(!drained);
        self.suspended = true;
        let mono_ms = self.started.elapsed().as_millis() as i64;
        match Edit::start(&editing, name, text, mono_ms) {
            Ok(edit) => {
                self.editor = edit.pid();
                let edited = edited.clone();
                files.spawn_blocking(move || {
                    let _ = edited.blocking_send(edit.wait());
                });
            }
            Err(why) => {
                let _ = edited.try_send(Err(why));
            }
        }
    }

    /// Takes the terminal again: after a suspend, or after somebody else stopped us and let the shell use it.
    fn resume(&mut self) {
        self.suspended = false;
        // A terminal that cannot be entered again is gone; the watcher sees that.
        if let Err(error) = self.term.enter() {
            tracing::error!(%error, "the terminal cannot be entered again");
        }
        self.writer.invalidate();
    }

    /// Writes what is there again at the next start, changes that are not saved among it.
    fn keep(&self) -> std::io::Result<()> {
        let Some(path) = &self.state_path else { return Ok(()) };
        let kept = write_atomic(path, &self.app.remembered().to_toml());
        kept.inspect_err(|error| {
            tracing::warn!(%error, path = %path.display(), "what the console remembers could not be written");
        })
    }

    /// Puts everything back. Quick: a slow line does not hold it up. An error tells where changes could not be kept, and why.
    pub(crate) fn leave(&mut self, exit: Exit) -> Result<(), (PathBuf, std::io::Error)> {
        if let Some(editor) = self.editor {
            editor::end(editor);
        }
        // Who quits has them kept already.
        let kept = if exit == Exit::Quit { Ok(()) } else { self.keep() };
        let lost = kept.err().filter(|_| self.app.remembered().draft.is_some());
        let lost = self.state_path.clone().zip(lost);
        let drained = self
            .writer
            .stop(if exit == Exit::Gone { Duration::ZERO } else { DRAIN });
        self.term.try_restore(!drained);
        lost.map_or(Ok(()), Err)
    }
}

enum Kind {
    None,
    News,
    Asked,
}

fn woken_kind(messages: &[Msg]) -> Kind {
    if messages.is_empty() {
        Kind::None
    } else if messages.iter().all(|m| matches!(m, Msg::Link(_))) {
        Kind::News
    } else {
        Kind::Asked
    }
}

fn message_of(event: InputEvent, keys: &mut u32) -> Option<Msg> {
    Some(match event {
        InputEvent::Key(key) => {
            *keys += 1;
            Msg::Key(key)
        }
        InputEvent::Paste(text, cut) => Msg::Paste(text, cut),
        InputEvent::Wheel(lines) => Msg::Wheel(lines),
        InputEvent::Click(x, y) => Msg::Click(x, y),
        InputEvent::Closed => return None,
    })
}

/// Writes a file that must not exist yet: an export never destroys anything.
pub(super) fn write_new(path: &Path, text: &str) -> Result<String, String> {
    use std::io::Write as _;
    let name = path.display();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| say::shell::choose_another_name(&name, &error))?;
    file.write_all(text.as_bytes())
        .map_err(|error| format!("{name}: {error}"))?;
    Ok(say::shell::written(&name, &crate::format::bytes(text.len() as u64)))
}

/// Replaces a file in one step, so that a crash leaves the old one.
fn write_atomic(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}
