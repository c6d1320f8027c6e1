//! What must hold for every series: answers are finite or a typed reason, never a panic, the same bits twice, and no dependence on
//! unit or offset where theory has none.

use proptest::prelude::*;
use sla_analysis::Degenerate;
use sla_analysis::acf::autocorrelation;
use sla_analysis::adf::augmented_dickey_fuller;
use sla_analysis::arima::{self, Order};
use sla_analysis::bins::{bins, latest_run};
use sla_analysis::decomposition::decompose;
use sla_analysis::holt_winters::{self, Parameters, State};
use sla_analysis::normal;
use sla_analysis::seasonality::detect;
use sla_analysis::statistics::{moments, quantile, statistics};
use std::time::{Duration, Instant};

/// Any double, the awkward ones often.
fn awkward() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        proptest::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            1e300,
            -1e300,
            1e-310,
            1e15,
            1e15 + 0.125,
        ]),
        -10.0..10.0_f64,
    ]
}

/// Finite values over the whole range of exponents, one exponent a series.
fn wild() -> impl Strategy<Value = Vec<f64>> {
    (
        -320..308_i32,
        proptest::collection::vec(-1.0..1.0_f64, 0..120),
        any::<bool>(),
    )
        .prop_map(|(exponent, x, coarse)| {
            let scale = 10.0_f64.powi(exponent / 2) * 10.0_f64.powi(exponent - exponent / 2);
            x.into_iter()
                .map(|x| if coarse { (x * 2.0).round() } else { x } * scale)
                .collect()
        })
}

fn tame() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(-10.0..10.0_f64, 40..160)
}

fn finite(values: &[f64]) -> bool {
    values.iter().all(|x| x.is_finite())
}

