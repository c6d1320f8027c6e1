//! Which periods a series repeats with, from a minute to a day: peaks of the autocorrelation, then a check by folding.
//!
//! Short periods are sought in the series itself, longer ones in means of 2, 4, 8, … steps, so that every period is looked at with
//! 24 to 48 points a cycle and the cost stays O(n).

use crate::degenerate::Degenerate;
use crate::products::{dot, lagged};
use crate::scaling::usable;
use crate::statistics::quantiles;

/// Shortest period that is sought.
pub const SHORTEST_MS: u64 = 60_000;
/// Longest period that is sought.
pub const LONGEST_MS: u64 = 86_400_000;
/// Cycles that the series must hold of a period.
pub const CYCLES: usize = 3;
/// Periods reported at most.
pub const MOST_PERIODS: usize = 3;

/// Largest lag looked at on each level of averaging.
const LAGS: usize = 48;
/// Smallest lag on the levels above the first: the level below has seen the shorter ones.
const FIRST_LAG: usize = 24;
/// Half width of the moving average that takes the trend out, in points of the level.
const HALF_WINDOW: usize = 48;
/// Fewest points of a level.
const FEWEST: usize = 12;
/// Peaks checked on each level, the earliest high ones and as many of the highest.
const PEAKS: usize = 3;
/// An early peak is high when it reaches this part of the highest.
const EARLY: f64 = 0.6;
/// An autocorrelation peak must be this high …
const PEAK_HEIGHT: f64 = 0.1;
/// … and rise this much above the lowest value before it.
const PEAK_RISE: f64 = 0.15;
/// What few cycles add to the share of the variance that a season must explain: with 3 cycles a drifting series repeats by chance.
const SHARE_FOR_FEW: f64 = 1.0;
/// Seasons taken from one level.
const PER_LEVEL: usize = 2;
/// Of two candidates the shorter wins from this part of the other's strength on.
const NEARLY_AS_STRONG: f64 = 0.8;
/// Divisions of minutes, hours and the day that jobs and people keep to.
const CLOCK_MS: [u64; 20] = [
    60_000, 120_000, 180_000, 300_000, 600_000, 900_000, 1_200_000, 1_800_000, 3_600_000, 5_400_000, 7_200_000,
    10_800_000, 14_400_000, 21_600_000, 28_800_000, 43_200_000, 86_400_000, 240_000, 360_000, 720_000,
];
/// How far, relative to the period, such a division may lie from what was measured.
const SNAP: f64 = 0.03;

/// How hard values are looked at.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// Share of the values on either side beyond which they are clipped, and how far beyond, in units of the range between.
    tail: f64,
    slack: f64,
    /// Share of the variance that a season must explain, chance put aside, with very many cycles.
    share: f64,
    /// Whether each level is clipped again once its trend is out: on a slope spikes hide between the values.
    again: bool,
}

/// First as they are: a job that runs for one scrape of forty is rare, and yet the season.
const PLAIN: Look = Look {
    tail: 0.01,
    slack: 0.5,
    share: 0.2,
    again: false,
};
/// Then, when nothing was found, without what few values say: six spikes have more variance than any season below them.
const ROBUST: Look = Look {
    tail: 0.05,
    slack: 0.25,
    share: 0.15,
    again: true,
};

/// One period that the series repeats with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Season {
    /// Steps of one cycle.
    pub period: usize,
    /// Share of the detrended variance (of means over 1/48 … 1/24 of a period) that the cycle explains, 0…1, corrected for
    /// what chance would explain.
    pub strength: f64,
}

/// Periods of `values` (equal spacing of `step_ms`) between one minute and one day, the strongest first, at most three.
///
/// A period must be seen at least [`CYCLES`] times. An empty list means that none was found. Neither spikes nor a trend hide a period:
/// where nothing is found values are looked at once more without their outer parts. O(n).
///
/// # Errors
/// [`Degenerate`]: gaps, fewer than 12 values, constant, a step of 0 ms.
pub fn detect(values: &[f64], step_ms: u64) -> Result<Vec<Season>, Degenerate> {
    if step_ms == 0 {
        return Err(Degenerate::BadOrder {
            name: "step_ms",
            value: 0,
            min: 1,
            max: usize::MAX,
        });
    }
    usable(values, FEWEST)?;
    let shortest = usize::try_from(SHORTEST_MS.div_ceil(step_ms))
        .unwrap_or(usize::MAX)
        .max(2);
    let longest = usize::try_from(LONGEST_MS / step_ms)
        .unwrap_or(usize::MAX)
        .min(values.len() / CYCLES);
    if shortest > longest {
        return Ok(Vec::new());
    }
    let sought = |look| Ok(search(clipped(values, look)?, look, shortest, longest, step_ms));
    let plain: Vec<Season> = sought(PLAIN)?;
    if plain.is_empty() { sought(ROBUST) } else { Ok(plain) }
}

