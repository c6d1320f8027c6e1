//! Holt–Winters: strict with given parameters, by quality where an optimiser is involved.

use crate::reference::all;
use serde_json::Value;
use sla_analysis::Degenerate;
use sla_analysis::bins::bins;
use sla_analysis::holt_winters::{MAX_HORIZON, Parameters, State, extrapolate, filter, fit, warm_fit};
use sla_testkit::golden::{Report, number, numbers};

fn state(block: &Value) -> State {
    State {
        level: number(&block["l0"]),
        trend: number(&block["b0"]),
        season: numbers(&block["s0"]),
    }
}

fn parameters(block: &Value) -> Parameters {
    Parameters {
        alpha: number(&block["alpha"]),
        beta: number(&block["beta_star"]),
        gamma: number(&block["gamma"]),
    }
}

/// Every configuration of every file that has an input: file, key, block.
fn configurations() -> Vec<(String, String, Value, Value)> {
    let mut out = Vec::new();
    for golden in all() {
        for (key, block) in golden.answers["holt_winters"].as_object().unwrap() {
            out.push((golden.name.clone(), key.clone(), block.clone(), golden.answers.clone()));
        }
    }
    out
}

#[test]
fn binned_inputs() {
    let mut report = Report::default();
    for (file, key, block, answers) in configurations() {
        if block.get("input").is_none() {
            continue;
        }
        let wanted = numbers(&block["input"]);
        let step_ms = answers["step_seconds"].as_i64().unwrap() * 1000;
        let values = numbers(&answers["values"]);
        let times: Vec<i64> = (0..values.len() as i64)
            .map(|i| 1_700_000_000_000 + i * step_ms)
            .collect();
        let (seconds, rest) = key.split_once("s_").unwrap();
        let got = bins(&times, &values, seconds.parse::<u64>().unwrap() * 1000).unwrap();
        report.check(got.len() == wanted.len(), &file, &key, || {
            format!("{} bins, want {}", got.len(), wanted.len())
        });
        for (i, (bin, want)) in got.iter().zip(&wanted).enumerate() {
            let value = match rest.split_once('_').map_or(rest, |p| p.0) {
                "mean" | "m5" => bin.mean,
                "max" => bin.max,
                "min" => bin.min,
                other => panic!("unknown bin kind {other}"),
            };
            report.relative(&file, &format!("{key}[{i}]"), value, *want, 1e-14);
        }
    }
    report.finish(5000);
}

#[test]
fn given_parameters() {
    let mut report = Report::default();
    for (file, key, block, _) in configurations() {
        for (i, fixed) in block
            .get("fixed")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let key = format!("{key}.fixed[{i}]");
            let got = filter(&numbers(&block["input"]), parameters(fixed), &state(fixed)).unwrap();
            report.relative(&file, &format!("{key}.sse"), got.sse, number(&fixed["sse"]), 1e-10);
            let wanted = numbers(&fixed["forecast_textbook"]);
            let ahead = extrapolate(&got.end, wanted.len());
            for (h, want) in wanted.iter().enumerate() {
                let tolerance = 1e-10 * want.abs().max(1.0);
                report.absolute(
                    &file,
                    &format!("{key}.forecast_textbook[{h}]"),
                    ahead[h],
                    *want,
                    tolerance,
                );
            }
        }
    }
    report.finish(3000);
}

#[test]
fn fitted_quality() {
    let mut report = Report::default();
    for (file, key, block, _) in configurations() {
        let Some(auto) = block.get("fit_auto") else {
            continue;
        };
        let input = numbers(&block["input"]);
        let m = block["m"].as_u64().unwrap() as usize;
        let mean = input.iter().sum::<f64>() / input.len() as f64;
        let spread: f64 = input.iter().map(|y| (y - mean) * (y - mean)).sum();
        let best = block
            .get("best_known_sse")
            .map_or(f64::INFINITY, number)
            .min(number(&auto["sse"]));
        match fit(&input, m) {
            Ok(got) => {
                let allowed = 1.001 * best + 1e-12 * spread;
                report.check(got.sse <= allowed, &file, &key, || {
                    format!(
                        "sse {} against {best}: ratio {}, {:?}",
                        got.sse,
                        got.sse / best,
                        got.parameters
                    )
                });
                let again = filter(&input, got.parameters, &got.start).unwrap();
                // The textbook order of operations is noise at 1e15; the fit's own is not.
                let noise = if file.starts_with("huge_") { 1e-2 } else { 1e-9 };
                report.relative(&file, &format!("{key} own sse"), got.sse, again.sse, noise);
                let warm = warm_fit(&input, m, got.parameters).unwrap();
                report.check(
                    warm.sse <= 1.0001 * got.sse + 1e-12 * spread,
                    &file,
                    &format!("{key} warm"),
                    || format!("sse {} against cold {}", warm.sse, got.sse),
                );
                let ahead = got.forecast(2 * m);
                let ok = ahead.mean.iter().chain(&ahead.standard_error).all(|x| x.is_finite());
                report.check(ok, &file, &format!("{key} forecast"), || format!("{ahead:?}"));
            }
            Err(Degenerate::Constant) => {
                let flat = input.iter().all(|y| *y == input[0]);
                report.check(flat, &file, &key, || "not constant".into());
            }
            Err(Degenerate::ExactFit | Degenerate::Subnormal) => {
                report.check(best <= 1e-12 * spread + 1e-300, &file, &key, || {
                    format!("reference sse {best} of {spread}")
                });
            }
            Err(reason) => report.check(false, &file, &key, || reason.to_string()),
        }
    }
    report.finish(300);
}

#[test]
fn a_forecast_is_bounded() {
    let y: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17)).collect();
    assert_eq!(fit(&y, 5).unwrap().forecast(usize::MAX).mean.len(), MAX_HORIZON);
}
