//! Nothing false, nothing lost: edits, what is watched, places.

use sla_proto::violation::v1::{WatchViolationsResponse, watch_violations_response::Event};

use super::driver::Driver;
use crate::app::Msg;
use crate::context::request::{Effect, LinkEvent, Request};
use crate::remembered::Remembered;

fn writes(driver: &Driver) -> Vec<&Request> {
    let calls = driver.outside.iter().filter_map(|effect| match effect {
        Effect::Call { request, .. } => Some(request),
        _ => None,
    });
    calls.filter(|r| matches!(r, Request::UpdateSet(_))).collect()
}

/// The last write that was sent is done and answered.
fn answer_the_write(driver: &mut Driver) {
    let write = driver.outside.iter().rev().find_map(|effect| match effect {
        Effect::Call {
            slot,
            id,
            request: request @ Request::UpdateSet(_),
        } => Some((*slot, *id, request.clone())),
        _ => None,
    });
    let (slot, id, request) = write.unwrap();
    let result = driver.script.answer(&request);
    driver.answering = true;
    driver.send(Msg::Link(LinkEvent::Reply { slot, id, result }));
}

fn has_quit(driver: &Driver) -> bool {
    driver.outside.contains(&Effect::Quit)
}

#[test]
fn stopping_to_watch_asks_says_so_and_keeps_the_history() {
    let mut driver = Driver::new(100, 30);
    driver.keys("2 A");
    driver.says("Stop watching default? Its 3 objectives, 1 of them violated");
    driver.keys("n");
    assert!(writes(&driver).is_empty());
    let ended = driver.script.overview().objectives[0].series[0].open.clone().unwrap();
    driver.keys("A y");
    assert!(!driver.script.sets[0].active);
    // The evaluation without it, and the end of its violation.
    driver.evaluate();
    let event = Some(Event::Closed(ended));
    driver.send(Msg::Link(LinkEvent::Violations(Box::new(WatchViolationsResponse {
        event,
        ..WatchViolationsResponse::default()
    }))));
    println!("{}", driver.screen());
    driver.says("default is not watched now");
    driver.wait(1_500);
    driver.says("is no longer watched; it was violated for 11m");
    driver.says("⏸ 3 not watched");
    driver.says("nothing is watched now: 3 objectives");
    driver.says_not("back in its range");
    driver.says_not("agreed yet");
    driver.keys("3");
    driver.says("⏸ node_load1");
    driver.says("14:21:05");
    // Window after window by what the ledger has; nothing in it is no all-clear.
    let row = |name: &str| driver.rows().into_iter().find(|line| line.contains(name)).unwrap();
    let bad = row("⏸ node_load1");
    assert_eq!(bad.matches(" 1    11m").count(), 4, "{bad}");
    assert!(bad.trim_end().ends_with("6.02"), "{bad}");
    assert_eq!(row("⏸ up").matches('–').count(), 5);
}

#[test]
fn watching_or_renaming_saves_nothing_else() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 + A y");
    assert_eq!(
        driver.script.sets[0].objectives[0].range.unwrap().max,
        Some(4.0),
        "the edit is not saved"
    );
    driver.says("the other changes are still not saved");
    driver.says("default*");
    driver.keys("R C-u \"mine\" Enter");
    assert_eq!(driver.script.sets[0].name, "mine");
    driver.says("mine*");
    driver.keys("u");
    driver.says_not("mine*");
    driver.keys("U");
    driver.says("4.1");
    driver.keys("S");
    assert_eq!(driver.script.sets[0].objectives[0].range.unwrap().max, Some(4.1));
}

#[test]
fn what_is_edited_while_a_save_is_under_way_stays() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 +");
    driver.answering = false;
    driver.keys("S");
    driver.keys("+");
    answer_the_write(&mut driver);
    assert_eq!(driver.script.sets[0].objectives[0].range.unwrap().max, Some(4.1));
    driver.says("default*");
    driver.keys("N \"other\" Enter");
    driver.says("this set has changes that are not saved");
    assert_eq!(driver.script.sets.len(), 1);
    driver.keys("S");
    assert_eq!(driver.script.sets[0].objectives[0].range.unwrap().max, Some(4.2));
}

