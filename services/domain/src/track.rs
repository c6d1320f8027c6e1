//! The track record of a probability, and whether it is shown (SEMANTICS 11).

/// Fewer scored forecasts prove nothing.
pub const MIN_SCORED: u64 = 30;
/// Fewer of either outcome prove nothing.
pub const MIN_EACH_OUTCOME: u64 = 5;
/// The two-sided 90 % quantile of the normal distribution.
const Z_90: f64 = 1.644_853_626_951_472_2;

/// What a track record allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Too few scored forecasts: the probability is shown as unproven.
    Unproven,
    /// Enough of them, and not shown to be worse than last-value.
    Proven,
    /// Shown to be worse than last-value: no probability is given.
    Withheld,
}

impl Standing {
    /// The word used on screens and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Proven => "proven",
            Self::Withheld => "withheld",
        }
    }
}

/// Sums over scored forecasts: enough to add one, to merge two, and to judge.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrackRecord {
    /// Forecasts whose time has come.
    pub scored: u64,
    /// Of these, how often the range was left.
    pub violations: u64,
    /// How often p ≥ 0.5 and the outcome agreed.
    pub right: u64,
    /// Sum of (p − outcome)².
    pub brier_sum: f64,
    /// The same for last-value: it says 1 when outside now, else 0.
    pub last_value_brier_sum: f64,
    /// Sum of the paired differences ours − last-value, squared.
    pub difference_squared_sum: f64,
}

impl TrackRecord {
    /// Adds one: what was said (in [0, 1]), what last-value would have said, what came. A probability that is none is
    /// not scored.
    pub fn add(&mut self, probability: f64, last_value: f64, left_range: bool) {
        if !(0.0..=1.0).contains(&probability) || !(0.0..=1.0).contains(&last_value) {
            return;
        }
        let outcome = f64::from(u8::from(left_range));
        let ours = (probability - outcome).powi(2);
        let theirs = (last_value - outcome).powi(2);
        self.scored += 1;
        self.violations += u64::from(left_range);
        self.right += u64::from((probability >= 0.5) == left_range);
        self.brier_sum += ours;
        self.last_value_brier_sum += theirs;
        self.difference_squared_sum += (ours - theirs).powi(2);
    }

    /// Adds another record.
    pub fn merge(&mut self, other: &Self) {
        self.scored += other.scored;
        self.violations += other.violations;
        self.right += other.right;
        self.brier_sum += other.brier_sum;
        self.last_value_brier_sum += other.last_value_brier_sum;
        self.difference_squared_sum += other.difference_squared_sum;
    }

    /// Mean (p − outcome)², in [0, 1]; `None` without scores.
    pub fn brier(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.brier_sum / self.scored as f64)
    }

    /// The same for last-value.
    pub fn last_value_brier(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.last_value_brier_sum / self.scored as f64)
    }

    /// Mean paired difference ours − last-value and half the width of its 90 % interval (normal, sample deviation).
    /// `None` below two scores.
    pub fn difference(&self) -> Option<(f64, f64)> {
        if self.scored < 2 {
            return None;
        }
        let n = self.scored as f64;
        let mean = (self.brier_sum - self.last_value_brier_sum) / n;
        let variance = ((self.difference_squared_sum - n * mean * mean) / (n - 1.0)).max(0.0);
        Some((mean, Z_90 * (variance / n).sqrt()))
    }

    /// Whether the probability is shown, shown as unproven, or withheld.
    pub fn standing(&self) -> Standing {
        let enough = self.scored >= MIN_SCORED
            && self.violations >= MIN_EACH_OUTCOME
            && self.scored - self.violations >= MIN_EACH_OUTCOME;
        match self.difference() {
            Some((mean, half)) if enough => {
                if mean - half > 0.0 {
                    Standing::Withheld
                } else {
                    Standing::Proven
                }
            }
            _ => Standing::Unproven,
        }
    }

    /// In words: `58 of 61, better`, `unproven (12 scored, 1 violations)`, `withheld: worse than last value`.
    pub fn words(&self) -> String {
        match self.standing() {
            Standing::Unproven => format!("unproven ({} scored, {} violations)", self.scored, self.violations),
            Standing::Withheld => "withheld: worse than last value".to_owned(),
            Standing::Proven => {
                let compared = match self.difference() {
                    Some((mean, half)) if mean + half < 0.0 => "better",
                    _ => "as good",
                };
                format!("{} of {}, {compared}", self.right, self.scored)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64, every: u64, probability: impl Fn(bool) -> f64, last_value: impl Fn(bool) -> f64) -> TrackRecord {
        let mut record = TrackRecord::default();
        for at in 0..n {
            let left = at % every == 0;
            record.add(probability(left), last_value(left), left);
        }
        record
    }

    #[test]
    fn few_scores_prove_nothing() {
        let sharp = |left| if left { 0.9 } else { 0.1 };
        assert_eq!(record(29, 3, sharp, |_| 0.0).standing(), Standing::Unproven);
        // 40 scored, but only 4 violations.
        assert_eq!(record(40, 10, sharp, |_| 0.0).standing(), Standing::Unproven);
        assert_eq!(record(40, 8, sharp, |_| 0.0).standing(), Standing::Proven);
        assert_eq!(record(40, 8, sharp, |_| 0.0).words(), "40 of 40, better");
        assert_eq!(
            record(12, 12, sharp, |_| 0.0).words(),
            "unproven (12 scored, 1 violations)"
        );
    }

    #[test]
    fn worse_than_last_value_is_withheld_only_when_shown() {
        let wrong = |left| if left { 0.1 } else { 0.6 };
        assert_eq!(record(40, 8, wrong, |_| 0.0).standing(), Standing::Withheld);
        // Equal on average: not shown to be worse.
        assert_eq!(record(40, 8, |_| 0.0, |_| 0.0).standing(), Standing::Proven);
    }

    #[test]
    fn figures_are_those_of_the_definition() {
        let mut record = TrackRecord::default();
        record.add(0.8, 0.0, true);
        record.add(0.4, 0.0, false);
        assert!((record.brier().unwrap() - 0.1).abs() < 1e-15);
        assert_eq!(record.last_value_brier(), Some(0.5));
        // Differences 0.04 − 1 and 0.16 − 0: mean −0.4, sample deviation √0.6272.
        let (mean, half) = record.difference().unwrap();
        assert!((mean + 0.4).abs() < 1e-15);
        assert!((half - Z_90 * (0.6272_f64 / 2.0).sqrt()).abs() < 1e-12);
        record.add(f64::NAN, 0.0, true);
        assert_eq!(record.scored, 2);
        let mut twice = record;
        twice.merge(&record);
        assert_eq!((twice.scored, twice.brier()), (4, record.brier()));
    }
}
