//! What an operator asks of what is on screen: another range, other columns, why, the query, the text, what failed.

use super::driver::Driver;
use crate::app::Msg;
use crate::context::request::{Effect, Request};
use crate::theme::caps::Caps;

fn copied(driver: &Driver) -> Option<&str> {
    driver.outside.iter().rev().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.as_str()),
        _ => None,
    })
}

#[test]
fn what_lists_leave_out_is_said() {
    let mut driver = Driver::offline(120, 30, Caps::default());
    driver.script.more = 7;
    driver.connect();
    driver.says("of 8 sets by name are listed; `sla sets list` has all");
    driver.wait(1_500);
    driver.says("worst of 10 objectives are listed; `sla check` has all");
}

#[test]
fn columns_are_hidden_moved_and_remembered() {
    let mut driver = Driver::new(80, 24);
    driver.says("MEAN");
    driver.keys("C");
    driver.says("[x] SERIES");
    driver.keys("j j j j Space j K K K Esc");
    let header = driver.rows()[4].clone();
    assert!(!header.contains(" MIN "), "hidden: {header}");
    assert!(header.find("MEAN") < header.find("LAST"), "moved to the left: {header}");
    let remembered = driver.app.remembered();
    assert_eq!(
        remembered.columns_of("metrics")[..3],
        ["SERIES", "LABELS", "MEAN"].map(str::to_owned)
    );
    assert!(remembered.columns_of("metrics").contains(&"-MIN".to_owned()));
    driver.keys("5 C");
    driver.says("this screen has no columns to choose");
}

#[test]
fn a_time_range_is_picked_or_typed() {
    let mut driver = Driver::new(80, 24);
    driver.keys("j j Enter t");
    driver.says("around 14:21:05, when it left its range");
    driver.says("the last 3h  (now)");
    driver.keys("j j j j j Enter");
    driver.keys("t");
    driver.says("the last 12h  (now)");
    driver.keys("G Enter");
    driver.keys("\"09:00-10:30\" Enter i");
    driver.says("drawn      09:00:00 to 10:30:00");
    driver.keys("Esc");
    driver.keys("t Enter");
    driver.says("14:21:05  ");
}

#[test]
fn every_tab_says_why_its_numbers_are_there() {
    let mut driver = Driver::new(120, 60);
    for (keys, words) in [
        ("1", "last       1.82 at 14:32:00, of raw values"),
        ("Enter", "each drawn column holds the min and max of its samples"),
        ("Esc 2", "what-if    judged with the range"),
        ("3", "good = 1 - bad / judged = 1 - 11m / 12h = 98.47 %"),
        ("4", "record     42 % better than last value"),
        ("5", "a step's times are those of its series"),
    ] {
        driver.keys(keys);
        driver.keys("i");
        driver.says(words);
        driver.says("prom-eu at http://prom-eu:9090, Prometheus 2.42.0");
        driver.says("remote read of compressed chunks");
        driver.keys("Esc");
    }
}

#[test]
fn what_is_on_screen_is_copied_as_promql_and_as_a_curl_line() {
    let mut driver = Driver::new(80, 24);
    driver.keys("Y");
    let line = copied(&driver).unwrap();
    assert!(
        line.starts_with("curl -sS --data-urlencode 'query=node_load1{instance=\"host-1\",job=\"node\"}[10800s]'"),
        "{line}"
    );
    assert!(line.ends_with("'http://prom-eu:9090/api/v1/query'"), "{line}");
    driver.keys("Enter y");
    assert_eq!(copied(&driver), Some("node_load1{instance=\"host-1\",job=\"node\"}"));
    for tab in ["2", "3", "4"] {
        driver.keys(tab);
        driver.keys("Y");
        assert!(copied(&driver).unwrap().contains("query=node_load1"), "{tab}");
    }
    driver.keys("5 Y");
    driver.says("nothing here is a query");
    driver.keys("y");
    assert_eq!(copied(&driver), Some("run-418"));
}

