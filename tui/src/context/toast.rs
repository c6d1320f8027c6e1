//! Short messages that go by themselves.

use std::collections::VecDeque;

/// How many are kept waiting.
const TOASTS_MAX: usize = 8;
/// How long one stays, milliseconds; errors stay longer.
const TOAST_MS: i64 = 4_000;
const TOAST_ERROR_MS: i64 = 8_000;
/// How long one stays when another waits: what comes in the same moment must not hide what nobody has read yet.
const TOAST_READ_MS: i64 = 1_500;

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
    /// Monotonic; since when it is the one that is shown.
    shown_ms: i64,
}

/// The messages, oldest shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Toasts {
    queue: VecDeque<Toast>,
}

impl Toasts {
    /// `now_ms` is monotonic.
    pub(crate) fn push(&mut self, level: Level, text: impl Into<String>, now_ms: i64) {
        if self.queue.len() == TOASTS_MAX {
            self.queue.pop_front();
            self.show_next(now_ms);
        }
        self.queue.push_back(Toast {
            level,
            text: text.into(),
            shown_ms: now_ms,
        });
    }

    /// The oldest that has not had its time.
    pub(crate) fn shown(&self) -> Option<&Toast> {
        self.queue.front()
    }

    /// Drops what has had its time; true when the picture changes.
    pub(crate) fn expire(&mut self, now_ms: i64) -> bool {
        let had = self.deadline_ms().is_some_and(|end| end <= now_ms);
        if had {
            self.queue.pop_front();
            self.show_next(now_ms);
        }
        had
    }

    fn show_next(&mut self, now_ms: i64) {
        if let Some(next) = self.queue.front_mut() {
            next.shown_ms = now_ms;
        }
    }

    /// When the one that is shown goes.
    pub(crate) fn deadline_ms(&self) -> Option<i64> {
        let shown = self.queue.front()?;
        let stay_ms = match shown.level {
            _ if self.queue.len() > 1 => TOAST_READ_MS,
            Level::Error => TOAST_ERROR_MS,
            Level::Info => TOAST_MS,
        };
        Some(shown.shown_ms + stay_ms)
    }

    /// All go: a key was pressed on purpose.
    pub(crate) fn dismiss(&mut self) -> bool {
        let had = !self.queue.is_empty();
        self.queue.clear();
        had
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_the_same_moment_is_read_after_it() {
        let mut toasts = Toasts::default();
        toasts.push(Level::Info, "default is saved", 0);
        toasts.push(Level::Error, "the source is away", 0);
        let shown = |toasts: &Toasts| toasts.shown().map(|toast| toast.text.clone()).unwrap_or_default();
        assert_eq!(shown(&toasts), "default is saved");
        assert_eq!(toasts.deadline_ms(), Some(TOAST_READ_MS));
        assert!(!toasts.expire(TOAST_READ_MS - 1));
        assert!(toasts.expire(TOAST_READ_MS));
        assert_eq!(shown(&toasts), "the source is away");
        // From when it is seen, not from when it came.
        assert_eq!(toasts.deadline_ms(), Some(TOAST_READ_MS + TOAST_ERROR_MS));
        assert!(toasts.dismiss());
        assert!(toasts.shown().is_none());
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut toasts = Toasts::default();
        for number in 0..=TOASTS_MAX {
            toasts.push(Level::Info, number.to_string(), 0);
        }
        assert_eq!(toasts.queue.len(), TOASTS_MAX);
        assert_eq!(toasts.shown().map(|toast| toast.text.as_str()), Some("1"));
    }
}
