//! What is expected: Holt–Winters of the mean, the maximum and the minimum of 2-min bins, with 95 % intervals.

use sla_analysis::Degenerate;
use sla_analysis::bins::{Bin, bins};
use sla_analysis::holt_winters::{Fit, Line, Parameters, fit, warm_fit};
use sla_domain::Samples;
use sla_domain::duration::format_short_ms;
use sla_proto::convert;
use sla_proto::result::v1::{Forecast, ForecastLine, ForecastPoint};

/// Width of a bin, milliseconds.
pub const BIN_MS: i64 = 120_000;
/// Bins of a season.
pub const SEASON: usize = 5;
/// Confidence of the intervals.
pub const LEVEL: f64 = 0.95;
/// Longest run of empty bins that is bridged by a straight line; at a longer one history is cut.
pub const MAX_BRIDGED_BINS: u64 = 5;
/// Below this much history the forecast says so, milliseconds.
const SHORT_HISTORY_MS: i64 = 3_600_000;
/// Entries of `parameters` before the season: alpha, beta, gamma, level, trend.
const FIXED_PARAMETERS: usize = 5;

/// Name of the method.
pub const METHOD: &str = "Holt-Winters 2-min bins m = 5";

/// The forecast of the next `horizon_ms` after `at_ms` from the samples in (`at_ms` − `window_ms`, `at_ms`]. Points lie at the
/// ends of bins. What stands against a forecast, or makes it doubtful, is in its notes; it never fails.
pub fn of_series(
    samples: &Samples,
    at_ms: i64,
    window_ms: i64,
    horizon_ms: i64,
    of_rate: bool,
    previous: Option<&Forecast>,
) -> Forecast {
    let mut out = Forecast {
        method: METHOD.to_owned(),
        step_ms: BIN_MS,
        of_rate,
        ..Forecast::default()
    };
    let whole_bins = window_ms / BIN_MS;
    let after_ms = at_ms.saturating_sub(whole_bins * BIN_MS);
    let (times, values) = samples.between(after_ms, at_ms);
    out.n = values.iter().filter(|value| value.is_finite()).count() as u64;
    if out.n == 0 {
        out.notes.push("no samples in the window".to_owned());
        return out;
    }
    // Bins are closed on the right like all windows; the empty sample in front pins them to the instant of the forecast.
    let origin_ms = after_ms + 1;
    let mut pinned_times = Vec::with_capacity(times.len() + 1);
    let mut pinned_values = Vec::with_capacity(times.len() + 1);
    if times.first().is_some_and(|&first| first > origin_ms) {
        pinned_times.push(origin_ms);
        pinned_values.push(f64::NAN);
    }
    pinned_times.extend_from_slice(times);
    pinned_values.extend_from_slice(values);
    let found = match bins(&pinned_times, &pinned_values, BIN_MS.unsigned_abs()) {
        Ok(found) => found,
        Err(reason) => {
            out.notes.push(reason.to_string());
            return out;
        }
    };
    let Some(history) = History::of(&found) else { return out };
    let late = (whole_bins as u64).saturating_sub(1 + history.last_index) as usize;
    let steps = (horizon_ms / BIN_MS).max(1) as usize;
    if late > 0 {
        out.notes.push(format!(
            "no samples in the last {}",
            format_short_ms(late as i64 * BIN_MS)
        ));
        if late >= steps {
            return out;
        }
    }
    let spanned_ms = history.mean.len() as i64 * BIN_MS;
    if spanned_ms < SHORT_HISTORY_MS {
        out.notes.push(format!(
            "only {} of history without a long gap",
            format_short_ms(spanned_ms)
        ));
    }
    if history.bridged > 0 {
        out.notes.push(format!("{} empty bins were bridged", history.bridged));
    }
    let previous = previous.filter(|previous| previous.method == METHOD && previous.of_rate == of_rate);
    let frame = Frame { at_ms, late, steps };
    let mut line = |name: &str, values: &[f64], last: Option<&ForecastLine>| match frame.line(values, last) {
        Ok(line) => Some(line),
        Err(reason) => {
            out.notes.push(format!("{name}: {reason}"));
            None
        }
    };
    out.mean = line("mean", &history.mean, previous.and_then(|one| one.mean.as_ref()));
    out.max = line("max", &history.max, previous.and_then(|one| one.max.as_ref()));
    out.min = line("min", &history.min, previous.and_then(|one| one.min.as_ref()));
    // The same reason three times is one reason.
    if out.mean.is_none() && out.max.is_none() && out.min.is_none() {
        out.notes
            .dedup_by(|a, b| a.split_once(": ").map(|p| p.1) == b.split_once(": ").map(|p| p.1) && a.contains(": "));
    }
    out
}

/// The latest bins without a long gap, short gaps bridged.
struct History {
    mean: Vec<f64>,
    max: Vec<f64>,
    min: Vec<f64>,
    bridged: u64,
    last_index: u64,
}

