use sla_proto::violation::v1::{self as violation, Overview};

use super::driver::Driver;
use crate::app::Msg;
use crate::context::request::{Effect, LinkEvent, Request};
use crate::theme::caps::Caps;

/// The row that names the set of tab 2, with the line of what is wrong above the tabs.
const SETS_INFO: usize = 3;

fn called(driver: &Driver, wanted: impl Fn(&Request) -> bool) -> usize {
    driver
        .outside
        .iter()
        .filter(|e| matches!(e, Effect::Call { request, .. } if wanted(request)))
        .count()
}

#[test]
fn a_first_look_tells_what_is_wrong() {
    let driver = Driver::new(80, 24);
    println!("{}", driver.screen());
    driver.says("✗ 1 violated");
    driver.says("node_load1 host-3 above 4 since 14:21");
    driver.says("6.02");
    driver.says("5 series");
}

#[test]
fn what_does_not_answer_is_unknown_in_the_health_view() {
    let mut driver = Driver::new(100, 34);
    driver.keys(": \"health\" Enter");
    println!("{}", driver.screen());
    driver.says("here  etl  serving");
    driver.says("storage: unknown");
    driver.says("connection refused");
    driver.says("worker http://worker:7000: 12 partitions");
    driver.says("results: 2 partitions of sla.results, 40 records behind, the oldest of 12s ago");
    let screen = driver.screen();
    let storage = screen
        .lines()
        .find(|line| line.contains("storage") && line.contains(":7000"));
    assert!(storage.is_some_and(|line| line.contains("unknown")), "{screen}");
    driver.keys("Esc");
    driver.says_not("connection refused");
}

#[test]
fn a_manager_that_takes_over_and_has_not_judged_yet_wipes_nothing() {
    let mut driver = Driver::offline(100, 34, Caps::default());
    driver.send(Msg::Link(LinkEvent::Connected));
    driver.told(Overview::default());
    driver.says("nothing judged yet");
    driver.evaluate();
    let judged = driver.screen();
    driver.says_not("nothing judged yet");
    driver.told(Overview::default());
    assert_eq!(driver.screen().lines().next(), judged.lines().next());
}

#[test]
fn all_tabs_show_their_rows() {
    let mut driver = Driver::new(80, 24);
    for (key, text) in [
        ("2", "LAST 12h WITH THIS"),
        ("3", "never add counts of windows"),
        ("4", "TRACK RECORD"),
        ("5", "#418"),
        ("1", "WINDOW"),
    ] {
        driver.keys(key);
        println!("{}\n", driver.screen());
        driver.says(text);
    }
}

#[test]
fn filter_counts_and_escapes() {
    let mut driver = Driver::new(80, 24);
    driver.keys("/ \"load\"");
    driver.keys("Enter");
    driver.says("3 of 5 series");
    driver.keys("Esc");
    driver.says("5 series");
    driver.says_not("3 of 5");
    driver.keys("/ \"state>=violated\" Enter");
    driver.says("1 of 5 series");
}

#[test]
fn a_second_series_is_drawn_in_the_chart_that_is_opened_next() {
    let mut driver = Driver::new(100, 30);
    driver.keys("1 Enter B");
    driver.says("the next chart that is opened shows it, too");
    driver.says_not("╌ ");
    driver.keys("Esc j Enter");
    driver.says("╌ node_load1");
    driver.keys("B");
    driver.says("shows its own series alone again");
    driver.says_not("╌ ");
}

#[test]
fn detail_has_five_pages_and_a_crosshair() {
    let mut driver = Driver::new(80, 24);
    driver.keys("j j Enter");
    println!("{}\n", driver.screen());
    driver.says("max 4");
    driver.says("✗ violated max 4 since 14:21:05");
    driver.keys("h h h");
    driver.says("to");
    for text in ["MEDIAN", "not stationary", "Holt-Winters", "extract"] {
        driver.keys("Tab");
        println!("{}\n", driver.screen());
        driver.says(text);
    }
    driver.keys("Esc");
    driver.says("SERIES");
}

#[test]
fn series_become_objectives_with_a_suggested_range_and_are_saved() {
    let mut driver = Driver::new(80, 24);
    driver.keys("n");
    driver.says("metric names of the source");
    driver.keys("/ \"load5\" Enter Enter");
    driver.says("node_load5");
    driver.keys("Space a");
    println!("{}\n", driver.screen());
    driver.says("default*");
    driver.says("3.1");
    driver.keys("S");
    driver.says("version 4");
    assert_eq!(driver.script.sets[0].objectives.len(), 4);
    driver.says_not("default*");
}

