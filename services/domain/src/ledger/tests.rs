use proptest::prelude::*;

use super::*;
use crate::evaluation::{Judgement, evaluate};
use crate::sample::Samples;
use crate::window::Window;

fn key() -> LedgerKey {
    LedgerKey {
        objective: ObjectiveId::new("o").unwrap(),
        generation: 1,
        series: SeriesId([7; 16]),
    }
}

fn range() -> AllowedRange {
    AllowedRange::new(Some(0.0), Some(80.0)).unwrap()
}

const PAGE: [(i64, f64); 6] = [
    (0, 50.0),
    (60, 90.0),
    (120, 95.0),
    (180, 70.0),
    (600, 85.0),
    (660, 60.0),
];

/// Evaluates what is known at `at`, over the last `length`; the ledger stays as `store` left it.
fn tick(points: &[(i64, f64)], store: &mut Vec<Violation>, at: i64, length: i64) -> Transitions {
    let points: &[(i64, f64)] = &points.iter().copied().filter(|(t, _)| *t <= at).collect::<Vec<_>>();
    look(points, store, at, length)
}

/// The same with exactly these samples.
fn look(known: &[(i64, f64)], store: &mut Vec<Violation>, at: i64, length: i64) -> Transitions {
    let samples = Samples::from_columns(known.iter().map(|p| p.0).collect(), known.iter().map(|p| p.1).collect());
    let window = Window {
        end_ms: at,
        length_ms: length,
    };
    let found = evaluate(&samples, &Judgement::new(range(), 120), window);
    let changes = transitions(&key(), &range(), store, &found);
    // As a store does: upsert by natural key.
    for record in changes.records() {
        match store.iter_mut().find(|have| have.start_ms == record.start_ms) {
            Some(have) => *have = record.clone(),
            None => store.push(record.clone()),
        }
    }
    store.sort_by_key(|violation| violation.start_ms);
    assert!(
        transitions(&key(), &range(), store, &found).is_empty(),
        "a repeated evaluation changes nothing"
    );
    changes
}

#[test]
fn a_violation_opens_grows_and_closes() {
    let mut store = Vec::new();
    assert!(tick(&PAGE, &mut store, 59, 720).is_empty());
    let opened = tick(&PAGE, &mut store, 60, 720);
    assert_eq!((opened.opened.len(), opened.opened[0].start_ms), (1, 60));
    assert_eq!(opened.opened[0].duration_ms(), 0);
    let grown = tick(&PAGE, &mut store, 130, 720);
    assert_eq!((grown.updated.len(), grown.updated[0].worst), (1, 95.0));
    assert_eq!(grown.updated[0].duration_ms(), 70);
    let closed = tick(&PAGE, &mut store, 200, 720);
    assert_eq!((closed.closed.len(), closed.closed[0].end_ms), (1, Some(180)));
    assert!(tick(&PAGE, &mut store, 300, 720).is_empty());
    // Begun and ended between two looks.
    let missed = tick(&PAGE, &mut store, 720, 720);
    assert_eq!((missed.closed.len(), missed.closed[0].start_ms), (1, 600));
    assert_eq!(store.len(), 2);
    assert_eq!(store.iter().map(|v| v.samples).sum::<u64>(), 3);
    assert_eq!(
        (store[0].bound, store[0].excess, store[0].side),
        (80.0, 15.0, Side::Above)
    );
}

#[test]
fn one_longer_than_the_window_keeps_its_start_and_counts_on() {
    let points: Vec<(i64, f64)> = (0..40).map(|n| (n * 60, if n == 3 { 99.0 } else { 90.0 })).collect();
    let mut store = Vec::new();
    for at in (0..2_300).step_by(70) {
        tick(&points, &mut store, at, 300);
    }
    assert_eq!(store.len(), 1);
    assert_eq!((store[0].start_ms, store[0].worst, store[0].end_ms), (0, 99.0, None));
    let last = (0..2_300).step_by(70).last().unwrap();
    assert_eq!(store[0].samples, points.iter().filter(|p| p.0 <= last).count() as u64);
    assert_eq!(store[0].seen_ms, last);
}

#[test]
fn a_change_of_side_closes_one_and_opens_the_other() {
    let points = [(0, 90.0), (60, -5.0)];
    let mut store = Vec::new();
    tick(&points, &mut store, 30, 500);
    let changed = tick(&points, &mut store, 70, 500);
    assert_eq!(
        (changed.closed[0].side, changed.closed[0].end_ms),
        (Side::Above, Some(60))
    );
    assert_eq!((changed.opened[0].side, changed.opened[0].bound), (Side::Below, 0.0));
}

