use super::*;

fn fraction(part: u64, whole: u64) -> Fraction {
    Fraction::new(part, whole).unwrap()
}

fn pair(factor: Fraction) -> BurnPair {
    BurnPair {
        long_ms: HOUR_MS,
        short_ms: HOUR_MS / 12,
        factor,
        severity: Severity::Page,
    }
}

fn seen(bad: u64, total: u64) -> BurnWindow {
    BurnWindow {
        tally: Tally { bad, total },
        covered: true,
    }
}

#[test]
fn ratio_of_sums_not_mean_of_ratios() {
    // 12 h at 1000 a slice with 2 % bad, then 12 h at 10 a slice, clean.
    let slices = 12 * 60;
    let busy = (0..slices).map(|_| Tally { bad: 20, total: 1_000 });
    let idle = (0..slices).map(|_| Tally { bad: 0, total: 10 });
    let sum: Tally = busy.chain(idle).sum();
    assert_eq!(sum.ratio(), Some(2.0 / 101.0));
}

#[test]
fn a_budget_may_be_overspent() {
    let target = Target::parse("99.9").unwrap();
    let budget = Budget::of(&target, Tally { bad: 3, total: 1_000 }).unwrap();
    assert_eq!((budget.consumed, budget.remaining), (3.0, -2.0));
    let half = Budget::of(&target, Tally { bad: 1, total: 2_000 }).unwrap();
    assert_eq!((half.consumed, half.remaining), (0.5, 0.5));
    assert_eq!(Budget::of(&target, Tally::default()), None);
}

#[test]
fn low_traffic_burns_fast_and_is_guarded() {
    let budget = budget_of(&Target::parse("99.9").unwrap()).unwrap();
    assert_eq!(Tally { bad: 1, total: 10 }.burn(budget), Some(100.0));
    let pair = pair(fraction(72, 5));
    let window = seen(1, 10);
    assert_eq!(pair.fires(&window, &window, budget, Guard::default()), Alert::Firing);
    let guard = Guard {
        min_bad: 2,
        min_total: 0,
    };
    assert_eq!(pair.fires(&window, &window, budget, guard), Alert::Quiet);
    let guard = Guard {
        min_bad: 0,
        min_total: 11,
    };
    assert_eq!(pair.fires(&window, &window, budget, guard), Alert::Quiet);
}

#[test]
fn factors_of_the_usual_periods() {
    let factors = |days: i64| -> Vec<Fraction> { BurnPair::usual(days * DAY_MS).iter().map(|p| p.factor).collect() };
    assert_eq!(
        factors(30),
        [fraction(72, 5), fraction(6, 1), fraction(3, 1), fraction(1, 1)]
    );
    assert_eq!(
        factors(28),
        [
            fraction(1_344, 100),
            fraction(56, 10),
            fraction(28, 10),
            fraction(14, 15)
        ]
    );
    assert_eq!(factors(7), [fraction(168, 10), fraction(56, 10), fraction(28, 10)]);
    let shorts: Vec<i64> = BurnPair::usual(30 * DAY_MS)
        .iter()
        .map(|p| p.short_ms / 60_000)
        .collect();
    assert_eq!(shorts, [5, 30, 120, 360]);
    assert_eq!(BurnPair::from_share(2, DAY_MS, 0, Severity::Page), None);
}

#[test]
fn thresholds_out_of_reach_are_refused() {
    // 14.4 cannot fire at targets up to 67/72, 16.8 up to 79/84, 6 up to 5/6; just above it can.
    for (factor, target) in [
        (fraction(72, 5), (67, 72)),
        (fraction(168, 10), (79, 84)),
        (fraction(6, 1), (5, 6)),
    ] {
        let (part, whole) = target;
        let budget = fraction(whole - part, whole);
        assert!(pair(factor).check(budget).is_err(), "{factor}");
        let tighter = fraction((whole - part) * 1_000_000 - 1, whole * 1_000_000);
        assert!(pair(factor).check(tighter).is_ok(), "{factor}");
        // And indeed: everything bad does not fire.
        let all = seen(1_000, 1_000);
        assert_eq!(pair(factor).fires(&all, &all, budget, Guard::default()), Alert::Quiet);
        assert_eq!(pair(factor).fires(&all, &all, tighter, Guard::default()), Alert::Firing);
    }
}

#[test]
fn both_windows_must_burn_and_be_known() {
    let budget = fraction(1, 1_000);
    let pair = pair(fraction(72, 5));
    let hot = seen(15, 1_000);
    // Exactly the factor is not above it.
    let edge = seen(144, 10_000);
    let cold = seen(0, 1_000);
    let dark = BurnWindow { covered: false, ..hot };
    let fires = |long: &BurnWindow, short: &BurnWindow| pair.fires(long, short, budget, Guard::default());
    assert_eq!(fires(&hot, &hot), Alert::Firing);
    assert_eq!(fires(&hot, &cold), Alert::Quiet);
    assert_eq!(fires(&cold, &hot), Alert::Quiet);
    assert_eq!(fires(&edge, &hot), Alert::Quiet);
    assert_eq!(fires(&dark, &hot), Alert::Frozen);
    assert_eq!(fires(&hot, &dark), Alert::Frozen);
    assert_eq!(Alert::any([Alert::Quiet, Alert::Frozen, Alert::Firing]), Alert::Firing);
    assert_eq!(Alert::any([Alert::Quiet, Alert::Frozen]), Alert::Frozen);
    assert_eq!(Alert::any([]), Alert::Quiet);
}
