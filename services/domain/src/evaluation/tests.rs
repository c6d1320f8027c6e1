use super::*;
use crate::objective::MissingPolicy;
use crate::range::{AllowedRange, Side, Verdict};
use crate::sample::STALE_NAN_BITS;

fn samples(pairs: &[(i64, f64)]) -> Samples {
    Samples::from_columns(
        pairs.iter().map(|(s, _)| s * 1_000).collect(),
        pairs.iter().map(|(_, v)| *v).collect(),
    )
}

fn window(start_s: i64, end_s: i64) -> Window {
    Window {
        end_ms: end_s * 1_000,
        length_ms: (end_s - start_s) * 1_000,
    }
}

fn at_most(max: f64, cap_s: i64) -> Judgement {
    Judgement::new(AllowedRange::at_most(max).unwrap(), cap_s * 1_000)
}

/// Start, end, worst, samples; seconds.
fn listed(evaluation: &Evaluation) -> Vec<(i64, i64, f64, u64)> {
    evaluation
        .intervals
        .iter()
        .map(|i| (i.start_ms / 1_000, i.end_ms / 1_000, i.worst, i.samples))
        .collect()
}

fn page() -> Samples {
    samples(&[
        (0, 50.0),
        (60, 90.0),
        (120, 95.0),
        (180, 70.0),
        (600, 85.0),
        (660, 60.0),
    ])
}

fn stale() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}

#[test]
fn vector_of_rule_2() {
    let found = evaluate(&page(), &at_most(80.0, 120), window(0, 720));
    assert_eq!(listed(&found), [(60, 180, 95.0, 2), (600, 660, 85.0, 1)]);
    assert_eq!((found.samples_violating, found.samples), (3, 5));
    assert_eq!(
        (found.violated_ms, found.covered_ms, found.unknown_ms),
        (180_000, 420_000, 300_000)
    );
    assert_eq!(found.good_ratio(), Some(4.0 / 7.0));
    assert_eq!(found.coverage(), 7.0 / 12.0);
    assert_eq!(found.intervals[0].excess, 15.0);
    assert_eq!(found.intervals[0].sample_times_ms, [60_000, 120_000]);
    assert_eq!(found.intervals[0].side, Side::Above);
    assert!(found.intervals.iter().all(|i| !i.open_start && !i.open_end));
    assert!(
        !found.intervals[1].resumes_after_gap,
        "the value was good before the gap"
    );
    assert!(!found.is_covered(0.9));
}

#[test]
fn vector_of_rule_8() {
    let judgement = at_most(80.0, 120);
    assert_eq!(state_at(&page(), &judgement, 590_000).verdict, None);
    assert_eq!(state_at(&page(), &judgement, 590_000).newest, Some((180_000, 70.0)));
    assert_eq!(
        state_at(&page(), &judgement, 650_000).verdict,
        Some(Verdict::Outside(Side::Above))
    );
    assert_eq!(state_at(&page(), &judgement, 720_000).verdict, Some(Verdict::Good));
    assert_eq!(state_at(&page(), &judgement, 720_000).value(), Some(60.0));
    // The cap is half open, as stretches of time are.
    assert_eq!(state_at(&page(), &judgement, 299_999).verdict, Some(Verdict::Good));
    assert_eq!(state_at(&page(), &judgement, 300_000).verdict, None);
    assert_eq!(state_at(&page(), &judgement, -1).newest, None);
}

/// 7 d in slices of 60 s: 10080 slices, 9000 seen, 80 of them bad.
#[test]
fn vector_of_rule_7() {
    let seen = (1..=9_000).map(|slice: i64| (slice * 60, if slice <= 80 { 2.0 } else { 0.0 }));
    // A sample at the start of each slice; the window starts with the first.
    let samples = samples(&seen.collect::<Vec<_>>());
    let window = window(60, 60 + 604_800);
    let judge = |missing| evaluate(&samples, &at_most(1.0, 60).with_missing(missing), window);
    let slices = |found: &Evaluation| (found.good_ms / 60_000, found.judged_ms() / 60_000);
    assert_eq!(slices(&judge(MissingPolicy::Gap)), (8_920, 9_000));
    assert_eq!(slices(&judge(MissingPolicy::Good)), (10_000, 10_080));
    assert_eq!(slices(&judge(MissingPolicy::Bad)), (8_920, 10_080));
    for missing in [
        MissingPolicy::Gap,
        MissingPolicy::Good,
        MissingPolicy::Bad,
        MissingPolicy::Zero,
    ] {
        assert_eq!(judge(missing).coverage(), 9_000.0 / 10_080.0);
        assert_eq!(judge(missing).violated_ms, 80 * 60_000);
    }
    assert_eq!(judge(MissingPolicy::Gap).good_ratio(), Some(8_920.0 / 9_000.0));
    assert_eq!(judge(MissingPolicy::Good).good_ratio(), Some(10_000.0 / 10_080.0));
    assert_eq!(judge(MissingPolicy::Bad).good_ratio(), Some(8_920.0 / 10_080.0));
    assert!(!judge(MissingPolicy::Gap).is_covered(0.9));
}

