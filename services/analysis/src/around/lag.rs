//! By how much one series follows another.

/// The shift at which two series move together most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lag {
    /// Bins by which the second comes after the first; negative where it comes before.
    pub bins: i64,
    /// Correlation there, −1…1.
    pub correlation: f64,
}

/// Fewer pairs say nothing.
const PAIRS_MIN: usize = 8;
/// What varies by less than this share of its level is constant but for rounding.
const ROUNDING: f64 = 1e-12;

/// The shift of at most `reach` bins at which `second` is most correlated with `first`, up or down; the least of equal ones.
/// `None` where too few bins are known in both, or where one of them never varies.
#[must_use]
pub fn best_lag(first: &[f64], second: &[f64], reach: usize) -> Option<Lag> {
    let reach = reach.min(first.len().saturating_sub(1)) as i64;
    let mut best: Option<Lag> = None;
    for distance in 0..=reach {
        for bins in [distance, -distance] {
            let Some(correlation) = correlation(first, second, bins) else {
                continue;
            };
            // A tie stays with the shorter shift.
            if best.is_none_or(|have| correlation.abs() > have.correlation.abs() + 1e-9) {
                best = Some(Lag { bins, correlation });
            }
        }
    }
    best
}

fn correlation(first: &[f64], second: &[f64], bins: i64) -> Option<f64> {
    let pairs = || {
        first.iter().enumerate().filter_map(move |(at, a)| {
            let b = second.get(usize::try_from(at as i64 + bins).ok()?)?;
            (a.is_finite() && b.is_finite()).then_some((*a, *b))
        })
    };
    let count = pairs().count();
    if count < PAIRS_MIN {
        return None;
    }
    let n = count as f64;
    let (mean_a, mean_b) = pairs().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let still = |mean: f64| n * (mean * ROUNDING).powi(2);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in pairs() {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let size = (aa * bb).sqrt();
    let vary = aa > still(mean_a) && bb > still(mean_b);
    (vary && size.is_finite()).then(|| (ab / size).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_two_bins_later_is_told_so() {
        let first: Vec<f64> = (0..40).map(|n| if n >= 20 { 5.0 } else { 1.0 }).collect();
        let second: Vec<f64> = (0..40).map(|n| if n >= 22 { -3.0 } else { 0.0 }).collect();
        let lag = best_lag(&first, &second, 5).unwrap();
        assert_eq!(lag.bins, 2);
        assert!(lag.correlation < -0.99);
        assert_eq!(best_lag(&second, &first, 5).unwrap().bins, -2);
    }

    #[test]
    fn nothing_is_said_of_constants_and_gaps() {
        assert!(best_lag(&[1.0; 40], &[2.0; 40], 5).is_none());
        assert!(best_lag(&[f64::NAN; 40], &[2.0; 40], 5).is_none());
        assert!(best_lag(&[], &[], 5).is_none());
    }
}