#[test]
fn failures_of_a_run_stand_by_reason_with_their_series() {
    let mut driver = Driver::new(80, 24);
    driver.keys("5 Enter");
    driver.says("✗ 2 failures at extract: SOURCE_FAILED: 503 from the server");
    driver.says("    node_load1{instance=\"host-2\",job=\"node\"}");
    driver.says("✗ 1 failure at metadata: TOO_FEW: 3 samples are too few");
    driver.says("node_x: 3 NaN");
}

#[test]
fn dead_letters_are_listed_and_tried_again() {
    let mut driver = Driver::new(80, 24);
    driver.keys("5 D");
    driver.says("2 dead letters: Enter tries one again");
    driver.says("14:31:00 results 3/41, 640 B, 2 times: unknown field 99");
    driver.keys("Enter");
    driver.says("1 dead letter: Enter");
    driver.keys("Enter");
    driver.says("it stays a dead letter: unknown field 99");
    driver.script.letters.clear();
    driver.keys("D");
    driver.says("there is no dead letter");
}

fn edited_text(driver: &Driver) -> String {
    let edit = driver.outside.iter().rev().find_map(|effect| match effect {
        Effect::Edit { text, .. } => Some(text.clone()),
        _ => None,
    });
    edit.unwrap()
}

#[test]
fn a_set_edited_as_text_becomes_changes_that_can_be_undone() {
    let mut driver = Driver::with_editor(80, 24);
    driver.keys("2 e");
    let text = edited_text(&driver);
    assert!(
        text.contains("[[set]]") && text.contains("max = 4.0") && text.contains("o-load"),
        "{text}"
    );
    let changed = text.replace("max = 4.0", "max = 5.0") + "\n[[set.objective]]\nquery = \"node_load5\"\nmax = 9.0\n";
    driver.send(Msg::Edited(Ok(Some(changed))));
    driver.wait(200);
    driver.says("default*");
    driver.says("2 changes not saved");
    driver.says("node_load5");
    driver.keys("S");
    let stored = &driver.script.sets[0].objectives;
    assert_eq!(
        (stored[0].id.as_str(), stored[0].range.unwrap().max),
        ("o-load", Some(5.0)),
        "the same objective"
    );
    assert_eq!(
        stored[1].range.unwrap().min,
        Some(2.0e9),
        "what reads alike is left as it was"
    );
    driver.keys("e");
    driver.send(Msg::Edited(Ok(None)));
    driver.says("nothing was changed");
}

#[test]
fn a_wrong_text_is_kept_with_line_and_column_told() {
    let mut driver = Driver::with_editor(80, 24);
    driver.keys("2 e");
    driver.send(Msg::Edited(Ok(Some("[[set]]\nname = 3\n".into()))));
    driver.says("line 2");
    driver.says("Nothing was taken");
    driver.keys("Esc e");
    assert_eq!(edited_text(&driver), "[[set]]\nname = 3\n", "the text is kept");
    driver.send(Msg::Edited(Err("the editor ended with exit status: 1".into())));
    driver.says("the editor ended with exit status: 1");
    driver.says_not("default*");
}

#[test]
fn without_an_editor_it_is_said() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 e");
    driver.says("no editor was found: set $VISUAL or $EDITOR");
    let edits = driver.outside.iter().filter(|e| matches!(e, Effect::Edit { .. }));
    assert_eq!(edits.count(), 0);
}

#[test]
fn the_timer_is_changed_by_name_and_what_is_wrong_is_told() {
    let mut driver = Driver::new(100, 30);
    driver.keys("5");
    driver.keys(": \"schedule\" Space \"hourly\"");
    driver.keys("Enter");
    driver.says("`hourly` is not known");
    driver.keys(": \"schedule\" Space \"results\" Space \"10m\" Space \"pause\"");
    driver.keys("Enter");
    driver.says("the timer is paused");
    let asked = driver.outside.iter().rev().find_map(|effect| match effect {
        Effect::Call {
            request: Request::UpdateSchedule(change),
            ..
        } => Some(*change),
        _ => None,
    });
    let asked = asked.expect("the instance was asked");
    assert_eq!(asked.paused, Some(true));
    assert_eq!(asked.results_every.map(|every| every.seconds), Some(600));
    assert_eq!(asked.metadata_every, None);
}
