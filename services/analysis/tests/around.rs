//! What else moved, measured on seeded incidents: how often the culprit stands on top, and how often something is told of
//! windows in which nothing happened. `dev/bench-around` measures many more of them (docs/around.md).
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "around/injector.rs"]
mod injector;
#[path = "around/trial.rs"]
mod trial;

use injector::{Estate, Fault, Random};
use sla_analysis::around::{Frame, Kind, PROVEN, best_lag, profile};
use trial::{Score, Trial};

const PAST: usize = 720;
const SPAN: usize = 15;
const TRIAL: Trial = Trial { past: PAST };

#[test]
fn the_culprit_stands_among_the_first_more_often_than_by_the_largest_z() {
    let mut all = Score::default();
    for fault in Fault::ALL {
        let mut score = Score::default();
        for n in 0..5 {
            score.add(&TRIAL.incident(fault, 40_000 + n * 31 + fault as u64));
        }
        assert!(score.fifth >= score.z_fifth, "{fault:?}: {score:?}");
        all.add(&score);
    }
    // Two standard errors of so few incidents below what many have shown.
    let least = |proven: f64| proven - 2.0 * (proven * (1.0 - proven) / f64::from(all.incidents)).sqrt();
    assert!(all.share(all.third) >= least(PROVEN.first_three), "{all:?}");
    assert!(all.share(all.fifth) >= least(PROVEN.first_five), "{all:?}");
    assert!(all.share(all.third) > all.share(all.z_third) + 0.2, "{all:?}");
    assert!(f64::from(all.wrong) <= 0.1 * f64::from(all.rows), "{all:?}");
    assert!(all.first <= all.third && all.fifth <= all.told);
}

#[test]
fn nothing_else_changed_is_the_answer_where_nothing_happened() {
    let told = (0..10).filter(|n| TRIAL.quiet(70_000 + n) > 0).count();
    assert!(told <= 2, "{told} of 10");
}

#[test]
fn each_way_of_changing_is_named() {
    let count = PAST + SPAN;
    let mut random = Random::new(5);
    let mut all = Estate::new(300, count, &mut random).series;
    let mut noisy = |change: &dyn Fn(f64) -> f64| -> Vec<f64> {
        let one = |n| {
            let value = 10.0 + random.normal();
            if n >= PAST { change(value) } else { value }
        };
        (0..count).map(one).collect()
    };
    all.push(noisy(&|v| v + 20.0));
    all.push(noisy(&|v| 10.0 + (v - 10.0) * 30.0));
    all.push(noisy(&|_| f64::NAN));
    all.push(noisy(&|_| 0.0));
    let moved = TRIAL.ranked(&all).moved;
    let kind = |index: usize| moved.iter().find(|m| m.index == index).map(|m| m.kind);
    assert_eq!(kind(300), Some(Kind::Level), "{moved:?}");
    assert_eq!(kind(301), Some(Kind::Spread), "{moved:?}");
    assert_eq!(kind(302), Some(Kind::Silence), "{moved:?}");
    assert!(kind(303).is_some(), "zero where it never was");
    let level = moved.iter().find(|m| m.index == 300).unwrap();
    assert!(level.onset.is_some_and(|onset| (-1..=1).contains(&onset)), "{level:?}");
    assert!(
        (level.change.after - level.change.before - 20.0).abs() < 3.0,
        "{level:?}"
    );
    let follower: Vec<f64> = (0..count).map(|n| all[300][n.saturating_sub(2)] * -0.5).collect();
    assert_eq!(
        best_lag(&all[300][PAST - 30..], &follower[PAST - 30..], 5)
            .unwrap()
            .bins,
        2
    );
}

#[test]
fn a_frame_needs_a_past_and_something_after() {
    assert!(Frame::new(735, 733, SPAN, 5).is_err(), "two bins after");
    assert!(Frame::new(60, 40, SPAN, 5).is_err(), "no past to measure against");
    assert!(Frame::new(usize::MAX, 720, usize::MAX, 5).is_err(), "no such past");
    let frame = Frame::new(75, 60, SPAN, 5).unwrap();
    assert_eq!(profile(&[1.0; 74], &frame), None, "of another grid");
    let flat = profile(&[1.0; 75], &frame).unwrap();
    assert!(flat.changes.iter().all(|change| change.score == 0.0));
    assert!(profile(&[f64::NAN; 75], &frame).is_none());
    for start in 0..5 {
        let wild = |n: usize| [f64::INFINITY, -1e308, 1e308, f64::NAN, 0.0][(n + start) % 5];
        let _ = profile(&(0..75).map(wild).collect::<Vec<f64>>(), &frame);
        let _ = profile(&(0..75).map(|n| wild(n / 7)).collect::<Vec<f64>>(), &frame);
    }
}