#[test]
fn what_writes_waits_for_the_write_before_it() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 +");
    driver.answering = false;
    driver.keys("S A y");
    driver.keys("q Enter");
    assert_eq!(
        writes(&driver).len(),
        1,
        "the others count on the version that it makes"
    );
    assert!(!has_quit(&driver));
    answer_the_write(&mut driver);
    let set = &driver.script.sets[0];
    assert_eq!(set.objectives[0].range.unwrap().max, Some(4.1));
    assert!(!set.active);
    assert!(has_quit(&driver));
}

#[test]
fn what_follows_a_refused_write_is_not_done() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 +");
    driver.script.sets[0].version = 9;
    driver.answering = false;
    driver.keys("S S");
    answer_the_write(&mut driver);
    driver.says("saved version 9");
    assert_eq!(writes(&driver).len(), 1, "a second save over theirs is on purpose only");
}

#[test]
fn quitting_asks_what_becomes_of_changes() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 + q");
    driver.says("changes are not saved");
    assert!(!has_quit(&driver));
    driver.keys("Esc");
    driver.says("default*");
    driver.keys("C-c");
    driver.says("save them, then quit");
    driver.keys("Enter");
    assert!(has_quit(&driver) && writes(&driver).len() == 1);
    let mut driver = Driver::new(80, 24);
    driver.keys("2 + q G Enter");
    assert!(has_quit(&driver) && writes(&driver).is_empty());
    assert_eq!(driver.app.remembered().draft, None, "they were dropped on purpose");
}

#[test]
fn a_refused_save_does_not_quit() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 +");
    driver.script.sets[0].version = 9;
    driver.keys("q Enter");
    assert!(!has_quit(&driver));
    driver.says("saved version 9");
}

#[test]
fn what_was_not_saved_when_the_line_was_cut_is_there_again() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 + Enter Tab Backspace \"7\"");
    let text = driver.app.remembered().to_toml();
    let remembered = Remembered::from_toml(&text);
    assert!(remembered.draft.is_some());
    let mut next = Driver::remembering(80, 24, remembered);
    next.connect();
    next.says("that were not saved are here again");
    next.keys("2");
    println!("{}", next.screen());
    next.says("default*");
    next.keys("S");
    assert_eq!(next.script.sets[0].objectives[0].range.unwrap().max, Some(4.7));
    assert_eq!(next.app.remembered().draft, None);
}

#[test]
fn a_changed_form_is_not_lost_by_one_escape() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 Enter \"1\" Esc");
    driver.says("Esc again drops them");
    driver.keys("Esc");
    driver.says_not("warn below");
    driver.keys("Enter F1");
    driver.says("the bounds that are still good");
    driver.keys("Esc C-z");
    driver.says("warn below");
    assert!(driver.outside.contains(&Effect::Suspend));
}

#[test]
fn a_changed_form_outlives_its_help_and_a_way_round_it() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 Enter \"1\" F1 Enter Esc Esc");
    driver.says("Esc again drops them");
    driver.keys("F1 0 e");
    driver.says("Esc again drops them");
    driver.says("14");
}

#[test]
fn a_table_that_is_on_its_way_has_no_rows_to_select() {
    let mut driver = Driver::new(80, 24);
    driver.answering = false;
    driver.keys(": \"show\" Space \"up\" Enter A Space");
    driver.says("1 Metrics");
}

#[test]
fn a_set_that_somebody_deleted_does_not_stay_open() {
    let mut driver = Driver::new(100, 30);
    driver.keys("2");
    driver.says("version 3");
    driver.script.sets.clear();
    driver.keys("r");
    driver.says("the set is deleted");
    driver.says_not("version 3");
}

#[test]
fn a_row_has_the_mark_that_the_header_counts() {
    let mut driver = Driver::new(100, 30);
    driver.keys("0");
    driver.answering = false;
    driver.script.unproven = true;
    driver.told(driver.script.overview());
    driver.says("◇ 1 unproven");
    assert!(
        driver.rows().iter().any(|row| row.contains("◇ up")),
        "{}",
        driver.screen()
    );
}

