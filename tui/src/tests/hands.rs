//! What the hands expect: completion, history, one list of everything, half chords, several rows at once, views, themes, clicks.

use super::driver::Driver;
use crate::app::{App, Msg, Settings, Start};
use crate::context::request::{Effect, Request};
use crate::context::wire;
use crate::remembered::Remembered;

fn copied(driver: &Driver) -> Option<&str> {
    driver.outside.iter().rev().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.as_str()),
        _ => None,
    })
}

#[test]
fn tab_completes_commands_and_their_arguments_from_the_server() {
    let mut driver = Driver::new(100, 30);
    driver.keys(": \"evnow\" Tab");
    driver.says(":evaluate-now");
    driver.keys("Esc Esc : \"sho\" Tab \"node_mem\" Tab");
    driver.says(":show node_memory_MemAvailable_bytes");
    driver.keys("\"{\" Tab");
    driver.says("instance=\"");
    driver.says("job=\"");
    driver.keys("\"i\" Tab Tab");
    driver.says("{instance=\"host-1\"");
    driver.keys("\"}\" Enter");
    let asked = driver.outside.iter().any(|effect| {
        matches!(effect, Effect::Call { request: Request::Rows(m), .. }
            if m.queries.iter().any(|q| crate::context::wire::query_text(Some(q)) == "node_memory_MemAvailable_bytes{instance=\"host-1\"}"))
    });
    assert!(asked, "{}", driver.screen());
    driver.keys(": \"window\" Space \"6\" Tab");
    driver.says(":window 6h");
}

#[test]
fn filters_are_completed_and_come_back() {
    let mut driver = Driver::new(100, 30);
    driver.keys("/ \"sta\" Tab \"=v\" Tab");
    driver.says("/state=violated");
    driver.keys("Enter / C-u \"inst\" Tab \"=host-3\" Enter");
    driver.says("1 of 5 series");
    driver.keys("/ C-u Up Up");
    driver.says("/state=violated");
    driver.keys("Down");
    driver.says("/instance=host-3");
    let text = driver.app.remembered().to_toml();
    let remembered = Remembered::from_toml(&text);
    assert_eq!(remembered.history["filter"], ["state=violated", "instance=host-3"]);
}

#[test]
fn the_query_of_a_form_is_completed() {
    let mut driver = Driver::new(100, 30);
    driver.keys("2 n \"node_mem\" Tab");
    driver.says("node_memory_MemAvailable_bytes");
    driver.keys("Tab \"memory\"");
    driver.says("name  memory");
}

#[test]
fn one_list_holds_everything() {
    let mut driver = Driver::new(100, 30);
    driver.keys("C-p \"host-3\"");
    driver.says("series     node_load1{instance=\"host-3\"");
    driver.keys("Enter");
    driver.says("Chart");
    driver.says("violated max 4");
    driver.keys("C-p \"memory\" Space \"default\" Enter");
    driver.says("never add counts of windows");
    driver.keys("C-p \"redraw\" Enter");
    assert!(driver.outside.contains(&Effect::Redraw));
}

#[test]
fn series_that_nobody_watches_are_found_at_the_server() {
    let mut driver = Driver::new(100, 30);
    driver.keys("C-p");
    driver.says("series     node_load1");
    driver.keys("\"node_l\"");
    let asked = driver.outside.iter().filter_map(|effect| match effect {
        Effect::Call {
            request: Request::ListSeries(m),
            ..
        } => Some(wire::query_text(m.query.as_ref())),
        _ => None,
    });
    let asked: Vec<&str> = asked.collect();
    assert_eq!(
        asked,
        ["{__name__=~\"node_load1|node_load5\"}"],
        "once, when typing rests"
    );
    driver.says("4 series of the server");
    driver.keys("\"oad5\"");
    driver.says("series     node_load5{instance=\"host-1\"");
    driver.keys("Enter");
    driver.says("Chart");
    driver.says("no agreement about this series");
}

