//! Holds the forecast pool against simple methods on series of your own.
//!
//! `cargo run --release -p sla-analysis --example gate_table -- DIR [--part all|build|held-out]`
//!
//! DIR holds CSV files, one host (or service) each: a first column with the time (seconds or milliseconds since 1970, or
//! `YYYY-MM-DD[T ]HH:MM:SS`), the others values; an empty cell is a missing sample. Each series is asked at a few origins with the history that the
//! running role would read (26 h to 8 days), with 24 h of history
//! and 12 h before them (10 min and 1 h ahead), with 40 min (10 min ahead), and 20 minutes after its largest falls. Thresholds are quantiles of that history, and one that an operator would
//! have set from the first third of the series and kept. Files fall into "build" and "held-out" by a hash of their name, so that whoever
//! changes the pool looks at one part and reports the other. `dev/forecast-table` rebuilds the tables of docs/forecasting.md with it.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use sla_analysis::arima;
use sla_analysis::pool::{History, LEVELS, Question, Threshold, forecast};
use sla_analysis::scoring::{CALIBRATION_BINS, brier, calibration_error, calibration_table, covers};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// Quantiles of the history at which thresholds are set.
const QUANTILES: [f64; 3] = [0.9, 0.95, 0.99];
/// What each series is asked with: history in s, origins, horizons.
const KINDS: [(&str, usize, usize, usize); 5] = [
    ("as the role", 0, 24, 2),
    ("24 h", 86_400, 48, 2),
    ("12 h", 43_200, 12, 2),
    ("40 min", 2_400, 6, 1),
    ("after a fall", 86_400, 4, 2),
];
/// Which of them stands [`CALM_S`] after the largest falls of the series.
const AFTER_A_FALL: usize = 4;
/// Which of them has the history that the role reads: as many samples as 26 h hold at 15 s, but 26 h to 8 days.
const AS_THE_ROLE: usize = 0;
/// Which of them the cost is told of.
const COSTED: usize = 1;
/// Time since a fall, in s; the mean of so long before it is held against the mean since.
const CALM_S: usize = 1_200;
/// Horizons, in s.
const HORIZONS_S: [usize; 2] = [600, 3_600];

/// The methods that the pool is held against.
const RIVALS: [&str; 5] = ["ARIMA", "mix", "last", "windows", "samples"];
/// Times ARIMA's error, and an error that matters beside it, from which a series counts as far behind.
const BEHIND: f64 = 1.2;
const WORTH_TELLING: f64 = 0.005;
/// Draws of hosts for an interval.
const DRAWS: u64 = 400;

/// One probability asked for: who said what, and what came.
struct Case {
    host: usize,
    series: u64,
    /// Of the forecast: its thresholds see one future.
    forecast: u64,
    ours: f64,
    rivals: [f64; RIVALS.len()],
    left: bool,
}

/// One line of the table.
#[derive(Default)]
struct Line {
    cases: Vec<Case>,
    inside: usize,
    values: usize,
    flagged: usize,
    forecasts: usize,
}

impl Line {
    fn print(&self, name: &str) {
        if self.cases.is_empty() {
            println!("{name:16} no forecasts");
            return;
        }
        let n = self.cases.len() as f64;
        let ours = self.cases.iter().map(|c| brier(c.ours, c.left)).sum::<f64>() / n;
        let rival = |k: usize| self.cases.iter().map(|c| brier(c.rivals[k], c.left)).sum::<f64>() / n;
        let best = (0..RIVALS.len()).fold(0, |best, k| if rival(k) < rival(best) { k } else { best });
        let bias = self
            .cases
            .iter()
            .map(|c| c.ours - f64::from(u8::from(c.left)))
            .sum::<f64>()
            / n;
        let pairs: Vec<(f64, bool)> = self.cases.iter().map(|c| (c.ours, c.left)).collect();
        let error = calibration_error(&calibration_table(&pairs, CALIBRATION_BINS));
        let (low, high) = self.interval(best);
        println!(
            "{name:16} {:7} {ours:8.4} {:8.3} {low:6.3}–{high:<6.3} {:7} {:8.3} {bias:+8.3} {error:8.3} {:8.3} {:8.3} {:8} {:8.3} {:8.3}",
            self.cases.len(),
            ours / rival(best),
            RIVALS[best],
            ours / rival(0),
            (error - self.chance()).max(0.0),
            self.won(best),
            self.far_behind(),
            self.inside as f64 / self.values.max(1) as f64,
            self.flagged as f64 / self.forecasts.max(1) as f64,
        );
    }