#[test]
fn escape_returns_to_the_row_that_led_here() {
    let mut driver = Driver::new(80, 24);
    driver.keys("4 j");
    let row = |driver: &Driver| driver.rows().iter().find(|r| r.starts_with(" ▸")).cloned();
    let left = row(&driver);
    driver.keys("Enter");
    driver.says("Chart");
    driver.keys("Esc");
    assert_eq!(row(&driver), left, "{}", driver.screen());
    driver.keys("3 Enter Enter");
    driver.says("Chart");
    driver.keys("Esc");
    driver.says("never add counts of windows");
    driver.keys("C-e");
    driver.says("Chart");
    driver.keys("C-o C-o");
    driver.says("TRACK RECORD");
    driver.keys("C-o C-o C-o C-o C-o");
    driver.says("this is where you began");
}

#[test]
fn the_first_screen_tells_what_is_wrong_and_leads_on() {
    let mut driver = Driver::remembering(100, 30, Remembered::default());
    driver.connect();
    driver.says("node_load1 host-3: above 4 since 14:21:05, worst 6.02; 1 time in 12h, 11m");
    driver.says("next 10m: 93 % that it stays outside   42 % better");
    driver.keys("G Space");
    driver.says("  up");
    driver.keys("g Enter");
    driver.says("Chart");
    driver.keys("Esc e");
    driver.says("warn below");
    driver.keys("Esc Esc");
    driver.says("3 series fine");
    driver.keys("y");
    let copied = |e: &Effect| matches!(e, Effect::Copy(text) if text.contains("host-3"));
    assert!(driver.outside.iter().any(copied));
}

#[test]
fn what_a_fold_holds_is_read_without_opening_it() {
    let mut driver = Driver::new(100, 30);
    driver.keys("0 G");
    driver.says("3 series fine: Space puts them among the rows");
    driver.says("host-1");
    driver.keys("Space");
    driver.says_not("puts them among the rows");
}

#[test]
fn the_timeline_reads_out_its_cells() {
    let mut driver = Driver::new(100, 30);
    driver.script.gapped = true;
    driver.keys("0 t");
    println!("{}", driver.screen());
    driver.says("14:21:05–open  11m  above 4  worst 6.02 (+3.2)  44 samples");
    driver.keys("[");
    driver.keys("[");
    driver.says("14:07:00–14:11:05");
    driver.keys("[");
    driver.says("no earlier violation");
    driver.keys("l l l l l l l l l l l l l l l l l l");
    driver.says("more likely outside its range than not");
    driver.keys("j");
    driver.says("expected inside its range ≥ 2 GB");
    driver.keys("k [ Enter");
    driver.says("Chart");
    driver.keys("Esc");
    driver.says("GOOD");
    driver.keys("Esc");
    driver.says("SINCE");
}

#[test]
fn what_was_violated_when_last_seen_is_not_told_as_mere_silence() {
    let mut driver = Driver::new(100, 30);
    driver.script.silent = true;
    driver.evaluate();
    driver.keys("0 r");
    println!("{}", driver.screen());
    driver.says("violated when last seen, since 14:21:05");
    assert_eq!(
        driver.screen().matches("when last seen").count(),
        1,
        "{}",
        driver.screen()
    );
}

#[test]
fn an_unproven_forecast_has_a_mark_of_its_own() {
    let mut driver = Driver::new(100, 30);
    driver.script.unproven = true;
    driver.evaluate();
    println!("{}", driver.screen());
    driver.says("◇ 1 unproven");
    driver.says("✓ 0 ok");
    driver.keys("4");
    assert!(
        driver.rows().iter().any(|row| row.contains("◇ up")),
        "{}",
        driver.screen()
    );
}

#[test]
fn a_field_that_no_row_has_is_said_while_typing() {
    let mut driver = Driver::new(80, 24);
    driver.keys("/ \"value>3\"");
    driver.says("no row has a field `value`");
    driver.keys("Enter");
    driver.says("there are state, name");
}