#[test]
fn one_range_suggested_for_series_of_many_scales_says_so() {
    const WORDS: &str = "one range for 3 series, 0.02 to 6.02";
    for (value, suggested, said) in [(0.02, true, true), (0.02, false, false), (2.0, true, false)] {
        let mut driver = Driver::offline(80, 24, Caps::default());
        driver.script.series[0].1 = value;
        driver.script.sets[0].objectives[0].suggested = suggested;
        driver.connect();
        driver.keys("2");
        assert_eq!(driver.screen().contains(WORDS), said, "{}", driver.screen());
    }
}

#[test]
fn an_edit_shows_what_it_would_have_meant_before_it_is_saved() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2");
    driver.says("2 violations");
    driver.keys("Enter Tab");
    driver.keys("Backspace \"9\"");
    println!("{}\n", driver.screen());
    driver.says("this range in 12h: 0 violations");
    assert_eq!(
        driver.script.sets[0].objectives[0].range.unwrap().max,
        Some(4.0),
        "nothing is saved yet"
    );
    driver.keys("Enter");
    driver.says("default*");
    driver.keys("u");
    driver.says_not("default*");
}

#[test]
fn wrong_input_names_field_value_rule_and_fix() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 Enter \"9\"");
    driver.says("min is 9");
    driver.keys("Enter");
    assert!(
        driver.app.scopes().contains(&crate::command::Scope::Form),
        "the form stays open"
    );
}

#[test]
fn bounds_move_from_the_table_and_undo_brings_them_back() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 + +");
    driver.says("4.2");
    driver.keys("u u");
    driver.says_not("4.2 ");
}

#[test]
fn somebody_else_was_faster() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2 +");
    driver.script.sets[0].version = 9;
    driver.script.sets[0].author = "anna".into();
    driver.keys("S");
    driver.says("anna saved version 9");
    driver.keys("Esc S");
    assert_eq!(driver.script.sets[0].version, 10, "the second save is on purpose");
}

#[test]
fn past_opens_the_chart_at_that_moment() {
    let mut driver = Driver::new(80, 24);
    driver.keys("3 Enter");
    driver.says("14:21:05");
    driver.says("open");
    driver.keys("Enter");
    driver.says("1 Metrics");
    driver.says("Chart");
    driver.says("14:21:05  ");
}

#[test]
fn a_run_is_launched_with_its_cost_shown_and_watched_to_its_end() {
    let mut driver = Driver::new(80, 24);
    driver.keys("5 n");
    println!("{}\n", driver.screen());
    driver.says("6 series, 17280 samples");
    driver.keys("Enter");
    driver.says("run #419 started");
    assert!(driver.outside.contains(&Effect::WatchRun(Some("run-419".into()))));
    driver.keys("1");
    let mut run = driver.script.runs[1].clone();
    run.id = "run-419".into();
    run.number = 419;
    let response = sla_proto::etl::v1::WatchRunResponse {
        sequence: 9,
        run: Some(run),
        ..Default::default()
    };
    driver.send(Msg::Link(LinkEvent::Run(Box::new(response))));
    driver.says("run #419 done");
}

#[test]
fn more_series_than_the_limit_are_refused_before_anything_starts() {
    let mut driver = Driver::new(80, 24);
    driver.keys("5 n Tab \"node\"");
    driver.says("more than the limit of");
    driver.keys("Enter");
    assert_eq!(called(&driver, |r| matches!(r, Request::StartRun(_))), 0);
}

#[test]
fn cancelling_asks_first() {
    let mut driver = Driver::new(80, 24);
    driver.keys("5 c");
    driver.says("really?");
    driver.keys("n");
    assert_eq!(called(&driver, |r| matches!(r, Request::CancelRun(_))), 0);
    driver.keys("c y");
    assert_eq!(called(&driver, |r| matches!(r, Request::CancelRun(_))), 1);
}

#[test]
fn a_lost_connection_keeps_the_data_and_counts_down() {
    let mut driver = Driver::new(80, 24);
    driver.send(Msg::Link(LinkEvent::Lost {
        why: "the instance does not answer".into(),
        retry_in_ms: 4_000,
    }));
    driver.says("no connection since 14:32:00, again in 4s");
    driver.says("6.02");
    driver.wait(2_100);
    driver.says("again in 2s");
    driver.keys("r");
    assert!(driver.outside.contains(&Effect::Reconnect));
    driver.send(Msg::Link(LinkEvent::Connecting));
    driver.connect();
    driver.says("connected again");
}

#[test]
fn a_source_that_is_away_is_told_with_times() {
    let mut driver = Driver::new(80, 24);
    driver.script.source_problem = "Prometheus refuses the connection".into();
    driver.evaluate();
    driver.says("source failing since 14:27:00, again in 30s (r now): Prometheus refuses");
    driver.says("6.02");
}

