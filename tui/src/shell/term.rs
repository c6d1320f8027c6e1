//! The terminal's modes: every one that is set is put back, whatever happens.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

/// Alternate screen, bracketed paste, cursor hidden.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l";
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
/// CAN ends a sequence that was cut in the middle; then every mode back, in reverse order.
const LEAVE: &[u8] = b"\x18\x1b[?2026l\x1b[0m\x1b[?1006l\x1b[?1000l\x1b[?25h\x1b[?2004l\x1b[?1049l";

/// The size assumed when the terminal does not say.
const FALLBACK_SIZE: (u16, u16) = (80, 24);
/// Sizes beyond this are cut: a hostile window size must not allocate without bound.
const SIDE_MAX: u16 = 1000;

/// The terminal of the process, shared with the panic hook.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    original: Mutex<Option<Termios>>,
    active: AtomicBool,
    mouse: bool,
}

impl Term {
    /// Nothing is changed yet.
    pub(crate) fn new(mouse: bool) -> Self {
        Self {
            state: Arc::new(State {
                original: Mutex::new(None),
                active: AtomicBool::new(false),
                mouse,
            }),
        }
    }

    /// Sets raw mode and the screen modes. Done again while they are set, it keeps what was there at first.
    pub(crate) fn enter(&self) -> io::Result<()> {
        let stdin = rustix::stdio::stdin();
        let now = tcgetattr(stdin)?;
        let mut raw = now.clone();
        raw.make_raw();
        if !self.state.active.swap(true, Ordering::SeqCst) {
            *self.state.original.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        }
        tcsetattr(stdin, OptionalActions::Now, &raw)?;
        write_all(ENTER)?;
        if self.state.mouse {
            write_all(MOUSE_ON)?;
        }
        Ok(())
    }

    /// Puts everything back; safe to call from anywhere, any number of times. Errors have nobody to hear them.
    ///
    /// `discard`: output that still waits on a slow line is thrown away, so that it does not delay the prompt.
    pub(crate) fn try_restore(&self, discard: bool) {
        if !self.state.active.swap(false, Ordering::SeqCst) {
            return;
        }
        if discard {
            let _ = tcflush(rustix::stdio::stdout(), QueueSelector::OFlush);
        }
        let _ = write_all(LEAVE);
        let original = self
            .state
            .original
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(original) = original {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &original);
        }
    }

    /// Columns and rows now.
    pub(crate) fn size() -> (u16, u16) {
        match tcgetwinsize(rustix::stdio::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.min(SIDE_MAX), size.ws_row.min(SIDE_MAX)),
            _ => FALLBACK_SIZE,
        }
    }

    /// Panic policy: a panic of the loop's thread restores the terminal and is reported; one of a worker is logged and told to
    /// the loop, which shows it and goes on.
    pub(crate) fn install_panic_hook(&self, ui: ThreadId, workers: mpsc::Sender<String>) {
        let term = self.clone();
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == ui || !term.state.active.load(Ordering::SeqCst) {
                term.try_restore(false);
                previous(info);
                return;
            }
            let thread = std::thread::current().name().unwrap_or("worker").to_owned();
            let what = info
                .payload()
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| info.payload().downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "a panic without words".to_owned());
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(thread, place, panic = what, "a worker panicked");
            let _ = workers.try_send(format!("{thread}: {what}"));
        }));
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.active.swap(false, Ordering::SeqCst) {
            let _ = write_all(LEAVE);
            if let Some(original) = self.original.lock().unwrap_or_else(PoisonError::into_inner).take() {
                let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &original);
            }
        }
    }
}

fn write_all(bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => rest = &rest[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
