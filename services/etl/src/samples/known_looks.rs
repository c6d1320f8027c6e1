//! What looks at days have told, series by series, for as long as it holds.

use std::collections::HashMap;
use std::sync::Arc;

use sla_domain::SeriesId;
use sla_source::port::LONG_VIEW_STEP_MS;

use crate::steps::seasons::LongLook;

/// A series is looked at again after this, milliseconds.
const LOOK_AGE_MS: i64 = 86_400_000;
/// One that could not be read is asked for again after this, milliseconds.
const RETRY_AGE_MS: i64 = 600_000;
/// Series whose look is remembered.
const MAX_REMEMBERED: usize = 20_000;

/// A look and the end of the days that it saw.
#[derive(Debug, Clone)]
pub(super) struct KnownLook {
    /// Unix milliseconds, a multiple of the long view's step.
    pub(super) end_ms: i64,
    pub(super) look: Arc<LongLook>,
}

impl KnownLook {
    /// Whether it tells about `at_ms`: never from later than the point of the long view that `at_ms` lies in.
    fn holds_at(&self, at_ms: i64) -> bool {
        let age_ms = match *self.look {
            LongLook::Seen { .. } => LOOK_AGE_MS,
            LongLook::Unseen(_) => RETRY_AGE_MS,
        };
        (-LONG_VIEW_STEP_MS..age_ms).contains(&(at_ms - self.end_ms))
    }
}

/// The end of the days that are looked at for `at_ms`.
pub(super) fn end_of_days(at_ms: i64) -> i64 {
    at_ms.div_euclid(LONG_VIEW_STEP_MS) * LONG_VIEW_STEP_MS
}

/// The looks of one source.
#[derive(Default)]
pub(super) struct KnownLooks(HashMap<SeriesId, KnownLook>);

impl KnownLooks {
    /// Whether anything is known about a series, however old.
    pub(super) fn contains(&self, id: SeriesId) -> bool {
        self.0.contains_key(&id)
    }

    /// What is known about a series, however old.
    pub(super) fn get(&self, id: SeriesId) -> Option<&KnownLook> {
        self.0.get(&id)
    }

    /// What holds at `at_ms`.
    pub(super) fn at(&self, id: SeriesId, at_ms: i64) -> Option<&Arc<LongLook>> {
        let known = self.0.get(&id).filter(|known| known.holds_at(at_ms))?;
        Some(&known.look)
    }

    /// What was really seen and holds at `at_ms`.
    pub(super) fn seen_at(&self, id: SeriesId, at_ms: i64) -> Option<&Arc<LongLook>> {
        self.at(id, at_ms)
            .filter(|look| matches!(***look, LongLook::Seen { .. }))
    }

    /// Remembers looks; above the limit those that hold no longer go first.
    pub(super) fn remember(&mut self, looks: impl IntoIterator<Item = (SeriesId, KnownLook)>) {
        for (id, known) in looks {
            if self.0.len() >= MAX_REMEMBERED && !self.0.contains_key(&id) {
                self.0.retain(|_, other| other.holds_at(known.end_ms));
                // Which one goes matters little: it is read once more.
                if self.0.len() >= MAX_REMEMBERED
                    && let Some(other) = self.0.keys().next().copied()
                {
                    self.0.remove(&other);
                }
            }
            self.0.insert(id, known);
        }
    }
}
