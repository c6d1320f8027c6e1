//! The pool on hostile and ordinary input: no panic, no NaN, monotone, bounded, the same bits every time.

use proptest::prelude::*;
use sla_analysis::pool::{
    EXPERTS, History, LEVELS, PoolError, PoolForecast, PoolState, Question, Said, Threshold, Told, forecast, learn,
};

/// Values 0…1008 without order (SplitMix64's mixer).
fn scattered(i: u64) -> f64 {
    let z = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((z ^ (z >> 27)) % 1_009) as f64
}

fn question(values: &[f64]) -> Question {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = low / 2.0 + high / 2.0;
    Question::new(
        vec![3, 12, 1],
        [low, middle, high]
            .into_iter()
            .flat_map(|v| [Threshold::upper(v), Threshold::lower(v)])
            .collect(),
    )
}

fn check(forecast: &PoolForecast) {
    for row in &forecast.probability {
        assert!(row.iter().all(|p| *p > 0.0 && *p < 1.0), "{row:?}");
        // Upper thresholds ascend, lower thresholds ascend: the probability falls for the first and rises for the second.
        assert!(row[0] >= row[2] && row[2] >= row[4], "{row:?}");
        assert!(row[1] <= row[3] && row[3] <= row[5], "{row:?}");
    }
    for threshold in 0..6 {
        let p = |horizon: usize| forecast.probability[horizon][threshold];
        assert!(p(2) <= p(0) && p(0) <= p(1));
    }
    assert_eq!(forecast.value.rows.len(), LEVELS.len());
    for column in 0..forecast.steps.len() {
        let quantiles: Vec<f64> = forecast.value.rows.iter().map(|row| row[column]).collect();
        assert!(quantiles.iter().all(|q| q.is_finite()), "{quantiles:?}");
        assert!(quantiles.is_sorted(), "{quantiles:?}");
    }
    assert_eq!(forecast.steps.last(), Some(&12));
    assert_eq!(forecast.value_per_step()[0].len(), 12);
}

fn hostile() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -1e3..1e3_f64,
        2 => Just(0.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(1e300),
        1 => Just(-1.7e308),
        1 => Just(5e-324),
        1 => Just(1e-310),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_series_gives_finite_bounded_answers(
        values in prop::collection::vec(hostile(), 0..160),
        times in prop::collection::vec(prop_oneof![20 => 0..100_000_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)], 160),
        seed in any::<u64>(),
    ) {
        let times = &times[..values.len()];
        for history in [History::new(times, &values), History::regular(&values, 15_000)] {
            let Ok(history) = history else { continue };
            let question = question(&values);
            let (first, state) = forecast(&history, &question, None, seed).unwrap();
            check(&first);
            let (second, again) = forecast(&history, &question, Some(&state), seed).unwrap();
            check(&second);
            prop_assert_eq!(&state, &again);
            prop_assert_eq!(&first.probability, &second.probability, "stored state gives the same forecast");
            prop_assert_eq!(&first.value, &second.value);
            prop_assert_eq!(PoolState::from_flat(&state.to_flat()), Some(state));
        }
    }

    #[test]
    fn another_unit_changes_no_probability(stretch in -60..60_i32, seed in 0..50_u64) {
        let values: Vec<f64> = (0..200).map(|i| scattered(i + 1_000 * seed) - 500.0).collect();
        let factor = f64::exp2(f64::from(stretch));
        let moved: Vec<f64> = values.iter().map(|v| v * factor).collect();
        let ask = |values: &[f64]| forecast(&History::regular(values, 60_000).unwrap(), &question(values), None, 1).unwrap().0;
        prop_assert_eq!(ask(&values).probability, ask(&moved).probability);
    }
}

#[test]
fn a_constant_series_says_so_and_expects_no_change() {
    let history = History::regular(&[7.0; 300], 15_000).unwrap();
    let question = Question::new(vec![40], vec![Threshold::upper(7.0), Threshold::upper(6.0)]);
    let (answer, _) = forecast(&history, &question, None, 1).unwrap();
    assert!(answer.constant && answer.low_confidence);
    assert!(
        answer.probability[0][0] < 0.05,
        "at the bound is not beyond it: {:?}",
        answer.probability
    );
    assert!(
        answer.probability[0][1] > 0.95,
        "already beyond and never moved: {:?}",
        answer.probability
    );
    assert!(answer.value.rows.iter().flatten().all(|q| *q == 7.0));
}