    /// The middle 90 % of the ratio to a rival when hosts are drawn anew (Efron 1979).
    fn interval(&self, rival: usize) -> (f64, f64) {
        let hosts = self.cases.iter().map(|c| c.host).max().unwrap_or(0) + 1;
        let mut sums = vec![(0.0, 0.0); hosts];
        for case in &self.cases {
            sums[case.host].0 += brier(case.ours, case.left);
            sums[case.host].1 += brier(case.rivals[rival], case.left);
        }
        let mut ratios: Vec<f64> = (0..DRAWS)
            .map(|draw| {
                let drawn = (0..hosts).map(|i| sums[(mixed(hash(&format!("{draw}/{i}"))) % hosts as u64) as usize]);
                let (ours, theirs) = drawn.fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
                ours / theirs
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let at = |share: f64| ratios[(share * (ratios.len() - 1) as f64) as usize];
        (at(0.05), at(0.95))
    }

    /// The calibration error that exact probabilities would show by chance. The thresholds of a forecast share their luck: a future
    /// that leaves a far one has left the near ones.
    fn chance(&self) -> f64 {
        let draws = 20_u64;
        let drawn = (0..draws).map(|draw| {
            let luck = |c: &Case| (mixed(c.forecast ^ mixed(draw + 1)) >> 11) as f64 / (1_u64 << 53) as f64;
            let pairs: Vec<(f64, bool)> = self.cases.iter().map(|c| (c.ours, luck(c) <= c.ours)).collect();
            calibration_error(&calibration_table(&pairs, CALIBRATION_BINS))
        });
        drawn.sum::<f64>() / draws as f64
    }

    /// Share of series with a smaller error than the rival's.
    fn won(&self, rival: usize) -> f64 {
        let of = self.differences(|c| brier(c.ours, c.left) - brier(c.rivals[rival], c.left));
        of.values().filter(|difference| **difference < 0.0).count() as f64 / of.len() as f64
    }

    /// Series whose error is more than [`BEHIND`] times ARIMA's and [`WORTH_TELLING`].
    fn far_behind(&self) -> usize {
        let behind = |c: &Case| brier(c.ours, c.left) - BEHIND * brier(c.rivals[0], c.left) - WORTH_TELLING;
        self.differences(behind).values().filter(|sum| **sum > 0.0).count()
    }

    /// Sums by series.
    fn differences(&self, of: impl Fn(&Case) -> f64) -> BTreeMap<u64, f64> {
        let mut sums = BTreeMap::new();
        for case in &self.cases {
            *sums.entry(case.series).or_default() += of(case);
        }
        sums
    }
}

struct Series {
    name: String,
    times_ms: Vec<i64>,
    values: Vec<f64>,
}

impl Series {
    fn step_ms(&self) -> Option<i64> {
        let mut deltas: Vec<i64> = self.times_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
        deltas.sort_unstable();
        deltas.get(deltas.len() / 2).map(|step| (*step).max(1))
    }

    /// A time chosen by `seed` with `history_s` before it and the longest horizon after it.
    fn origin(&self, history_s: usize, seed: u64) -> Option<i64> {
        let (first, last) = (*self.times_ms.first()?, *self.times_ms.last()?);
        let (history_ms, step_ms) = (history_s as i64 * 1_000, self.step_ms()?);
        let room = last - first - history_ms - HORIZONS_S[1] as i64 * 1_000;
        let share = (seed % 10_007) as f64 / 10_007.0;
        (room >= 0).then(|| first + history_ms + (room as f64 * share) as i64 / step_ms * step_ms)
    }

    /// Times [`CALM_S`] after the largest falls of the mean over so long, an hour apart, with `history_s` before them.
    fn falls(&self, history_s: usize, count: usize) -> Option<Vec<i64>> {
        let step_ms = self.step_ms()?;
        let window = (CALM_S as i64 * 1_000 / step_ms).max(4) as usize;
        let lead = (history_s as i64 * 1_000 / step_ms) as usize;
        let mean = |from: usize| {
            let seen = self.values[from..from + window].iter().filter(|v| v.is_finite());
            let (sum, count) = seen.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
            sum / count
        };
        let mut falls: Vec<(f64, usize)> = (lead.max(window)..self.values.len().saturating_sub(window))
            .step_by((window / 8).max(1))
            .map(|at| (mean(at - window) - mean(at), at))
            .filter(|(fall, _)| *fall > 0.0)
            .collect();
        falls.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut chosen: Vec<usize> = Vec::new();
        for (_, at) in falls {
            if chosen.len() < count && chosen.iter().all(|other| other.abs_diff(at) >= 3 * window) {
                chosen.push(at);
            }
        }
        Some(chosen.iter().map(|at| self.times_ms[at + window - 1]).collect())
    }
}

/// Costs in ms.
#[derive(Default)]
struct Costs {
    cold: f64,
    worst: f64,
    warm: f64,
    arima: f64,
    asked: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let directory = arguments.first().ok_or("give a directory of CSV files")?;
    let after = |flag: &str| {
        arguments
            .iter()
            .position(|a| a == flag)
            .and_then(|at| arguments.get(at + 1))
    };
    let part = after("--part").map_or("all", String::as_str);
    let mut lines: [Line; 2 * KINDS.len()] = std::array::from_fn(|_| Line::default());
    let mut costs = Costs::default();
    let (mut count, mut hosts) = (0, 0);
    let entries = std::fs::read_dir(directory)?;
    let mut paths: Vec<_> = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "csv")) {
        let held_out = hash(&path.file_stem().unwrap_or_default().to_string_lossy()) % 2 == 1;
        if part == "build" && held_out || part == "held-out" && !held_out {
            continue;
        }
        let host = hosts;
        hosts += 1;
        for series in read(path)? {
            count += 1;
            for kind in 0..KINDS.len() {
                for task in tasks(&series, host, kind) {
                    task.ask(kind, &mut lines, &mut costs)?;
                }
            }
        }
    }
    println!("{count} series ({part})");
    println!(
        "{:16} {:>7} {:>8} {:>8} {:>13} {:7} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "",
        "n",
        "Brier",
        "/best",
        "(90 %)",
        "best",
        "/ARIMA",
        "bias",
        "cal.err",
        "-chance",
        "won",
        "behind",
        "cover95",
        "flagged"
    );
    for (i, line) in lines.iter().enumerate() {
        let (name, _, _, horizons) = KINDS[i / 2];
        if i % 2 < horizons {
            line.print(&format!("{name}, {}", ["10 min", "1 h"][i % 2]));
        }
    }
    let Costs {
        cold,
        worst,
        warm,
        arima,
        asked,
    } = costs;
    println!(
        "ms a series, both horizons: {:.2} with stored state, {:.2} learning inside the history (worst {worst:.1}); ARIMA here {:.2}",
        warm / asked,
        cold / asked,
        arima / asked
    );
    Ok(())
}

