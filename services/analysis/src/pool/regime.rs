//! Whether the series has lately begun to behave otherwise than ever before in its history.
//!
//! A change of level is no news by itself: days have mornings, jobs have starts. News is a change larger than any of its kind that the rest of
//! the history holds; what is of its kind is told by the history itself, so no distribution is assumed.

/// Slots on either side of a change, from the quickest to the slowest that is looked for.
const WINDOWS: [usize; 4] = [8, 16, 32, 64];
/// How much larger than the largest earlier change, and than the noise inside its windows in standard deviations.
const LARGER: f64 = 2.0;
const ABOVE_NOISE: f64 = 4.0;
/// Windows of history that must lie before a change.
const FEWEST_BEFORE: usize = 8;
/// A change is news for this many windows.
const LATELY: usize = 4;

/// Slots since the series behaves otherwise; `None` where it does not.
pub(crate) fn since(x: &[f64]) -> Option<usize> {
    let moments = Moments::new(x);
    WINDOWS
        .into_iter()
        .filter_map(|window| moments.newest_change(window))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(at, _)| x.len() - at)
}

/// Running sums of the finite values, around the first one so that a large level costs no digits.
struct Moments {
    /// Count, sum and sum of squares before each slot.
    sums: Vec<[f64; 3]>,
}

impl Moments {
    fn new(x: &[f64]) -> Self {
        let first = x.first().copied().unwrap_or(0.0);
        let mut sum = [0.0; 3];
        let mut sums = vec![sum];
        for v in x {
            if v.is_finite() {
                let d = v - first;
                sum = [sum[0] + 1.0, sum[1] + d, sum[2] + d * d];
            }
            sums.push(sum);
        }
        Self { sums }
    }

    /// Mean of slots `from..to`; `None` where fewer than half were seen.
    fn mean(&self, from: usize, to: usize) -> Option<f64> {
        let count = self.sums[to][0] - self.sums[from][0];
        (2.0 * count >= (to - from) as f64).then(|| (self.sums[to][1] - self.sums[from][1]) / count)
    }

    /// Standard deviation of slots `from..to`, of which some were seen.
    fn spread(&self, from: usize, to: usize) -> f64 {
        let [count, sum, square] = std::array::from_fn(|i| self.sums[to][i] - self.sums[from][i]);
        (square / count - (sum / count) * (sum / count)).max(0.0).sqrt()
    }

    /// The largest difference between the means of the windows before and after a slot of `from..to`, with that slot.
    fn largest_step(&self, from: usize, to: usize, window: usize) -> Option<(usize, f64)> {
        let step = |at: usize| Some((at, (self.mean(at, at + window)? - self.mean(at - window, at)?).abs()));
        (from..to).filter_map(step).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The slot of a change within the last [`LATELY`] windows, and by how much it is larger than any before.
    fn newest_change(&self, window: usize) -> Option<(usize, f64)> {
        let n = self.sums.len() - 1;
        let news = n.checked_sub(LATELY * window)?;
        if news < FEWEST_BEFORE * window {
            return None;
        }
        let earlier = self
            .largest_step(window, news - window, window)
            .map_or(0.0, |(_, size)| size);
        let (at, size) = self.largest_step(news, n + 1 - window, window)?;
        // Of the quieter side: a regime that ended may have been wild.
        let noise = self.spread(at - window, at).min(self.spread(at, at + window));
        (size > LARGER * earlier && size > ABOVE_NOISE * noise).then_some((at, size / earlier.max(f64::MIN_POSITIVE)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    /// Autocorrelated noise.
    fn noise(seed: u64, n: usize) -> Vec<f64> {
        let mut random = Random::new(seed, 1);
        let mut x = 0.0;
        (0..n)
            .map(|_| {
                x = 0.8 * x + random.bell();
                x
            })
            .collect()
    }

    #[test]
    fn a_level_never_seen_is_news_and_its_time_is_told() {
        for seed in 0..20 {
            let mut x = noise(seed, 2_880);
            for v in &mut x[2_800..] {
                *v -= 15.0;
            }
            let found = since(&x);
            assert!(found.is_some_and(|slots| slots.abs_diff(80) <= 2), "{seed}: {found:?}");
        }
    }

    #[test]
    fn what_happens_every_day_is_no_news_and_noise_is_none() {
        let false_alarms = (0..200).filter(|&seed| since(&noise(seed, 1_440)).is_some()).count();
        assert!(false_alarms <= 4, "{false_alarms} of 200");
        for offset in 0..24 {
            // A job runs for a tenth of every 240 slots.
            let jobs: Vec<f64> = noise(9, 1_440)
                .iter()
                .enumerate()
                .map(|(i, v)| v + if (i + 10 * offset) % 240 < 24 { 30.0 } else { 0.0 })
                .collect();
            assert_eq!(since(&jobs), None, "{offset}");
        }
        assert_eq!(since(&[5.0; 500]), None);
        assert_eq!(since(&[f64::NAN; 500]), None);
        assert_eq!(since(&[]), None);
    }
}
