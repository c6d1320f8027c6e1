//! What kind of series it is: stationarity, autocorrelation, seasonality.

use sla_analysis::acf::autocorrelation;
use sla_analysis::adf::augmented_dickey_fuller;
use sla_domain::Samples;
use sla_domain::duration::format_short_ms;
use sla_proto::result::v1::{Autocorrelation, Metadata, StationarityTest};

/// Level at which a unit root is rejected.
pub const LEVEL: f64 = 0.05;
/// Confidence of the bands around zero correlation.
pub const BAND: f64 = 0.95;

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
    out
}