#[test]
fn gaps_are_not_filled_in() {
    let mut values: Vec<f64> = (0..200).map(|i| f64::from(i % 10)).collect();
    values[100..150].fill(f64::NAN);
    values[20] = f64::NAN;
    let history = History::regular(&values, 60_000).unwrap();
    assert_eq!(history.slots.len(), 200);
    assert_eq!(history.slots[20], 9.0, "one missing sample: the value before holds");
    assert_eq!(
        history.slots.iter().filter(|v| v.is_nan()).count(),
        49,
        "a longer gap stays a gap"
    );
}

#[test]
fn repeated_samples_are_removed_and_coarse_values_are_not() {
    // A 15 s scrape read at 5 s: every value three times.
    let scraped: Vec<f64> = (0..100).map(scattered).collect();
    let read: Vec<f64> = scraped.iter().flat_map(|v| [*v; 3]).collect();
    let history = History::regular(&read, 5_000).unwrap();
    assert!(
        (history.steps_per_slot - 3.0).abs() < 0.05,
        "{}",
        history.steps_per_slot
    );
    assert!((history.step_ms - 15_000).abs() < 200);
    assert_eq!(history.slots_of_steps(6), 2);
    // A quantised walk: runs of many lengths.
    let coarse: Vec<f64> = scraped.iter().map(|v| if *v < 700.0 { 0.0 } else { 1.0 }).collect();
    assert_eq!(History::regular(&coarse, 5_000).unwrap().steps_per_slot, 1.0);
    let noisy: Vec<f64> = scraped.iter().map(|v| (v / 200.0).floor()).collect();
    assert_eq!(History::regular(&noisy, 5_000).unwrap().steps_per_slot, 1.0);
}

#[test]
fn a_question_outside_its_limits_is_refused_in_words() {
    let history = History::regular(&[1.0, 2.0, 3.0, 4.0, 5.0], 1_000).unwrap();
    let ask = |horizons: Vec<usize>, threshold: f64| {
        forecast(
            &history,
            &Question::new(horizons, vec![Threshold::upper(threshold)]),
            None,
            1,
        )
    };
    assert!(matches!(
        ask(vec![], 1.0),
        Err(PoolError::BadQuestion {
            field: "horizons_steps",
            ..
        })
    ));
    assert!(matches!(ask(vec![0], 1.0), Err(PoolError::BadQuestion { .. })));
    assert!(matches!(
        ask(vec![1], f64::NAN),
        Err(PoolError::BadQuestion {
            field: "thresholds",
            ..
        })
    ));
    assert!(matches!(
        History::regular(&[f64::NAN; 9], 1_000),
        Err(PoolError::TooShort { samples: 0, .. })
    ));
    assert!(matches!(History::new(&[1], &[]), Err(PoolError::LengthMismatch { .. })));
}

#[test]
fn a_threshold_is_sure_where_the_series_lives_and_rare_where_it_never_was() {
    let values: Vec<f64> = (0..1_000)
        .map(|i| 50.0 + 10.0 * (f64::from(i) / 20.0).sin() + f64::from((i * 7) % 5))
        .collect();
    let history = History::regular(&values, 60_000).unwrap();
    let question = Question::new(vec![120], vec![Threshold::upper(55.0), Threshold::upper(90.0)]);
    let (answer, state) = forecast(&history, &question, None, 1).unwrap();
    assert!(
        answer.probability[0][0] > 0.9 && answer.probability[0][1] < 0.05,
        "{:?}",
        answer.probability
    );
    assert!(!answer.low_confidence);
    assert!(answer.first_crossing[0].median_step.is_some_and(|step| step <= 120));
    assert_eq!(learn(&history, &question, None, 1).unwrap(), state);
}