#[test]
fn hold_lengthens_the_cap_and_zero_judges_nought() {
    let judgement = at_most(80.0, 120);
    let held = evaluate(
        &page(),
        &judgement.with_missing(MissingPolicy::Hold { max_ms: 300_000 }),
        window(0, 720),
    );
    assert_eq!(held.covered_ms, 600_000);
    let shorter = judgement.with_missing(MissingPolicy::Hold { max_ms: 1_000 });
    assert_eq!(evaluate(&page(), &shorter, window(0, 720)).covered_ms, 420_000);
    let least = Judgement::new(AllowedRange::at_least(1.0).unwrap(), 120_000).with_missing(MissingPolicy::Zero);
    let zero = evaluate(&page(), &least, window(0, 720));
    assert_eq!(listed(&zero), [(300, 600, 0.0, 0)]);
    assert!(zero.intervals[0].assumed);
    assert_eq!(
        (zero.good_ms, zero.bad_ms, zero.covered_ms),
        (420_000, 300_000, 420_000)
    );
    let now = state_at(&page(), &least, 590_000);
    assert_eq!(
        (now.verdict, now.assumed, now.value()),
        (Some(Verdict::Outside(Side::Below)), true, Some(0.0))
    );
    // The cap ends exactly at the window's end: what is assumed from there on goes on with the run.
    let above = Judgement::new(AllowedRange::at_most(-1.0).unwrap(), 120_000).with_missing(MissingPolicy::Zero);
    let edge = evaluate(&samples(&[(0, 0.0)]), &above, window(0, 120));
    assert_eq!(listed(&edge), [(0, 120, 0.0, 0)]);
    assert!(edge.intervals[0].open_end);
    let never = evaluate(&Samples::default(), &least, window(0, 60));
    assert!(never.intervals[0].open_start && never.intervals[0].open_end);
    assert_eq!(never.intervals[0].began_ms, 0);
}

#[test]
fn an_interval_across_an_edge_is_clipped_and_counted_once() {
    let line = samples(&[(0, 90.0), (60, 95.0), (120, 70.0), (180, 85.0)]);
    let found = evaluate(&line, &at_most(80.0, 120), window(30, 200));
    assert_eq!(listed(&found), [(30, 120, 95.0, 1), (180, 200, 85.0, 1)]);
    assert!(found.intervals[0].open_start && !found.intervals[0].open_end);
    assert!(!found.intervals[1].open_start && found.intervals[1].open_end);
    assert_eq!(found.intervals[0].began_ms, 0);
    assert_eq!((found.samples, found.samples_violating), (3, 2));
    // The left edge is open: the sample on it carries its value in and is not counted.
    let edge = evaluate(&line, &at_most(80.0, 120), window(60, 120));
    assert_eq!(listed(&edge), [(60, 120, 95.0, 0)]);
    assert_eq!(edge.samples, 1);
    // Its interval ends exactly where the window does: the sample there is good.
    assert!(!edge.intervals[0].open_end);
    // The right edge is closed: the sample on it is counted and opens an interval without length.
    let last = evaluate(&line, &at_most(80.0, 120), window(120, 180));
    assert_eq!(listed(&last), [(180, 180, 85.0, 1)]);
    assert!(last.intervals[0].open_end);
    assert_eq!(last.violated_ms, 0);
}

#[test]
fn carry_in_ends_at_its_own_cap() {
    let line = samples(&[(0, 90.0), (600, 10.0)]);
    let found = evaluate(&line, &at_most(80.0, 120), window(60, 720));
    assert_eq!(listed(&found), [(60, 120, 90.0, 0)]);
    assert_eq!(found.covered_ms, 180_000);
    let later = evaluate(&line, &at_most(80.0, 120), window(120, 500));
    assert!(later.is_unseen());
    assert_eq!(later.oldest_ms, Some(0));
}

#[test]
fn stale_ends_at_once_and_other_non_numbers_are_skipped() {
    let line = samples(&[
        (0, 90.0),
        (30, f64::NAN),
        (60, f64::INFINITY),
        (90, stale()),
        (150, 90.0),
        (180, f64::NAN),
    ]);
    let found = evaluate(&line, &at_most(80.0, 120), window(-1, 400));
    assert_eq!(listed(&found), [(0, 90, 90.0, 1), (150, 270, 90.0, 1)]);
    assert_eq!((found.n_nan, found.n_stale, found.samples), (3, 1, 2));
    assert!(found.intervals[1].resumes_after_gap);
    // Without the marker the cap of the first value cuts.
    let hidden = samples(&[(0, 90.0), (30, f64::NAN), (150, 90.0)]);
    assert_eq!(
        listed(&evaluate(&hidden, &at_most(80.0, 120), window(-1, 150))),
        [(0, 120, 90.0, 1), (150, 150, 90.0, 1)]
    );
    assert_eq!(state_at(&line, &at_most(80.0, 120), 100_000).verdict, None);
    assert_eq!(
        state_at(&line, &at_most(80.0, 120), 80_000).verdict,
        Some(Verdict::Outside(Side::Above))
    );
}

