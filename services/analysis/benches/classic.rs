//! Cost of each classic step at n = 240, 720, 2880, 8640 (15 s: one hour to a day and a half), one thread.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sla_analysis::acf::autocorrelation;
use sla_analysis::adf::augmented_dickey_fuller;
use sla_analysis::arima::{self, Order};
use sla_analysis::bins::{Bin, bins};
use sla_analysis::decomposition::decompose;
use sla_analysis::holt_winters::{Parameters, fit, warm_fit};
use sla_analysis::seasonality::detect;
use sla_analysis::statistics::{moments, statistics};
use std::hint::black_box;
use std::time::Duration;

/// Lets the optimiser believe that the result is used.
fn keep<T>(result: T) {
    let _ = black_box(result);
}

/// Series lengths.
const LENGTHS: [usize; 4] = [240, 720, 2880, 8640];
/// Spacing of the samples.
const STEP_MS: u64 = 15_000;
/// Width of the classic bins.
const BIN_MS: u64 = 120_000;

/// The first golden series of that kind, repeated with a slow drift until it is long enough.
fn series(n: usize) -> Vec<f64> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/long12h_15s_s1.json");
    let golden: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let base: Vec<f64> = golden["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect();
    (0..n)
        .map(|i| base[i % base.len()] + (i / base.len()) as f64 * 0.5)
        .collect()
}

fn times(n: usize) -> Vec<i64> {
    (0..n as i64).map(|i| 1_700_000_000_000 + i * STEP_MS as i64).collect()
}

fn means_maxima_minima(bins: &[Bin]) -> [Vec<f64>; 3] {
    [|b: &Bin| b.mean, |b: &Bin| b.max, |b: &Bin| b.min].map(|part| bins.iter().map(part).collect())
}

/// Statistics, metadata and the three Holt–Winters forecasts, as one ETL step computes them; the fits' parameters come back.
fn metric(times: &[i64], values: &[f64], last: Option<[Parameters; 3]>) -> [Parameters; 3] {
    black_box(statistics(values)).unwrap();
    black_box(autocorrelation(values, None)).unwrap();
    black_box(augmented_dickey_fuller(values)).unwrap();
    black_box(decompose(values, 40)).unwrap();
    let parts = means_maxima_minima(&bins(times, values, BIN_MS).unwrap());
    let mut used = [Parameters {
        alpha: 0.0,
        beta: 0.0,
        gamma: 0.0,
    }; 3];
    for (i, part) in parts.iter().enumerate() {
        let model = match last {
            Some(last) => warm_fit(part, 5, last[i]),
            None => fit(part, 5),
        }
        .unwrap();
        black_box(model.forecast(5));
        used[i] = model.parameters;
    }
    used
}

fn classic(c: &mut Criterion) {
    for n in LENGTHS {
        let values = series(n);
        let times = times(n);
        let parts = means_maxima_minima(&bins(&times, &values, BIN_MS).unwrap());
        let learned = metric(&times, &values, None);
        let minutes: Vec<f64> = bins(&times, &values, 60_000).unwrap().iter().map(|b| b.mean).collect();
        let mut group = c.benchmark_group("classic");
        let mut step = |name: &str, f: &mut dyn FnMut()| {
            group.bench_function(BenchmarkId::new(name, n), |b| b.iter(&mut *f));
        };
        step("moments", &mut || keep(moments(black_box(&values))));
        step("statistics", &mut || keep(statistics(black_box(&values))));
        step("acf", &mut || {
            keep(autocorrelation(black_box(&values), None));
        });
        step("adf", &mut || {
            keep(augmented_dickey_fuller(black_box(&values)));
        });
        step("decomposition", &mut || {
            keep(decompose(black_box(&values), 10));
        });
        step("seasonality", &mut || {
            keep(detect(black_box(&values), STEP_MS));
        });
        step("metadata", &mut || {
            keep(moments(black_box(&values)));
            keep(autocorrelation(black_box(&values), None));
            keep(augmented_dickey_fuller(black_box(&values)));
            keep(decompose(black_box(&values), 10));
        });
        step("bins", &mut || {
            keep(bins(black_box(&times), black_box(&values), BIN_MS));
        });
        step("holt_winters_x3_2min_cold", &mut || {
            for part in &parts {
                keep(fit(black_box(part), 5));
            }
        });
        step("holt_winters_x3_2min_warm", &mut || {
            for (part, last) in parts.iter().zip(learned) {
                keep(warm_fit(black_box(part), 5, last));
            }
        });
        step("holt_winters_1min_cold", &mut || {
            keep(fit(black_box(&minutes), 10));
        });
        step("metric_cold", &mut || {
            black_box(metric(black_box(&times), black_box(&values), None));
        });
        step("metric_warm", &mut || {
            black_box(metric(black_box(&times), black_box(&values), Some(learned)));
        });
        let order = Order::new(1, 1, 1);
        step("arima_111_cold", &mut || {
            keep(arima::fit(black_box(&values), order));
        });
        let model = arima::fit(&values, order).unwrap();
        step("arima_111_warm", &mut || {
            keep(arima::warm_fit(black_box(&values), order, &model.parameters));
        });
        step("arima_violation_within_40", &mut || {
            black_box(model.violation_within(40, Some(20.0), Some(60.0)));
        });
        group.finish();
    }
    subnormals(c);
}

/// Values whose smoothing decays through the sub-normal range: as fast as any other.
fn subnormals(c: &mut Criterion) {
    let mut values = vec![0.0; 360];
    for (i, x) in values.iter_mut().enumerate().take(20) {
        *x = (i * i % 7) as f64;
    }
    c.bench_function("classic/holt_winters_decaying", |b| {
        b.iter(|| black_box(fit(black_box(&values), 5)));
    });
    let mut steps = vec![0.0; 2880];
    for (i, x) in steps.iter_mut().enumerate().take(40) {
        *x = (i * i % 11) as f64;
    }
    c.bench_function("classic/arima_decaying", |b| {
        b.iter(|| black_box(arima::fit(black_box(&steps), Order::new(1, 1, 1))));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
    targets = classic
}
criterion_main!(benches);
