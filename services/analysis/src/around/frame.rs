//! The ways in which series change, and where the instant lies.

use crate::Degenerate;

/// The ways in which a series may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Its median is another.
    Level,
    /// Its bins differ from one to the next by another amount.
    Spread,
    /// It rises or falls at another rate.
    Rate,
    /// Its samples stay away.
    Silence,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Level, Self::Spread, Self::Rate, Self::Silence];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Spread => "spread",
            Self::Rate => "rate",
            Self::Silence => "silence",
        }
    }
}

/// The fewest bins after the instant, and the fewest places of the past to measure against.
pub const AFTER_MIN: usize = 3;
/// See [`AFTER_MIN`].
pub const PLACES_MIN: usize = 3;

/// Where the instant lies on the grid, and what is held against what. All counts are bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The first bin after the instant.
    pub at: usize,
    /// Bins after it that are looked at.
    pub after: usize,
    /// Bins before it that they are held against.
    pub before: usize,
    /// Bins just before it that belong to neither: what moves first moves there.
    pub guard: usize,
    /// Bins in all.
    pub count: usize,
}

impl Frame {
    /// A frame of `span` bins after `at` and as many before it, of which the grid must hold enough.
    ///
    /// # Errors
    /// [`Degenerate::TooShort`] where fewer than [`AFTER_MIN`] bins lie after the instant, or fewer than [`PLACES_MIN`]
    /// places of the past fit before it.
    pub fn new(count: usize, at: usize, span: usize, guard: usize) -> Result<Self, Degenerate> {
        let after = span.min(count.saturating_sub(at));
        let frame = Self {
            at,
            after,
            before: span,
            guard,
            count,
        };
        if after < AFTER_MIN {
            return Err(Degenerate::TooShort {
                have: after,
                need: AFTER_MIN,
            });
        }
        // Before any place is counted: what a place looks back, and what the instant itself is judged by.
        let need = span.saturating_add(after).saturating_add(guard.saturating_mul(2));
        let have = if at < need {
            0
        } else {
            frame.places().take(PLACES_MIN).count()
        };
        if have < PLACES_MIN {
            let need = need.saturating_add(after.saturating_mul(PLACES_MIN));
            return Err(Degenerate::TooShort { have: at, need });
        }
        Ok(frame)
    }

    /// Bins between two places of the past: a third of what is looked at or less, and such that what is after one place is
    /// before another.
    pub(super) fn step(self) -> usize {
        let most = (self.after / 3).max(1);
        let back = self.before + self.guard;
        (1..=most).rev().find(|step| back.is_multiple_of(*step)).unwrap_or(1)
    }

    /// Bins of the past at which the series is measured against itself, rising: none of them sees what the instant is judged
    /// by.
    pub(super) fn places(self) -> impl Iterator<Item = usize> {
        let first = self.before + self.guard;
        let last = (self.at.saturating_sub(self.guard) + 1).saturating_sub(self.after);
        (first..last).step_by(self.step())
    }
}

/// The largest number of series ranked at once: their past scores are some 5 kB each.
pub const SERIES_MAX: usize = 10_000;
