//! An incident as who is on call lives it: it starts, is noticed, what moved with it explains it, a bound is moved, it ends, and is
//! found again in the past. Consoles in pseudo-terminals on a real Prometheus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

#[allow(dead_code, reason = "shared with console.rs")]
#[path = "../shared/terminal.rs"]
mod terminal;
mod world;

use std::time::Duration;

use terminal::Console;
use world::{Trouble, World};

const SMALL: (u16, u16) = (80, 24);
const ESC: &str = "\u{1b}";
const MIN_S: i64 = 60;
const HOUR_S: i64 = 3_600;

/// It goes on for 20 minutes now.
const NOW: Trouble = Trouble {
    host: "db-1",
    from_s: 20 * MIN_S,
    until_s: 0,
};
/// What was before it.
const BEFORE: Trouble = Trouble {
    host: "db-1",
    from_s: 5 * HOUR_S,
    until_s: 5 * HOUR_S - 12 * MIN_S,
};

/// Some line of the picture holds all these.
fn line_with(picture: &str, words: &[&str]) -> bool {
    picture.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

fn see_line(console: &mut Console, words: &[&str]) {
    console.see_that(&words.join(" … "), |picture| line_with(picture, words));
}

/// Presses a key as somebody does who waits for the ledger: again each second, until some line holds these words.
fn press_until(console: &mut Console, key: &str, words: &[&str]) {
    for _ in 0..30 {
        console.press(key);
        if console.sees_within(Duration::from_secs(1), |picture| line_with(picture, words)) {
            return;
        }
    }
    see_line(console, words);
}

/// Leaves, with nothing to be asked.
fn leave(mut console: Console) {
    console.press("q");
    let (code, _) = console.ended();
    assert_eq!(code, 0);
}

/// The chart of the series that is violated.
fn on_its_chart(world: &World) -> Console {
    let mut console = world.console(SMALL);
    see_line(&mut console, &["▸ ✗ Load", "db-1"]);
    console.press("\r");
    console.see("Chart");
    see_line(&mut console, &["✗ violated max 4 since"]);
    console
}

#[test]
#[ignore = "real server: dev/test"]
fn it_starts_and_is_seen_without_a_key() {
    let world = World::new(1, &[]);
    let mut console = world.console(SMALL);
    see_line(&mut console, &["✓ 16 series fine"]);
    world.set_trouble("web-3", true);
    see_line(&mut console, &["✗ Load", "web-3", "≤ 4"]);
    see_line(&mut console, &["✗ 1 violated"]);
    see_line(&mut console, &["✗", "web-3", "above 4 since"]);
    leave(console);
}

#[test]
#[ignore = "real server: dev/test"]
fn who_comes_later_reads_what_is_wrong_since_when_and_how_often() {
    let world = World::new(2, &[BEFORE, NOW]);
    let mut console = world.console(SMALL);
    see_line(&mut console, &["▸ ✗ Load", "db-1", &world.minute(NOW.from_s)]);
    see_line(&mut console, &["Load db-1: above 4 since"]);
    console.see("2 times in 12h");
    // The same on a terminal half as high, and on a wide one.
    for (columns, rows) in [(60, 16), (160, 50)] {
        let mut other = world.console((columns, rows));
        see_line(&mut other, &["✗ Load", "db-1"]);
        leave(other);
    }
    leave(console);
}

#[test]
#[ignore = "real server: dev/test"]
fn what_moved_with_it_explains_it() {
    let world = World::new(3, &[NOW]);
    let mut console = world.console(SMALL);
    see_line(&mut console, &["▸ ✗ Load", "db-1"]);
    console.press("zn");
    console.see("greatest change first");
    see_line(&mut console, &["level", "node_disk_io_now", "db-1"]);
    see_line(&mut console, &["level", "node_procs_blocked", "db-1"]);
    console.press("s");
    console.see("first to move first");
    console.see_that("what moved a minute earlier stands first", |picture| {
        let at = |word: &str| {
            picture
                .lines()
                .position(|line| line.contains("level") && line.contains(word))
        };
        at("node_disk_io_now")
            .zip(at("node_procs_blocked"))
            .is_some_and(|(disk, procs)| disk < procs)
    });
    console.press(ESC);
    leave(console);
}

#[test]
#[ignore = "real server: dev/test"]
fn a_bound_moved_on_the_chart_tells_what_it_would_have_meant() {
    let world = World::new(4, &[BEFORE, NOW]);
    let mut console = on_its_chart(&world);
    console.press("K");
    console.see("max 4.1, was max 4");
    see_line(&mut console, &["here", "12h 2 ("]);
    see_line(&mut console, &["all 8", "of 99.5 % agreed", "of the budget used"]);
    console.press(":bound max 9\r");
    console.see("max 9, was max 4");
    see_line(&mut console, &["here", "1h none", "12h none"]);
    console.press("uu");
    console.see("violated max 4 since");
    leave(console);
    let sets = world.instance.json(&["sets", "export", "default", "--json"]);
    assert!(sets.to_string().contains("\"max\":4.0"), "{sets}");
}

#[test]
#[ignore = "real server: dev/test"]
fn a_bound_that_is_saved_ends_what_was_no_incident() {
    let world = World::new(5, &[NOW]);
    let mut console = on_its_chart(&world);
    console.press(":bound max 9\r");
    console.see("max 9, was max 4");
    console.press("S");
    console.see("default is saved");
    console.press("0");
    see_line(&mut console, &["✓ 16 series fine"]);
    console.press("2");
    see_line(&mut console, &["Load", "9"]);
    leave(console);
}

#[test]
#[ignore = "real server: dev/test"]
fn it_ends_and_that_is_told() {
    let world = World::new(6, &[NOW]);
    let mut console = world.console(SMALL);
    see_line(&mut console, &["▸ ✗ Load", "db-1"]);
    world.set_trouble("db-1", false);
    console.see("is back in its range after");
    see_line(&mut console, &["✓ 16 series fine"]);
    console.press("3");
    see_line(&mut console, &[&world.minute(NOW.from_s), "above"]);
    leave(console);
}

#[test]
#[ignore = "real server: dev/test"]
fn it_is_found_again_in_the_past() {
    let world = World::new(7, &[BEFORE]);
    let mut console = world.console(SMALL);
    see_line(&mut console, &["✓ 16 series fine"]);
    console.press("3");
    see_line(&mut console, &[&world.minute(BEFORE.from_s), "12m", "above"]);
    console.press("p\r");
    console.see("Chart");
    see_line(&mut console, &[&world.minute(BEFORE.from_s), "violated"]);
    console.press(ESC);
    console.see("ledger: Load");
    leave(console);
}

#[test]
#[ignore = "real server: dev/test"]
fn the_timeline_leads_from_one_to_the_other() {
    let world = World::new(8, &[BEFORE, NOW]);
    let mut console = world.console(SMALL);
    see_line(&mut console, &["▸ ✗ Load", "db-1"]);
    console.press("t");
    see_line(&mut console, &["OBJECTIVE", "now"]);
    press_until(&mut console, "[", &[&world.minute(BEFORE.from_s), "above 4"]);
    press_until(&mut console, "]", &[&world.minute(NOW.from_s), "above 4"]);
    leave(console);
}

#[test]
#[ignore = "real server: dev/test"]
fn the_source_goes_away_in_the_middle_and_nothing_reads_as_well() {
    let mut world = World::new(9, &[NOW]);
    let mut console = world.console(SMALL);
    see_line(&mut console, &["▸ ✗ Load", "db-1"]);
    world.kill_server();
    see_line(&mut console, &["violated when last seen"]);
    see_line(&mut console, &["Load", "db-1", &world.minute(NOW.from_s)]);
    world.start_server();
    see_line(&mut console, &["▸ ✗ Load", "db-1"]);
    leave(console);
}

#[test]
#[ignore = "real server: dev/test"]
fn a_series_that_nobody_watches_is_found_agreed_and_judged() {
    let world = World::new(10, &[NOW]);
    let mut console = world.console(SMALL);
    see_line(&mut console, &["▸ ✗ Load", "db-1"]);
    console.press("\u{10}node_disk");
    see_line(&mut console, &["▸ series", "node_disk_io_now", "db-"]);
    console.press(" db-1");
    see_line(&mut console, &["▸ series", "node_disk_io_now", "db-1"]);
    console.press("\r");
    console.see("no agreement about this series");
    console.press("a");
    console.see("suggested from");
    console.press(":bound max 5\r");
    see_line(&mut console, &["node_disk_io", "[5]"]);
    console.press("S");
    console.see("default is saved");
    console.press("0");
    see_line(&mut console, &["✗", "node_disk", "≤ 5"]);
    leave(console);
}
