//! What is remembered of a series as it goes by: the state from which experts judge what is alike and what comes next.

/// Samples from which a moment of the whole history is known well enough.
pub(crate) const ENOUGH_SAMPLES: usize = 2_048;

/// Exponential means over 4, 16 and 64 slots and the recent changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Track {
    pub(crate) last: f64,
    pub(crate) mean4: f64,
    pub(crate) mean16: f64,
    pub(crate) mean64: f64,
    pub(crate) change: f64,
    pub(crate) change_before: f64,
    /// Mean size of the changes over 16 slots.
    pub(crate) size: f64,
}

impl Track {
    /// Before the first value: as if the first finite one had always been there.
    pub(crate) fn start(x: &[f64]) -> Self {
        let first = x.iter().copied().find(|v| v.is_finite()).unwrap_or(0.0);
        Self {
            last: first,
            mean4: first,
            mean16: first,
            mean64: first,
            change: 0.0,
            change_before: 0.0,
            size: 0.0,
        }
    }

    /// Takes the next value in.
    pub(crate) fn advance(&mut self, value: f64) {
        self.change_before = self.change;
        self.change = value - self.last;
        // Gains of 2 / (span + 1), as for any exponential mean over that many slots.
        self.mean4 += (value - self.mean4) * 0.4;
        self.mean16 += (value - self.mean16) * (2.0 / 17.0);
        self.mean64 += (value - self.mean64) * (2.0 / 65.0);
        self.size += (self.change.abs() - self.size) * (2.0 / 17.0);
        self.last = value;
    }
}
