//! Autocorrelations to 1e-11 (1e-3 where the offset eats the digits of the reference), with Bartlett's bands.

use crate::reference::all;
use sla_analysis::Degenerate;
use sla_analysis::acf::{autocorrelation, default_lags};
use sla_testkit::golden::{Report, numbers};

#[test]
fn autocorrelations_and_bands() {
    let mut report = Report::default();
    for golden in all() {
        let file = golden.name.as_str();
        let acf = &golden.answers["acf"];
        let got = autocorrelation(&golden.values, Some(40));
        let wanted = acf.get("acf_40_direct").map(numbers);
        let Some(wanted) = wanted.filter(|w| w.iter().all(|x| x.is_finite())) else {
            report.check(got.is_err(), file, "acf", || {
                format!("the reference has none, we have {got:?}")
            });
            continue;
        };
        let got = match got {
            Ok(got) => got,
            Err(reason) => {
                // A constant at 1e15 has a correlation of pure rounding noise in the reference.
                report.check(
                    reason == Degenerate::Constant && file == "edge_constant_1e15",
                    file,
                    "acf",
                    || reason.to_string(),
                );
                continue;
            }
        };
        let tolerance = if file.starts_with("huge_") { 1e-3 } else { 1e-11 };
        for (k, want) in wanted.iter().enumerate() {
            report.absolute(file, &format!("acf_40_direct[{k}]"), got.acf[k], *want, tolerance);
        }
        report.check(got.acf.len() == wanted.len(), file, "acf_40_direct", || {
            format!("{} lags", got.acf.len())
        });
        let low = numbers(&acf["bartlett_ci_lo"]);
        let high = numbers(&acf["bartlett_ci_hi"]);
        for k in 0..low.len() {
            let (a, b) = got.band(k, 0.95).unwrap();
            report.absolute(file, &format!("bartlett_ci_lo[{k}]"), a, low[k], 10.0 * tolerance);
            report.absolute(file, &format!("bartlett_ci_hi[{k}]"), b, high[k], 10.0 * tolerance);
        }
        let lags = acf["default_nlags"].as_u64().unwrap() as usize;
        report.check(default_lags(golden.values.len()) == lags, file, "default_nlags", || {
            format!("want {lags}")
        });
        let short = autocorrelation(&golden.values, None).unwrap().acf;
        for (k, want) in numbers(&acf["acf_default"]).iter().enumerate() {
            report.absolute(file, &format!("acf_default[{k}]"), short[k], *want, tolerance);
        }
    }
    report.finish(3000);
}
