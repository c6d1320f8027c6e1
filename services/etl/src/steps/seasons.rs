//! Which periods a series repeats with: short ones in raw samples, hours to a day in the long view.

use sla_analysis::decomposition::decompose;
use sla_analysis::{Degenerate, seasonality};
use sla_domain::Samples;
use sla_domain::duration::{format_ms, format_short_ms};
use sla_proto::result::v1::Seasonality;
use sla_source::port::LONG_VIEW_STEP_MS;

/// Most points of a stored season; a longer one is given in means.
pub const MAX_PATTERN: usize = 240;
/// Above this share of missing samples seasons are not looked for: what fills the gaps would be found.
const MAX_MISSING: f64 = 0.2;
/// Shortest period looked for in the long view, milliseconds: six of its points.
pub const SHORTEST_LONG_MS: i64 = 6 * LONG_VIEW_STEP_MS;
/// Two periods that differ by less than this, relative to the longer one, are the same.
const SAME: f64 = 0.05;
/// A long view counts when it spans more than this many windows of raw samples.
const MUCH_LONGER: f64 = 1.5;

/// The periods found in one stretch of samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seasons {
    /// Period in milliseconds and the share of the variance that it explains, 0 to 1; strongest first.
    pub found: Vec<(i64, f64)>,
    /// Strength of the first one, 0 to 1, by additive decomposition.
    pub strength: f64,
    /// One period of the first one, at most [`MAX_PATTERN`] points.
    pub pattern: Vec<f64>,
}

/// What a look at days of 5-min means gave.
#[derive(Debug, Clone, PartialEq)]
pub enum LongLook {
    /// It was looked at.
    Seen {
        /// From the first to the last point, milliseconds; at most what was asked for.
        spanned_ms: i64,
        /// The periods, or why there cannot be any, in words.
        seasons: Result<Seasons, String>,
    },
    /// It could not be read; why, in words.
    Unseen(String),
}

impl LongLook {
    /// Looks at `samples`, one each 5 min (the mean of a gauge, the rate of a counter).
    pub fn at(samples: &Samples) -> Self {
        let spanned_ms = match (samples.times_ms.first(), samples.times_ms.last()) {
            (Some(first), Some(last)) => last - first + LONG_VIEW_STEP_MS,
            _ => 0,
        };
        Self::Seen {
            spanned_ms,
            seasons: find(&samples.times_ms, &samples.values, LONG_VIEW_STEP_MS, SHORTEST_LONG_MS),
        }
    }
}

/// The periods of at least `shortest_ms` in samples taken as equally spaced by `spacing_ms`.
///
/// # Errors
/// Why there cannot be any, in words: constant, too short, too many gaps.
pub fn find(times: &[i64], values: &[f64], spacing_ms: i64, shortest_ms: i64) -> Result<Seasons, String> {
    let told = |reason: Degenerate| reason.to_string();
    let even = evenly(times, values, spacing_ms)?;
    let mut found = seasonality::detect(&even, spacing_ms.unsigned_abs()).map_err(told)?;
    let in_ms = |period: usize| period as i64 * spacing_ms;
    found.retain(|season| in_ms(season.period) >= shortest_ms);
    let Some(strongest) = found.first() else {
        return Ok(Seasons::default());
    };
    let parts = decompose(&even, strongest.period).map_err(told)?;
    let piece = parts.season.len().div_ceil(MAX_PATTERN).max(1);
    Ok(Seasons {
        strength: parts.seasonal_strength,
        pattern: parts
            .season
            .chunks(piece)
            .map(|part| part.iter().sum::<f64>() / part.len() as f64)
            .collect(),
        found: found
            .iter()
            .map(|season| (in_ms(season.period), season.strength))
            .collect(),
    })
}