#[test]
fn silence_ends_a_violation_where_it_was_known_last() {
    let points = [(0, 90.0)];
    let mut store = Vec::new();
    tick(&points, &mut store, 50, 500);
    assert_eq!(tick(&points, &mut store, 1_000, 500).closed[0].end_ms, Some(50));
    let mut store = Vec::new();
    tick(&points, &mut store, 50, 500);
    assert_eq!(tick(&points, &mut store, 300, 500).closed[0].end_ms, Some(120));
}

#[test]
fn late_samples_split_and_join() {
    let mut store = Vec::new();
    let early = [(0, 90.0), (100, 90.0), (200, 90.0)];
    tick(&early, &mut store, 210, 500);
    let late = [(0, 90.0), (50, 10.0), (100, 90.0), (200, 90.0)];
    let split = tick(&late, &mut store, 220, 500);
    assert_eq!((split.closed[0].start_ms, split.closed[0].end_ms), (0, Some(50)));
    assert_eq!(split.opened[0].start_ms, 100);
    let mut store = Vec::new();
    let torn = [(0, 90.0), (200, 90.0)];
    tick(&torn, &mut store, 210, 500);
    assert_eq!(store.len(), 2);
    let filled = [(0, 90.0), (100, 90.0), (200, 90.0)];
    let joined = tick(&filled, &mut store, 220, 500);
    assert_eq!(joined.withdrawn.len(), 1);
    assert!(store[1].is_withdrawn() && !store[0].is_withdrawn());
    assert_eq!((store[0].start_ms, store[0].samples, store[0].end_ms), (0, 3, None));
}

#[test]
fn others_are_left_alone() {
    let mut store = Vec::new();
    tick(&PAGE, &mut store, 130, 720);
    store[0].key.generation = 9;
    let changes = tick(&PAGE, &mut Vec::new(), 200, 720);
    let found = transitions(
        &key(),
        &range(),
        &store,
        &evaluate(
            &Samples::default(),
            &Judgement::new(range(), 1),
            Window {
                end_ms: 200,
                length_ms: 100,
            },
        ),
    );
    assert!(found.is_empty());
    assert_eq!(changes.closed.len(), 1);
}

#[test]
fn a_late_sample_moves_the_beginning() {
    let mut store = Vec::new();
    tick(&[(0, 10.0), (100, 90.0)], &mut store, 110, 500);
    let moved = tick(&[(0, 10.0), (50, 90.0), (100, 90.0)], &mut store, 120, 500);
    assert_eq!((moved.updated[0].start_ms, moved.updated[0].samples), (50, 2));
    assert_eq!((moved.withdrawn[0].start_ms, moved.opened.len()), (100, 0));
    let ended = tick(&[(0, 10.0), (50, 90.0), (100, 90.0), (130, 10.0)], &mut store, 140, 500);
    assert_eq!((ended.closed[0].start_ms, ended.closed[0].end_ms), (50, Some(130)));
    assert_eq!(store.iter().filter(|violation| !violation.is_withdrawn()).count(), 1);
}

proptest! {
    /// However late samples come, in the end the ledger holds what one look at all of them would have found.
    #[test]
    fn late_samples_leave_no_trace(
        deltas in proptest::collection::vec((1_i64..100, -20_i32..120, 0_i64..200), 1..40),
        steps in proptest::collection::vec(1_i64..150, 1..60),
    ) {
        let mut at = 0;
        let points: Vec<(i64, f64, i64)> = deltas
            .iter()
            .map(|(d, v, late)| { at += d; (at, f64::from(*v), at + late) })
            .collect();
        let arrived = |now: i64| -> Vec<(i64, f64)> {
            points.iter().filter(|p| p.2 <= now).map(|p| (p.0, p.1)).collect()
        };
        let mut store = Vec::new();
        let mut now = 0;
        for step in steps {
            now += step;
            look(&arrived(now), &mut store, now, 100_000);
        }
        now = now.max(at + 1_000);
        look(&arrived(now), &mut store, now, 100_000);
        let mut once = Vec::new();
        look(&arrived(now), &mut once, now, 100_000);
        store.retain(|violation| !violation.is_withdrawn());
        prop_assert_eq!(store, once);
    }

    /// However often one looks, the ledger holds what one look at the whole would have found.
    #[test]
    fn many_looks_equal_one(
        deltas in proptest::collection::vec((1_i64..100, -20_i32..120), 1..40),
        steps in proptest::collection::vec(1_i64..150, 1..60),
    ) {
        let mut at = 0;
        let points: Vec<(i64, f64)> = deltas.iter().map(|(d, v)| { at += d; (at, f64::from(*v)) }).collect();
        let mut store = Vec::new();
        let mut now = 0;
        for step in steps {
            now += step;
            tick(&points, &mut store, now, 10_000);
        }
        let mut once = Vec::new();
        tick(&points, &mut once, now, 10_000);
        store.sort_by_key(|v| v.start_ms);
        once.sort_by_key(|v| v.start_ms);
        prop_assert_eq!(store, once);
    }
}