/// Every quantity of one series as one list of numbers; panics on a number that is not finite.
fn everything(values: &[f64]) -> Vec<f64> {
    let mut out = Vec::new();
    let mut add = |name: &str, numbers: &[f64]| {
        assert!(finite(numbers), "{name}: {numbers:?}");
        out.extend_from_slice(numbers);
    };
    if let Ok(s) = statistics(values) {
        let m = s.moments;
        add("statistics", &[m.min, m.max, m.mean, m.std, s.median, s.p95, s.p99]);
        assert!(m.min <= m.mean && m.mean <= m.max && m.min <= s.median && s.p99 <= m.max);
    }
    if let Ok(a) = autocorrelation(values, None) {
        add("acf", &a.acf);
        add("acf se", &a.standard_error);
        assert!(a.acf.iter().all(|r| r.abs() <= 1.0 + 1e-9));
    }
    if let Ok(d) = augmented_dickey_fuller(values) {
        add("adf", &[d.statistic, d.p_value, d.best_aic]);
        add("adf critical", &d.critical);
        assert!((0.0..=1.0).contains(&d.p_value));
    }
    for period in [2, 5, 10] {
        if let Ok(d) = decompose(values, period) {
            add("trend", &d.trend);
            add("season", &d.season);
            add("remainder", &d.remainder);
            add("strength", &[d.seasonal_strength, d.trend_strength]);
        }
    }
    if let Ok(seasons) = detect(values, 15_000) {
        add(
            "seasonality",
            &seasons
                .iter()
                .flat_map(|s| [s.period as f64, s.strength])
                .collect::<Vec<_>>(),
        );
    }
    if let Ok(f) = holt_winters::fit(values, 5) {
        let ahead = f.forecast(12);
        add("holt-winters", &ahead.mean);
        add("holt-winters se", &ahead.standard_error);
        add(
            "holt-winters fit",
            &[f.sse, f.parameters.alpha, f.parameters.beta, f.parameters.gamma],
        );
        assert!(f.parameters.check().is_ok() && f.parameters.alpha + f.parameters.gamma <= 1.0 + 1e-12);
    }
    for order in [
        Order::new(1, 1, 1),
        Order::new(2, 0, 1),
        Order::new(0, 2, 1),
        Order::new(0, 0, 0),
    ] {
        if let Ok(model) = arima::fit(values, order) {
            let ahead = model.forecast(12);
            add("arima", &ahead.mean);
            add("arima se", &ahead.standard_error);
            add("arima llf", &[model.log_likelihood]);
            let p = model.violation_within(5, Some(-1.0), Some(1.0));
            assert!((0.0..=1.0).contains(&p), "{p}");
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_doubles_give_numbers_or_reasons(values in proptest::collection::vec(awkward(), 0..80)) {
        everything(&values);
        let finite_only: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        everything(&finite_only);
        let odd = values.len() - finite_only.len();
        if odd > 0 && !finite_only.is_empty() {
            prop_assert_eq!(autocorrelation(&values, None), Err(Degenerate::NonFinite { count: odd }));
        }
        let _ = quantile(&values, 0.3);
    }

    #[test]
    fn any_magnitude_gives_the_same_bits_twice(values in wild()) {
        let (first, second) = (everything(&values), everything(&values));
        prop_assert_eq!(
            first.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            second.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn any_parameters_give_numbers_or_reasons(
        values in proptest::collection::vec(awkward(), 0..30),
        parameters in proptest::collection::vec(awkward(), 6),
        season in proptest::collection::vec(awkward(), 0..6),
    ) {
        let [alpha, beta, gamma, level, trend, sigma2] = parameters[..] else { unreachable!() };
        let given = Parameters { alpha, beta, gamma };
        if let Ok(f) = holt_winters::filter(&values, given, &State { level, trend, season }) {
            prop_assert!(f.sse.is_finite() && f.end.level.is_finite());
        }
        let order = Order::new(1, 1, 1);
        let given = arima::Parameters::from_slice(order, &[alpha, beta, sigma2]).unwrap();
        if let Ok(m) = arima::evaluate(&values, order, &given) {
            prop_assert!(m.log_likelihood.is_finite());
        }
        prop_assert!((0.0..=1.0).contains(&normal::outside(level, trend, Some(alpha), Some(beta))) || level.is_nan() || alpha.is_nan() || beta.is_nan());
    }

    #[test]
    fn any_times_give_bins_or_reasons(
        times in proptest::collection::vec(any::<i64>(), 0..20),
        sorted in any::<bool>(),
        values in proptest::collection::vec(awkward(), 0..20),
        width in prop_oneof![Just(0_u64), any::<u64>(), 1..100_000_u64],
    ) {
        let mut times = times;
        if sorted {
            times.sort_unstable();
            times.dedup();
        }
        let n = times.len().min(values.len());
        if let Ok(got) = bins(&times[..n], &values[..n], width) {
            prop_assert!(got.iter().all(|b| b.min <= b.mean && b.mean <= b.max && b.count > 0));
            prop_assert!(!latest_run(&got).is_empty());
        }
    }

    #[test]
    fn neither_unit_nor_offset_changes_what_has_none(values in tame(), shift in -1e6..1e6_f64, exponent in -40..40_i32) {
        let scale = 2.0_f64.powi(exponent);
        let moved: Vec<f64> = values.iter().map(|x| (x + shift) * scale).collect();
        let (a, b) = (moments(&values).unwrap(), moments(&moved).unwrap());
        prop_assert!((b.std / scale - a.std).abs() < 1e-9 * a.std);
        let (a, b) = (autocorrelation(&values, None).unwrap(), autocorrelation(&moved, None).unwrap());
        for (x, y) in a.acf.iter().zip(&b.acf) {
            prop_assert!((x - y).abs() < 1e-8);
        }
        let (a, b) = (augmented_dickey_fuller(&values).unwrap(), augmented_dickey_fuller(&moved).unwrap());
        prop_assert_eq!(a.used_lag, b.used_lag);
        prop_assert!((a.statistic - b.statistic).abs() < 1e-6 * (1.0 + a.statistic.abs()));
        let (a, b) = (decompose(&values, 5).unwrap(), decompose(&moved, 5).unwrap());
        prop_assert!((a.seasonal_strength - b.seasonal_strength).abs() < 1e-6);
        let (a, b) = (holt_winters::fit(&values, 5).unwrap(), holt_winters::fit(&moved, 5).unwrap());
        prop_assert!((b.sse / (scale * scale) - a.sse).abs() < 1e-3 * a.sse, "{} {}", a.sse, b.sse / (scale * scale));
        let order = Order::new(1, 0, 1);
        let (a, b) = (arima::fit(&values, order).unwrap(), arima::fit(&moved, order).unwrap());
        let unit = values.len() as f64 * scale.ln();
        prop_assert!((a.log_likelihood - b.log_likelihood - unit).abs() < 0.05, "{} {}", a.log_likelihood, b.log_likelihood + unit);
    }

    #[test]
    fn a_powers_of_two_unit_changes_no_bit(values in tame(), exponent in -60..60_i32) {
        let scale = 2.0_f64.powi(exponent);
        let moved: Vec<f64> = values.iter().map(|x| x * scale).collect();
        prop_assert_eq!(augmented_dickey_fuller(&values), augmented_dickey_fuller(&moved));
        prop_assert_eq!(autocorrelation(&values, None), autocorrelation(&moved, None));
    }

    #[test]
    fn a_probability_grows_with_the_horizon_and_bounds_each_step(values in tame(), low in -12.0..0.0_f64, high in 0.0..12.0_f64) {
        let model = arima::fit(&values, Order::new(1, 0, 1)).unwrap();
        let steps = model.forecast(10).violation(Some(low), Some(high));
        let (few, many) = (model.violation_within(3, Some(low), Some(high)), model.violation_within(10, Some(low), Some(high)));
        prop_assert!(few <= many + 0.01);
        let largest = steps.iter().copied().fold(0.0, f64::max);
        let sum: f64 = steps.iter().sum();
        prop_assert!(many >= largest - 0.02 && many <= sum + 0.02, "{largest} {many} {sum}");
    }
}

#[test]
fn degenerate_series_are_refused_at_once() {
    let n = 2880;
    let nan = vec![f64::NAN; n];
    let constant = vec![7.25; n];
    let zero = vec![0.0; n];
    let alternating: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let ramp: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let subnormal: Vec<f64> = (0..n).map(|i| (i % 7) as f64 * 5e-324).collect();
    let cases: [(&[f64], Degenerate); 6] = [
        (&[], Degenerate::Empty),
        (&nan, Degenerate::AllNonFinite),
        (&constant, Degenerate::Constant),
        (&zero, Degenerate::Constant),
        (&subnormal, Degenerate::Subnormal),
        (&[1.0], Degenerate::TooShort { have: 1, need: 2 }),
    ];
    for (values, reason) in cases {
        let begin = Instant::now();
        assert_eq!(autocorrelation(values, None).unwrap_err(), reason);
        if values.len() != 1 {
            assert_eq!(augmented_dickey_fuller(values).unwrap_err(), reason);
            assert_eq!(holt_winters::fit(values, 5).unwrap_err(), reason);
            assert_eq!(arima::fit(values, Order::new(1, 1, 1)).unwrap_err(), reason);
            assert_eq!(decompose(values, 5).unwrap_err(), reason);
        }
        assert!(begin.elapsed() < Duration::from_millis(20), "{reason}");
    }
    assert_eq!(augmented_dickey_fuller(&ramp).unwrap_err(), Degenerate::ExactFit);
    // The same line anywhere and in any unit: what is left of it is rounding, the larger the farther from zero.
    for (offset, slope) in [(0.1, 0.1), (1e9, 1.0 / 3.0), (-1e12, 0.7), (1e-9, 1e-13), (1e6, -1e-3)] {
        let line: Vec<f64> = (0..720).map(|i| offset + slope * f64::from(i)).collect();
        assert_eq!(
            augmented_dickey_fuller(&line),
            Err(Degenerate::ExactFit),
            "{offset} {slope}"
        );
        assert_eq!(
            holt_winters::fit(&line, 5).map(|_| ()),
            Err(Degenerate::ExactFit),
            "{offset} {slope}"
        );
        let goes_on = holt_winters::Line::through(&line).unwrap().ahead(10);
        assert!(
            (goes_on - (offset + slope * 729.0)).abs() <= 1e-12 * offset.abs().max(1e-9),
            "{goes_on}"
        );
    }
    // Real noise on a large level is no rounding.
    let noisy: Vec<f64> = (0..720).map(|i| 1e9 + 1e-3 * f64::from(i * i % 101)).collect();
    assert!(augmented_dickey_fuller(&noisy).is_ok());
    assert_eq!(holt_winters::Line::through(&noisy), None);
    assert_eq!(augmented_dickey_fuller(&alternating).unwrap_err(), Degenerate::ExactFit);
    assert_eq!(holt_winters::fit(&ramp, 5).unwrap_err(), Degenerate::ExactFit);
    assert_eq!(
        arima::fit(&ramp, Order::new(1, 1, 1)).unwrap_err(),
        Degenerate::ZeroVariance
    );
    assert_eq!(
        arima::fit(&alternating, Order::new(1, 1, 0)).unwrap_err(),
        Degenerate::ExactFit
    );
}

#[test]
fn hard_series_stay_within_their_time() {
    let n = 8640;
    let mut decaying = vec![0.0; n];
    decaying[..50]
        .iter_mut()
        .enumerate()
        .for_each(|(i, x)| *x = (i * i % 11) as f64);
    let mut spikes = vec![0.0; n];
    spikes.iter_mut().step_by(997).for_each(|x| *x = 1e6);
    let step: Vec<f64> = (0..n).map(|i| if i < n / 2 { 0.0 } else { 1.0 }).collect();
    let tiny: Vec<f64> = (0..n).map(|i| ((i * i) % 13) as f64 * 1e-300).collect();
    for (name, values) in [
        ("decaying", decaying),
        ("spikes", spikes),
        ("step", step),
        ("tiny", tiny),
    ] {
        let begin = Instant::now();
        everything(&values);
        // Some tens of milliseconds on an idle machine; sub-normals or an endless search would take seconds.
        assert!(
            begin.elapsed() < Duration::from_secs(3),
            "{name}: {:?}",
            begin.elapsed()
        );
    }
}

#[test]
fn threads_change_no_bit() {
    let values: Vec<f64> = (0..720).map(|i| f64::from(i * i % 97) + f64::from(i % 40)).collect();
    let here = everything(&values);
    let there: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..4).map(|_| scope.spawn(|| everything(&values))).collect();
        handles.into_iter().map(|h| h.join().unwrap()).collect()
    });
    for other in there {
        assert!(here.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits()) && here.len() == other.len());
    }
}