#[test]
fn what_is_left_out_of_the_list_of_everything_is_told() {
    let mut driver = Driver::new(100, 30);
    driver.script.more = 9_996;
    driver.keys("C-p \"node_l\"");
    driver.says("4 of 10000 series of the server; label=value asks for those with it");
    driver.script.failing = true;
    driver.keys("C-u \"up\"");
    driver.says("series of the server: the disk is full");
}

#[test]
fn half_a_chord_shows_what_may_follow() {
    let mut driver = Driver::new(80, 24);
    driver.keys("z");
    driver.says("z ...");
    driver.says("copy value");
    driver.keys("c");
    assert_eq!(copied(&driver), Some("1.82"));
    driver.says_not("z ...");
    driver.keys("z r");
    assert!(copied(&driver).unwrap().starts_with("node_load1{instance=\"host-1\""));
    driver.keys("z x");
    driver.says("no command has the keys z x");
    driver.keys("z Esc");
    driver.says_not("z ...");
}

#[test]
fn help_is_searched() {
    let mut driver = Driver::new(80, 24);
    driver.keys("? / \"theme\"");
    driver.says("help: about `theme`");
    driver.says("high-contrast");
    driver.keys("Enter Esc");
    driver.says("help: what works here");
    driver.keys("Esc");
    driver.says_not("help:");
}

#[test]
fn several_objectives_are_edited_as_one_change() {
    let mut driver = Driver::new(100, 30);
    driver.keys("2 C-a : \"bound\" Space \"max\" Space \"5G\" Enter");
    driver.says("max 5G for 3 objectives");
    driver.says("(3 changes not saved");
    driver.keys("u");
    driver.says_not("not saved");
    driver.keys("Esc g Space Space d");
    driver.says("2 objectives taken out here");
    driver.keys("u S");
    assert_eq!(driver.script.sets[0].objectives.len(), 3);
}

#[test]
fn sets_are_chosen_from_a_list() {
    let mut driver = Driver::new(100, 30);
    driver.keys("1 : \"sets\" Enter");
    driver.says("default   3 objectives, watched, version 3");
    driver.keys("Enter");
    driver.says("LAST 12h WITH THIS");
}

#[test]
fn a_view_is_kept_and_found_again() {
    let mut driver = Driver::new(100, 30);
    driver.keys("/ \"host-1\" Enter z s C-u \"mine\" Enter 5");
    let remembered = Remembered::from_toml(&driver.app.remembered().to_toml());
    let mut next = Driver::remembering(100, 30, remembered);
    next.connect();
    next.keys("0 z v Enter");
    next.says("/host-1");
    next.says("3 of 5 series");
    next.keys("j Enter z s C-u \"chart\" Enter Esc 0 : \"views\" Space \"chart\" Enter");
    next.says("Chart");
    next.keys(": \"delete-view\" Space \"chart\" Enter");
    next.says("the view chart is forgotten");
}

#[test]
fn a_read_only_console_changes_nothing() {
    let mut driver = Driver::new(100, 30);
    let start = Start {
        size: (100, 30),
        settings: Settings {
            read_only: true,
            ..Settings::default()
        },
        ..Start::default()
    };
    driver.app = App::new(start, driver.app.cx.now).unwrap();
    driver.connect();
    driver.says("READ-ONLY");
    driver.outside.clear();
    driver.keys("2 + S A N E 5 n p");
    let writes = driver.outside.iter().filter(|effect| {
        matches!(effect, Effect::Call { request, .. } if !matches!(request,
            Request::Sets(_) | Request::Evaluate(_) | Request::Chart(_) | Request::Runs(_) | Request::Schedule(_)
            | Request::RunLog(_) | Request::CheckQuery(_) | Request::RunFailures(_) | Request::Ledger(_)
            | Request::Future(_) | Request::Rows(_) | Request::Server(_)))
    });
    assert_eq!(writes.count(), 0);
    driver.says("this console is read-only");
}

