//! Scores of single forecasts.

/// Squared error of a probability against an outcome: 0 is perfect, 1 is certain and wrong (Brier 1950).
pub fn brier(probability: f64, violated: bool) -> f64 {
    let error = probability - f64::from(u8::from(violated));
    error * error
}

/// Pinball (quantile) loss of the quantile `forecast` at `level` in (0, 1) against `value`, in the units of the series
/// (Koenker & Bassett 1978).
pub fn pinball(level: f64, forecast: f64, value: f64) -> f64 {
    let difference = value - forecast;
    if difference >= 0.0 {
        level * difference
    } else {
        (level - 1.0) * difference
    }
}

/// Whether `value` lies inside the closed band.
pub fn covers(low: f64, high: f64, value: f64) -> bool {
    low <= value && value <= high
}

/// Scale of the mean absolute scaled error: mean absolute difference at lag `season` over the finite pairs of `training`
/// (Hyndman & Koehler 2006). `None` when there is no pair or every pair is equal.
pub fn mase_scale(training: &[f64], season: usize) -> Option<f64> {
    let season = season.max(1);
    let (mut sum, mut count) = (0.0, 0.0);
    for (now, before) in training.iter().skip(season).zip(training) {
        let difference = (now - before).abs();
        if difference.is_finite() {
            sum += difference;
            count += 1.0;
        }
    }
    (sum > 0.0).then(|| sum / count)
}
