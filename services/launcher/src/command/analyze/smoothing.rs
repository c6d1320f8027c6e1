//! Holt–Winters of the mean, maximum and minimum of bins, as JSON.

use serde_json::{Map, Value, json};
use sla_analysis::Degenerate;
use sla_analysis::bins::{Bin, bins, latest_run};
use sla_analysis::holt_winters::{Fit, Line, Parameters, State, extrapolate, filter, fit};

use super::wish::{Given, Wish};
use crate::command::input::Measured;

/// How far ahead.
const HORIZON_MS: i64 = 600_000;
/// What of a bin is modelled.
type OfBin = fn(&Bin) -> f64;
/// Its names.
const KINDS: [(&str, OfBin); 3] = [("mean", |bin| bin.mean), ("max", |bin| bin.max), ("min", |bin| bin.min)];

/// One entry a configuration and kind: `120s_mean_m5`.
pub(super) fn all(series: &Measured, wish: &Wish) -> Value {
    let mut out = Map::new();
    for &(bin_ms, m) in &wish.holt_winters {
        let all = bins(&series.samples.times_ms, &series.samples.values, bin_ms.unsigned_abs());
        let mut keys: Vec<(String, OfBin)> = KINDS
            .iter()
            .map(|(kind, of)| (format!("{}_{kind}_m{m}", width(bin_ms)), *of))
            .collect();
        if bin_ms == series.step_ms {
            // A bin is a sample: the three are one, which has a name of its own.
            keys.push((format!("{}_m{m}_h{}", width(bin_ms), horizon(bin_ms)), |bin| bin.mean));
        }
        for (key, of) in keys {
            let value = match &all {
                Ok(all) => {
                    let run = latest_run(all);
                    let input: Vec<f64> = run.iter().map(of).collect();
                    let mut value = model(&input, bin_ms, m, &wish.given);
                    if run.len() < all.len() {
                        // Bins before a gap in time do not count.
                        value["values_used"] = json!({ "first": run[0].index, "n": run.len() });
                    }
                    value
                }
                Err(reason) => json!({ "m": m, "h": horizon(bin_ms), "n": 0, "degenerate": reason.to_string() }),
            };
            out.insert(key, value);
        }
    }
    Value::Object(out)
}

/// `120s`, or `500ms` where seconds do not do.
fn width(bin_ms: i64) -> String {
    if bin_ms % 1000 == 0 {
        format!("{}s", bin_ms / 1000)
    } else {
        format!("{bin_ms}ms")
    }
}

fn horizon(bin_ms: i64) -> usize {
    (HORIZON_MS / bin_ms).max(1) as usize
}

fn model(input: &[f64], bin_ms: i64, m: usize, given: &Given) -> Value {
    let h = horizon(bin_ms);
    let mut out = json!({ "m": m, "h": h, "n": input.len() });
    let (block, answer) = match given {
        Given::HoltWinters(params) => ("fixed", at_given(input, params, h)),
        Given::Nothing | Given::Arima(_) => ("fit_auto", fit(input, m).map(|fit| of_fit(&fit, h))),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            out["degenerate"] = json!(reason.to_string());
            // As a run's forecast: where there is no noise the line goes on, with an interval of no width.
            if let (Degenerate::Constant | Degenerate::ExactFit, Some(line)) = (reason, Line::through(input)) {
                out["forecast"] = json!((1..=h).map(|step| line.ahead(step)).collect::<Vec<f64>>());
                out["se"] = json!(vec![0.0; h]);
            }
            return out;
        }
    };
    // The same numbers once flat, for readers, and once under the golden files' names.
    for (key, value) in answer.as_object().into_iter().flatten() {
        out[key] = value.clone();
    }
    out["input"] = json!(input);
    out[block] = if block == "fixed" { json!([answer]) } else { answer };
    out
}

fn of_fit(fit: &Fit, h: usize) -> Value {
    let ahead = fit.forecast(h);
    let mut out = block(fit.parameters, &fit.start, fit.sse, &ahead.mean);
    out["se"] = json!(ahead.standard_error);
    out["residual_sd"] = json!(fit.residual_sd);
    out
}

fn at_given(input: &[f64], params: &[f64], h: usize) -> Result<Value, Degenerate> {
    let [alpha, beta, gamma, level, trend, season @ ..] = params else {
        return Err(Degenerate::BadParameter {
            name: "number of parameters",
        });
    };
    let parameters = Parameters {
        alpha: *alpha,
        beta: *beta,
        gamma: *gamma,
    };
    let start = State {
        level: *level,
        trend: *trend,
        season: season.to_vec(),
    };
    let passed = filter(input, parameters, &start)?;
    Ok(block(parameters, &start, passed.sse, &extrapolate(&passed.end, h)))
}

fn block(parameters: Parameters, start: &State, sse: f64, forecast: &[f64]) -> Value {
    json!({
        "sse": sse,
        "alpha": parameters.alpha,
        "beta_star": parameters.beta,
        "gamma": parameters.gamma,
        "l0": start.level,
        "b0": start.trend,
        "s0": start.season,
        "forecast": forecast,
        // The reference loses the last seasonal update at steps m, 2m, …; its corrected forecast has this name.
        "forecast_textbook": forecast,
    })
}
