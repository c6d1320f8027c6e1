//! The one evaluation against a naive raster of one second.

use proptest::prelude::*;
use sla_domain::{
    AllowedRange, Judgement, MissingPolicy, STALE_NAN_BITS, Samples, Side, Verdict, Window, evaluate, evaluate_windows,
    state_at,
};

/// What is known during the second that starts at `second`: written down from semantics §2, §6 and §7 as plainly as possible.
fn value_in(samples: &Samples, judgement: &Judgement, second: i64) -> (Option<f64>, bool) {
    let cap_ms = match judgement.missing {
        MissingPolicy::Hold { max_ms } => judgement.cap_ms.max(max_ms),
        _ => judgement.cap_ms,
    };
    let mut known = None;
    for (time, value) in samples.iter() {
        if time > second * 1_000 {
            break;
        }
        if value.to_bits() == STALE_NAN_BITS {
            known = None;
        } else if value.is_finite() {
            known = Some((time, value));
        }
    }
    match known.filter(|(time, _)| second * 1_000 < time + cap_ms) {
        Some((_, value)) => (Some(value), false),
        None if judgement.missing == MissingPolicy::Zero => (Some(0.0), true),
        None => (None, false),
    }
}

fn side_of(value: f64, range: &AllowedRange) -> Option<Side> {
    if range.max().is_some_and(|max| value > max) {
        Some(Side::Above)
    } else if range.min().is_some_and(|min| value < min) {
        Some(Side::Below)
    } else {
        None
    }
}

prop_compose! {
    fn series()(points in proptest::collection::vec((1_i64..40, prop_oneof![
        8 => (-3_i32..=3).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::from_bits(STALE_NAN_BITS)),
    ]), 0..40)) -> Samples {
        let mut at = 0;
        let mut samples = Samples::default();
        for (delta, value) in points {
            at += delta * 1_000;
            samples.push(at, value);
        }
        samples
    }
}

