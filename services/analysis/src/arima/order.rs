//! How many lags, differences and shocks a model has.

use super::limits::{MAX_DIFFERENCES, MAX_LAGS};
use crate::degenerate::Degenerate;

/// How many lags, differences and shocks a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// p: autoregressive lags, at most [`MAX_LAGS`].
    pub ar: usize,
    /// d: differences, at most [`MAX_DIFFERENCES`].
    pub differences: usize,
    /// q: moving-average lags, at most [`MAX_LAGS`].
    pub ma: usize,
    /// Whether the mean is a parameter; only with d = 0.
    pub mean: bool,
}

impl Order {
    /// The usual form: a mean exactly when there are no differences.
    pub fn new(ar: usize, differences: usize, ma: usize) -> Self {
        Self {
            ar,
            differences,
            ma,
            mean: differences == 0,
        }
    }

    /// Number of parameters, σ² included.
    pub fn parameters(&self) -> usize {
        self.ar + self.ma + usize::from(self.mean) + 1
    }

    /// # Errors
    /// [`Degenerate::BadOrder`] for an order beyond the limits or a mean with differences.
    pub fn check(&self) -> Result<(), Degenerate> {
        let limits = [
            ("p", self.ar, MAX_LAGS),
            ("d", self.differences, MAX_DIFFERENCES),
            ("q", self.ma, MAX_LAGS),
            ("d with a mean", if self.mean { self.differences } else { 0 }, 0),
        ];
        for (name, value, max) in limits {
            if value > max {
                return Err(Degenerate::BadOrder {
                    name,
                    value,
                    min: 0,
                    max,
                });
            }
        }
        Ok(())
    }

    /// Rows that the initial distribution covers.
    pub(super) fn memory(&self) -> usize {
        self.ar.max(self.ma)
    }
}
