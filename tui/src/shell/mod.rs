//! The only code that touches the terminal, the clock or the runtime.

pub(crate) mod caps;
mod encode;
mod hangup;
mod input;
pub(crate) mod keys;
mod signal;
mod term;
mod writer;
