//! The console: a pure gRPC client that shows what is wrong, how bad, since when and what comes next.
//!
//! Invariant: `app`, `screens`, `widget` and `command` are pure; only `shell` touches the terminal and time, only `link` the wire.

mod filter;
mod format;
mod frame;
mod shell;
mod theme;
mod widget;
