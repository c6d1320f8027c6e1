use super::driver::Driver;
use crate::app::draw;
use crate::theme::caps::{Caps, ColourDepth};

/// Key sequences that lead to every picture worth checking.
pub(super) const PLACES: [&str; 26] = [
    "0",
    "0 G Space",
    "0 t h [",
    "1",
    "n",
    "j Enter",
    "j Enter Tab",
    "j Enter Tab Tab",
    "j Enter Tab Tab Tab",
    "2",
    "2 Enter",
    "2 n",
    "3",
    "3 Enter",
    "4",
    "5",
    "5 n",
    "?",
    ":",
    "C",
    "i",
    "j Enter t",
    "3 Space",
    "5 Enter",
    "5 D",
    "L",
];

pub(super) fn check(rows: &[String], width: u16, height: u16, place: &str) {
    assert_eq!(rows.len(), usize::from(height));
    for row in rows {
        let columns = unicode_width::UnicodeWidthStr::width(row.as_str());
        assert!(
            columns <= usize::from(width),
            "{place} at {width}x{height}: {columns} columns in {row}"
        );
    }
}

#[test]
fn every_place_at_every_size_fits_and_never_panics() {
    for (width, height) in [
        (80, 24),
        (120, 40),
        (200, 60),
        (60, 16),
        (40, 10),
        (30, 8),
        (12, 3),
        (1, 1),
        (0, 0),
    ] {
        for place in PLACES {
            let mut driver = Driver::new(width, height);
            driver.keys(place);
            check(&driver.rows(), width, height, place);
        }
    }
}

#[test]
fn the_selected_row_and_the_state_word_are_visible() {
    for (width, height) in [(80, 24), (120, 40), (60, 16)] {
        let mut driver = Driver::new(width, height);
        for tab in ["0", "1", "2", "3", "4", "5"] {
            driver.keys(tab);
            driver.keys("G");
            assert!(
                driver.screen().contains('▸'),
                "{tab} at {width}x{height}\n{}",
                driver.screen()
            );
        }
        let header = driver.rows()[0].clone();
        assert!(header.contains("violated") || header.contains("✗1"), "{header}");
    }
}

#[test]
fn an_ascii_terminal_gets_only_ascii() {
    for place in PLACES {
        let mut driver = Driver::offline(
            80,
            24,
            Caps {
                unicode: false,
                colour: ColourDepth::Mono,
                ..Caps::default()
            },
        );
        driver.connect();
        driver.keys(place);
        let screen = driver.screen();
        assert!(screen.is_ascii(), "{place}\n{screen}");
    }
}

#[test]
fn before_the_first_answer_there_is_a_whole_picture() {
    let driver = Driver::offline(80, 24, Caps::default());
    driver.says("connecting to default");
    driver.says("1 Metrics");
    driver.says("quit");
}

#[test]
fn one_line_is_left_when_there_is_no_room() {
    let driver = Driver::new(24, 4);
    assert!(driver.rows()[0].contains("✗1"), "{}", driver.screen());
}

/// Bytes that moving the cursor and switching tabs cost on the line.
#[test]
fn moving_the_cursor_is_cheap() {
    let mut driver = Driver::new(80, 24);
    let mut encoder = crate::shell::encode_for_tests();
    let mut frame = |driver: &Driver| {
        let mut marks = crate::widget::marks::Marks::default();
        let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 80, 24));
        draw(
            &driver.app,
            &mut crate::widget::canvas::Canvas::new(&mut buffer, &mut marks, &driver.app.cx.theme),
        );
        let mut out = Vec::new();
        encoder.encode(buffer, marks, &mut out);
        out.len()
    };
    let first = frame(&driver);
    assert!(first < 6_000, "{first} bytes for a first frame");
    driver.keys("j");
    let moved = frame(&driver);
    assert!(moved <= 300, "{moved} bytes to move the cursor");
    assert_eq!(frame(&driver), 0, "an idle frame costs nothing");
    driver.keys("5");
    let switched = frame(&driver);
    assert!(switched <= 6_000, "{switched} bytes to switch tabs");
}
