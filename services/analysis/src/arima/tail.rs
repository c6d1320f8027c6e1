//! The end of a series, from which a forecast goes on.

use super::innovations::Engine;
use super::limits::{MAX_DIFFERENCES, MAX_LAGS};
use super::order::Order;

/// What a forecast needs of the past.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tail {
    pub(super) engine: Engine,
    /// The last p differenced (or centred) values, latest first.
    pub(super) recent: [f64; MAX_LAGS],
    /// Last value, last first difference: what the forecast is summed up from.
    pub(super) levels: [f64; MAX_DIFFERENCES],
}

impl Tail {
    pub(super) fn new(values: &[f64], centred: &[f64], order: Order, engine: Engine) -> Self {
        let mut recent = [0.0; MAX_LAGS];
        for (slot, x) in recent.iter_mut().zip(centred.iter().rev()).take(order.ar) {
            *slot = *x;
        }
        let mut levels = [0.0; MAX_DIFFERENCES];
        if let [.., before, last] = values {
            levels = [*last, last - before];
        }
        Self { engine, recent, levels }
    }
}