/// The origins of a series: spread by hash, or after its largest falls.
fn tasks(series: &Series, host: usize, kind: usize) -> Vec<Task> {
    let (_, fixed_s, count, _) = KINDS[kind];
    let history_s = if kind == AS_THE_ROLE { role_s(series) } else { fixed_s };
    let seed = |origin: usize| hash(&format!("{}-{history_s}-{origin}", series.name));
    let times = if kind == AFTER_A_FALL {
        series.falls(history_s, count).unwrap_or_default()
    } else {
        let spread = |origin| series.origin(history_s, seed(origin));
        (0..count).filter_map(spread).collect()
    };
    let cut = |(origin, now): (usize, i64)| Task::cut(series, host, history_s, now, seed(origin));
    times.into_iter().enumerate().filter_map(cut).collect()
}

/// How far back the role would look, in s.
fn role_s(series: &Series) -> usize {
    let samples = 6_240 * series.step_ms().unwrap_or(0) / 1_000;
    samples.clamp(26 * 3_600, 8 * 86_400) as usize
}

/// One origin of a series.
struct Task {
    host: usize,
    series: u64,
    /// What an operator would have set from the first third of the series; `None` where that lies inside the history.
    kept: Option<f64>,
    history: History,
    future: Vec<f64>,
    seed: u64,
}

