//! How heavy the tails of a series' own past are: series are held against such as are alike.

/// Kinds of tails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tails {
    /// As of a normal distribution, or lighter.
    Light,
    /// It moves little from one bin to the next, and far in the long run.
    Slow,
    Heavy,
    /// Bursts.
    Bursts,
    /// It mostly stands still.
    Still,
}

impl Tails {
    pub(super) const COUNT: usize = 5;

    /// By its changes of level, nine tenths of them against half of them, and by its own values, the outer fiftieths against
    /// the quarters: 2.4 each for a normal distribution. The first sees what is emptied now and then, the second what bursts
    /// too rarely for that. By its steps from one bin to the next, the greatest fiftieth against half of them (3.4): what
    /// jumps, however often it is up. All lists are put into another order.
    pub(super) fn of(deltas: &mut [f64], values: &mut Vec<f64>, steps: &mut Vec<f64>) -> Self {
        values.retain(|value| value.is_finite());
        steps.retain(|step| step.is_finite());
        let quarters = quantile(values, 0.75) - quantile(values, 0.25);
        let (usual, noise) = (quantile(deltas, 0.5), quantile(steps, 0.5));
        if noise <= 0.0 || quarters <= 0.0 {
            return Self::Still;
        }
        let outer = quantile(values, 0.98) - quantile(values, 0.02);
        let jumps = quantile(steps, 0.98) / noise;
        let (swings, tails) = (quantile(deltas, 0.9) / usual, outer / quarters);
        if jumps > 6.5 || swings > 6.0 || tails > 8.0 {
            Self::Bursts
        } else if swings > 3.2 || tails > 4.5 {
            Self::Heavy
        } else if noise < 0.3 * quarters {
            Self::Slow
        } else {
            Self::Light
        }
    }
}

/// 0 of nothing.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f64 * share).round() as usize;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}
