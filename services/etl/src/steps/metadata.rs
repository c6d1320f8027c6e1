//! What kind of series it is: stationarity, autocorrelation, seasonality.

use sla_analysis::acf::autocorrelation;
use sla_analysis::adf::augmented_dickey_fuller;
use sla_analysis::decomposition::decompose;
use sla_analysis::{Degenerate, seasonality};
use sla_domain::Samples;
use sla_domain::duration::format_short_ms;
use sla_proto::result::v1::{Autocorrelation, Metadata, Seasonality, StationarityTest};

/// Level at which a unit root is rejected.
pub const LEVEL: f64 = 0.05;
/// Confidence of the bands around zero correlation.
pub const BAND: f64 = 0.95;

/// Most points of a stored season; a longer one is given in means.
pub const MAX_PATTERN: usize = 240;
/// Above this share of missing samples seasons are not looked for: what fills the gaps would be found.
const MAX_MISSING: f64 = 0.2;

/// Metadata of the finite samples in (`at_ms` − `window_ms`, `at_ms`], taken as equally spaced by `spacing_ms`. A part that does
/// not exist is absent and its reason noted.
pub fn of_series(samples: &Samples, at_ms: i64, window_ms: i64, spacing_ms: i64, of_rate: bool) -> Metadata {
    let (times, values) = samples.between(at_ms.saturating_sub(window_ms), at_ms);
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let mut out = Metadata {
        window_ms,
        n: finite.len() as u64,
        of_rate,
        ..Metadata::default()
    };
    if let (Some(first), Some(last)) = (times.first(), times.last()) {
        let spanned_ms = last - first + spacing_ms;
        // Half a window less than asked for is worth a word; a scrape or two is not.
        if spanned_ms < window_ms / 2 {
            out.notes
                .push(format!("only {} of history", format_short_ms(spanned_ms)));
        }
    }
    match augmented_dickey_fuller(&finite) {
        Ok(test) => {
            out.stationarity = Some(StationarityTest {
                statistic: test.statistic,
                p_value: test.p_value,
                used_lag: test.used_lag as u32,
                nobs: test.n_observations as u32,
                critical_1: test.critical[0],
                critical_5: test.critical[1],
                critical_10: test.critical[2],
                stationary: test.is_stationary(LEVEL),
            });
        }
        Err(reason) => out.notes.push(format!("stationarity: {reason}")),
    }
    match autocorrelation(&finite, None) {
        Ok(found) => {
            // Bartlett's band around zero: what lies inside cannot be told from no correlation.
            let z = sla_analysis::normal::quantile(0.5 + BAND / 2.0);
            out.autocorrelation = Some(Autocorrelation {
                band: found.standard_error.iter().map(|error| z * error).collect(),
                acf: found.acf,
                lag_ms: spacing_ms,
            });
        }
        Err(reason) => out.notes.push(format!("autocorrelation: {reason}")),
    }
    match season(times, values, spacing_ms) {
        Ok(found) => out.seasonality = Some(found),
        Err(reason) => out.notes.push(format!("seasonality: {reason}")),
    }
    out
}

/// The strongest season, by additive decomposition; a period of 0 says that there is none.
fn season(times: &[i64], values: &[f64], spacing_ms: i64) -> Result<Seasonality, String> {
    let told = |reason: Degenerate| reason.to_string();
    let even = evenly(times, values, spacing_ms)?;
    let found = seasonality::detect(&even, spacing_ms.unsigned_abs()).map_err(told)?;
    let Some(strongest) = found.first() else {
        return Ok(Seasonality::default());
    };
    let parts = decompose(&even, strongest.period).map_err(told)?;
    let in_ms = |period: usize| period as i64 * spacing_ms;
    let piece = parts.season.len().div_ceil(MAX_PATTERN);
    Ok(Seasonality {
        period_ms: in_ms(strongest.period),
        strength: parts.seasonal_strength,
        pattern: parts
            .season
            .chunks(piece)
            .map(|part| part.iter().sum::<f64>() / part.len() as f64)
            .collect(),
        other_periods_ms: found[1..].iter().map(|season| in_ms(season.period)).collect(),
    })
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

    const MIN: i64 = 60_000;

    fn wobble(k: i64) -> f64 {
        // Noise without a pattern: splitmix64.
        let mut z = (k as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn history(value: impl Fn(i64) -> f64) -> Samples {
        Samples::from_columns(
            (1..=2_880).map(|k| k * 15_000).collect(),
            (1..=2_880).map(value).collect(),
        )
    }

    fn of(samples: &Samples) -> Metadata {
        of_series(samples, 2_880 * 15_000, 720 * MIN, 15_000, false)
    }

    #[test]
    fn an_hourly_season_is_found_with_its_pattern() {
        let angle = |k: i64| k as f64 * std::f64::consts::TAU / 240.0;
        let season = of(&history(|k| 50.0 + 10.0 * angle(k).sin() + wobble(k)))
            .seasonality
            .unwrap();
        assert_eq!(season.period_ms, 60 * MIN);
        assert!(
            season.strength > 0.9 && season.pattern.len() == 240,
            "{}",
            season.strength
        );
        let highest = season.pattern.iter().copied().fold(f64::MIN, f64::max);
        assert!((9.0..11.0).contains(&highest), "{highest}");
    }

    #[test]
    fn a_long_season_is_stored_in_means() {
        let angle = |k: i64| k as f64 * std::f64::consts::TAU / 720.0;
        let season = of(&history(|k| 10.0 * angle(k).sin() + wobble(k))).seasonality.unwrap();
        assert_eq!(season.period_ms, 180 * MIN);
        assert_eq!(season.pattern.len(), 240);
    }

    #[test]
    fn noise_has_no_season_and_a_gap_does_not_shift_one() {
        assert_eq!(of(&history(wobble)).seasonality.unwrap().period_ms, 0);
        let angle = |k: i64| k as f64 * std::f64::consts::TAU / 240.0;
        let whole = history(|k| 10.0 * angle(k).sin() + wobble(k));
        let kept: Vec<(i64, f64)> = whole
            .iter()
            .filter(|(t, _)| !(300 * MIN..325 * MIN).contains(t))
            .collect();
        let gappy = Samples::from_columns(kept.iter().map(|p| p.0).collect(), kept.iter().map(|p| p.1).collect());
        assert_eq!(of(&gappy).seasonality.unwrap().period_ms, 60 * MIN);
    }

    #[test]
    fn what_cannot_be_told_is_noted() {
        let constant = of(&history(|_| 5.0));
        assert!(constant.stationarity.is_none() && constant.seasonality.is_none());
        assert_eq!(constant.notes.len(), 3, "{:?}", constant.notes);
        let sparse: Vec<i64> = (1..=100).map(|k| k * 15_000 * 20).collect();
        let sparse = Samples::from_columns(sparse.clone(), sparse.iter().map(|t| wobble(*t)).collect());
        let notes = of(&sparse).notes;
        assert!(
            notes.iter().any(|note| note.contains("% of the samples are missing")),
            "{notes:?}"
        );
    }
}