impl Task {
    /// Cuts `history_s` before `now`, and the longest horizon after it; `None` where the series is too short, has gaps there or does not vary.
    fn cut(series: &Series, host: usize, history_s: usize, now: i64, seed: u64) -> Option<Self> {
        let step_ms = series.step_ms()?;
        let (history_ms, horizon_ms) = (history_s as i64 * 1_000, HORIZONS_S[1] as i64 * 1_000);
        let pick = |low: i64, high: i64| -> (Vec<i64>, Vec<f64>) {
            let from = series.times_ms.partition_point(|t| *t <= low);
            let to = series.times_ms.partition_point(|t| *t <= high);
            (series.times_ms[from..to].to_vec(), series.values[from..to].to_vec())
        };
        let (times, values) = pick(now - history_ms, now);
        let history = History::new(&times, &values).ok()?;
        let (_, future) = pick(now, now + horizon_ms);
        let wanted = (history_ms / step_ms) as usize;
        let varied = history
            .slots
            .iter()
            .any(|v| v.is_finite() && *v != history.last_value());
        let whole = times.len() * 10 > wanted * 9 && future.len() as i64 * step_ms * 10 >= horizon_ms * 9;
        let third = series.values.len() / 3;
        let mut early: Vec<f64> = series.values[..third]
            .iter()
            .copied()
            .filter(|v| v.is_finite())
            .collect();
        early.sort_by(f64::total_cmp);
        let kept = early.get((early.len().max(1) - 1) * 97 / 100).copied();
        (varied && whole && wanted >= 20).then(|| Self {
            host,
            series: hash(&series.name),
            kept: kept.filter(|_| series.times_ms[third] < now),
            history,
            future,
            seed,
        })
    }

    /// Asks everyone and scores.
    fn ask(&self, kind: usize, lines: &mut [Line; 2 * KINDS.len()], costs: &mut Costs) -> Result<(), Box<dyn Error>> {
        let history = &self.history;
        let per_step_ms = (history.step_ms as f64 / history.steps_per_slot).round() as usize;
        let horizons: Vec<usize> = HORIZONS_S[..KINDS[kind].3]
            .iter()
            .map(|&s| (s * 1_000 / per_step_ms).max(1))
            .collect();
        let mut sorted: Vec<f64> = history.slots.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let quantile = |q: &f64| Threshold::upper(sorted[((sorted.len() - 1) as f64 * q) as usize]);
        let mut thresholds: Vec<Threshold> = QUANTILES.iter().map(quantile).collect();
        thresholds.extend(self.kept.map(Threshold::upper));
        let question = Question::new(horizons.clone(), thresholds.clone());
        let started = Instant::now();
        let (answer, state) = forecast(history, &question, None, self.seed)?;
        let cold_ms = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        forecast(history, &question, Some(&state), self.seed)?;
        let warm_ms = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        let from = history.slots.iter().rposition(|v| v.is_nan()).map_or(0, |gap| gap + 1);
        let Ok(model) = arima::fit(&history.slots[from..], arima::Order::new(1, 1, 1)) else {
            return Ok(());
        };
        let theirs =
            |steps: usize, t: &Threshold| model.violation_within(history.slots_of_steps(steps), None, Some(t.value));
        let gaussian: Vec<Vec<f64>> = horizons
            .iter()
            .map(|&h| thresholds.iter().map(|t| theirs(h, t)).collect())
            .collect();
        if kind == COSTED {
            costs.arima += started.elapsed().as_secs_f64() * 1e3;
            costs.cold += cold_ms;
            costs.worst = costs.worst.max(cold_ms);
            costs.warm += warm_ms;
            costs.asked += 1.0;
        }
        let rows = answer.value_per_step();
        for (i, &horizon) in horizons.iter().enumerate() {
            let line = &mut lines[2 * kind + i];
            let future = &self.future[..horizon.min(self.future.len())];
            line.forecasts += 1;
            line.flagged += usize::from(answer.low_confidence);
            for (j, value) in future.iter().enumerate().filter(|(_, v)| v.is_finite()) {
                line.values += 1;
                line.inside += usize::from(covers(rows[0][j], rows[LEVELS.len() - 1][j], *value));
            }
            let slots = history.slots_of_steps(horizon);
            for (t, threshold) in thresholds.iter().enumerate() {
                let left = future.iter().any(|v| threshold.is_left_by(*v));
                // Both base rates: of past horizons, and of samples as if they were independent.
                let windows = history.slots.windows(slots);
                let total = windows.len().max(1) as f64;
                let of_windows = windows.filter(|w| w.iter().any(|v| threshold.is_left_by(*v))).count() as f64 / total;
                let of_samples =
                    sorted.iter().filter(|v| threshold.is_left_by(**v)).count() as f64 / sorted.len() as f64;
                let near = answer.told[i][t].experts[NEAREST];
                let bootstrap = self.bootstrap(slots, threshold);
                line.cases.push(Case {
                    host: self.host,
                    series: self.series,
                    forecast: self.seed,
                    ours: answer.probability[i][t],
                    rivals: [
                        gaussian[i][t],
                        (if near.is_nan() { of_windows } else { near } + bootstrap + of_windows) / 3.0,
                        f64::from(u8::from(threshold.is_left_by(history.last_value()))),
                        of_windows,
                        1.0 - (1.0 - of_samples).powf(slots as f64),
                    ],
                    left,
                });
            }
        }
        Ok(())
    }
}

