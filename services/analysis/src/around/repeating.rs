//! Series that repeat: after how many bins, and what is left of them then.

use super::frame::Frame;

/// A period counts where a bin lies so much nearer to the one a period before than to one as far as the instant looks back.
const NEARER: f64 = 0.5;
/// Every so many bins are compared for each period that is tried.
const STRIDE: usize = 3;
/// Fewer pairs say nothing.
const PAIRS_MIN: usize = 8;

/// The bins less what they were one period before, where the past repeats; NaN where either is not known. `None` where it
/// does not: periods tried reach from the bins that the instant looks at (so that what came after it is held against what
/// came before) to half of the past.
pub(super) fn differences(bins: &[f64], frame: &Frame) -> Option<Vec<f64>> {
    let past = &bins[..frame.at.saturating_sub(frame.guard)];
    let least = frame.guard + frame.after;
    let usual = apart(past, least)?;
    let periods = least + 1..=past.len() / 2;
    let (period, best) = periods
        .filter_map(|period| Some((period, apart(past, period)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    if best >= NEARER * usual {
        return None;
    }
    let before = std::iter::repeat_n(f64::NAN, period).chain(bins.iter().copied());
    Some(bins.iter().zip(before).map(|(bin, before)| bin - before).collect())
}

/// The mean distance of bins that lie `period` apart.
fn apart(past: &[f64], period: usize) -> Option<f64> {
    let pairs = past
        .iter()
        .step_by(STRIDE)
        .zip(past.get(period..)?.iter().step_by(STRIDE));
    let known = pairs
        .map(|(a, b)| (a - b).abs())
        .filter(|distance| distance.is_finite());
    let (sum, count) = known.fold((0.0, 0_usize), |(sum, count), distance| (sum + distance, count + 1));
    (count >= PAIRS_MIN).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_left_without_its_season_and_nothing_else_is_touched() {
        let frame = Frame::new(255, 240, 15, 5).unwrap();
        let saw: Vec<f64> = (0..255).map(|n| f64::from(n % 60)).collect();
        let left = differences(&saw, &frame).unwrap();
        assert!(left[..60].iter().all(|bin| bin.is_nan()) && left[60..].iter().all(|bin| *bin == 0.0));
        let rising: Vec<f64> = (0..255).map(f64::from).collect();
        assert!(differences(&rising, &frame).is_none());
        assert!(differences(&[f64::NAN; 255], &frame).is_none());
        assert!(differences(&[1.0; 255], &frame).is_none(), "a constant has no period");
    }
}
