//! The evaluation carried on sample by sample against the same one made anew from all samples.

use proptest::prelude::*;
use sla_domain::counter::{RateLine, rate};
use sla_domain::{AllowedRange, Judgement, MissingPolicy, Rolling, STALE_NAN_BITS, Samples, Window, evaluate_windows};

/// Values near and on the bounds, far ones, equal ones in a row, and all that is no number.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-3_i32..=3).prop_map(f64::from),
        2 => -4.0..4.0_f64,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::from_bits(STALE_NAN_BITS)),
        1 => any::<f64>(),
    ]
}

prop_compose! {
    fn series()(points in proptest::collection::vec((1_i64..40, value(), 1_usize..4), 0..60)) -> Samples {
        let mut at = 0;
        let mut samples = Samples::default();
        for (delta, value, times) in points {
            for _ in 0..times {
                at += delta;
                samples.push(at, value);
            }
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
        3 => Just(MissingPolicy::Gap),
        1 => Just(MissingPolicy::Good),
        1 => Just(MissingPolicy::Bad),
        1 => (1_i64..80).prop_map(|max_ms| MissingPolicy::Hold { max_ms }),
    ];
    (bounds, 0_i64..60, missing).prop_filter_map("no range", |((min, max), cap_ms, missing)| {
        let range = AllowedRange::new(min.map(f64::from), max.map(f64::from)).ok()?;
        Some(Judgement::new(range, cap_ms).with_missing(missing))
    })
}

fn anew(samples: &Samples, judgement: &Judgement, at_ms: i64, lengths_ms: &[i64]) -> String {
    let window = |&length_ms| Window {
        end_ms: at_ms,
        length_ms,
    };
    let windows: Vec<Window> = lengths_ms.iter().map(window).collect();
    format!("{:?}", evaluate_windows(samples, judgement, &windows))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn carried_on_equals_anew_at_every_sample_and_after_it(
        samples in series(), judgement in judgement(),
        lengths_ms in proptest::collection::vec(1_i64..900, 1..4), later in proptest::collection::vec(0_i64..150, 1..4),
    ) {
        let mut rolling = Rolling::new(judgement).unwrap();
        let mut seen = Samples::default();
        for (time, value) in samples.iter() {
            seen.push(time, value);
            rolling.push(time, Some(value));
            for after in &later {
                let at_ms = time + after;
                let found = rolling.windows(at_ms, &lengths_ms, &mut &seen).unwrap();
                prop_assert_eq!(format!("{found:?}"), anew(&seen, &judgement, at_ms, &lengths_ms));
            }
            prop_assert!(rolling.windows(time - 1, &lengths_ms, &mut &seen).is_none(), "the past is not cut out");
        }
        prop_assert_eq!(rolling.len(), samples.len());
    }

    #[test]
    fn rates_carried_on_equal_rates_anew(samples in series(), judgement in judgement(), over_ms in 1_i64..200, length_ms in 1_i64..900) {
        let mut rolling = Rolling::new(judgement).unwrap();
        let mut line = RateLine::new(over_ms);
        let mut seen = Samples::default();
        for (time, value) in samples.iter() {
            seen.push(time, value);
            rolling.push(time, line.push(time, value));
            let found = rolling.windows(time + 7, &[length_ms], &mut &seen).unwrap();
            prop_assert_eq!(format!("{found:?}"), anew(&rate(&seen, over_ms), &judgement, time + 7, &[length_ms]));
        }
    }
}

#[test]
fn the_policy_zero_judges_time_without_samples_and_is_not_carried_on() {
    let range = AllowedRange::at_most(1.0).unwrap();
    assert!(Rolling::new(Judgement::new(range, 10).with_missing(MissingPolicy::Zero)).is_none());
}
