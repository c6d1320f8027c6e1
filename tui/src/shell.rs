//! The only code that touches the terminal, the clock or the runtime.

pub(crate) mod alert;
mod clipboard;
pub(crate) mod editor;
pub(crate) mod encode;
pub(crate) mod event_loop;
mod hangup;
mod input;
pub(crate) mod keys;
pub(crate) mod plain;
mod record;
pub(crate) mod run;
mod signal;
mod term;
mod writer;

/// The encoder, for tests that count bytes.
#[cfg(test)]
pub(crate) fn encode_for_tests() -> encode::Encoder {
    encode::Encoder::new()
}
