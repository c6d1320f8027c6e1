//! Where instants and values lie in a chart, in dots.

use super::ticks::{log_ticks, value_ticks};

/// The time axis from left to right, the value axis from the bottom up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Equal distances are equal ratios; only where `low` is above 0.
    pub(crate) log: bool,
    pub(crate) after_ms: i64,
    pub(crate) span_ms: i64,
    pub(crate) dots_x: i32,
    pub(crate) dots_y: i32,
}

impl Scale {
    pub(crate) fn x(&self, time_ms: i64) -> i32 {
        let share = (time_ms - self.after_ms) as f64 / self.span_ms as f64;
        (share * f64::from(self.dots_x)).floor().clamp(-1e6, 1e6) as i32
    }

    pub(crate) fn y(&self, value: f64) -> i32 {
        let share = if self.log {
            // What is not above 0 lies below everything.
            (value.max(f64::MIN_POSITIVE).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            // Divided before the difference is taken, so that ±1e308 does not overflow.
            (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
        };
        ((1.0 - share) * f64::from(self.dots_y - 1)).round().clamp(-1e6, 1e6) as i32
    }

    /// Round values on the axis, at most `wanted` + 1.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<f64> {
        if self.log {
            log_ticks(self.low, self.high, wanted)
        } else {
            value_ticks(self.low, self.high, wanted)
        }
    }
}
