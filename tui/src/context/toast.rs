//! Short messages that go by themselves.

use std::collections::VecDeque;

/// How many are kept waiting.
const TOASTS_MAX: usize = 8;
/// How long one stays, milliseconds; errors stay longer.
const TOAST_MS: i64 = 4_000;
const TOAST_ERROR_MS: i64 = 8_000;

/// How serious a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Error,
}

/// One message.
#[derive(Debug, Clone)]
pub(crate) struct Toast {
    pub(crate) level: Level,
    pub(crate) text: String,
    until_ms: i64,
}

/// The messages, newest shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Toasts {
    queue: VecDeque<Toast>,
}

impl Toasts {
    /// `now_ms` is monotonic.
    pub(crate) fn push(&mut self, level: Level, text: impl Into<String>, now_ms: i64) {
        let stay = if level == Level::Error {
            TOAST_ERROR_MS
        } else {
            TOAST_MS
        };
        if self.queue.len() == TOASTS_MAX {
            self.queue.pop_front();
        }
        self.queue.push_back(Toast {
            level,
            text: text.into(),
            until_ms: now_ms + stay,
        });
    }

    /// The newest.
    pub(crate) fn shown(&self) -> Option<&Toast> {
        self.queue.back()
    }

    /// Drops what has had its time; true when the picture changes.
    pub(crate) fn expire(&mut self, now_ms: i64) -> bool {
        let before = self.queue.len();
        self.queue.retain(|toast| toast.until_ms > now_ms);
        before != self.queue.len()
    }

    /// When the next one goes.
    pub(crate) fn deadline_ms(&self) -> Option<i64> {
        self.queue.iter().map(|toast| toast.until_ms).min()
    }

    /// All go: a key was pressed on purpose.
    pub(crate) fn dismiss(&mut self) -> bool {
        let had = !self.queue.is_empty();
        self.queue.clear();
        had
    }
}