/// The periods of raw samples and of the long view as one part of a result; which of them come from the long view, and why one
/// of the two is missing, goes to `notes`. A period of 0 says that there is none; `None` that none could be looked for.
///
/// `raw_ms` = length of the window of the raw samples: a long view that spans little more tells nothing new.
pub fn merged(
    raw: Result<Seasons, String>,
    raw_ms: i64,
    long: Option<&LongLook>,
    notes: &mut Vec<String>,
) -> Option<Seasonality> {
    let none = Seasons::default();
    let (long, spanned_ms) = match long {
        Some(LongLook::Seen { spanned_ms, seasons }) if *spanned_ms as f64 > MUCH_LONGER * raw_ms as f64 => {
            (Some(seasons), *spanned_ms)
        }
        Some(LongLook::Unseen(reason)) => {
            notes.push(format!("long seasons: {reason}"));
            (None, 0)
        }
        _ => (None, 0),
    };
    let raw = match raw {
        Ok(raw) => raw,
        Err(reason) => {
            notes.push(format!("seasonality: {reason}"));
            if !matches!(long, Some(Ok(_))) {
                return None;
            }
            none.clone()
        }
    };
    let long = match long {
        Some(Ok(long)) => long,
        Some(Err(reason)) => {
            notes.push(format!("long seasons: {reason}"));
            &none
        }
        None => &none,
    };
    let all = raw
        .found
        .iter()
        .map(|one| (one, false))
        .chain(long.found.iter().map(|one| (one, true)));
    let mut ranked: Vec<(i64, f64, bool)> = all
        .map(|(&(period_ms, share), is_long)| (period_ms, share, is_long))
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut kept: Vec<(i64, bool)> = Vec::new();
    for (period_ms, _, is_long) in ranked {
        if !kept.iter().any(|&(other_ms, _)| is_same(period_ms, other_ms)) {
            kept.push((period_ms, is_long));
        }
    }
    for (period_ms, _) in kept.iter().filter(|(_, is_long)| *is_long) {
        notes.push(format!(
            "season {} found in {} of 5-min means",
            format_ms(*period_ms),
            format_short_ms(spanned_ms)
        ));
    }
    let Some(&(period_ms, is_long)) = kept.first() else {
        return Some(Seasonality::default());
    };
    // The first of all is the first of its own list, whose pattern is known.
    let strongest = if is_long { long.clone() } else { raw };
    Some(Seasonality {
        period_ms,
        strength: strongest.strength,
        pattern: strongest.pattern,
        other_periods_ms: kept[1..].iter().map(|(period_ms, _)| *period_ms).collect(),
    })
}

fn is_same(one_ms: i64, other_ms: i64) -> bool {
    (one_ms - other_ms).abs() as f64 <= SAME * one_ms.max(other_ms) as f64
}

/// The per-second rate of a counter at each point of its long view, from the highest value of each 5 min: what it rose by since
/// the point before, or since 0 when it fell. Points after a gap have none.
pub fn rates(times_ms: &[i64], highest: &[f64]) -> Samples {
    let mut out = Samples::default();
    for (times, values) in times_ms.windows(2).zip(highest.windows(2)) {
        if times[1] - times[0] != LONG_VIEW_STEP_MS {
            continue;
        }
        let rise = if values[1] < values[0] {
            values[1]
        } else {
            values[1] - values[0]
        };
        out.push(times[1], rise * 1_000.0 / LONG_VIEW_STEP_MS as f64);
    }
    out
}

