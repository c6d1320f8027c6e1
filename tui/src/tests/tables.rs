//! Tables longer than what the console holds: sorted, filtered and scrolled by the server.

use sla_proto::retrieval::v1::ListSeriesRowsRequest;

use super::driver::Driver;
use super::script::series;
use crate::context::request::{Effect, Request};

/// Series of the long table.
const MANY: u32 = 5_000;

/// What was asked for the table so far.
fn asked(driver: &Driver) -> Vec<ListSeriesRowsRequest> {
    let asked = driver.outside.iter().filter_map(|effect| match effect {
        Effect::Call {
            request: Request::Rows(m),
            ..
        } if m.columns == 40 => Some(m.clone()),
        _ => None,
    });
    asked.collect()
}

fn last_asked(driver: &Driver) -> ListSeriesRowsRequest {
    asked(driver).pop().unwrap()
}

/// A console whose table has `MANY` rows beside the six of the script, the n-th with the value n.
fn long() -> Driver {
    let mut driver = Driver::offline(100, 30, crate::Caps::default());
    for n in 0..MANY {
        let mut one = series(0, "up", &format!("far-{n:04}"));
        one.id = n.to_be_bytes().repeat(4);
        driver.script.series.push((one, 1_000.0 + f64::from(n)));
    }
    driver.connect();
    driver.keys(": \"show");
    driver.press(" ");
    driver.keys("\"up Enter");
    driver
}

#[test]
fn a_table_that_is_not_here_as_a_whole_is_sorted_and_filtered_by_the_server() {
    let mut driver = Driver::new(100, 30);
    let before = asked(&driver).len();
    driver.keys("s");
    assert_eq!(asked(&driver).len(), before, "all rows are here");
    driver.script.more = 5_000;
    driver.keys("r");
    driver.says("1–5 of 5005 series · / narrows");
    let before = asked(&driver).len();
    driver.keys("/");
    for letter in ["h", "o", "s", "t", "-", "3"] {
        driver.press(letter);
    }
    driver.says("1 of the 5 here, of 5005");
    driver.press("9");
    driver.says("none of the rows here passes; the server is asked for the others");
    driver.says_not("no series passes");
    driver.press("Backspace");
    assert_eq!(asked(&driver).len(), before, "whoever types is not interrupted");
    driver.wait(200);
    driver.says("1 of 5005 series");
    assert_eq!(last_asked(&driver).filter, "host-3");
    driver.keys("Enter s");
    assert_eq!(last_asked(&driver).sort, "-min");
    driver.keys("o");
    assert_eq!(
        (last_asked(&driver).sort.as_str(), last_asked(&driver).filter.as_str()),
        ("min", "host-3")
    );
    driver.keys(": \"sort");
    driver.press(" ");
    driver.keys("\"state Enter");
    assert_eq!(last_asked(&driver).sort, "-state");
    driver.keys("Esc");
    driver.wait(200);
    assert_eq!(last_asked(&driver).filter, "");
}

#[test]
fn a_filter_that_nothing_passes_is_not_an_empty_source() {
    let mut driver = long();
    driver.keys("/ \"nowhere Enter");
    driver.wait(200);
    driver.says("0 of 5001 series");
    driver.says("no series passes the filter");
    driver.keys("/ \"=1 Enter");
    driver.wait(200);
    driver.says("no row has a field `nowhere`");
}

#[test]
fn a_source_that_is_away_says_nothing_about_its_series() {
    let mut driver = Driver::offline(100, 30, crate::Caps::default());
    driver.script.series.clear();
    driver.script.source_problem = "no route to host".into();
    driver.connect();
    driver.keys(": \"show");
    driver.press(" ");
    driver.keys("\"up Enter");
    driver.says("not known which series match");
    driver.says("no route to host");
    driver.says_not("no series match");
}

#[test]
fn a_window_of_a_long_table_follows_the_cursor() {
    let mut driver = long();
    driver.says("1–1000 of 5001 series · / narrows");
    driver.says("far-0010");
    driver.keys("G");
    driver.says("4502–5001 of 5001 series");
    driver.says("far-4999");
    driver.keys(&["PageUp"; 16].join(" "));
    assert_eq!(
        last_asked(&driver).skip,
        4_001,
        "rows before are asked for as they come near"
    );
    driver.says("4002–5001 of 5001");
    driver.keys(&["PageUp"; 160].join(" "));
    driver.says("of 5001");
    let here = |driver: &Driver| {
        let row = driver.rows().into_iter().find(|row| row.contains("of 5001")).unwrap();
        let words = row
            .split_whitespace()
            .find(|word| word.contains('–'))
            .unwrap()
            .to_owned();
        let (first, last) = words.split_once('–').unwrap();
        (first.parse::<usize>().unwrap(), last.parse::<usize>().unwrap())
    };
    let (first, last) = here(&driver);
    assert!(last - first < 1_000, "never more than 1,000 rows: {first} to {last}");
    driver.keys("g");
    driver.says("1–1000 of 5001");
    driver.says("host-1");
    for _ in 0..100 {
        driver.keys("PageDown");
        let (first, last) = here(&driver);
        assert!(last - first < 1_000, "{first} to {last}");
    }
    let (first, _) = here(&driver);
    assert!(first > 1, "rows far from the cursor are gone");
    let mut places = Vec::new();
    for _ in 0..3 {
        let row = driver.rows().into_iter().find(|row| row.contains('▸')).unwrap();
        places.push(row.split("far-").nth(1).unwrap()[..4].parse::<u32>().unwrap());
        driver.keys("j");
    }
    assert!(
        places.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "none left out, none twice: {places:?}"
    );
}

#[test]
fn a_long_table_that_is_read_again_keeps_its_place() {
    let mut driver = long();
    driver.keys(&["PageDown"; 60].join(" "));
    let chosen = |driver: &Driver| driver.rows().into_iter().find(|row| row.contains('▸')).unwrap();
    let before = chosen(&driver);
    driver.keys("r");
    assert_eq!(chosen(&driver), before);
}

#[test]
fn what_is_picked_stays_picked_when_its_row_is_gone() {
    let mut driver = long();
    driver.keys("j Space G");
    driver.says_not("far-0001");
    driver.keys("Space");
    driver.says("2 selected");
    driver.keys("/ \"far-2222 Enter");
    driver.wait(200);
    driver.says("2 selected");
    driver.keys("a");
    driver.says("far-0000");
    driver.says("far-4999");
}
