//! How far beyond all that was seen a series may go: tails fitted to its highest and lowest values.

use super::question::Side;

/// Share of the values that a tail is fitted to, at least and at most this many.
const SHARE: f64 = 0.05;
const FEWEST: usize = 10;
const MOST: usize = 100;
/// Limits of the shape: ends at once … falls slower than an exponential, but with a variance.
const SHAPES: (f64, f64) = (-1.5, 0.3);

/// A generalised Pareto distribution of the excesses over a high value (Pickands 1975), by moments (Hosking & Wallis 1987).
#[derive(Debug, Clone, Copy)]
struct Tail {
    /// The highest value seen.
    record: f64,
    /// Value from which excesses are counted, and the largest excess seen.
    from: f64,
    largest: f64,
    scale: f64,
    shape: f64,
}

/// Both tails of a series, in its unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extremes {
    upper: Tail,
    /// Of the negated values.
    lower: Tail,
}

impl Extremes {
    pub(crate) fn of(x: &[f64]) -> Self {
        let mut values: Vec<f64> = x.iter().copied().filter(|v| v.is_finite()).collect();
        let upper = Tail::of(&mut values);
        for v in &mut values {
            *v = -*v;
        }
        Self {
            upper,
            lower: Tail::of(&mut values),
        }
    }

    /// The outermost value seen on a side.
    pub(crate) fn record(&self, side: Side) -> f64 {
        match side {
            Side::Upper => self.upper.record,
            Side::Lower => -self.lower.record,
        }
    }

    /// P(a new record lies beyond `value`), 1 for a value among those seen.
    pub(crate) fn beyond(&self, side: Side, value: f64) -> f64 {
        match side {
            Side::Upper => self.upper.beyond(value),
            Side::Lower => self.lower.beyond(-value),
        }
    }
}

impl Tail {
    /// Of the highest values; any order, which is changed.
    fn of(values: &mut [f64]) -> Self {
        let count = ((SHARE * values.len() as f64) as usize)
            .clamp(FEWEST, MOST)
            .min(values.len().saturating_sub(1));
        let from = if values.is_empty() {
            0.0
        } else {
            *values.select_nth_unstable_by(count, |a, b| b.total_cmp(a)).1
        };
        let excesses = || values[..count].iter().map(|v| v - from);
        let (mut mean, mut square, mut largest) = (0.0, 0.0, 0.0_f64);
        for excess in excesses() {
            mean += excess / count as f64;
            largest = largest.max(excess);
        }
        for excess in excesses() {
            square += (excess - mean) * (excess - mean) / (count - 1).max(1) as f64;
        }
        // Mean and variance of the distribution solved for shape and scale.
        let ratio = if square > 0.0 { mean * mean / square } else { 1.0 };
        let shape = (0.5 * (1.0 - ratio)).clamp(SHAPES.0, SHAPES.1);
        Self {
            record: values.iter().copied().fold(from, f64::max),
            from,
            largest,
            scale: mean * (1.0 - shape),
            shape,
        }
    }

    fn beyond(&self, value: f64) -> f64 {
        let excess = value - self.from;
        if excess <= self.largest {
            return 1.0;
        }
        let seen = self.survival(self.largest);
        if seen > 0.0 { self.survival(excess) / seen } else { 0.0 }
    }

    /// P(an excess is larger).
    fn survival(&self, excess: f64) -> f64 {
        if self.scale <= 0.0 {
            return 0.0;
        }
        let ratio = excess / self.scale;
        if self.shape.abs() < 1e-6 {
            return libm::exp(-ratio);
        }
        let base = 1.0 + self.shape * ratio;
        if base > 0.0 {
            libm::pow(base, -1.0 / self.shape)
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn what_ends_ends_and_what_goes_on_goes_on() {
        let mut random = Random::new(3, 1);
        let uniform: Vec<f64> = (0..2_000).map(|_| random.unit()).collect();
        let ends = Extremes::of(&uniform);
        assert!(ends.beyond(Side::Upper, 1.05) < 0.02 && ends.beyond(Side::Lower, -0.05) < 0.02);
        assert_eq!(ends.beyond(Side::Upper, 0.5), 1.0);
        let heavy: Vec<f64> = uniform.iter().map(|u| -libm::log(1.0 - u)).collect();
        let goes_on = Extremes::of(&heavy);
        let highest = heavy.iter().copied().fold(0.0, f64::max);
        // Exponential: memoryless.
        let one_more = goes_on.beyond(Side::Upper, highest + 1.0);
        assert!((0.15..0.6).contains(&one_more), "{one_more}");
    }

    #[test]
    fn equal_values_have_no_tail() {
        let flat = Extremes::of(&[2.0; 9]);
        assert_eq!(flat.beyond(Side::Upper, 2.0), 1.0);
        assert_eq!(flat.beyond(Side::Upper, 2.1), 0.0);
        assert_eq!(flat.beyond(Side::Lower, 1.9), 0.0);
    }
}