#[test]
fn bands_that_never_miss_are_narrowed_and_bands_that_miss_are_widened() {
    let values: Vec<f64> = (0..600).map(scattered).collect();
    let history = History::regular(&values, 60_000).unwrap();
    let question = Question::new(vec![10], vec![Threshold::upper(900.0)]);
    let (before, mut state) = forecast(&history, &question, None, 1).unwrap();
    let width = |f: &PoolForecast| f.value.rows[LEVELS.len() - 1][5] - f.value.rows[0][5];
    (0..60).for_each(|_| state.observe_band(1.0));
    let (narrow, _) = forecast(&history, &question, Some(&state), 1).unwrap();
    assert!(width(&narrow) < 0.9 * width(&before));
    assert_eq!(
        narrow.probability, before.probability,
        "the width of bands is not the probability"
    );
    (0..60).for_each(|_| state.observe_band(0.5));
    assert!(state.band_factor > 1.4);
    state.observe_band(f64::NAN);
    assert!(state.band_factor <= 1.5);
}

#[test]
fn outcomes_move_weight_to_the_experts_that_were_right() {
    let mut state = PoolState::default();
    let before = state.weights_for(600_000, 86_400_000.0);
    // The first expert was sure and right, the second sure and wrong, the others undecided; the third was silent.
    let mut told = Told {
        experts: [0.5; EXPERTS],
        said: Said {
            plain: 0.5,
            corrected: 0.5,
        },
    };
    (told.experts[0], told.experts[1], told.experts[2]) = (1.0, 0.0, f64::NAN);
    (0..20).for_each(|_| state.observe(600_000, &[told, told], &[true, true]));
    let after = state.weights_for(600_000, 86_400_000.0);
    assert!(after[0] > 2.0 * before[0] && after[1] < before[1] / 2.0, "{after:?}");
    assert!((after.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(
        (state.horizons[0].scored - 20.0).abs() < 1e-9,
        "two thresholds of one future are one outcome"
    );
    // A horizon of nearly the same length is the same record, another one is not.
    state.observe(600_180, &[told], &[false]);
    assert_eq!(state.horizons.len(), 1);
    state.observe(3_600_000, &[told], &[false]);
    assert_eq!(
        state
            .horizons
            .iter()
            .map(|record| record.horizon_ms)
            .collect::<Vec<_>>(),
        [600_000, 3_600_000]
    );
}

#[test]
fn times_at_the_ends_of_the_world_are_survived() {
    for times in [
        [i64::MIN, -1, 0, i64::MAX, 7],
        [i64::MIN, i64::MIN + 1, 3, i64::MAX - 1, i64::MAX],
    ] {
        let history = History::new(&times, &[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let question = Question::new(vec![21_600], vec![Threshold::upper(3.0)]);
        let (answer, _) = forecast(&history, &question, None, 1).unwrap();
        assert!(answer.low_confidence && answer.probability[0][0] > 0.0);
    }
}

#[test]
fn the_extreme_of_a_short_history_is_no_wall() {
    // Forty samples that climb steadily: the highest one is one of forty, and the next is likely to be higher still.
    let climbing: Vec<f64> = (0..40_u64).map(|i| 10.0 * i as f64 + scattered(i) / 100.0).collect();
    let history = History::regular(&climbing, 60_000).unwrap();
    let highest = climbing.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let question = Question::new(vec![10], vec![Threshold::upper(highest)]);
    let (answer, _) = forecast(&history, &question, None, 1).unwrap();
    assert!(answer.probability[0][0] > 0.5, "{:?}", answer.probability);
    let tenth = answer.value_per_step()[LEVELS.len() - 1][9];
    assert!(tenth > highest, "{tenth} {highest}");
    assert!(answer.low_confidence);
}

#[test]
fn a_probability_is_never_below_what_the_bands_say() {
    let smooth: Vec<f64> = (0..160).map(|i| f64::from(i) + 3.0 * f64::from(i % 7)).collect();
    let rough: Vec<f64> = (0..160).map(scattered).collect();
    for values in [smooth, rough] {
        let history = History::regular(&values, 15_000).unwrap();
        let bands = forecast(&history, &Question::new(vec![40], vec![]), None, 1).unwrap().0;
        for (k, step) in bands.steps.iter().enumerate() {
            let (low, middle, high) = (bands.value.rows[0][k], bands.value.rows[4][k], bands.value.rows[8][k]);
            let hair = 1e-6 * (high - low);
            let thresholds = vec![
                Threshold::upper(middle - hair),
                Threshold::lower(middle + hair),
                Threshold::upper(high - hair),
                Threshold::lower(low + hair),
            ];
            // One horizon, and the state of the first answer: the same paths.
            let state = forecast(&history, &Question::new(vec![40], vec![]), None, 1).unwrap().1;
            let asked = forecast(&history, &Question::new(vec![40], thresholds), Some(&state), 1)
                .unwrap()
                .0;
            for (p, least) in asked.probability[0].iter().zip([0.5, 0.5, 0.025, 0.025]) {
                assert!(*p >= least, "step {step}: {p} below {least}");
            }
        }
    }
}

#[test]
fn a_threshold_out_of_reach_is_not_left_however_short_the_history() {
    let values: Vec<f64> = (0..100).map(scattered).collect();
    let history = History::regular(&values, 1_000).unwrap();
    let far = vec![
        Threshold::upper(1e6),
        Threshold::lower(-1e6),
        Threshold::lower(1e6),
        Threshold::upper(-1e6),
    ];
    for row in forecast(&history, &Question::new(vec![5, 240], far), None, 1)
        .unwrap()
        .0
        .probability
    {
        assert!(
            row[..2].iter().all(|p| *p < 0.01) && row[2..].iter().all(|p| *p > 0.97),
            "{row:?}"
        );
    }
}

#[test]
fn a_band_on_a_threshold_does_not_leave_it() {
    // Two values only: bands stand on them, and so does the threshold.
    let values: Vec<f64> = (0..200).map(|i| if scattered(i) < 400.0 { 0.1 } else { 0.3 }).collect();
    let history = History::regular(&values, 15_000).unwrap();
    let question = Question::new(vec![1, 20], vec![Threshold::upper(0.3), Threshold::lower(0.1)]);
    for row in forecast(&history, &question, None, 1).unwrap().0.probability {
        assert!(row.iter().all(|p| *p < 0.1), "{row:?}");
    }
}

#[test]
fn a_state_of_another_version_is_refused() {
    let history = History::regular(&(0..100).map(scattered).collect::<Vec<_>>(), 60_000).unwrap();
    let (_, state) = forecast(&history, &Question::new(vec![10], vec![]), None, 1).unwrap();
    let flat = state.to_flat();
    assert_eq!(PoolState::from_flat(&flat), Some(state));
    for at in [0, 1] {
        let mut other = flat.clone();
        other[at] += 1.0;
        assert_eq!(PoolState::from_flat(&other), None);
    }
}

#[test]
fn a_farther_bound_is_never_more_likely_on_either_side_of_the_record() {
    for seed in 0..60 {
        // Noise, walks, and a start-up that dies away; few samples against the horizon.
        let mut level = 0.0;
        let values: Vec<f64> = (0..60)
            .map(|i| {
                let noise = scattered(1_000 * seed + i) / 1_009.0;
                level += noise - 0.5;
                match seed % 3 {
                    0 => noise,
                    1 => level,
                    _ => noise + 40.0 / (1.0 + i as f64),
                }
            })
            .collect();
        let history = History::regular(&values, 15_000).unwrap();
        let (low, high) = values
            .iter()
            .fold((f64::MAX, f64::MIN), |(l, h), v| (v.min(l), v.max(h)));
        let bounds = (0..40).map(|i| low + (high - low) * f64::from(i) / 30.0);
        let question = Question::new(vec![5, 40, 120], bounds.map(Threshold::upper).collect());
        for row in forecast(&history, &question, None, seed).unwrap().0.probability {
            assert!(row.is_sorted_by(|near, far| near >= far), "{seed}: {row:?}");
        }
    }
}

#[test]
fn a_start_up_that_is_over_is_not_held_against_the_series() {
    // Twenty minutes of start-up, twenty of calm; the bound lies inside what the start-up reached.
    let values: Vec<f64> = (0..80)
        .map(|i| 20.0 + scattered(i) / 1_009.0 + if i < 40 { 10.0 - i as f64 / 4.0 } else { 0.0 })
        .collect();
    let history = History::regular(&values, 30_000).unwrap();
    let question = Question::new(vec![20, 120], vec![Threshold::upper(27.0)]);
    let said = forecast(&history, &question, None, 1).unwrap().0.probability;
    assert!(said[0][0] < 0.15 && said[1][0] < 0.45, "{said:?}");
}