/// The strongest periods of clipped values between `shortest` and `longest`, at most three.
fn search(mut points: Vec<f64>, look: Look, shortest: usize, longest: usize, step_ms: u64) -> Vec<Season> {
    let mut width = 1;
    let mut found: Vec<Season> = Vec::new();
    loop {
        let mut level = detrended(&points);
        if look.again {
            clip_again(&mut level, look);
        }
        let first = if width == 1 {
            shortest
        } else {
            FIRST_LAG.max(shortest.div_ceil(width))
        };
        for _ in 0..PER_LEVEL {
            let Some(season) = strongest(&level, look.share, width, first, longest, step_ms) else {
                break;
            };
            found.push(season);
            // What is explained is taken out, so that its multiples do not come up again.
            let cycle = season.period as f64 / width as f64;
            let means = phase_means(&level, cycle);
            for ((x, point), cell) in level.iter_mut().zip(&mut points).zip(phases(cycle, means.len())) {
                *x -= means[cell].0;
                *point -= means[cell].0;
            }
        }
        width *= 2;
        if width * FIRST_LAG > longest || points.len() / 2 < FEWEST {
            break;
        }
        points = points
            .chunks_exact(2)
            .map(|pair| f64::midpoint(pair[0], pair[1]))
            .collect();
    }
    found.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.period.cmp(&b.period)));
    found.dedup_by_key(|s| s.period);
    found.truncate(MOST_PERIODS);
    found
}

/// The strongest season of the level; of several about as strong ones the shortest.
fn strongest(level: &[f64], least: f64, width: usize, first: usize, longest: usize, step_ms: u64) -> Option<Season> {
    let mut candidates: Vec<Season> = Vec::new();
    for lag in peaks(level, first, longest / width) {
        let period = rounded(level, tuned(level, lag), width, step_ms);
        if period <= longest
            && period / width >= first
            && let Some(strength) = explained(level, period as f64 / width as f64, least)
        {
            candidates.push(Season { period, strength });
        }
    }
    let best = candidates.iter().fold(0.0_f64, |a, s| a.max(s.strength));
    candidates
        .into_iter()
        .filter(|s| s.strength >= NEARLY_AS_STRONG * best)
        .min_by_key(|s| s.period)
}

/// The series around its median, clipped where single outliers would dominate every product.
fn clipped(values: &[f64], look: Look) -> Result<Vec<f64>, Degenerate> {
    let [low, middle, high] = quantiles(values, [look.tail, 0.5, 1.0 - look.tail])?;
    let slack = look.slack * (high - low);
    if !slack.is_finite() {
        return Err(Degenerate::OutOfRange);
    }
    if slack < f64::MIN_POSITIVE {
        return Ok(values.iter().map(|x| x - middle).collect());
    }
    let (floor, ceiling, scale) = (low - slack, high + slack, 1.0 / slack);
    if scale.is_finite() {
        return Ok(values
            .iter()
            .map(|x| (x.clamp(floor, ceiling) - middle) * scale)
            .collect());
    }
    Ok(values
        .iter()
        .map(|x| (x.clamp(floor, ceiling) - middle) / slack)
        .collect())
}

/// The same without another centre and scale.
fn clip_again(level: &mut [f64], look: Look) {
    let Ok([low, high]) = quantiles(level, [look.tail, 1.0 - look.tail]) else {
        return;
    };
    let slack = look.slack * (high - low);
    if slack > 0.0 {
        for x in level {
            *x = x.clamp(low - slack, high + slack);
        }
    }
}

/// Points less their centred moving average, whose window shrinks at the ends.
fn detrended(points: &[f64]) -> Vec<f64> {
    let half = HALF_WINDOW.min(points.len() / 2);
    let mut sums = Vec::with_capacity(points.len() + 1);
    let mut sum = 0.0;
    sums.push(0.0);
    for x in points {
        sum += x;
        sums.push(sum);
    }
    points
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let reach = half.min(i).min(points.len() - 1 - i);
            // At the very ends the window would be empty: take what one side has.
            let (from, to) = if reach < half / 4 {
                (i.saturating_sub(half / 4), (i + half / 4 + 1).min(points.len()))
            } else {
                (i - reach, i + reach + 1)
            };
            x - (sums[to] - sums[from]) / (to - from) as f64
        })
        .collect()
}

