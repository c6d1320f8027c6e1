//! Scores against hand-computed values, and the rule by which a probability is unproven, proven or withheld.

use proptest::prelude::*;
use sla_analysis::scoring::{
    Rival, Scored, TrackRecord, Verdict, brier, calibration_error, calibration_table, covers, mase_scale, pinball,
};

fn scored(probability: f64, last_value: f64, violated: bool) -> Scored {
    Scored {
        probability,
        last_value,
        base_rate: Some(0.2),
        arima: None,
        provider: None,
        violated,
    }
}

fn record(forecasts: impl IntoIterator<Item = Scored>) -> TrackRecord {
    let mut record = TrackRecord::default();
    for forecast in forecasts {
        assert!(record.score(&forecast));
    }
    record
}

#[test]
fn scores_have_their_textbook_values() {
    assert!((brier(0.3, true) - 0.49).abs() < 1e-15);
    assert!((brier(0.3, false) - 0.09).abs() < 1e-15);
    assert!((pinball(0.9, 10.0, 12.0) - 1.8).abs() < 1e-15);
    assert!((pinball(0.9, 12.0, 10.0) - 0.2).abs() < 1e-15);
    assert!(covers(1.0, 2.0, 2.0) && !covers(1.0, 2.0, 2.1));
    assert_eq!(mase_scale(&[1.0, 3.0, 6.0, f64::NAN, 2.0], 1), Some(2.5));
    assert_eq!(mase_scale(&[1.0, 3.0, 6.0], 2), Some(5.0));
    assert_eq!(mase_scale(&[4.0; 9], 1), None);
}

#[test]
fn a_calibration_table_has_bins_of_equal_count() {
    // 20 forecasts: ten say 0.1 (two come true), ten say 0.8 (six come true).
    let pairs: Vec<(f64, bool)> = (0..10)
        .map(|i| (0.1, i < 2))
        .chain((0..10).map(|i| (0.8, i < 6)))
        .collect();
    let table = calibration_table(&pairs, 2);
    assert_eq!(table.iter().map(|bin| bin.count).collect::<Vec<_>>(), [10, 10]);
    assert!((table[0].observed - 0.2).abs() < 1e-15 && (table[1].observed - 0.6).abs() < 1e-15);
    assert!((calibration_error(&table) - 0.15).abs() < 1e-15);
    assert_eq!(calibration_table(&pairs[..3], 10).len(), 3);
    assert!(calibration_table(&[], 10).is_empty() && calibration_error(&[]) == 0.0);
}

#[test]
fn nothing_is_claimed_before_thirty_forecasts_and_five_of_each_outcome() {
    let worse = |i: u32| scored(0.5, f64::from(u8::from(i.is_multiple_of(3))), i.is_multiple_of(3));
    let early = record((0..29).map(worse));
    assert_eq!(
        early.verdict(),
        Verdict::Unproven {
            scored: 29,
            violations: 10
        }
    );
    assert_eq!(early.to_string(), "unproven (29 scored, 10 violations)");
    // Thirty, but only four violations.
    let rare = record((0..30).map(|i| scored(0.5, f64::from(u8::from(i < 4)), i < 4)));
    assert_eq!(
        rare.verdict(),
        Verdict::Unproven {
            scored: 30,
            violations: 4
        }
    );
    // Always said one half where last-value was always right: worse beyond doubt.
    assert_eq!(record((0..30).map(worse)).verdict(), Verdict::Withheld);
}

#[test]
fn a_probability_is_withheld_only_when_worse_beyond_the_interval() {
    // Differences to last-value alternate +0.25 and −0.25 … on average slightly worse, far from beyond doubt.
    let unclear = record((0..40).map(|i| {
        let violated = i % 4 < 2;
        // Last value is right on even forecasts, wrong on odd ones; ours says one half, and a little worse on every eighth.
        let last = if i % 2 == 0 { violated } else { !violated };
        scored(if i % 8 == 0 { 0.45 } else { 0.5 }, f64::from(u8::from(last)), violated)
    }));
    assert_eq!(unclear.verdict(), Verdict::Proven);
    // Right where last-value is wrong half of the time.
    let better = record((0..40).map(|i| {
        scored(
            if i % 2 == 0 { 0.9 } else { 0.1 },
            f64::from(u8::from(i % 4 < 2)),
            i % 2 == 0,
        )
    }));
    assert_eq!(better.verdict(), Verdict::Proven);
    assert_eq!(better.right, 40);
    assert_eq!(
        better.to_string(),
        "better than last value (Brier 0.01 against 0.50, 40 scored)"
    );
    let (_, high) = better.against(Rival::LastValue).interval().unwrap();
    assert!(high < 0.0);
}

#[test]
fn the_interval_is_students_t_of_independent_differences() {
    // Differences 0.09 and 0.01 − 1 = −0.99 … computed by hand from n = 4: mean −0.45, sd of (0.09, −0.99, 0.09, −0.99).
    let four = record((0..4).map(|i| {
        scored(
            if i % 2 == 0 { 0.3 } else { 0.1 },
            f64::from(u8::from(i % 2 == 1)),
            false,
        )
    }));
    let against = four.against(Rival::LastValue);
    let sd = (4.0 * 0.54_f64.powi(2) / 3.0).sqrt();
    let half = 2.353_363_434_801_823 * sd / 2.0; // t of 3 degrees at 0.95
    let (low, high) = against.interval().unwrap();
    assert!(
        (low - (-0.45 - half)).abs() < 1e-9 && (high - (-0.45 + half)).abs() < 1e-9,
        "{low} {high}"
    );
}

#[test]
fn overlapping_forecasts_do_not_count_as_independent_ones() {
    let alternating = record((0..100).map(|i| scored(0.3, f64::from(u8::from(i % 2 == 0)), false)));
    let in_blocks = record((0..100).map(|i| scored(0.3, f64::from(u8::from(i / 25 % 2 == 0)), false)));
    let width = |r: &TrackRecord| {
        r.against(Rival::LastValue)
            .interval()
            .map(|(low, high)| high - low)
            .unwrap()
    };
    assert!(width(&in_blocks) > 3.0 * width(&alternating));
}

proptest! {
    #[test]
    fn a_record_survives_storage_and_refuses_nan(
        forecasts in prop::collection::vec((0.0..1.0_f64, any::<bool>(), any::<bool>()), 0..80)
    ) {
        let mut record = record(forecasts.iter().map(|&(p, last, v)| scored(p, f64::from(u8::from(last)), v)));
        record.score_band(true, 0.5);
        let before = record;
        prop_assert!(!record.score(&scored(f64::NAN, 0.0, true)));
        prop_assert_eq!(before, record);
        prop_assert_eq!(TrackRecord::from_flat(&record.to_flat()), Some(record));
        if let Some((low, high)) = record.against(Rival::LastValue).interval() {
            prop_assert!(low <= high && low.is_finite() && high.is_finite());
        }
        prop_assert!(record.brier().is_none_or(|b| (0.0..=1.0).contains(&b)));
    }
}
