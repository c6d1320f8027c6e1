//! What kind of series it is: stationarity, autocorrelation, seasonality.

use sla_analysis::acf::autocorrelation;
use sla_analysis::adf::augmented_dickey_fuller;
use sla_domain::Samples;
use sla_domain::duration::format_short_ms;
use sla_proto::result::v1::{Autocorrelation, Metadata, StationarityTest};
use sla_source::port::LONG_VIEW_STEP_MS;

use super::seasons::{self, LongLook};

/// Level at which a unit root is rejected.
pub const LEVEL: f64 = 0.05;
/// Confidence of the bands around zero correlation.
pub const BAND: f64 = 0.95;

/// Metadata of the finite samples in (`at_ms` − `window_ms`, `at_ms`], taken as equally spaced by `spacing_ms`. A part that does
/// not exist is absent and its reason noted. `long` adds the periods that only days show.
pub fn of_series(
    samples: &Samples,
    at_ms: i64,
    window_ms: i64,
    spacing_ms: i64,
    of_rate: bool,
    long: Option<&LongLook>,
) -> Metadata {
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
    let raw = seasons::find(times, values, spacing_ms, 0);
    out.seasonality = seasons::merged(raw, window_ms, long, &mut out.notes);
    out
}

/// Metadata of a window longer than raw samples are held, of 5-min means: of the rate between them for a counter. `None` for
/// the means says that they could not be read.
pub fn of_days(
    means: Option<&Samples>,
    at_ms: i64,
    window_ms: i64,
    of_rate: bool,
    long: Option<&LongLook>,
) -> Metadata {
    let Some(means) = means else {
        let why = match long {
            Some(LongLook::Unseen(reason)) => reason.clone(),
            _ => "the long view could not be read".to_owned(),
        };
        return Metadata {
            window_ms,
            of_rate,
            notes: vec![why],
            ..Metadata::default()
        };
    };
    let rates = of_rate.then(|| seasons::rates(&means.times_ms, &means.values));
    let judged = rates.as_ref().unwrap_or(means);
    let mut out = of_series(judged, at_ms, window_ms, LONG_VIEW_STEP_MS, of_rate, None);
    out.notes.insert(0, "of 5-min means".to_owned());
    out
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
        of_series(samples, 2_880 * 15_000, 720 * MIN, 15_000, false, None)
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
    fn days_are_told_of_their_means_and_say_so() {
        let (day, step) = (1_440 * MIN, LONG_VIEW_STEP_MS);
        let angle = |k: i64| k as f64 * std::f64::consts::TAU / 288.0;
        let means = Samples::from_columns(
            (1..=2_016).map(|k| k * step).collect(),
            (1..=2_016).map(|k| 10.0 * angle(k).sin() + wobble(k)).collect(),
        );
        let told = of_days(Some(&means), 7 * day, 3 * day, false, None);
        assert_eq!((told.window_ms, told.n), (3 * day, 864));
        assert_eq!(told.seasonality.unwrap().period_ms, day);
        assert_eq!(told.autocorrelation.unwrap().lag_ms, step);
        assert_eq!(told.notes[0], "of 5-min means");
        let away = LongLook::Unseen("the long view could not be read: away".to_owned());
        let unread = of_days(None, 7 * day, 3 * day, false, Some(&away));
        assert_eq!(unread.notes, ["the long view could not be read: away"]);
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