impl History {
    fn of(found: &[Bin]) -> Option<Self> {
        let last_index = found.last()?.index;
        let start = found
            .windows(2)
            .rposition(|pair| pair[1].index - pair[0].index > MAX_BRIDGED_BINS + 1)
            .map_or(0, |at| at + 1);
        let run = &found[start..];
        let mut out = Self {
            mean: vec![],
            max: vec![],
            min: vec![],
            bridged: 0,
            last_index,
        };
        let mut before: Option<&Bin> = None;
        for bin in run {
            if let Some(before) = before {
                let steps = bin.index - before.index;
                for k in 1..steps {
                    let share = k as f64 / steps as f64;
                    let between = |a: f64, b: f64| a + (b - a) * share;
                    out.mean.push(between(before.mean, bin.mean));
                    out.max.push(between(before.max, bin.max));
                    out.min.push(between(before.min, bin.min));
                    out.bridged += 1;
                }
            }
            out.mean.push(bin.mean);
            out.max.push(bin.max);
            out.min.push(bin.min);
            before = Some(bin);
        }
        Some(out)
    }
}

/// Where forecast points lie.
struct Frame {
    at_ms: i64,
    /// Bins at the end of the window without a sample: the model runs through them before the first point.
    late: usize,
    steps: usize,
}

impl Frame {
    fn point(&self, step: usize, value: f64, low: f64, high: f64) -> ForecastPoint {
        ForecastPoint {
            time: Some(convert::timestamp(self.at_ms + (step as i64 + 1) * BIN_MS)),
            value,
            low,
            high,
        }
    }

    fn line(&self, values: &[f64], last: Option<&ForecastLine>) -> Result<ForecastLine, Degenerate> {
        let last = last.and_then(|line| parameters(&line.parameters));
        let fitted = match last {
            Some(last) => warm_fit(values, SEASON, last),
            None => fit(values, SEASON),
        };
        match fitted {
            Ok(fitted) => Ok(self.fitted_line(&fitted)),
            Err(reason @ (Degenerate::Constant | Degenerate::ExactFit)) => self.straight_line(values).ok_or(reason),
            Err(reason) => Err(reason),
        }
    }

    fn fitted_line(&self, fitted: &Fit) -> ForecastLine {
        let ahead = fitted.forecast(self.late + self.steps);
        let bands = ahead.interval(LEVEL);
        let points = ahead
            .mean
            .iter()
            .zip(&bands)
            .skip(self.late)
            .enumerate()
            .map(|(step, (value, (low, high)))| self.point(step, *value, *low, *high))
            .collect();
        let p = fitted.parameters;
        let mut parameters = vec![p.alpha, p.beta, p.gamma, fitted.end.level, fitted.end.trend];
        parameters.extend_from_slice(&fitted.end.season);
        ForecastLine {
            points,
            parameters,
            sse: fitted.sse,
        }
    }

    /// Of a series without noise: constant or a straight line. It goes on as it was, with an interval of no width.
    fn straight_line(&self, values: &[f64]) -> Option<ForecastLine> {
        let line = Line::through(values)?;
        Some(ForecastLine {
            points: (0..self.steps)
                .map(|step| {
                    let value = line.ahead(self.late + step + 1);
                    self.point(step, value, value, value)
                })
                .collect(),
            parameters: Vec::new(),
            sse: 0.0,
        })
    }
}

