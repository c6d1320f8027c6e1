//! A Gaussian forecast: expected values, their standard errors, and what follows from the two.

use crate::normal;

/// Expected values and their standard errors, one per step ahead, in the unit of the series.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Point forecasts.
    pub mean: Vec<f64>,
    /// Standard errors.
    pub standard_error: Vec<f64>,
}

impl Forecast {
    /// Lower and upper ends of the central interval that holds a Gaussian error with probability `level` (0 < level < 1).
    ///
    /// A level outside 0…1 gives the widest one that is used, 1 − 1e-12.
    pub fn interval(&self, level: f64) -> Vec<(f64, f64)> {
        let level = if level > 0.0 && level < 1.0 { level } else { 1.0 - 1e-12 };
        let z = normal::quantile(0.5 + level / 2.0);
        self.mean
            .iter()
            .zip(&self.standard_error)
            .map(|(m, s)| (m - z * s, m + z * s))
            .collect()
    }

    /// P(value outside `lower`…`upper`) at each step, both bounds inclusive, an absent one never left.
    pub fn violation(&self, lower: Option<f64>, upper: Option<f64>) -> Vec<f64> {
        self.mean
            .iter()
            .zip(&self.standard_error)
            .map(|(m, s)| normal::outside(*m, *s, lower, upper))
            .collect()
    }
}