/// Index of the expert of nearest neighbours, a third of the simple mix.
const NEAREST: usize = 1;
/// Smoothing constants of the bootstrap, its paths and its blocks.
const ALPHAS: [f64; 5] = [0.05, 0.12, 0.25, 0.5, 1.0];
const PATHS: u64 = 64;
const BLOCK: usize = 8;

impl Task {
    /// Residuals in blocks around exponential smoothing: a third of the simple mix.
    fn bootstrap(&self, slots: usize, threshold: &Threshold) -> f64 {
        let x: Vec<f64> = self.history.slots.iter().copied().filter(|v| v.is_finite()).collect();
        let smoothed = |alpha: f64| {
            let mut level = x[0];
            let errors: Vec<f64> = x
                .iter()
                .map(|v| {
                    let error = v - level;
                    level += alpha * error;
                    error
                })
                .collect();
            (errors.iter().map(|e| e * e).sum::<f64>(), level, errors, alpha)
        };
        let best = ALPHAS.into_iter().map(smoothed).min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, end, errors, alpha)) = best else {
            return f64::NAN;
        };
        let left = (0..PATHS).filter(|path| {
            let (mut level, mut from) = (end, 0);
            (0..slots).any(|j| {
                if j % BLOCK == 0 {
                    from = (hash(&format!("{}-{path}-{j}", self.seed)) % errors.len() as u64) as usize;
                }
                let error = errors[(from + j % BLOCK) % errors.len()];
                let value = level + error;
                level += alpha * error;
                threshold.is_left_by(value)
            })
        });
        left.count() as f64 / PATHS as f64
    }
}

fn read(path: &Path) -> Result<Vec<Series>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let width = text
        .lines()
        .next()
        .unwrap_or_default()
        .split(',')
        .count()
        .saturating_sub(1);
    let mut times = Vec::new();
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); width];
    for row in text.lines() {
        let mut cells = row.split(',').map(|cell| cell.trim().trim_matches('"'));
        // A header, an empty line or a broken row has no time.
        let Some(time) = cells.next().and_then(time_ms) else {
            continue;
        };
        times.push(time);
        for column in &mut columns {
            column.push(cells.next().and_then(|cell| cell.parse().ok()).unwrap_or(f64::NAN));
        }
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if !times.is_sorted() {
        return Ok(Vec::new());
    }
    let named = |(i, values): (usize, Vec<f64>)| Series {
        name: format!("{stem}-{i}"),
        times_ms: times.clone(),
        values,
    };
    Ok(columns.into_iter().enumerate().map(named).collect())
}

/// Seconds or milliseconds since 1970, or `YYYY-MM-DD[T ]HH:MM:SS`.
fn time_ms(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<f64>() {
        let ms = if number.abs() > 1e11 { number } else { number * 1_000.0 };
        return number.is_finite().then_some(ms as i64);
    }
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let (hour, minute, second) = (part(11..13)?, part(14..16)?, part(17..19).unwrap_or(0));
    // Days from civil (Hinnant 2013).
    let y = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000)
}

/// Every bit depends on every bit (the end of SplitMix64, Steele & others 2014).
fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}
