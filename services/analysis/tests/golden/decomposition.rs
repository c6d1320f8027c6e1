//! Additive decomposition to 1e-10 standard deviations (0.02 where the offset eats the digits of the reference).

use crate::reference::all;
use sla_analysis::Degenerate;
use sla_analysis::decomposition::decompose;
use sla_testkit::golden::{Report, number, numbers};

#[test]
fn trend_season_and_remainder() {
    let mut report = Report::default();
    for golden in all() {
        let file = golden.name.as_str();
        for (i, block) in golden.answers["decompose"].as_array().unwrap().iter().enumerate() {
            let period = if i == 0 { 10 } else { 5 };
            let key = format!("decompose[{period}]");
            let got = decompose(&golden.values, period);
            let Some(wanted) = block.get("period") else {
                report.check(got.is_err(), file, &key, || "the reference has none".into());
                continue;
            };
            assert_eq!(wanted.as_u64(), Some(period as u64));
            let got = match got {
                Ok(got) => got,
                Err(reason) => {
                    let flat = matches!(reason, Degenerate::Constant | Degenerate::Subnormal);
                    let zero = number(&golden.answers["basic"]["std_ddof1_exact"]) == 0.0;
                    report.check(flat && zero, file, &key, || reason.to_string());
                    continue;
                }
            };
            let sd = number(&golden.answers["basic"]["std_ddof1_exact"]);
            let tolerance = sd * if file.starts_with("huge_") { 0.02 } else { 1e-10 };
            // At one unit in the last place the reference's own trend is rounding.
            let tolerance = if file == "edge_near_constant_1ulp" {
                4.0 * f64::EPSILON
            } else {
                tolerance
            };
            for (k, want) in numbers(&block["seasonal_one_period"]).iter().enumerate() {
                report.absolute(file, &format!("{key}.seasonal[{k}]"), got.season[k], *want, tolerance);
            }
            report.check(
                got.margin as u64 == block["n_trend_nan_head"].as_u64().unwrap(),
                file,
                &key,
                || "margin".into(),
            );
            for (name, ours) in [("trend", &got.trend), ("resid", &got.remainder)] {
                let wanted: Vec<f64> = numbers(&block[name]).into_iter().filter(|x| x.is_finite()).collect();
                report.check(wanted.len() == ours.len(), file, &format!("{key}.{name}"), || {
                    format!("{}", ours.len())
                });
                for (k, want) in wanted.iter().enumerate() {
                    report.absolute(file, &format!("{key}.{name}[{k}]"), ours[k], *want, tolerance);
                }
            }
            // Strengths of series without noise are ratios of rounding errors in the reference.
            let measured = !file.starts_with("huge_") && (!file.starts_with("edge_") || file.starts_with("edge_n"));
            if measured && file != "edge_near_constant_1ulp" {
                for (name, ours) in [
                    ("strength_seasonal", got.seasonal_strength),
                    ("strength_trend", got.trend_strength),
                ] {
                    if !block[name].is_null() {
                        report.absolute(file, &format!("{key}.{name}"), ours, number(&block[name]), 1e-8);
                    }
                }
            }
        }
    }
    report.finish(60_000);
}
