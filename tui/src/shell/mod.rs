//! The only code that touches the terminal, the clock or the runtime.

pub(crate) mod caps;
mod clipboard;
mod encode;
pub(crate) mod event_loop;
mod hangup;
mod input;
pub(crate) mod keys;
pub(crate) mod run;
mod signal;
mod term;
mod writer;
