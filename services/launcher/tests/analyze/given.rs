//! Given parameters: no optimiser between the binary and the reference.

use serde_json::Value;

use crate::binary::{analyze, golden_files};
use crate::rounding;
use sla_testkit::golden::{Report, is_exact, number, numbers};

fn joined(list: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let words: Vec<String> = list.into_iter().map(|item| item.to_string()).collect();
    words.join(",")
}

#[test]
fn arima_at_given_parameters() {
    let mut report = Report::default();
    for golden in golden_files() {
        let file = golden.name.as_str();
        for block in golden.answers["arima"].as_array().unwrap() {
            if is_exact(file) || block.get("order").is_none() {
                continue;
            }
            let order = joined(block["order"].as_array().unwrap());
            let fixed = &block["fixed"][0];
            let params = joined(numbers(&fixed["params"]));
            let (code, ours) = analyze(&golden.path, &["--arima", &order, "--params", &params]);
            let got = &ours["arima"][0]["fixed"][0];
            let key = format!("arima {order} {params}");
            if golden.answers["basic"]["n"].as_u64().unwrap() < 3 {
                let reason = &ours["arima"][0]["degenerate"];
                report.check(
                    reason.is_string() || got["llf_differenced_exact"].is_f64(),
                    file,
                    &key,
                    || ours.to_string(),
                );
                continue;
            }
            report.check(code == 0, file, &key, || format!("exit code {code}"));
            report.check(got["params"] == fixed["params"], file, &key, || {
                got["params"].to_string()
            });
            // The reference's filter stops early on this one: 1e-5 of its likelihood is missing (proved where the engine is tested).
            let tolerance = if file.starts_with("huge_offset") { 7e-5 } else { 1e-6 };
            let llf = number(&fixed["llf_differenced_exact"]);
            report.relative(file, &key, &got["llf_differenced_exact"], llf, tolerance);
            if golden.answers["basic"]["n"].as_u64().unwrap() < 5 || file.starts_with("huge_") {
                continue;
            }
            // The reference's nearly diffuse start leaves about 1e-6 of its own in differenced models.
            let loose = if block["order"][1] == 0 { 1e-7 } else { 2e-5 };
            let errors = numbers(&fixed["se"]);
            report.all(file, &format!("{key} se"), &got["se"], &errors, |se| loose * se);
            let (ahead, want) = (numbers(&got["forecast"]), numbers(&fixed["forecast"]));
            report.check(ahead.len() == want.len(), file, &key, || {
                format!("{} steps", ahead.len())
            });
            for (h, (ahead, want)) in ahead.iter().zip(&want).enumerate() {
                report.check((ahead - want).abs() <= loose * errors[h], file, &key, || {
                    format!("forecast[{h}] {ahead}, want {want}")
                });
            }
        }
    }
    report.finish(4_000);
}

#[test]
fn probabilities_at_the_fitted_parameters_of_the_reference() {
    let mut report = Report::default();
    for golden in golden_files() {
        let file = golden.name.as_str();
        for block in golden.answers["arima"].as_array().unwrap() {
            let short = golden.answers["basic"]["n"].as_u64().unwrap() < 100;
            if is_exact(file) || short || file.starts_with("huge_") || block.get("order").is_none() {
                continue;
            }
            let order = joined(block["order"].as_array().unwrap());
            let params = joined(numbers(&block["params"]));
            let (_, ours) = analyze(&golden.path, &["--arima", &order, "--params", &params]);
            let got = &ours["arima"][0];
            let key = format!("arima {order} {params}");
            // Parameters on the edge of what is stationary are the reference's own affair.
            if got["degenerate"].is_string() {
                let ar = got["degenerate"].as_str().unwrap().contains("ar");
                report.check(ar, file, &key, || got.to_string());
                continue;
            }
            let steps = numbers(&block["p_violation_step"]);
            report.all(
                file,
                &format!("{key} p_violation_step"),
                &got["p_violation_step"],
                &steps,
                |_| 5e-4,
            );
            // 4,000 paths have a standard error of up to 0.008.
            let any = number(&block["p_any_violation_mc4000"]);
            report.absolute(
                file,
                &format!("{key} p_any_violation"),
                &got["p_any_violation"],
                any,
                0.03,
            );
        }
    }
    report.finish(1_500);
}

#[test]
fn holt_winters_at_given_parameters() {
    let mut report = Report::default();
    for golden in golden_files() {
        let file = golden.name.as_str();
        for (key, block) in golden.answers["holt_winters"].as_object().unwrap() {
            // One configuration fills the mean, the maximum and the minimum of its bins; a third of the runs is enough of the others.
            let Some(fixed) = block.get("fixed").and_then(Value::as_array) else {
                continue;
            };
            let at = key.len() % fixed.len();
            let fixed = &fixed[at];
            let width = key.split_once('_').unwrap().0;
            let bins = format!("{width},{}", block["m"]);
            let names = ["alpha", "beta_star", "gamma", "l0", "b0"];
            let numbers_given = names
                .iter()
                .map(|name| number(&fixed[*name]))
                .chain(numbers(&fixed["s0"]));
            let params = joined(numbers_given);
            let (_, ours) = analyze(&golden.path, &["--holt-winters", &bins, "--params", &params]);
            let got = &ours["holt_winters"][key]["fixed"][0];
            let key = format!("{key}.fixed[{at}]");
            let sse = number(&fixed["sse"]);
            let tolerance = 1e-10 * sse + rounding(&numbers(&block["input"]), sse);
            report.absolute(file, &format!("{key}.sse"), &got["sse"], sse, tolerance);
            let ahead = numbers(&fixed["forecast_textbook"]);
            report.all(
                file,
                &format!("{key}.forecast_textbook"),
                &got["forecast_textbook"],
                &ahead,
                |y| 1e-10 * y.abs().max(1.0),
            );
        }
    }
    report.finish(1_000);
}
