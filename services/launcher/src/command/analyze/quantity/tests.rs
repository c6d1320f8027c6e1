use std::path::Path;

use super::*;
use crate::command::samples::read_values;
use sla_analysis::arima::Order;
use sla_domain::Samples;

fn golden(name: &str) -> (Value, Measured) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../analysis/tests/golden/{name}.json"));
    let wanted: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let file = read_values(&path).unwrap();
    let step_ms = (file.step_seconds.unwrap() * 1000.0) as i64;
    let times = (0..file.values.len() as i64).map(|k| k * step_ms).collect();
    let series = Measured {
        name: name.to_owned(),
        labels: None,
        rate_over_ms: None,
        samples: Samples::from_columns(times, file.values),
        step_ms,
    };
    (wanted, series)
}

fn wish(given: Given) -> Wish {
    Wish {
        arima: vec![Order::new(1, 1, 1)],
        holt_winters: vec![(120_000, 5), (60_000, 10)],
        given,
    }
}

fn close(got: &Value, want: &Value, tolerance: f64) {
    let (got, want) = (got.as_f64().unwrap(), want.as_f64().unwrap());
    assert!((got - want).abs() <= tolerance * want.abs().max(1e-300), "{got} {want}");
}

#[test]
fn names_and_numbers_are_those_of_a_golden_file() {
    let (wanted, series) = golden("hour_15s_s1");
    let got = all(&series, &wish(Given::Nothing)).unwrap();
    for key in ["n", "n_finite", "min", "max"] {
        assert_eq!(got["basic"][key], wanted["basic"][key], "{key}");
    }
    for key in ["mean", "std_ddof1", "std_ddof0"] {
        close(&got["basic"][key], &wanted["basic"][key], 1e-12);
    }
    for (key, want) in wanted["basic"]["quantiles_linear"].as_object().unwrap() {
        close(&got["basic"]["quantiles_linear"][key], want, 1e-12);
    }
    let (adf, want) = (&got["adf"]["c_AIC"], &wanted["adf"]["c_AIC_standardised"]);
    close(&adf["stat"], &want["stat"], 1e-8);
    close(&adf["icbest"], &want["icbest"], 1e-8);
    assert_eq!((&adf["usedlag"], &adf["nobs"]), (&want["usedlag"], &want["nobs"]));
    for key in ["1%", "5%", "10%"] {
        close(&adf["crit"][key], &want["crit"][key], 1e-10);
    }
    assert_eq!(got["acf"]["default_nlags"], wanted["acf"]["default_nlags"]);
    for key in ["acf_default", "acf_40_direct", "bartlett_ci_lo", "bartlett_ci_hi"] {
        let (got, want) = (
            got["acf"][key].as_array().unwrap(),
            wanted["acf"][key].as_array().unwrap(),
        );
        assert_eq!(got.len(), want.len(), "{key}");
        for (got, want) in got.iter().zip(want) {
            assert!((got.as_f64().unwrap() - want.as_f64().unwrap()).abs() < 1e-9, "{key}");
        }
    }
    for (got, want) in got["decompose"]
        .as_array()
        .unwrap()
        .iter()
        .zip(wanted["decompose"].as_array().unwrap())
    {
        for key in ["period", "n_trend_nan_head", "n_trend_nan_tail"] {
            assert_eq!(got[key], want[key]);
        }
        for key in ["trend", "resid", "seasonal_one_period"] {
            let (got, want) = (got[key].as_array().unwrap(), want[key].as_array().unwrap());
            assert_eq!(got.len(), want.len(), "{key}");
            for (got, want) in got.iter().zip(want) {
                match want.as_f64() {
                    Some(want) => assert!((got.as_f64().unwrap() - want).abs() < 1e-9, "{key}"),
                    None => assert!(got.is_null(), "the golden file says nan"),
                }
            }
        }
    }
    for (key, want) in wanted["holt_winters"].as_object().unwrap() {
        let got = &got["holt_winters"][key];
        for key in ["m", "h", "n"] {
            assert_eq!(got[key], want[key], "{key}");
        }
        let (sse, best) = (
            got["fit_auto"]["sse"].as_f64().unwrap(),
            want["fit_auto"]["sse"].as_f64().unwrap(),
        );
        assert!(sse <= 1.001 * best, "{key} {sse} {best}");
        assert_eq!(
            got["fit_auto"]["forecast"].as_array().unwrap().len() as u64,
            want["h"].as_u64().unwrap()
        );
    }
    let (got, want) = (&got["arima"][0], &wanted["arima"][0]);
    for key in ["order", "trend", "names"] {
        assert_eq!(got[key], want[key]);
    }
    assert!(got["llf"].as_f64().unwrap() >= want["llf"].as_f64().unwrap() - 0.05);
    for key in ["forecast", "se", "ci95_lo", "ci80_hi", "p_violation_step"] {
        assert_eq!(
            got[key].as_array().unwrap().len(),
            want[key].as_array().unwrap().len(),
            "{key}"
        );
    }
}

