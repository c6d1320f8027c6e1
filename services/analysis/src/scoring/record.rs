//! The running record of a forecaster of one series or objective: what it said, what came, and how the simple rivals did.

use super::scores::brier;
use crate::student;
use std::fmt;

/// Scored forecasts below which nothing is claimed.
pub const FEWEST_SCORED: u64 = 30;
/// Forecasts of each outcome (left the range, stayed inside) below which nothing is claimed.
pub const FEWEST_OF_EACH_OUTCOME: u64 = 5;
/// Confidence of the two-sided interval around the paired Brier difference.
pub const VERDICT_CONFIDENCE: f64 = 0.9;
/// Autocorrelation of successive differences is capped here: overlapping forecasts never count as none at all.
const MOST_AUTOCORRELATION: f64 = 0.95;
/// Numbers of a rival in the flat form.
const RIVAL_NUMBERS: usize = 6;
/// Version of the flat form.
const FORMAT: f64 = 2.0;

/// The simple methods a forecast is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rival {
    /// Probability 1 when the newest value is outside now, else 0.
    LastValue,
    /// The share of past horizons in which the range was left.
    BaseRate,
    /// ARIMA(1,1,1).
    Arima,
    /// Whoever the samples are from, where he foretells a course of his own: 1 where it leaves the range, else 0.
    Provider,
}

impl Rival {
    /// All rivals, in the order of the flat form.
    pub const ALL: [Self; 4] = [Self::LastValue, Self::BaseRate, Self::Arima, Self::Provider];

    /// The name on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastValue => "last value",
            Self::BaseRate => "base rate",
            Self::Arima => "ARIMA(1,1,1)",
            Self::Provider => "provider",
        }
    }
}

/// One forecast whose time has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Probability that had been said, in [0, 1].
    pub probability: f64,
    /// Probability 0 or 1 of last-value at that time.
    pub last_value: f64,
    /// Probability of the base rate at that time, if it was kept.
    pub base_rate: Option<f64>,
    /// Probability of ARIMA(1,1,1) at that time, if it was kept.
    pub arima: Option<f64>,
    /// 0 or 1 of the provider's own forecast at that time, if there was one.
    pub provider: Option<f64>,
    /// Whether the range was left within the horizon.
    pub violated: bool,
}

/// Paired comparison with one rival: moments of (our Brier − its Brier).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RivalRecord {
    /// Forecasts at which both were scored.
    pub scored: u64,
    /// Sum of the rival's Brier scores.
    pub brier_sum: f64,
    /// Mean of the differences.
    pub mean: f64,
    /// Sum of squared deviations of the differences from their mean (Welford 1962).
    pub squares: f64,
    /// Sum of products of successive differences.
    pub products: f64,
    /// The newest difference.
    pub newest: f64,
}

impl RivalRecord {
    fn add(&mut self, ours: f64, rival: f64) {
        let difference = ours - rival;
        self.scored += 1;
        self.brier_sum += rival;
        let step = difference - self.mean;
        self.mean += step / self.scored as f64;
        self.squares += step * (difference - self.mean);
        if self.scored > 1 {
            self.products += difference * self.newest;
        }
        self.newest = difference;
    }

    /// The rival's mean Brier score.
    pub fn brier(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.brier_sum / self.scored as f64)
    }

    /// Our mean Brier score at the same forecasts.
    pub fn ours(&self) -> Option<f64> {
        Some(self.brier()? + self.mean)
    }

    /// Two-sided interval of the mean difference (ours − rival; negative: we are better) at [`VERDICT_CONFIDENCE`], Student's t. Forecasts made more
    /// often than their horizon overlap; a significant autocorrelation of successive differences widens the interval as for an AR(1)
    /// process (n (1 − r)/(1 + r) independent ones). `None` below two forecasts.
    pub fn interval(&self) -> Option<(f64, f64)> {
        if self.scored < 2 {
            return None;
        }
        let n = self.scored as f64;
        let variance = self.squares / (n - 1.0);
        let covariance = self.products / (n - 1.0) - self.mean * self.mean;
        let r = if variance > 0.0 { covariance / variance } else { 0.0 };
        let r = if r > 2.0 / n.sqrt() {
            r.min(MOST_AUTOCORRELATION)
        } else {
            0.0
        };
        let independent = (n * (1.0 - r) / (1.0 + r)).max(2.0);
        let half = student::quantile(f64::midpoint(1.0, VERDICT_CONFIDENCE), independent - 1.0)
            * (variance / independent).sqrt();
        Some((self.mean - half, self.mean + half))
    }
}

/// What may be claimed about a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Too little to tell: shown as "unproven (n scored, k violations)".
    Unproven {
        /// Forecasts scored.
        scored: u64,
        /// Of these, how many saw the range left.
        violations: u64,
    },
    /// Enough forecasts, and not shown to be worse than last-value.
    Proven,
    /// Enough forecasts, and worse than last-value beyond doubt: no probability is shown.
    Withheld,
}

/// The record of a forecaster, updated one scored forecast at a time; plain numbers, kept by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrackRecord {
    /// Forecasts scored.
    pub scored: u64,
    /// Of these, how many saw the range left.
    pub violations: u64,
    /// Of these, how many were right: probability ≥ 0.5 and left, or < 0.5 and not left.
    pub right: u64,
    /// Of these, how many were made in hindsight, over stored history; counted by the caller and not part of [`Self::to_flat`].
    pub hindsight: u64,
    /// Sum of our Brier scores.
    pub brier_sum: f64,
    /// One record per entry of [`Rival::ALL`].
    pub rivals: [RivalRecord; 4],
    /// Band forecasts scored (samples held against a 95 % band).
    pub band_scored: u64,
    /// Of these, how many fell inside.
    pub band_inside: u64,
    /// Sum of the mean pinball losses of the band's levels, in the units of the series.
    pub pinball_sum: f64,
}