fn judgement() -> impl Strategy<Value = Judgement> {
    let bounds = prop_oneof![
        (-2_i32..=2, 0_i32..3).prop_map(|(min, width)| (Some(min), Some(min + width))),
        (-2_i32..=2).prop_map(|min| (Some(min), None)),
        (-2_i32..=2).prop_map(|max| (None, Some(max))),
    ];
    let missing = prop_oneof![
        Just(MissingPolicy::Gap),
        Just(MissingPolicy::Good),
        Just(MissingPolicy::Bad),
        Just(MissingPolicy::Zero),
        (1_i64..80).prop_map(|s| MissingPolicy::Hold { max_ms: s * 1_000 }),
    ];
    (bounds, 1_i64..60, missing).prop_filter_map("no range", |((min, max), cap_s, missing)| {
        let range = AllowedRange::new(min.map(f64::from), max.map(f64::from)).ok()?;
        Some(Judgement::new(range, cap_s * 1_000).with_missing(missing))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn evaluation_equals_the_raster(
        samples in series(), judgement in judgement(), start in -50_i64..700, length in 1_i64..700,
    ) {
        let end = start + length;
        let found = evaluate(&samples, &judgement, Window { end_ms: end * 1_000, length_ms: length * 1_000 });

        // Seconds and intervals.
        let mut violated = 0;
        let mut covered = 0;
        // Start, end, side, worst.
        let mut intervals: Vec<(i64, i64, Side, f64)> = Vec::new();
        for second in start..end {
            let (value, assumed) = value_in(&samples, &judgement, second);
            covered += i64::from(value.is_some() && !assumed);
            let Some((value, side)) = value.and_then(|v| Some((v, side_of(v, &judgement.range)?))) else { continue };
            violated += 1;
            match intervals.last_mut() {
                Some(last) if last.1 == second && last.2 == side => {
                    last.1 = second + 1;
                    last.3 = if side == Side::Above { last.3.max(value) } else { last.3.min(value) };
                }
                _ => intervals.push((second, second + 1, side, value)),
            }
        }
        prop_assert_eq!(found.violated_ms, violated * 1_000);
        prop_assert_eq!(found.covered_ms, covered * 1_000);
        prop_assert_eq!(found.unknown_ms, (length - covered) * 1_000);
        let unknown = length - covered;
        let (good, bad) = match judgement.missing {
            MissingPolicy::Gap | MissingPolicy::Hold { .. } => (covered - violated, violated),
            MissingPolicy::Good | MissingPolicy::Zero => (length - violated, violated),
            MissingPolicy::Bad => (covered - violated, violated + unknown),
        };
        prop_assert_eq!((found.good_ms, found.bad_ms), (good * 1_000, bad * 1_000));

        let mine: Vec<(i64, i64, Side, f64)> = found.intervals.iter()
            .filter(|i| i.length_ms() > 0)
            .map(|i| (i.start_ms / 1_000, i.end_ms / 1_000, i.side, i.worst))
            .collect();
        // Where the worst value belongs to a sample on the last instant it has no second in the raster.
        let on_edge = samples.iter().any(|(t, _)| t == end * 1_000);
        if on_edge {
            let edges = |all: &[(i64, i64, Side, f64)]| all.iter().map(|i| (i.0, i.1, i.2)).collect::<Vec<_>>();
            prop_assert_eq!(edges(&mine), edges(&intervals));
        } else {
            prop_assert_eq!(&mine, &intervals);
        }

        // Edges.
        for interval in &found.intervals {
            let before = side_in(&samples, &judgement, start - 1) == Some(interval.side);
            prop_assert_eq!(interval.open_start, interval.start_ms == start * 1_000 && before && interval.began_ms < start * 1_000
                || interval.open_start && judgement.missing == MissingPolicy::Zero);
            let after = side_in(&samples, &judgement, end) == Some(interval.side);
            prop_assert_eq!(interval.open_end, interval.end_ms == end * 1_000 && after);
            prop_assert_eq!(interval.excess, judgement.range.excess(interval.worst, interval.side));
            prop_assert!(interval.excess > 0.0);
        }

        // Samples.
        let (times, values) = samples.between(start * 1_000, end * 1_000);
        prop_assert_eq!(found.samples, values.iter().filter(|v| v.is_finite()).count() as u64);
        prop_assert_eq!(found.n_stale, values.iter().filter(|v| v.to_bits() == STALE_NAN_BITS).count() as u64);
        prop_assert_eq!(found.n_nan + found.n_stale, values.iter().filter(|v| !v.is_finite()).count() as u64);
        let violating: Vec<i64> = times.iter().zip(values)
            .filter(|(_, v)| v.is_finite() && side_of(**v, &judgement.range).is_some())
            .map(|(t, _)| *t)
            .collect();
        prop_assert_eq!(found.samples_violating, violating.len() as u64);
        let listed: Vec<i64> = found.intervals.iter().flat_map(|i| i.sample_times_ms.clone()).collect();
        prop_assert_eq!(listed, violating);

        // The state of the instant.
        let (value, assumed) = value_in(&samples, &judgement, end);
        let now = state_at(&samples, &judgement, end * 1_000);
        prop_assert_eq!(found.reading, now);
        prop_assert_eq!(now.value(), value);
        prop_assert_eq!(now.assumed, assumed);
        let outside = matches!(now.verdict, Some(Verdict::Outside(_)));
        prop_assert_eq!(outside, value.is_some_and(|v| side_of(v, &judgement.range).is_some()));
    }

    #[test]
    fn one_pass_over_many_windows_equals_many_passes(
        samples in series(), judgement in judgement(),
        windows in proptest::collection::vec((-50_i64..700, 1_i64..700), 1..5),
    ) {
        let windows: Vec<Window> = windows.into_iter()
            .map(|(start, length)| Window { end_ms: (start + length) * 1_000, length_ms: length * 1_000 })
            .collect();
        let together = evaluate_windows(&samples, &judgement, &windows);
        for (window, found) in windows.iter().zip(&together) {
            prop_assert_eq!(found, &evaluate(&samples, &judgement, *window));
        }
    }

    #[test]
    fn two_halves_add_up(samples in series(), judgement in judgement(), start in -50_i64..300, a in 1_i64..300, b in 1_i64..300) {
        let window = |start: i64, length: i64| Window { end_ms: (start + length) * 1_000, length_ms: length * 1_000 };
        let whole = evaluate(&samples, &judgement, window(start, a + b));
        let left = evaluate(&samples, &judgement, window(start, a));
        let right = evaluate(&samples, &judgement, window(start + a, b));
        prop_assert_eq!(whole.violated_ms, left.violated_ms + right.violated_ms);
        prop_assert_eq!(whole.covered_ms, left.covered_ms + right.covered_ms);
        prop_assert_eq!(whole.bad_ms, left.bad_ms + right.bad_ms);
        prop_assert_eq!(whole.samples, left.samples + right.samples);
        prop_assert_eq!(whole.samples_violating, left.samples_violating + right.samples_violating);
    }
}

fn side_in(samples: &Samples, judgement: &Judgement, second: i64) -> Option<Side> {
    side_of(value_in(samples, judgement, second).0?, &judgement.range)
}
