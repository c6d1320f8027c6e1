//! Processes whose probabilities are known: what the pool says must be near them, at both ends, the nearer the longer the history.

use sla_analysis::pool::{History, Question, Threshold, forecast};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Slots of the horizon, of 15 s.
const HORIZON: usize = 40;
const STEP_MS: i64 = 15_000;
/// Slots of an hour: what is said after no more is flagged as uncertain, and may be farther from the truth.
const SHORT: usize = 240;
/// Series asked about each truth.
const SERIES: u64 = 24;

#[derive(Debug, Clone, Copy)]
enum Process {
    Uniform,
    Normal,
    Autoregressive,
    /// Changes between 0 and 1 in one slot of thirty.
    OnOff,
}

impl Process {
    fn next(self, last: f64, random: &mut Random) -> f64 {
        match self {
            Self::Uniform => random.unit(),
            Self::Normal => random.normal(),
            Self::Autoregressive => 0.9 * last + 0.19_f64.sqrt() * random.normal(),
            Self::OnOff if random.unit() < 1.0 / 30.0 => 1.0 - last,
            Self::OnOff => last,
        }
    }

    fn series(self, n: usize, seed: u64) -> Vec<f64> {
        let mut random = Random(seed * 7_919 + 13);
        let mut last = 0.0;
        (0..n)
            .map(|_| {
                last = self.next(last, &mut random);
                last
            })
            .collect()
    }

    /// P(a value of the horizon is above `bound`, given the last one), by simulation.
    fn truth(self, last: f64, bound: f64) -> f64 {
        let mut random = Random(99);
        let crossed = (0..600).filter(|_| {
            let mut value = last;
            (0..HORIZON).any(|_| {
                value = self.next(value, &mut random);
                value > bound
            })
        });
        crossed.count() as f64 / 600.0
    }
}

/// The probability, NaN where a history so short is not flagged.
fn said(values: &[f64], bound: f64, seed: u64) -> f64 {
    let Ok(history) = History::regular(values, STEP_MS) else {
        return f64::NAN;
    };
    let question = Question::new(vec![HORIZON], vec![Threshold::upper(bound)]);
    forecast(&history, &question, None, seed).map_or(f64::NAN, |(answer, _)| {
        let honest = answer.low_confidence || values.len() > SHORT;
        if honest { answer.probability[0][0] } else { f64::NAN }
    })
}

/// Mean of what is said less mean of the truth.
fn bias(process: Process, n: usize, bound: f64) -> f64 {
    let errors = (0..SERIES).map(|seed| {
        let values = process.series(n, seed);
        said(&values, bound, seed) - process.truth(values[n - 1], bound)
    });
    errors.sum::<f64>() / SERIES as f64
}

#[test]
fn known_truths_are_met() {
    let mut wrong = Vec::new();
    for (process, bound) in [
        (Process::Uniform, 0.9),
        (Process::Uniform, 0.99),
        (Process::Uniform, 1.05),
        (Process::Normal, 1.3),
        (Process::Normal, 2.3),
        (Process::Normal, 4.5),
        (Process::Autoregressive, 1.0),
        (Process::Autoregressive, 2.0),
        (Process::OnOff, 0.5),
    ] {
        for (n, allowed) in [(40, 0.26), (80, 0.17), (240, 0.11), (960, 0.05), (2_880, 0.03)] {
            let bias = bias(process, n, bound);
            if bias.is_nan() || bias.abs() > allowed {
                wrong.push(format!("{process:?} > {bound} after {n}: {bias:+.3}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Noise of memory 0.8 around 10, at another level from `at` to `until` slots before the end on.
fn shifted(seed: u64, n: usize, at: usize, until: usize, by: f64) -> Vec<f64> {
    let mut random = Random(seed * 104_729 + 1);
    let mut x = 0.0;
    (0..n)
        .map(|i| {
            x = 0.8 * x + 0.6 * random.normal();
            let inside = i + at >= n && i + until < n;
            10.0 + x + if inside { by } else { 0.0 }
        })
        .collect()
}

#[test]
fn a_change_of_regime_is_told_with_its_time() {
    let values = shifted(3, 2_880, 80, 0, -9.0);
    let history = History::regular(&values, STEP_MS).unwrap();
    let ask = |history: &History| {
        forecast(history, &Question::new(vec![HORIZON], vec![]), None, 1)
            .unwrap()
            .0
    };
    let answer = ask(&history);
    let ago_ms = history.last_ms - answer.changed_ms.unwrap();
    assert!((78..=82).contains(&(ago_ms / STEP_MS)), "{ago_ms}");
    assert!(answer.low_confidence);
    let steady = ask(&History::regular(&shifted(3, 2_880, 80, 0, 0.0), STEP_MS).unwrap());
    assert_eq!((steady.changed_ms, steady.low_confidence), (None, false));
}
