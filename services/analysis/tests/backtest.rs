//! The backtest: nothing of the future is seen, the table adds up, bad plans are refused in words.

use sla_analysis::backtest::{BacktestError, Bounds, Method, Plan, run};
use sla_analysis::pool::{History, Threshold};
use sla_analysis::scoring::{Rival, Verdict};

/// Numbers 0…1 without order.
fn scattered(i: u64) -> f64 {
    let z = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((z ^ (z >> 27)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// An hourly wave with noise at a one-minute step.
fn wave(n: u64) -> Vec<f64> {
    (0..n)
        .map(|i| 50.0 + 10.0 * (i as f64 / 60.0 * std::f64::consts::TAU).sin() + 4.0 * scattered(i))
        .collect()
}

#[expect(clippy::unwrap_used, reason = "a test's own values are never too few")]
fn history(values: &[f64]) -> History {
    History::regular(values, 60_000).unwrap()
}

#[test]
fn what_comes_after_an_origin_changes_nothing_that_is_said_at_it() {
    let mut plan = Plan::new(10, Bounds::TrainingQuantiles(vec![0.9, 0.95]));
    plan.most_origins = 1;
    let values = wave(600);
    let mut other = values.clone();
    // The first origin is slot 300; its future and everything later becomes something else.
    for (i, v) in other.iter_mut().enumerate().skip(301) {
        *v = 1_000.0 + 50.0 * scattered(i as u64);
    }
    let first = run(&history(&values), &plan, 7, &mut || 0).unwrap();
    let second = run(&history(&other), &plan, 7, &mut || 0).unwrap();
    assert_eq!(first.origins, 1);
    assert_eq!(
        (second.violations, second.outcomes),
        (2, 2),
        "the thresholds did not move with the future"
    );
    for (a, b) in first.rows.iter().zip(&second.rows) {
        assert_eq!(a.answered, b.answered);
        let said =
            |row: &sla_analysis::backtest::MethodRow| row.calibration.iter().map(|bin| bin.said).collect::<Vec<_>>();
        assert_eq!(said(a), said(b), "{}", a.method.name());
    }
}

#[test]
fn every_method_has_a_row_and_ours_beats_the_naive_ones_on_a_wave() {
    let mut ticks = 0;
    let mut clock = || {
        ticks += 1_000_000;
        ticks
    };
    let mut plan = Plan::new(15, Bounds::TrainingQuantiles(vec![0.9]));
    plan.season_steps = Some(60);
    plan.most_origins = 80;
    let report = run(&history(&wave(1_500)), &plan, 7, &mut clock).unwrap();
    assert_eq!(report.origins, 80);
    assert_eq!(report.horizon_ms, 900_000);
    assert_eq!(
        report.rows.iter().map(|row| row.method).collect::<Vec<_>>(),
        Method::ALL
    );
    for row in &report.rows {
        assert_eq!(row.answered + row.declined, report.origins, "{}", row.method.name());
        assert!(row.answered > 0, "{}", row.method.name());
        assert_eq!(row.cost_ms, Some(1.0));
        assert!(row.brier.is_some_and(|b| (0.0..=1.0).contains(&b)));
        assert_eq!(
            row.calibration.iter().map(|bin| bin.count).sum::<usize>(),
            report.outcomes
        );
    }
    let brier = |method| report.row(method).and_then(|row| row.brier).unwrap();
    let ours = brier(Method::Pool);
    for method in [
        Method::LastValue,
        Method::BaseRate,
        Method::Arima,
        Method::PredictLinear,
    ] {
        assert!(
            ours < 0.8 * brier(method),
            "{}: {ours} against {}",
            method.name(),
            brier(method)
        );
    }
    let mase = |method| report.row(method).and_then(|row| row.mase).unwrap();
    assert!(mase(Method::SeasonalNaive) < mase(Method::LastValue));
    assert!(
        report
            .row(Method::Pool)
            .and_then(|row| row.coverage)
            .is_some_and(|c| c > 0.85)
    );
    // The record a new objective starts with is the same comparison.
    assert_eq!(report.record.scored, 80);
    assert!((report.record.brier().unwrap() - ours).abs() < 1e-12);
    assert!((report.record.against(Rival::Arima).brier().unwrap() - brier(Method::Arima)).abs() < 1e-12);
    assert!((report.record.against(Rival::LastValue).brier().unwrap() - brier(Method::LastValue)).abs() < 1e-12);
    assert!((report.record.against(Rival::BaseRate).brier().unwrap() - brier(Method::BaseRate)).abs() < 1e-12);
    assert_eq!(report.record.verdict(), Verdict::Proven);
    assert!(!report.state.horizons.is_empty());
}

#[test]
fn the_same_plan_gives_the_same_report() {
    let plan = Plan::new(5, Bounds::Given(vec![Threshold::upper(58.0), Threshold::lower(45.0)]));
    let values = wave(300);
    let ask = || run(&history(&values), &plan, 3, &mut || 0).unwrap();
    assert_eq!(ask(), ask());
}

#[test]
fn gaps_and_constant_series_are_survived() {
    let mut values = wave(400);
    values[250..300].fill(f64::NAN);
    values[10] = f64::INFINITY;
    let plan = Plan::new(10, Bounds::TrainingQuantiles(vec![0.95]));
    let report = run(&history(&values), &plan, 1, &mut || 0).unwrap();
    assert!(report.origins > 20);
    let flat = run(&history(&[5.0; 200]), &plan, 1, &mut || 0).unwrap();
    assert_eq!(flat.violations, 0);
    assert!(matches!(flat.record.verdict(), Verdict::Unproven { violations: 0, .. }));
    let arima = flat.row(Method::Arima).unwrap();
    assert_eq!(
        (arima.answered, arima.mase),
        (0, None),
        "a constant series has no ARIMA and no scale"
    );
}

#[test]
fn a_bad_plan_is_refused_in_words() {
    let values = wave(100);
    let bad = |change: fn(&mut Plan)| {
        let mut plan = Plan::new(10, Bounds::TrainingQuantiles(vec![0.95]));
        change(&mut plan);
        run(&history(&values), &plan, 1, &mut || 0).unwrap_err()
    };
    let field = |error| match error {
        BacktestError::BadPlan { field, .. } => field,
        _ => "another error",
    };
    assert_eq!(field(bad(|p| p.horizon_steps = 0)), "horizon_steps");
    assert_eq!(field(bad(|p| p.bounds = Bounds::Given(vec![]))), "bounds");
    assert_eq!(
        field(bad(|p| p.bounds = Bounds::TrainingQuantiles(vec![1.0]))),
        "bounds"
    );
    assert_eq!(
        field(bad(|p| p.first_training_share = f64::NAN)),
        "first_training_share"
    );
    assert_eq!(field(bad(|p| p.methods.clear())), "methods");
    assert_eq!(
        bad(|p| p.horizon_steps = 90),
        BacktestError::TooShort {
            slots: 100,
            horizon: 90,
            needed: 141
        }
    );
}
