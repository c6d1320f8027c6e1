//! What goes out, and what becomes of it: the words that all kinds of channels share.

use std::time::Duration;

use sla_domain::SafeText;
use sla_proto::notify::v1::Notice;

/// How long the other end may take for one message.
pub(crate) const SEND_LIMIT: Duration = Duration::from_secs(10);
/// Most characters of what the other end said that are kept.
const MAX_SAID_CHARS: usize = 200;

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The other end has it.
    Sent,
    /// It may be tried again, after this many milliseconds where the other end said so.
    Again(Option<i64>, String),
    /// This message will never be taken.
    Refused(String),
    /// Nothing will be taken on this address any more.
    Gone(String),
}

/// One message, as it goes to any of them.
#[derive(Debug, Clone)]
pub struct Parcel<'a> {
    /// The same in each attempt.
    pub id: &'a str,
    /// Of several about the same thing the newest.
    pub notices: &'a [Notice],
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// What the other end said, harmless and short.
pub(super) fn said(text: &str) -> String {
    SafeText::with_limit(text.trim(), MAX_SAID_CHARS).into_string()
}