/// The smoothing parameters of a stored line; `None` when they are not ours.
fn parameters(stored: &[f64]) -> Option<Parameters> {
    if stored.len() != FIXED_PARAMETERS + SEASON {
        return None;
    }
    let parameters = Parameters {
        alpha: stored[0],
        beta: stored[1],
        gamma: stored[2],
    };
    parameters.check().ok().map(|()| parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN_MS: i64 = 60_000;

    /// `minutes` of samples every 15 s up to `at_ms`.
    fn history(at_ms: i64, minutes: i64, value: impl Fn(i64) -> f64) -> Samples {
        let n = minutes * 4;
        Samples::from_columns(
            (1..=n).map(|k| at_ms - (n - k) * 15_000).collect(),
            (1..=n).map(value).collect(),
        )
    }

    fn wobble(k: i64) -> f64 {
        // Noise without a pattern: splitmix64.
        let mut z = (k as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[test]
    fn five_points_ten_minutes_ahead_with_ordered_intervals() {
        let at_ms = 1_700_000_000_000;
        let samples = history(at_ms, 720, |k| 50.0 + 10.0 * ((k / 8) % 5) as f64 + wobble(k));
        let forecast = of_series(&samples, at_ms, 720 * MIN_MS, 600_000, false, None);
        assert!(forecast.notes.is_empty(), "{:?}", forecast.notes);
        for line in [&forecast.mean, &forecast.max, &forecast.min].map(|line| line.as_ref().unwrap()) {
            assert_eq!(line.points.len(), 5);
            let times: Vec<i64> = line
                .points
                .iter()
                .map(|p| convert::millis(p.time.as_ref().unwrap()) - at_ms)
                .collect();
            assert_eq!(times, [2, 4, 6, 8, 10].map(|minutes| minutes * MIN_MS));
            assert!(line.points.iter().all(|p| p.low < p.value && p.value < p.high));
            assert_eq!(line.parameters.len(), 10);
        }
        let (mean, max, min) = (forecast.mean.unwrap(), forecast.max.unwrap(), forecast.min.unwrap());
        for k in 0..5 {
            assert!(min.points[k].value < mean.points[k].value && mean.points[k].value < max.points[k].value);
        }
        // The season of 5 bins is found: the five means differ as the pattern does.
        let spread = |line: &ForecastLine| {
            let values: Vec<f64> = line.points.iter().map(|p| p.value).collect();
            values.iter().copied().fold(f64::MIN, f64::max) - values.iter().copied().fold(f64::MAX, f64::min)
        };
        assert!(spread(&mean) > 30.0, "{}", spread(&mean));
    }

    #[test]
    fn a_warm_start_gives_the_same_forecast() {
        let at_ms = 1_700_000_000_000;
        let samples = history(at_ms, 720, |k| 5.0 + wobble(k) + ((k / 8) % 5) as f64);
        let cold = of_series(&samples, at_ms, 720 * MIN_MS, 600_000, true, None);
        let warm = of_series(&samples, at_ms, 720 * MIN_MS, 600_000, true, Some(&cold));
        let (cold, warm) = (cold.mean.unwrap(), warm.mean.unwrap());
        assert!(
            (warm.sse - cold.sse).abs() <= 1e-3 * cold.sse,
            "{} {}",
            warm.sse,
            cold.sse
        );
        // Parameters of a raw forecast are not used for one of the rate.
        assert!(parameters(&[0.5; 3]).is_none() && parameters(&[f64::NAN; 10]).is_none());
    }

    #[test]
    fn forty_minutes_are_a_note_and_not_a_failure() {
        let at_ms = 1_700_000_000_000;
        let samples = history(at_ms, 40, wobble);
        let forecast = of_series(&samples, at_ms, 720 * MIN_MS, 600_000, false, None);
        assert_eq!(forecast.notes, ["only 40m of history without a long gap"]);
        assert_eq!(forecast.mean.unwrap().points.len(), 5);
        let little = of_series(&history(at_ms, 4, wobble), at_ms, 720 * MIN_MS, 600_000, false, None);
        assert!(little.mean.is_none());
        assert!(
            little.notes.iter().any(|note| note.contains("too few")),
            "{:?}",
            little.notes
        );
        assert_eq!(
            of_series(&Samples::default(), at_ms, MIN_MS * 60, 600_000, false, None)
                .notes
                .len(),
            1
        );
    }

    #[test]
    fn gaps_are_bridged_or_cut_and_said() {
        let at_ms = 1_700_000_000_000;
        let whole = history(at_ms, 720, |k| 10.0 + wobble(k));
        let without = |from: i64, to: i64| {
            let kept: Vec<(i64, f64)> = whole
                .iter()
                .filter(|(t, _)| !(at_ms - from * MIN_MS < *t && *t <= at_ms - to * MIN_MS))
                .collect();
            Samples::from_columns(kept.iter().map(|p| p.0).collect(), kept.iter().map(|p| p.1).collect())
        };
        let short = of_series(&without(100, 92), at_ms, 720 * MIN_MS, 600_000, false, None);
        assert_eq!(short.notes, ["4 empty bins were bridged"]);
        let long = of_series(&without(100, 40), at_ms, 720 * MIN_MS, 600_000, false, None);
        assert_eq!(long.notes, ["only 40m of history without a long gap"]);
        let late = of_series(&without(4, 0), at_ms, 720 * MIN_MS, 600_000, false, None);
        assert_eq!(late.notes, ["no samples in the last 4m"]);
        let first = late.mean.unwrap().points[0];
        assert_eq!(convert::millis(&first.time.unwrap()), at_ms + 2 * MIN_MS);
        let silent = of_series(&without(10, 0), at_ms, 720 * MIN_MS, 600_000, false, None);
        assert!(silent.mean.is_none() && silent.notes == ["no samples in the last 10m"]);
    }

    #[test]
    fn series_without_noise_go_on_as_they_were() {
        let at_ms = 1_700_000_000_000;
        let flat = of_series(&history(at_ms, 120, |_| 7.5), at_ms, 720 * MIN_MS, 600_000, false, None);
        assert!(
            flat.max
                .unwrap()
                .points
                .iter()
                .all(|p| p.value == 7.5 && p.low == 7.5 && p.high == 7.5)
        );
        let ramp = of_series(
            &history(at_ms, 120, |k| k as f64),
            at_ms,
            720 * MIN_MS,
            600_000,
            false,
            None,
        );
        let max = ramp.max.unwrap();
        assert!((max.points[4].value - (480.0 + 40.0)).abs() < 1e-6, "{:?}", max.points);
    }
}