/// Lags of the highest autocorrelation peaks between `first` and `last`.
fn peaks(level: &[f64], first: usize, last: usize) -> Vec<usize> {
    let lags = LAGS.min(last + 2);
    if lags < first || level.len() < lags + 2 {
        return Vec::new();
    }
    let mut padded = vec![0.0; lags + 1];
    padded.extend_from_slice(level);
    let mut acf = vec![0.0; lags + 2];
    lagged(level, &padded, lags + 1, &mut acf);
    if acf[0] <= 0.0 {
        return Vec::new();
    }
    let n = level.len() as f64;
    for (k, r) in acf.iter_mut().enumerate().skip(1) {
        // Longer lags have fewer products.
        *r *= n / (n - k as f64);
    }
    let scale = acf[0];
    let mut lowest = scale;
    let mut found: Vec<(f64, usize)> = Vec::new();
    for k in 1..=lags {
        let r = acf[k];
        let peak = r >= acf[k - 1] && r >= acf[k + 1];
        if k >= first && peak && r > PEAK_HEIGHT * scale && r - lowest > PEAK_RISE * scale {
            found.push((r, k));
        }
        lowest = lowest.min(r);
    }
    // A period's multiples peak as high as it does, so the earliest high peaks count as well as the highest.
    let highest = found.iter().fold(0.0_f64, |a, p| a.max(p.0));
    let early = found
        .iter()
        .filter(|p| p.0 > EARLY * highest)
        .take(PEAKS)
        .map(|p| p.1)
        .collect::<Vec<_>>();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let late = found
        .iter()
        .map(|p| p.1)
        .filter(|k| !early.contains(k))
        .take(PEAKS)
        .collect::<Vec<_>>();
    early.iter().chain(&late).copied().collect()
}

/// The period near `lag` in points: the peak is followed to twice, four times, … the lag, which halves its error each time.
fn tuned(level: &[f64], lag: usize) -> f64 {
    const REACH: usize = 2;
    // The window of a small lag would reach lag 0: begin with a multiple. From 6 on a doubling always moves forward.
    const SMALLEST: usize = 6;
    let mut times = SMALLEST.div_ceil(lag.max(1)) as f64;
    let mut place = lag as f64 * times;
    while place + 1.0 + (REACH as f64) < level.len() as f64 {
        let middle = place.round() as usize;
        let mut r = [0.0; 2 * REACH + 1];
        for (i, slot) in r.iter_mut().enumerate() {
            let k = middle + i - REACH;
            *slot = dot(&level[k..], level) / (level.len() - k) as f64;
        }
        // Least-squares parabola through five points.
        let bend = (2.0 * (r[0] + r[4]) - (r[1] + r[3]) - 2.0 * r[2]) / 14.0;
        let slope = (2.0 * (r[4] - r[0]) + (r[3] - r[1])) / 10.0;
        let top = if bend < 0.0 {
            (-slope / (2.0 * bend)).clamp(-2.0, 2.0)
        } else {
            0.0
        };
        let found = (middle as f64 + top) / times;
        if !found.is_finite() {
            return lag as f64;
        }
        // Beyond half of the series too few products are left.
        if 2.0 * times * found > level.len() as f64 / 2.0 {
            return found;
        }
        times *= 2.0;
        place = times * found;
    }
    place / times
}

/// The period in steps, on the clock's own divisions where these explain as much.
fn rounded(level: &[f64], points: f64, width: usize, step_ms: u64) -> usize {
    let steps = (points * width as f64).round();
    let own = explained_share(level, steps / width as f64);
    let clock = CLOCK_MS
        .iter()
        .map(|ms| *ms as f64 / step_ms as f64)
        .filter(|s| s.fract() == 0.0 && (s - steps).abs() <= SNAP * steps)
        .find(|s| explained_share(level, s / width as f64) >= 0.95 * own);
    clock.unwrap_or(steps) as usize
}

/// Mean and count of each phase of a cycle of `period` points, at least two phases.
fn phase_means(level: &[f64], period: f64) -> Vec<(f64, f64)> {
    let cells = (period.round() as usize).max(2);
    let mut out = vec![(0.0, 0.0); cells];
    for (x, cell) in level.iter().zip(phases(period, cells)) {
        let at = &mut out[cell];
        at.0 += x;
        at.1 += 1.0;
    }
    for (mean, count) in &mut out {
        *mean /= f64::max(*count, 1.0);
    }
    out
}

