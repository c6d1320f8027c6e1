//! The console: a pure gRPC client that shows what is wrong, how bad, since when and what comes next.
//!
//! Invariant: `app`, `screens`, `widget` and `command` are pure; only `shell` touches the terminal and time, only `link` the wire.

mod app;
mod command;
mod context;
mod filter;
mod format;
#[cfg(any(test, feature = "bench"))]
mod frame;
mod link;
mod overlay;
mod remembered;
mod say;
mod screens;
mod shell;
mod theme;
mod widget;

pub use app::{Settings, Themes};
pub use command::keymap::KeymapError;
pub use command::{commands_markdown, commands_roff};
pub use context::log_ring::LogRing;
pub use link::{Attach, KeepToken};
pub use say::Language;
pub use shell::alert::{Alert, Reload};
pub use shell::editor::Editing;
pub use shell::event_loop::Exit;
pub use shell::plain::run_plain;
pub use shell::run::{TuiError, TuiOptions, run};
pub use theme::caps::{Background, Caps, ColourDepth};
pub use theme::own::{OwnTheme, THEME_BYTES_MAX, ThemeError};

#[cfg(feature = "bench")]
pub mod bench;

#[cfg(any(test, feature = "bench"))]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]
#[cfg_attr(
    not(test),
    allow(dead_code, reason = "the benchmark drives a part of the scripted instance")
)]
mod tests;
