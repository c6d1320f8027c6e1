//! Times each classic step and the forecast pool on the values of a golden-style file (`{"values": […]}`) and prints `{"step": milliseconds}`: the least
//! of many runs, one thread.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a command for developers")]

use sla_analysis::acf::autocorrelation;
use sla_analysis::adf::augmented_dickey_fuller;
use sla_analysis::arima::{self, Order};
use sla_analysis::bins::bins;
use sla_analysis::decomposition::decompose;
use sla_analysis::holt_winters::{fit, warm_fit};
use sla_analysis::pool::{self, History, Question, Threshold};
use sla_analysis::seasonality::detect;
use sla_analysis::statistics::{moments, statistics};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Lets the optimiser believe that the result is used.
fn keep<T>(result: T) {
    let _ = black_box(result);
}

/// Wall time spent on one step.
const BUDGET: Duration = Duration::from_millis(400);

fn least(mut step: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed() < BUDGET {
        let start = Instant::now();
        step();
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    best
}

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let values: Vec<f64> = file["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect();
    let step_ms = 15_000_u64;
    let times: Vec<i64> = (0..values.len() as i64).map(|i| i * step_ms as i64).collect();
    let binned = bins(&times, &values, 120_000).unwrap();
    let parts: [Vec<f64>; 3] = [
        binned.iter().map(|b| b.mean).collect(),
        binned.iter().map(|b| b.max).collect(),
        binned.iter().map(|b| b.min).collect(),
    ];
    let learned = [0, 1, 2].map(|i| fit(&parts[i], 5).unwrap().parameters);
    let order = Order::new(1, 1, 1);
    let model = arima::fit(&values, order).unwrap();
    let metadata = || {
        let _ = black_box(moments(black_box(&values)));
        let _ = black_box(autocorrelation(black_box(&values), None));
        let _ = black_box(augmented_dickey_fuller(black_box(&values)));
        let _ = black_box(decompose(black_box(&values), 10));
    };
    let cold = || {
        for part in &parts {
            let _ = black_box(fit(black_box(part), 5));
        }
    };
    let warm = || {
        for (part, last) in parts.iter().zip(learned) {
            let _ = black_box(warm_fit(black_box(part), 5, last));
        }
    };
    let binning = || {
        let _ = black_box(bins(black_box(&times), black_box(&values), 120_000));
    };
    let all = || {
        let _ = black_box(statistics(black_box(&values)));
        metadata();
        binning();
    };
    // 10 min and 1 h ahead, against a lower and an upper bound.
    let history = History::regular(&values, step_ms as i64).unwrap();
    let question = Question::new(vec![40, 240], vec![Threshold::lower(20.0), Threshold::upper(60.0)]);
    let (_, state) = pool::forecast(&history, &question, None, 7).unwrap();
    let results = [
        ("moments", least(|| keep(moments(black_box(&values))))),
        ("statistics", least(|| keep(statistics(black_box(&values))))),
        ("acf", least(|| keep(autocorrelation(black_box(&values), None)))),
        ("adf", least(|| keep(augmented_dickey_fuller(black_box(&values))))),
        ("decomposition", least(|| keep(decompose(black_box(&values), 10)))),
        ("metadata", least(metadata)),
        ("seasonality", least(|| keep(detect(black_box(&values), step_ms)))),
        ("bins", least(binning)),
        ("holt_winters_x3_cold", least(cold)),
        ("holt_winters_x3_warm", least(warm)),
        (
            "metric_cold",
            least(|| {
                all();
                cold();
            }),
        ),
        (
            "metric_warm",
            least(|| {
                all();
                warm();
            }),
        ),
        ("arima_111_cold", least(|| keep(arima::fit(black_box(&values), order)))),
        (
            "arima_111_warm",
            least(|| keep(arima::warm_fit(black_box(&values), order, &model.parameters))),
        ),
        (
            "arima_violation_within_40",
            least(|| {
                black_box(model.violation_within(40, Some(20.0), Some(60.0)));
            }),
        ),
        (
            "pool_cold",
            least(|| keep(pool::forecast(black_box(&history), &question, None, 7))),
        ),
        (
            "pool_stored",
            least(|| keep(pool::forecast(black_box(&history), &question, Some(&state), 7))),
        ),
    ];
    let map: serde_json::Map<String, serde_json::Value> = results
        .iter()
        .map(|(name, ms)| ((*name).to_owned(), (*ms).into()))
        .collect();
    println!("{}", serde_json::Value::Object(map));
}