#[test]
fn given_parameters_give_the_fixed_blocks() {
    let (wanted, series) = golden("hour_15s_s1");
    let fixed = &wanted["arima"][0]["fixed"][0];
    let params = numbers(&fixed["params"]);
    let got = all(&series, &wish(Given::Arima(params))).unwrap();
    close(
        &got["arima"][0]["fixed"][0]["llf_differenced_exact"],
        &fixed["llf_differenced_exact"],
        1e-6,
    );
    close(&got["arima"][0]["llf"], &fixed["llf_differenced_exact"], 1e-6);
    let fixed = &wanted["holt_winters"]["120s_mean_m5"]["fixed"][0];
    let mut params: Vec<f64> = ["alpha", "beta_star", "gamma", "l0", "b0"]
        .iter()
        .map(|key| fixed[key].as_f64().unwrap())
        .collect();
    params.extend(numbers(&fixed["s0"]));
    let only = Wish {
        holt_winters: vec![(120_000, 5)],
        ..wish(Given::HoltWinters(params))
    };
    let got = all(&series, &only).unwrap();
    let got = &got["holt_winters"]["120s_mean_m5"]["fixed"][0];
    close(&got["sse"], &fixed["sse"], 1e-10);
    for (got, want) in numbers(&got["forecast"])
        .iter()
        .zip(numbers(&fixed["forecast_textbook"]))
    {
        assert!((got - want).abs() < 1e-9, "{got} {want}");
    }
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect()
}

#[test]
fn what_does_not_exist_has_a_reason() {
    for name in [
        "edge_n00",
        "edge_n01",
        "edge_all_nan",
        "edge_constant",
        "edge_inf",
        "edge_denormal",
    ] {
        let (_, series) = golden(name);
        let got = all(&series, &wish(Given::Nothing)).unwrap();
        let words = |part: &Value| part["degenerate"].as_str().is_some_and(|words| words.contains(' '));
        assert!(words(&got["adf"]["c_AIC"]), "{name}: {}", got["adf"]);
        assert!(words(&got["acf"]), "{name}: {}", got["acf"]);
        assert!(words(&got["arima"][0]), "{name}: {}", got["arima"]);
        let empty = got["basic"]["n_finite"] == 0;
        assert_eq!(words(&got["basic"]), empty, "{name}: {}", got["basic"]);
    }
}

#[test]
fn gaps_are_left_out_and_said() {
    let (wanted, series) = golden("edge_nan_gaps");
    let got = all(&series, &wish(Given::Nothing)).unwrap();
    assert_eq!(got["basic"]["n_finite"], wanted["basic"]["n_finite"]);
    assert!(got["adf"]["c_AIC"]["stat"].is_number());
    let used = &got["decompose"][0]["values_used"];
    assert!(used["n"].as_u64().unwrap() < 240, "{used}");
    assert_eq!(got["forecast"]["thresholds"].as_array().unwrap().len(), 2);
}
