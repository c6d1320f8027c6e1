//! Signals, as values in the loop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal the console cares about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShellSignal {
    /// SIGTERM, SIGINT or SIGHUP: leave now.
    Leave(u8),
    /// SIGTSTP: give the terminal back and stop.
    Suspend,
    /// SIGCONT: take the terminal again.
    Resume,
    /// SIGWINCH: the size changed.
    Resize,
}

/// All of them.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    suspend: Signal,
    resume: Signal,
    resize: Signal,
}

/// Not named by tokio: terminal stop (20) and continue (18) on Linux.
const SIGTSTP: i32 = rustix::process::Signal::TSTP.as_raw();
const SIGCONT: i32 = rustix::process::Signal::CONT.as_raw();

impl Signals {
    /// Installs the handlers.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            suspend: signal(SignalKind::from_raw(SIGTSTP))?,
            resume: signal(SignalKind::from_raw(SIGCONT))?,
            resize: signal(SignalKind::window_change())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> ShellSignal {
        tokio::select! {
            _ = self.terminate.recv() => ShellSignal::Leave(15),
            _ = self.interrupt.recv() => ShellSignal::Leave(2),
            _ = self.hangup.recv() => ShellSignal::Leave(1),
            _ = self.suspend.recv() => ShellSignal::Suspend,
            _ = self.resume.recv() => ShellSignal::Resume,
            _ = self.resize.recv() => ShellSignal::Resize,
        }
    }
}

/// Stops this process until somebody continues it; the terminal must have been given back.
pub(crate) fn stop_self() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}