impl TrackRecord {
    /// Takes one forecast in. Probabilities that are NaN are refused (returns false, nothing changes); others are clamped to [0, 1].
    pub fn score(&mut self, scored: &Scored) -> bool {
        if scored.probability.is_nan() || scored.last_value.is_nan() {
            return false;
        }
        let p = scored.probability.clamp(0.0, 1.0);
        let ours = brier(p, scored.violated);
        self.scored += 1;
        self.violations += u64::from(scored.violated);
        self.right += u64::from((p >= 0.5) == scored.violated);
        self.brier_sum += ours;
        let said = [Some(scored.last_value), scored.base_rate, scored.arima, scored.provider];
        for (rival, said) in self.rivals.iter_mut().zip(said) {
            if let Some(said) = said.filter(|p| !p.is_nan()) {
                rival.add(ours, brier(said.clamp(0.0, 1.0), scored.violated));
            }
        }
        true
    }

    /// Takes one value held against a 95 % band in, with the mean pinball loss over the forecast's levels.
    pub fn score_band(&mut self, inside: bool, pinball: f64) {
        if pinball.is_finite() {
            self.band_scored += 1;
            self.band_inside += u64::from(inside);
            self.pinball_sum += pinball;
        }
    }

    /// Our mean Brier score.
    pub fn brier(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.brier_sum / self.scored as f64)
    }

    /// Share of values inside the 95 % band.
    pub fn coverage(&self) -> Option<f64> {
        (self.band_scored > 0).then(|| self.band_inside as f64 / self.band_scored as f64)
    }

    /// The comparison with a rival.
    pub fn against(&self, rival: Rival) -> &RivalRecord {
        &self.rivals[rival as usize]
    }

    /// Whether the probability is shown: withheld only when at least [`FEWEST_SCORED`] forecasts with at least [`FEWEST_OF_EACH_OUTCOME`] of
    /// each outcome show a paired Brier difference to last-value that is worse with its 90 % interval above 0.
    pub fn verdict(&self) -> Verdict {
        let stayed = self.scored - self.violations;
        if self.scored < FEWEST_SCORED || self.violations.min(stayed) < FEWEST_OF_EACH_OUTCOME {
            return Verdict::Unproven {
                scored: self.scored,
                violations: self.violations,
            };
        }
        match self.against(Rival::LastValue).interval() {
            Some((low, _)) if low > 0.0 => Verdict::Withheld,
            _ => Verdict::Proven,
        }
    }

    /// All numbers in a row, for storage.
    pub fn to_flat(&self) -> Vec<f64> {
        let mut flat = vec![
            FORMAT,
            self.scored as f64,
            self.violations as f64,
            self.right as f64,
            self.brier_sum,
        ];
        flat.extend([self.band_scored as f64, self.band_inside as f64, self.pinball_sum]);
        for r in &self.rivals {
            flat.extend([r.scored as f64, r.brier_sum, r.mean, r.squares, r.products, r.newest]);
        }
        flat
    }

    /// Reads what [`Self::to_flat`] wrote; `None` for another version or damaged numbers.
    pub fn from_flat(flat: &[f64]) -> Option<Self> {
        let rivals_from = 8;
        let whole = flat.len() == rivals_from + RIVAL_NUMBERS * Rival::ALL.len()
            && flat[0] == FORMAT
            && flat.iter().all(|v| v.is_finite());
        if !whole || flat[2] > flat[1] || flat[6] > flat[5] {
            return None;
        }
        let mut record = Self {
            scored: flat[1] as u64,
            violations: flat[2] as u64,
            right: flat[3] as u64,
            brier_sum: flat[4],
            band_scored: flat[5] as u64,
            band_inside: flat[6] as u64,
            pinball_sum: flat[7],
            ..Self::default()
        };
        for (rival, numbers) in record
            .rivals
            .iter_mut()
            .zip(flat[rivals_from..].chunks_exact(RIVAL_NUMBERS))
        {
            *rival = RivalRecord {
                scored: numbers[0] as u64,
                brier_sum: numbers[1],
                mean: numbers[2],
                squares: numbers[3],
                products: numbers[4],
                newest: numbers[5],
            };
        }
        Some(record)
    }
}

impl fmt::Display for TrackRecord {
    /// `better than last value (Brier 0.08 against 0.12, 50 scored)`; below the floor `unproven (12 scored, 1 violation)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let against = self.against(Rival::LastValue);
        match self.verdict() {
            Verdict::Unproven { scored, violations } => {
                let s = if violations == 1 { "" } else { "s" };
                write!(f, "unproven ({scored} scored, {violations} violation{s})")
            }
            Verdict::Proven | Verdict::Withheld => {
                let word = match against.interval() {
                    Some((_, high)) if high < 0.0 => "better than",
                    Some((low, _)) if low > 0.0 => "worse than",
                    _ => "about as good as",
                };
                let (ours, theirs) = (self.brier().unwrap_or(0.0), against.brier().unwrap_or(0.0));
                let scored = self.scored;
                write!(
                    f,
                    "{word} last value (Brier {ours:.2} against {theirs:.2}, {scored} scored)"
                )
            }
        }
    }
}
