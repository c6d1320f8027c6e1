//! A bound moved on the chart: what it would have meant, undone, saved on purpose.

use super::driver::Driver;
use crate::context::request::{Effect, Request, Slot};

/// On the chart of the series that is above its bound of 4.
fn on_chart() -> Driver {
    let mut driver = Driver::new(80, 24);
    driver.keys("j j Enter");
    driver
}

fn stored_max(driver: &Driver) -> Option<f64> {
    driver.script.sets[0].objectives[0].range.unwrap().max
}

fn asked(driver: &Driver, wanted: Slot) -> usize {
    let calls = driver.outside.iter();
    calls
        .filter(|effect| matches!(effect, Effect::Call { slot, .. } if *slot == wanted))
        .count()
}

#[test]
fn what_a_moved_bound_would_have_meant_stands_below_the_chart() {
    let mut driver = on_chart();
    driver.says("max 4");
    driver.keys("K");
    driver.says("max 4.1, was max 4   next 10m: 93 % outside   S saves default");
    driver.says("here   1h 1 (11m)   3h 2 (11m)");
    driver.says("all 3  12h 2 (11m), 98.47 % good");
    driver.says("K raise bound");
    assert_eq!(stored_max(&driver), Some(4.0), "nothing is saved by itself");
    driver.keys(": \"bound\" Space \"max\" Space \"7\" Enter");
    driver.says("max 7, was max 4");
    driver.says("here   1h none   3h none   6h none   12h none");
    driver.keys("u");
    driver.says("max 4.1, was max 4");
    driver.keys("U S");
    driver.says("default is saved");
    assert_eq!(stored_max(&driver), Some(7.0));
    driver.keys("K J");
    driver.says_not("was max");
}

#[test]
fn keys_are_taken_while_nothing_is_told_and_asked_once_when_they_rest() {
    let mut driver = on_chart();
    driver.answering = false;
    for _ in 0..20 {
        driver.press("J");
    }
    driver.says("max 2, was max 4");
    driver.says("being judged");
    assert_eq!(asked(&driver, Slot::DetailTried), 0, "the keys have not rested");
    driver.wait(100);
    let sent = driver.outside.iter().find_map(|effect| match effect {
        Effect::Call {
            slot: Slot::DetailTried,
            request: Request::Evaluate(request),
            ..
        } => Some(request.clone()),
        _ => None,
    });
    let sent = sent.expect("it is asked");
    assert_eq!(sent.objectives[0].range.unwrap().max, Some(2.0));
    assert!(sent.cached_only && sent.with_intervals, "from memory, to be drawn");
    assert_eq!(
        (asked(&driver, Slot::DetailTried), asked(&driver, Slot::DetailTriedAll)),
        (1, 1)
    );
}

#[test]
fn a_series_without_an_agreement_has_no_bound_to_move() {
    let mut driver = Driver::new(80, 24);
    driver.keys(": \"show\" Space \"node_load5\" Enter Enter K");
    driver.says("no agreement about this series is known");
}

#[test]
fn a_set_with_changes_is_not_left_for_the_bound_of_another() {
    let mut driver = Driver::new(100, 30);
    let mut second = driver.script.sets[0].clone();
    (second.id, second.name) = ("set-2".into(), "mine".into());
    second.objectives.truncate(1);
    second.objectives[0].id = "o-mine".into();
    second.objectives[0].query = Some(crate::context::wire::query_from_text("node_load5"));
    driver.script.sets.push(second);
    driver.evaluate();
    driver.keys("2 r ] +");
    driver.says("mine*");
    driver.keys("1 j j Enter K");
    driver.says("the open set has changes that are not saved");
    driver.says_not("was max");
    driver.keys("2 C-x 1 K");
    driver.says("max 4.1, was max 4");
}

#[test]
fn a_bound_is_moved_as_soon_as_the_sets_are_known() {
    let mut driver = Driver::new(80, 24);
    driver.keys("j j Enter");
    driver.app.cx.sets.clear();
    driver.keys("K");
    driver.says("max 4.1, was max 4");
}