#[test]
fn failures_leave_the_last_data_marked_stale() {
    let mut driver = Driver::new(80, 24);
    driver.keys("4");
    driver.script.failing = true;
    driver.keys("r");
    driver.says("STALE since 14:32:00: the disk is full");
    driver.says("node_load1");
}

#[test]
fn what_is_old_hides_neither_what_it_is_nor_what_is_not_saved() {
    let old = "STALE since 14:32:00";
    let mut driver = Driver::new(80, 24);
    driver.keys("2");
    let name = driver.rows()[SETS_INFO].split_whitespace().next().unwrap().to_owned();
    driver.keys("+ +");
    driver.script.failing = true;
    driver.keys("r");
    let info = driver.rows()[SETS_INFO].clone();
    assert!(info.starts_with(&format!(" {name}*  (1 change not saved")), "{info}");
    assert!(info.contains(old), "{info}");

    for (width, height) in [(60, 16), (40, 10)] {
        driver.send(Msg::Resize(width, height));
        let info = driver.rows()[SETS_INFO].clone();
        assert!(info.contains(&format!("{name}*  {}", &old[..5])), "{info}");
    }

    let mut driver = Driver::new(80, 24);
    driver.keys("4");
    let (before, chosen) = (driver.rows(), " leaves ");
    assert!(before.iter().any(|row| row.contains(chosen)), "{}", driver.screen());
    driver.script.failing = true;
    driver.keys("r");
    driver.says(old);
    driver.says(chosen);

    let mut driver = Driver::new(80, 24);
    driver.keys("1 Space");
    driver.says("1 selected");
    driver.script.failing = true;
    driver.keys("r");
    driver.says("1 selected");
    driver.says(old);
}

#[test]
fn help_and_palette_say_why_something_cannot_be_done() {
    let mut driver = Driver::new(80, 24);
    driver.keys("?");
    driver.says("help: what works here");
    driver.keys("Esc 2 :");
    driver.keys("\"undo\"");
    println!("{}\n", driver.screen());
    driver.says("there is nothing to undo");
    driver.keys("Esc : \"window\" Space \"6h\" Enter");
    assert_eq!(driver.app.cx.window_ms(), 21_600_000);
    driver.keys(": \"window\" Space \"5h\" Enter");
    driver.says("must be one of 1h, 3h, 6h, 12h");
}

#[test]
fn quitting_and_copying_reach_the_outside() {
    let mut driver = Driver::new(80, 24);
    driver.keys("y q");
    assert!(
        driver
            .outside
            .iter()
            .any(|e| matches!(e, Effect::Copy(text) if text.starts_with("node_load1{")))
    );
    assert!(driver.outside.contains(&Effect::Quit));
}

#[test]
fn an_export_says_what_is_on_screen() {
    let mut driver = Driver::new(80, 24);
    driver.keys("x C-u \"out.csv\" Enter");
    let text = driver.outside.iter().find_map(|e| match e {
        Effect::WriteFile { path, text } if path == "out.csv" => Some(text.clone()),
        _ => None,
    });
    assert_eq!(text.unwrap().lines().count(), 6);
}

#[test]
fn an_idle_console_has_no_deadline() {
    let mut driver = Driver::new(80, 24);
    driver.wait(10_000);
    assert_eq!(driver.app.deadline_ms(), None);
}

#[test]
fn what_is_remembered_comes_back() {
    let mut driver = Driver::new(80, 24);
    driver.keys("/ \"load\" Enter w 3");
    let remembered = driver.app.remembered();
    assert_eq!(
        (remembered.tab, remembered.window_ms, remembered.metrics_filter.as_str()),
        (3, 21_600_000, "load")
    );
}

#[test]
fn names_give_way_when_something_is_agreed() {
    let mut driver = Driver::offline(80, 24, crate::theme::caps::Caps::default());
    let sets = std::mem::take(&mut driver.script.sets);
    driver.send(Msg::Link(LinkEvent::Connected));
    driver.wait(300);
    driver.says("metric names of the source");
    driver.script.sets = sets;
    driver.evaluate();
    driver.says("series of the sets in use");
    driver.says("6.02");
}

#[test]
fn an_escape_in_haste_is_still_an_escape() {
    let mut driver = Driver::new(80, 24);
    driver.keys("?");
    let key = crossterm::event::KeyEvent::new(
        crossterm::event::KeyCode::Char('5'),
        crossterm::event::KeyModifiers::ALT,
    );
    driver.send(Msg::Key(key));
    driver.wait(300);
    driver.says("#418");
}

#[test]
fn the_preview_comes_back_after_a_detail_that_overtook_its_requests() {
    let mut driver = Driver::new(160, 50);
    driver.says("max 4");
    driver.answering = false;
    driver.keys("j Enter");
    driver.answering = true;
    driver.keys("Esc");
    driver.says("node_load1 host-2");
    driver.says_not("reading samples");
}