/// The phase, 0…cells − 1, of the points 0, 1, 2, ….
fn phases(period: f64, cells: usize) -> impl Iterator<Item = usize> {
    let step = cells as f64 / period;
    let end = cells as f64;
    let mut place = 0.0_f64;
    std::iter::repeat_with(move || {
        let cell = (place as usize).min(cells - 1);
        place += step;
        // A point that rounding left just short of the end opens the next cycle.
        if place > end - 1e-9 {
            place = f64::max(place - end, 0.0);
        }
        cell
    })
}

/// The share that counts, or `None` when chance or drift would do as well.
fn explained(level: &[f64], period: f64, least: f64) -> Option<f64> {
    let share = explained_share(level, period);
    let chance = period.round().max(2.0) / level.len() as f64;
    (share >= least + SHARE_FOR_FEW * chance).then_some(share.min(1.0))
}

/// Share of the variance that phase means explain, corrected for what chance explains.
fn explained_share(level: &[f64], period: f64) -> f64 {
    let means = phase_means(level, period);
    let n = level.len() as f64;
    let mean = level.iter().sum::<f64>() / n;
    let total: f64 = level.iter().map(|x| (x - mean) * (x - mean)).sum();
    if total <= 0.0 {
        return 0.0;
    }
    let between: f64 = means.iter().map(|(m, count)| count * (m - mean).powi(2)).sum();
    let chance = means.len() as f64 / n;
    (between / total - chance) / (1.0 - chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Approximately Gaussian noise from a fixed generator.
    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            let mut sum = 0.0;
            for _ in 0..12 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                sum += (state >> 11) as f64 / 9_007_199_254_740_992.0;
            }
            sum - 6.0
        }
    }

    fn periods(values: &[f64], step_ms: u64) -> Vec<usize> {
        detect(values, step_ms).unwrap().iter().map(|s| s.period).collect()
    }

    #[test]
    fn periods_from_a_minute_to_a_day_are_found() {
        for (period, n, step_ms, amplitude) in [
            (4, 240, 15_000, 2.0),
            (40, 720, 15_000, 1.5),
            (240, 2880, 15_000, 1.5),
            (1440, 7 * 1440, 60_000, 1.0),
            (288, 2016, 300_000, 1.5),
            (60, 3600, 1000, 1.0),
        ] {
            let mut e = noise(period as u64);
            let values: Vec<f64> = (0..n)
                .map(|i| {
                    50.0 + 0.001 * f64::from(i)
                        + amplitude * (std::f64::consts::TAU * f64::from(i) / period as f64).sin()
                        + e()
                })
                .collect();
            let found = periods(&values, step_ms);
            let first = *found.first().unwrap_or(&0);
            assert!(first.abs_diff(period) * 50 <= period, "period {period}: {found:?}");
        }
    }

    #[test]
    fn a_job_that_runs_every_ten_minutes_is_found_beside_outliers() {
        let mut e = noise(3);
        let mut values: Vec<f64> = (0..720)
            .map(|i| if i % 40 < 3 { 8.0 } else { 0.0 } + 0.5 * e())
            .collect();
        values[100] = 1e6;
        values[333] = -1e6;
        assert_eq!(periods(&values, 15_000), [40]);
    }

    #[test]
    fn noise_walks_and_ramps_have_no_period() {
        let mut false_alarms = 0;
        for seed in 0..60 {
            let mut e = noise(seed + 100);
            let (mut walk, mut memory) = (0.0, 0.0);
            let white: Vec<f64> = (0..720).map(|_| e()).collect();
            let walks: Vec<f64> = (0..720)
                .map(|_| {
                    walk += e();
                    walk
                })
                .collect();
            let memories: Vec<f64> = (0..2880)
                .map(|_| {
                    memory = 0.95 * memory + e();
                    memory
                })
                .collect();
            for series in [&white, &walks, &memories] {
                false_alarms += usize::from(!periods(series, 15_000).is_empty());
            }
        }
        assert!(false_alarms <= 9, "{false_alarms} of 180");
        let ramp: Vec<f64> = (0..500).map(f64::from).collect();
        assert_eq!(periods(&ramp, 15_000), Vec::<usize>::new());
    }

    #[test]
    fn an_hour_inside_a_day_gives_both() {
        let mut e = noise(9);
        let values: Vec<f64> = (0..7 * 1440)
            .map(|i| {
                let t = f64::from(i) * std::f64::consts::TAU;
                3.0 * (t / 1440.0).sin() + 1.5 * (t / 60.0).sin() + 0.5 * e()
            })
            .collect();
        let found = periods(&values, 60_000);
        assert!(
            found.contains(&60) && found.iter().any(|p| p.abs_diff(1440) < 30),
            "{found:?}"
        );
    }
}
