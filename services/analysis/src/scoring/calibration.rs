//! Are probabilities what they say? A reliability table with equally many forecasts a bin.

/// Bins of a calibration table.
pub const CALIBRATION_BINS: usize = 10;

/// Forecasts of similar probability together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// Forecasts in the bin.
    pub count: usize,
    /// Smallest probability.
    pub lowest: f64,
    /// Largest probability.
    pub highest: f64,
    /// Mean probability said.
    pub said: f64,
    /// Share that came true.
    pub observed: f64,
}

/// Sorts `(probability, violated)` pairs into at most `bins` bins of equal count (differing by one at most); pairs with a NaN are left out.
/// Empty bins do not appear, so fewer pairs than bins give fewer bins.
pub fn calibration_table(pairs: &[(f64, bool)], bins: usize) -> Vec<CalibrationBin> {
    let mut sorted: Vec<(f64, bool)> = pairs.iter().copied().filter(|(p, _)| !p.is_nan()).collect();
    // By outcome too, so that ties do not depend on the order given.
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let n = sorted.len();
    (0..bins.max(1))
        .map(|bin| &sorted[bin * n / bins.max(1)..(bin + 1) * n / bins.max(1)])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let count = part.len() as f64;
            CalibrationBin {
                count: part.len(),
                lowest: part[0].0,
                highest: part[part.len() - 1].0,
                said: part.iter().map(|(p, _)| p).sum::<f64>() / count,
                observed: part.iter().filter(|(_, violated)| *violated).count() as f64 / count,
            }
        })
        .collect()
}

/// Expected calibration error: mean of |said − observed| over the bins, weighed by their counts; 0 for an empty table.
pub fn calibration_error(table: &[CalibrationBin]) -> f64 {
    let total: usize = table.iter().map(|bin| bin.count).sum();
    if total == 0 {
        return 0.0;
    }
    table
        .iter()
        .map(|bin| (bin.said - bin.observed).abs() * bin.count as f64)
        .sum::<f64>()
        / total as f64
}
