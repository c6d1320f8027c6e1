//! Seasons under spikes, gaps and trends: the true one, and the same one at the next look; none in noise.

use sla_analysis::seasonality::detect;
use std::f64::consts::TAU;

const STEP_MS: u64 = 15_000;
/// Twelve hours.
const WINDOW: usize = 2_880;
/// Slots between two looks: 5 minutes.
const APART: usize = 20;
/// Looks at a series.
const LOOKS: usize = 3;
const SERIES: u64 = 200;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n - 1)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (TAU * self.unit()).cos()
    }
}

/// Up to twelve spikes of up to 5 min, up to sixty times as high as the series is wide.
fn add_spikes(values: &mut [f64], random: &mut Random, width: f64) {
    for _ in 0..random.below(13) {
        let (at, long) = (random.below(values.len()), 1 + random.below(20));
        let sign = if random.unit() < 0.5 { -1.0 } else { 1.0 };
        let height = sign * width * random.between(5.0, 60.0);
        values.iter_mut().skip(at).take(long).for_each(|v| *v += height);
    }
}

/// A period of ten minutes to two hours in four shapes with noise, spikes, a trend, and gaps bridged by straight lines.
fn seasonal(seed: u64) -> (usize, Vec<f64>) {
    let mut random = Random(seed);
    let period = [40, 60, 120, 240, 360, 480][random.below(6)];
    let shape = |u: f64| match seed % 4 {
        0 => (TAU * u).sin() * 1.4,
        1 if u < 0.1 => 3.0,
        1 => -0.3,
        2 => (2.0 * u - 1.0) * 1.7,
        _ => (TAU * u).sin() * 1.2 + 0.6 * (2.0 * TAU * u + 1.0).sin(),
    };
    let (start, noise) = (random.unit(), random.between(0.2, 1.0));
    let n = WINDOW + APART * (LOOKS - 1);
    let trend = [0.0, 2.0, -2.0, 8.0, -8.0][random.below(5)];
    let mut values: Vec<f64> = (0..n)
        .map(|i| {
            shape((i as f64 / period as f64 + start).fract()) + trend * i as f64 / n as f64 + noise * random.normal()
        })
        .collect();
    add_spikes(&mut values, &mut random, 1.0);
    for _ in 0..random.below(4) {
        let (at, long) = (1 + random.below(n - 70), 2 + random.below(58));
        let (from, to) = (values[at - 1], values[at + long]);
        for k in 0..long {
            values[at + k] = from + (to - from) * (k + 1) as f64 / (long + 1) as f64;
        }
    }
    (period, values)
}

/// White, autocorrelated, wandering or bursty noise, with spikes.
fn noise(seed: u64) -> Vec<f64> {
    let mut random = Random(1_000_000 + seed);
    let memory = match seed % 4 {
        1 => [0.5, 0.9, 0.95, 0.98][random.below(4)],
        2 => 1.0,
        _ => 0.0,
    };
    let mut last = 0.0;
    let mut values: Vec<f64> = (0..WINDOW)
        .map(|_| {
            let shock = random.normal();
            last = memory * last + if seed % 4 == 3 { shock.powi(4) } else { shock };
            last
        })
        .collect();
    add_spikes(&mut values, &mut random, 10.0);
    values
}

fn strongest(values: &[f64]) -> Option<usize> {
    detect(values, STEP_MS).ok()?.first().map(|season| season.period)
}

#[test]
fn the_true_period_is_found_under_spikes_gaps_and_trends_at_every_look() {
    let (mut right, mut steady, mut wrong) = (0, 0, Vec::new());
    for seed in 0..SERIES {
        let (period, values) = seasonal(seed);
        let looks: [Option<usize>; LOOKS] = std::array::from_fn(|look| strongest(&values[look * APART..][..WINDOW]));
        let is_true = |found: Option<usize>| found.is_some_and(|found| found.abs_diff(period) * 50 <= period);
        right += u64::from(is_true(looks[0]));
        if looks.into_iter().all(is_true) {
            steady += 1;
        } else {
            wrong.push((seed, period, looks));
        }
    }
    assert!(right * 100 >= 95 * SERIES, "{right} of {SERIES}: {wrong:?}");
    assert!(
        steady * 100 >= 95 * SERIES,
        "{steady} of {SERIES} at every look: {wrong:?}"
    );
}

#[test]
fn noise_has_no_season_even_with_spikes() {
    let false_seasons: Vec<u64> = (0..SERIES).filter(|&seed| strongest(&noise(seed)).is_some()).collect();
    assert!(false_seasons.len() as u64 * 100 <= 5 * SERIES, "{false_seasons:?}");
}

#[test]
fn a_job_of_one_scrape_in_forty_is_a_season_too() {
    let mut random = Random(5);
    let values: Vec<f64> = (0..WINDOW)
        .map(|i| if i % 40 == 7 { 8.0 } else { 0.0 } + 0.5 * random.normal())
        .collect();
    assert_eq!(strongest(&values), Some(40));
}