#[test]
fn the_configuration_is_read_again() {
    let mut driver = Driver::new(100, 30);
    driver.keys("z l");
    assert!(driver.outside.contains(&Effect::Reload));
    let settings = Settings {
        keys: [("redraw".to_owned(), vec!["f9".to_owned()])].into(),
        local_time: false,
        read_only: false,
        theme: "high-contrast".into(),
        ..Settings::default()
    };
    driver.send(Msg::Settings(Ok(settings.clone())));
    driver.says("the configuration was read again");
    driver.keys("? / \"redraw\"");
    driver.says("F9");
    driver.keys("Esc Esc");
    driver.send(Msg::Settings(Ok(Settings {
        keys: [("redrew".to_owned(), vec![])].into(),
        ..settings.clone()
    })));
    driver.says("keys.redrew: there is no command of this name");
    driver.send(Msg::Settings(Ok(Settings {
        theme: "pink".into(),
        ..settings
    })));
    // After the one that came just before it.
    driver.wait(1_500);
    driver.says("console.theme = `pink`: must be one of auto, dark, light, high-contrast");
}

#[test]
fn a_new_violation_alerts_and_a_click_opens() {
    use sla_proto::violation::v1::{WatchViolationsResponse, watch_violations_response::Event};
    let mut driver = Driver::new(100, 30);
    let opened = driver.script.overview().objectives[0].series[0].open.clone().unwrap();
    driver.send(Msg::Link(crate::context::request::LinkEvent::Violations(Box::new(
        WatchViolationsResponse {
            event: Some(Event::Opened(opened)),
            ..WatchViolationsResponse::default()
        },
    ))));
    assert!(
        driver
            .outside
            .iter()
            .any(|e| matches!(e, Effect::Alert(text) if text == "node_load1 is above 4"))
    );
    // A header sorts, and shows what is first.
    let header = driver.rows()[4].clone();
    let x = header.chars().position(|c| c == 'M').unwrap_or(0) as u16;
    driver.send(Msg::Click(x, 4));
    assert!(
        driver.rows()[4].contains("MIN▼") || driver.rows()[4].contains("MEAN▼"),
        "{}",
        driver.rows()[4]
    );
    driver.send(Msg::Click(10, 6));
    driver.says_not("Chart");
    driver.send(Msg::Click(10, 6));
    driver.says("Chart");
    driver.send(Msg::Click(10, 1));
    driver.says("12h ◂ now");
}

#[test]
fn what_moved_may_stand_in_the_order_of_its_first_moves() {
    let mut driver = Driver::new(80, 24);
    let order = |driver: &Driver| {
        let rows = driver.rows();
        let at = |words: &str| rows.iter().position(|row| row.contains(words)).unwrap();
        (at("level    -2m"), at("level    -5m"))
    };
    driver.keys("0 z n");
    driver.says("greatest change first");
    driver.says("among the first 3 in 76 %");
    let (greatest, earliest) = order(&driver);
    assert!(greatest < earliest, "{}", driver.screen());
    driver.keys("s");
    driver.says("first to move first");
    driver.says("how often this order is right is not proven");
    let (greatest, earliest) = order(&driver);
    assert!(earliest < greatest, "{}", driver.screen());
    driver.keys("Esc z n");
    driver.says("first to move first");
    driver.keys("s");
    driver.says("greatest change first");
}

#[test]
fn what_else_moved_is_listed_and_leads_on() {
    let mut driver = Driver::new(160, 40);
    driver.keys("0 z n");
    driver.says("2 moved with it at 14:21, greatest change first (312 series, 5000 left out)");
    driver.says("of seeded incidents the culprit stood among the first 3 in 76 %");
    driver.says("asked ");
    driver.says("level    -2m   x12  node_load");
    driver.says("1.74 to 8.4");
    driver.says_not("caused");
    let asked = driver.outside.iter().any(|effect| {
        matches!(effect, Effect::Call { request: Request::Moved(m), .. } if m.at.is_some() && !m.series_id.is_empty())
    });
    assert!(asked);
    driver.keys("j Enter");
    driver.says("node_load");
    driver.script.silent = true;
    driver.keys("3 p z n");
    driver.says("Nothing else changed around ");
    driver.keys("Esc 1 Enter z n");
    driver.says("Nothing else changed around ");
    driver.script.young = true;
    driver.keys("Esc z n");
    driver.says("What else changed around ");
    driver.says(" is unknown: ");
    driver.keys("Esc 5 z n");
    driver.says("choose a row about one series");
}
