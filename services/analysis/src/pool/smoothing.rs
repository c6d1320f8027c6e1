//! Exponential smoothing of the history: level, one-step errors, and the slow slope.

/// Smoothing constants tried.
const ALPHAS: [f64; 6] = [0.05, 0.12, 0.25, 0.5, 0.8, 1.0];
/// Largest gain of the slope: with few slots an hour it would follow single values.
const MOST_GAIN: f64 = 0.2;

/// Simple exponential smoothing over the whole history; one entry a slot.
#[derive(Debug)]
pub(crate) struct Smoothing {
    /// The smoothing constant.
    pub(crate) alpha: f64,
    pub(crate) level: Vec<f64>,
    /// One-step errors, 0 in gaps.
    pub(crate) error: Vec<f64>,
    /// Slow slope per slot.
    pub(crate) slope: Vec<f64>,
}

impl Smoothing {
    /// Smooths `x` (first value finite) with `known`, or with the constant of least squared one-step error.
    pub(crate) fn fit(x: &[f64], slots_per_hour: f64, known: Option<f64>) -> Self {
        let alpha = known.filter(|alpha| ALPHAS.contains(alpha)).unwrap_or_else(|| best(x));
        let n = x.len();
        let mut out = Self {
            alpha,
            level: Vec::with_capacity(n),
            error: Vec::with_capacity(n),
            slope: Vec::with_capacity(n),
        };
        let gain = (2.0 / (slots_per_hour + 1.0)).min(MOST_GAIN);
        let (mut level, mut slope, mut slow) = (x[0], 0.0, x[0]);
        for &v in x {
            let mut error = 0.0;
            if v.is_finite() {
                error = v - level;
                level += alpha * error;
                // Double smoothing over the last hour (Brown): the slope that explains how far the slow mean lags.
                let before = slow;
                slow += gain * (v - slow);
                slope += gain * ((slow - before) - slope);
            }
            out.level.push(level);
            out.error.push(error);
            out.slope.push(slope);
        }
        out
    }
}

fn best(x: &[f64]) -> f64 {
    let mut levels = [x[0]; ALPHAS.len()];
    let mut losses = [0.0_f64; ALPHAS.len()];
    for &v in x.iter().filter(|v| v.is_finite()) {
        for i in 0..ALPHAS.len() {
            let error = v - levels[i];
            losses[i] += error * error;
            levels[i] += ALPHAS[i] * error;
        }
    }
    let best = (0..ALPHAS.len()).fold(0, |best, i| if losses[i] < losses[best] { i } else { best });
    ALPHAS[best]
}
