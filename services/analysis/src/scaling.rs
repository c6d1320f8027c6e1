//! Centre and scale: models see values of order one, whatever unit and offset the series has.

use crate::degenerate::Degenerate;
use crate::statistics::{Moments, moments};

/// Values beyond this leave no room for the sums and differences that models form.
const FARTHEST: f64 = 1e300;

/// Rounding that sums and products of standardised values leave.
const COMPUTING: f64 = 1e-14;
/// Units of the last place that a difference or a mean of few values may be off.
const UNITS: f64 = 2.0;

/// Values centred on their mean and divided by their sample standard deviation.
#[derive(Debug, Clone)]
pub(crate) struct Scaled {
    pub(crate) values: Vec<f64>,
    pub(crate) centre: f64,
    pub(crate) scale: f64,
}

impl Scaled {
    /// Root mean square of what is nothing but rounding in `values`, at most: each came with half a unit of its last place, which counts
    /// the more the larger the series is against its spread; never less than what computing with numbers of order one leaves.
    pub(crate) fn rounding(&self) -> f64 {
        COMPUTING + UNITS * f64::EPSILON * (self.centre.abs() / self.scale + 1.0)
    }
}

/// Refuses what no model can use, then centres and scales. Cost: three passes and one allocation.
pub(crate) fn standardise(values: &[f64], need: usize) -> Result<Scaled, Degenerate> {
    let m = usable(values, need)?;
    let (centre, scale) = (m.mean, m.std);
    let inverse = 1.0 / scale;
    let values = if inverse.is_finite() && inverse >= f64::MIN_POSITIVE {
        values.iter().map(|x| (x - centre) * inverse).collect()
    } else {
        values.iter().map(|x| (x - centre) / scale).collect()
    };
    Ok(Scaled { values, centre, scale })
}

/// The moments of a series a model can be fitted to, or why there is none.
///
/// # Errors
/// Empty, all or some non-finite, constant, sub-normal spread, overflow, fewer than `need` samples (in this order).
pub(crate) fn usable(values: &[f64], need: usize) -> Result<Moments, Degenerate> {
    let m = moments(values)?;
    if m.n_finite < m.n {
        return Err(Degenerate::NonFinite {
            count: m.n - m.n_finite,
        });
    }
    if m.n < need {
        return Err(Degenerate::TooShort { have: m.n, need });
    }
    if m.min == m.max {
        return Err(Degenerate::Constant);
    }
    if m.max - m.min < f64::MIN_POSITIVE || m.std < f64::MIN_POSITIVE {
        return Err(Degenerate::Subnormal);
    }
    if m.max.max(-m.min) > FARTHEST {
        return Err(Degenerate::OutOfRange);
    }
    Ok(m)
}