#[test]
fn an_objective_unfolds_to_its_series_and_the_ledger_follows() {
    let mut driver = Driver::new(80, 24);
    driver.keys("3 Space");
    println!("{}", driver.screen());
    let rows = driver.rows();
    let head = rows.iter().position(|row| row.contains("-node_load1 ")).unwrap();
    for (below, host) in [(1, "✗   host-3"), (2, "✓   host-1"), (3, "✓   host-2")] {
        assert!(rows[head + below].contains(host), "{host}\n{}", driver.screen());
    }
    driver.keys("j");
    let asked = driver.outside.iter().rev().find_map(|effect| match effect {
        Effect::Call {
            request: Request::Ledger(m),
            ..
        } => Some(m.series_id.clone()),
        _ => None,
    });
    assert_eq!(asked, Some(vec![3; 16]), "the ledger of host-3 alone");
    driver.keys("Space");
    driver.says_not("✓   host-1");
}

#[test]
fn intervals_that_only_unknown_time_separates_are_one_row_that_says_so() {
    let mut driver = Driver::new(120, 40);
    driver.script.gapped = true;
    driver.keys("3 Enter");
    println!("{}", driver.screen());
    driver.says("gap at 14:11");
    driver.says("spans a gap: nothing is known of 14:11:05 to 14:21:05");
}

#[test]
fn a_set_tells_past_now_and_next_on_one_screen() {
    let mut driver = Driver::new(80, 24);
    driver.keys("2");
    driver.says("past  1h 1 (11m)   3h 2 (11m)");
    driver.says("now   ✗ violated   3 of 3 series seen");
    driver.says("next  93 % to leave it within 10m, now   42 % better than last value");
}

#[test]
fn on_a_small_terminal_both_bounds_of_an_objective_stand() {
    let mut driver = Driver::new(60, 16);
    driver.keys("2");
    let rows = driver.rows();
    let head = rows.iter().find(|row| row.contains("OBJECTIVE")).unwrap();
    for title in ["MIN", "MAX", "NOW", "LAST 12h WITH THIS"] {
        assert!(head.contains(title), "{title}\n{}", driver.screen());
    }
}

#[test]
fn where_labels_have_no_column_they_stand_behind_the_name() {
    let mut driver = Driver::new(40, 10);
    driver.keys("1 C j Space Esc");
    assert!(!driver.screen().contains("LABELS"), "{}", driver.screen());
    driver.says("node_load1 host-1");
    driver.says("node_load1 host-2");
}

#[test]
fn the_footer_tells_of_what_lies_over_a_screen() {
    let mut driver = Driver::new(80, 24);
    let footer = |driver: &Driver| driver.rows().last().cloned().unwrap_or_default();
    driver.keys(":");
    assert!(!footer(&driver).contains("next field"), "{}", footer(&driver));
    driver.keys("s e t s Enter");
    driver.says("Enter takes it");
    assert!(!footer(&driver).contains("filter"), "{}", footer(&driver));
}

#[test]
fn a_source_that_never_answered_is_told_by_the_banner_with_a_countdown() {
    let mut driver = Driver::new(60, 16);
    driver.script.source_problem = "cannot reach the source: POST http://127.0.0.1:19999/api/v1/query".into();
    driver.script.failing_source = true;
    driver.keys("r");
    driver.says("source unreachable since 14:27:00, again in 30s (r now)");
    driver.wait(60_000);
    assert!(driver.app.deadline_ms().is_some(), "it is asked again");
    let mut narrow = Driver::new(40, 10);
    narrow.script.source_problem = "cannot reach the source".into();
    narrow.evaluate();
    narrow.says("source failing since 14:27, in 30s");
}

#[test]
fn a_tab_that_nobody_has_seen_begins_at_the_worst_row() {
    let mut driver = Driver::new(100, 30);
    let mut turned = driver.script.overview();
    turned.objectives.reverse();
    for objective in &mut turned.objectives {
        objective.state = violation::State::Ok.into();
    }
    driver.told(turned.clone());
    driver.told(driver.script.overview());
    driver.keys("3");
    let chosen = |driver: &Driver| driver.rows().into_iter().find(|row| row.contains('▸')).unwrap();
    assert!(
        chosen(&driver).contains("Load") || chosen(&driver).contains("node_load1"),
        "{}",
        driver.screen()
    );
    let before = chosen(&driver);
    driver.told(turned);
    let name = before.split_whitespace().nth(2).unwrap().to_owned();
    assert!(
        chosen(&driver).contains(&name),
        "once seen the cursor follows its row: {}",
        driver.screen()
    );
}