/// Finite values on a grid of the spacing, so that a lag is a time; gaps are bridged by straight lines.
fn evenly(times: &[i64], values: &[f64], spacing_ms: i64) -> Result<Vec<f64>, String> {
    let spacing_ms = spacing_ms.max(1);
    let finite: Vec<(i64, f64)> = times
        .iter()
        .copied()
        .zip(values.iter().copied())
        .filter(|(_, value)| value.is_finite())
        .collect();
    let (Some((first, _)), Some((last, _))) = (finite.first(), finite.last()) else {
        return Err(Degenerate::Empty.to_string());
    };
    let cells = ((last - first) / spacing_ms + 1).unsigned_abs() as usize;
    let missing = cells.saturating_sub(finite.len()) as f64 / cells as f64;
    if missing > MAX_MISSING {
        return Err(format!("{:.0} % of the samples are missing", missing * 100.0));
    }
    let mut out = Vec::with_capacity(cells);
    let mut at = 0;
    for cell in 0..cells {
        let time = first + cell as i64 * spacing_ms;
        while at + 1 < finite.len() && finite[at + 1].0 <= time {
            at += 1;
        }
        let (before, value) = finite[at];
        out.push(match finite.get(at + 1) {
            Some((after, next)) if time > before => {
                let share = (time - before) as f64 / (after - before) as f64;
                value + (next - value) * share
            }
            _ => value,
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const H: i64 = 3_600_000;

    fn seasons(found: &[(i64, f64)]) -> Seasons {
        Seasons {
            found: found.to_vec(),
            strength: found.first().map_or(0.0, |one| one.1),
            pattern: vec![0.0; found.len()],
        }
    }

    fn seen(spanned_ms: i64, found: &[(i64, f64)]) -> LongLook {
        LongLook::Seen {
            spanned_ms,
            seasons: Ok(seasons(found)),
        }
    }

    #[test]
    fn the_stronger_of_both_comes_first_and_says_where_it_was_found() {
        let mut notes = Vec::new();
        let raw = Ok(seasons(&[(H, 0.6), (H / 6, 0.3)]));
        let long = seen(168 * H, &[(24 * H, 0.8), (H, 0.5), (6 * H, 0.4)]);
        let merged = merged(raw, 12 * H, Some(&long), &mut notes).unwrap();
        assert_eq!((merged.period_ms, merged.strength), (24 * H, 0.8));
        assert_eq!(merged.other_periods_ms, [H, 6 * H, H / 6]);
        assert_eq!(
            notes,
            [
                "season 1d found in 7d of 5-min means",
                "season 6h found in 7d of 5-min means"
            ]
        );
    }

    #[test]
    fn a_look_that_failed_is_a_note_and_one_that_is_no_longer_is_nothing() {
        let raw = || Ok(seasons(&[(H, 0.6)]));
        let mut notes = Vec::new();
        let kept = merged(raw(), 12 * H, Some(&LongLook::Unseen("away".into())), &mut notes).unwrap();
        assert_eq!(
            (kept.period_ms, notes.as_slice()),
            (H, ["long seasons: away".to_owned()].as_slice())
        );
        notes.clear();
        let kept = merged(raw(), 12 * H, Some(&seen(12 * H, &[(4 * H, 0.9)])), &mut notes).unwrap();
        assert_eq!((kept.period_ms, notes.len()), (H, 0));
        // Nothing to find in the raw samples, but over the days.
        let long = seen(100 * H, &[(24 * H, 0.9)]);
        let found = merged(Err("constant".into()), 12 * H, Some(&long), &mut notes).unwrap();
        assert_eq!((found.period_ms, notes.len()), (24 * H, 2));
        assert!(merged(Err("constant".into()), 12 * H, None, &mut notes).is_none());
    }

    #[test]
    fn a_counter_is_looked_at_by_its_rate() {
        let step = LONG_VIEW_STEP_MS;
        let times = [0, step, 2 * step, 3 * step, 5 * step, 6 * step];
        let rates = rates(&times, &[10.0, 310.0, 610.0, 60.0, 400.0, 700.0]);
        assert_eq!(rates.times_ms, [step, 2 * step, 3 * step, 6 * step]);
        assert_eq!(rates.values, [1.0, 1.0, 0.2, 1.0]);
    }

    #[test]
    fn a_daily_season_with_a_trend_and_a_gap_is_found() {
        let step = LONG_VIEW_STEP_MS;
        let angle = |k: i64| k as f64 * std::f64::consts::TAU / 288.0;
        let kept: Vec<i64> = (1..=2_016).filter(|k| !(700..760).contains(k)).collect();
        let samples = Samples::from_columns(
            kept.iter().map(|k| k * step).collect(),
            kept.iter().map(|&k| 0.01 * k as f64 + 10.0 * angle(k).sin()).collect(),
        );
        let LongLook::Seen { spanned_ms, seasons } = LongLook::at(&samples) else {
            panic!("it was looked at")
        };
        assert_eq!(spanned_ms, 168 * H);
        assert_eq!(seasons.unwrap().found[0].0, 24 * H);
        let LongLook::Seen { spanned_ms, seasons } = LongLook::at(&Samples::default()) else {
            panic!("it was looked at")
        };
        assert!(spanned_ms == 0 && seasons.is_err());
    }
}