#[test]
fn a_change_of_side_starts_another_interval() {
    let line = samples(&[(0, 9.0), (60, 1.0), (120, 9.0), (180, 5.0)]);
    let judgement = Judgement::new(AllowedRange::new(Some(2.0), Some(8.0)).unwrap(), 120_000);
    let found = evaluate(&line, &judgement, window(-1, 200));
    assert_eq!(listed(&found), [(0, 60, 9.0, 1), (60, 120, 1.0, 1), (120, 180, 9.0, 1)]);
    assert_eq!(found.intervals[1].side, Side::Below);
    assert_eq!(found.intervals[1].excess, 1.0);
    assert!(found.intervals.iter().all(|i| !i.resumes_after_gap));
}

#[test]
fn an_old_interval_is_in_every_window_that_reaches_it() {
    let hour = 3_600;
    let points: Vec<(i64, f64)> = (0..=12 * 60)
        .map(|minute| (minute * 60, if (695..700).contains(&minute) { 9.0 } else { 1.0 }))
        .collect();
    let windows = Window::DEFAULT_LENGTHS_MS.map(|length_ms| Window {
        end_ms: 12 * hour * 1_000,
        length_ms,
    });
    for found in evaluate_windows(&samples(&points), &at_most(5.0, 120), &windows) {
        assert_eq!(listed(&found), [(695 * 60, 700 * 60, 9.0, 5)]);
    }
}

#[test]
fn display_joins_what_only_unknown_time_separates() {
    let line = samples(&[(0, 90.0), (600, 95.0), (660, 10.0), (720, 90.0), (730, 10.0)]);
    let found = evaluate(&line, &at_most(80.0, 120), window(-1, 800));
    assert_eq!(
        listed(&found),
        [(0, 120, 90.0, 1), (600, 660, 95.0, 1), (720, 730, 90.0, 1)]
    );
    let shown = found.shown(0);
    assert_eq!(shown.len(), 2);
    assert!(!shown[0].gaps.is_empty() && shown[1].gaps.is_empty());
    assert_eq!(
        (shown[0].violated_ms, shown[0].whole.worst, shown[0].whole.samples),
        (180_000, 95.0, 2)
    );
    assert_eq!((shown[0].gaps[0].start_ms, shown[0].gaps[0].end_ms), (120_000, 600_000));
    assert_eq!(found.shown(60_000).len(), 1);
    assert_eq!(found.violated_ms, 190_000, "hiding changes no figure");
}

#[test]
fn samples_after_the_instant_are_not_looked_at() {
    let judgement = at_most(80.0, 120);
    let upto = |end_s: i64| {
        let known: Vec<(i64, f64)> = page()
            .iter()
            .map(|(t, v)| (t / 1_000, v))
            .filter(|(t, _)| *t <= end_s)
            .collect();
        evaluate(&samples(&known), &judgement, window(0, end_s))
    };
    for end_s in [1, 59, 60, 61, 179, 180, 299, 300, 599, 600, 601, 660, 700] {
        assert_eq!(evaluate(&page(), &judgement, window(0, end_s)), upto(end_s), "{end_s}");
    }
}

#[test]
fn extremes_do_not_panic() {
    let line = Samples {
        times_ms: vec![i64::MIN, -1, i64::MAX - 1],
        values: vec![9.0, 9.0, 9.0],
    };
    for cap_ms in [i64::MIN, 0, 1, i64::MAX] {
        for missing in [
            MissingPolicy::Zero,
            MissingPolicy::Bad,
            MissingPolicy::Hold { max_ms: i64::MAX },
        ] {
            let judgement = Judgement::new(AllowedRange::at_most(5.0).unwrap(), cap_ms).with_missing(missing);
            for window in [
                Window {
                    end_ms: i64::MAX,
                    length_ms: 10,
                },
                Window {
                    end_ms: 0,
                    length_ms: 0,
                },
                Window {
                    end_ms: 0,
                    length_ms: -5,
                },
                Window {
                    end_ms: 1_000,
                    length_ms: 1_000_000,
                },
            ] {
                let found = evaluate(&line, &judgement, window);
                assert!(found.covered_ms <= window.length_ms.max(0));
            }
        }
    }
}
