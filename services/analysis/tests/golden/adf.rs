//! The Dickey–Fuller test against the reference on the standardised series.

use crate::reference::all;
use sla_analysis::Degenerate;
use sla_analysis::adf::augmented_dickey_fuller;
use sla_testkit::golden::{Report, number};

/// Series that a regression fits to rounding precision: the reference divides noise by noise, we say so.
const EXACT: [&str; 6] = [
    "edge_alternating",
    "edge_linear_ramp",
    "edge_near_constant_1ulp",
    "edge_pure_sine_p40",
    "edge_quadratic",
    "edge_square_p10",
];

#[test]
fn dickey_fuller() {
    let mut report = Report::default();
    for golden in all() {
        let file = golden.name.as_str();
        let want = &golden.answers["adf"]["c_AIC_standardised"];
        let got = augmented_dickey_fuller(&golden.values);
        if EXACT.contains(&file) {
            report.check(got == Err(Degenerate::ExactFit), file, "adf", || format!("{got:?}"));
            continue;
        }
        if want.is_null() || number(&want["stat"]).is_nan() {
            report.check(got.is_err(), file, "adf", || format!("{got:?}"));
            continue;
        }
        let got = match got {
            Ok(got) => got,
            Err(reason) => {
                report.check(false, file, "adf", || reason.to_string());
                continue;
            }
        };
        report.relative(file, "stat", got.statistic, number(&want["stat"]), 1e-8);
        report.absolute(file, "pvalue", got.p_value, number(&want["pvalue"]), 1e-8);
        // The reference standardised with its own deviation, which has lost digits at 1e15: put the true one back.
        let basic = &golden.answers["basic"];
        let lost = number(&basic["std_ddof1"]) / number(&basic["std_ddof1_exact"]);
        let rows = (golden.values.len() - 1 - largest_lag(golden.values.len())) as f64;
        let icbest = number(&want["icbest"]) + 2.0 * rows * lost.ln();
        report.relative(file, "icbest", got.best_aic, icbest, 1e-8);
        report.check(
            got.used_lag as u64 == want["usedlag"].as_u64().unwrap(),
            file,
            "usedlag",
            || format!("{}", got.used_lag),
        );
        report.check(
            got.n_observations as u64 == want["nobs"].as_u64().unwrap(),
            file,
            "nobs",
            || format!("{}", got.n_observations),
        );
        for (level, got) in ["1%", "5%", "10%"].iter().zip(got.critical) {
            report.relative(file, level, got, number(&want["crit"][level]), 1e-10);
        }
    }
    report.finish(257);
}

fn largest_lag(n: usize) -> usize {
    ((12.0 * (n as f64 / 100.0).powf(0.25)).ceil() as usize).min(n / 2 - 2)
}
