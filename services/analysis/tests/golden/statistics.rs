//! Counts and extremes exactly; mean, deviation and quantiles to 1e-12.

use crate::reference::all;
use sla_analysis::Degenerate;
use sla_analysis::statistics::{moments, quantile, statistics};
use sla_testkit::golden::{Report, number};

#[test]
fn moments_and_quantiles() {
    let mut report = Report::default();
    for golden in all() {
        let file = golden.name.as_str();
        let basic = &golden.answers["basic"];
        let finite = basic["n_finite"].as_u64().unwrap();
        if finite == 0 {
            let want = if golden.values.is_empty() {
                Degenerate::Empty
            } else {
                Degenerate::AllNonFinite
            };
            report.check(moments(&golden.values) == Err(want), file, "basic", || {
                "no typed reason".into()
            });
            continue;
        }
        let m = moments(&golden.values).unwrap();
        report.check(m.n as u64 == basic["n"].as_u64().unwrap(), file, "n", || {
            format!("{}", m.n)
        });
        report.check(m.n_finite as u64 == finite, file, "n_finite", || {
            format!("{}", m.n_finite)
        });
        for (key, got) in [("min", m.min), ("max", m.max)] {
            let want = number(&basic[key]);
            // The reference's extremes see ±Inf; ours speak of the finite samples.
            if want.is_finite() {
                report.relative(file, key, got, want, 0.0);
            }
        }
        report.relative(file, "mean_exact", m.mean, number(&basic["mean_exact"]), 1e-12);
        if !basic["std_ddof1_exact"].is_null() {
            report.relative(file, "std_ddof1_exact", m.std, number(&basic["std_ddof1_exact"]), 1e-12);
        }
        for (key, want) in basic["quantiles_linear"].as_object().unwrap() {
            let got = quantile(&golden.values, key.parse().unwrap()).unwrap();
            report.relative(file, key, got, number(want), 1e-12);
        }
        let s = statistics(&golden.values).unwrap();
        let quantiles = &basic["quantiles_linear"];
        for (key, got) in [("0.5", s.median), ("0.95", s.p95), ("0.99", s.p99)] {
            report.relative(file, key, got, number(&quantiles[key]), 1e-12);
        }
    }
    report.finish(600);
}
