//! Pictures of every tab in every variant of a terminal, each with what it must say in words.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::driver::Driver;
use crate::app::draw;
use crate::frame::rows_of;
use crate::theme::caps::{Background, Caps, ColourDepth};
use crate::widget::canvas::Canvas;

/// Name, keys and words of every place pictured: what is wrong, the selected row's own text, what the screen is for.
const PLACES: [(&str, &str, [&str; 3]); 9] = [
    ("now", "0", ["14:21 11m", "3 series fine", "above 4 since 14:21:05"]),
    ("timeline", "0 t h", ["11m  above 4", "now", "GOOD"]),
    ("metrics", "1", ["violated", "node_load1", "3h"]),
    ("detail", "j j Enter", ["violated max 4", "Chart", "as of 14:32:00"]),
    ("sets", "2", ["violated", "past  1h 1", "next  93 %"]),
    ("form", "2 Enter", ["min", "3 series match", "this range in 12h"]),
    ("past", "3 Space", ["violated", "host-3", "never add counts of windows"]),
    ("future", "4", ["93 %", "42 % better", "unproven (61, 5)"]),
    ("runs", "5", ["running", "214/312", "statistics and forecasts"]),
];

const fn caps(colour: ColourDepth, unicode: bool) -> Caps {
    Caps {
        colour,
        unicode,
        background: Background::Dark,
        links: false,
    }
}

const VARIANTS: [(&str, Caps); 6] = [
    ("true_unicode", caps(ColourDepth::True, true)),
    ("true_ascii", caps(ColourDepth::True, false)),
    ("16_unicode", caps(ColourDepth::Ansi16, true)),
    ("16_ascii", caps(ColourDepth::Ansi16, false)),
    ("mono_unicode", caps(ColourDepth::Mono, true)),
    ("mono_ascii", caps(ColourDepth::Mono, false)),
];

fn buffer(width: u16, height: u16, caps: Caps, keys: &str) -> Buffer {
    let mut driver = Driver::offline(width, height, caps);
    driver.connect();
    driver.keys(keys);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let mut marks = crate::widget::marks::Marks::default();
    draw(
        &driver.app,
        &mut Canvas::new(&mut buffer, &mut marks, &driver.app.cx.theme),
    );
    buffer
}

fn style_at(buffer: &Buffer, x: u16, y: u16) -> Style {
    buffer[(x, y)].style()
}

/// The text, and below it a picture of letters, one a style, with their meaning.
fn styled_picture(buffer: &Buffer) -> String {
    let mut styles: Vec<Style> = Vec::new();
    let mut letters = Vec::new();
    for y in 0..buffer.area.height {
        let row: String = (0..buffer.area.width)
            .map(|x| {
                let style = style_at(buffer, x, y);
                let at = styles.iter().position(|have| *have == style).unwrap_or_else(|| {
                    styles.push(style);
                    styles.len() - 1
                });
                char::from(if at == 0 { b'.' } else { b'a' + (at as u8 - 1) })
            })
            .collect();
        letters.push(row.trim_end_matches('.').to_owned());
    }
    let legend = styles.iter().enumerate().skip(1).map(|(at, style)| {
        let letter = char::from(b'a' + (at as u8 - 1));
        let colour = style.fg.unwrap_or_default();
        format!("{letter} {colour:?} {:?}", style.add_modifier)
    });
    let legend: Vec<String> = legend.collect();
    format!(
        "{}\n\n{}\n\n{}",
        rows_of(buffer).join("\n"),
        letters.join("\n"),
        legend.join("\n")
    )
}

#[track_caller]
fn fits(rows: &[String], width: u16) {
    for row in rows {
        let columns = unicode_width::UnicodeWidthStr::width(row.as_str());
        assert!(columns <= usize::from(width), "{columns} columns in {row}");
    }
}

#[test]
fn every_place_in_every_variant_at_80x24() {
    for (variant, caps) in VARIANTS {
        for (place, keys, words) in PLACES {
            let buffer = buffer(80, 24, caps, keys);
            let rows = rows_of(&buffer);
            let screen = rows.join("\n");
            fits(&rows, 80);
            for text in words {
                assert!(
                    screen.contains(text),
                    "{place} in {variant} does not say `{text}`\n{screen}"
                );
            }
            assert!(
                rows[0].contains("1 violated"),
                "the header tells the state in words: {}",
                rows[0]
            );
            let mark = if caps.unicode { "✗" } else { "X" };
            assert!(rows[0].contains(mark), "and by its mark: {}", rows[0]);
            let selected = if caps.unicode { "▸" } else { ">" };
            let visible = place == "detail" || rows.iter().any(|row| row.starts_with(&format!(" {selected} ")));
            assert!(
                visible,
                "{place} in {variant}: the selected row is not visible\n{screen}"
            );
            assert!(
                caps.unicode || screen.is_ascii(),
                "{place} in {variant} is not ASCII\n{screen}"
            );
            insta::assert_snapshot!(format!("{place}_80x24_{variant}"), styled_picture(&buffer));
        }
    }
}

#[test]
fn colours_are_those_the_terminal_has_and_never_the_only_sign() {
    for (variant, caps) in VARIANTS {
        for (place, keys, _) in PLACES {
            let buffer = buffer(80, 24, caps, keys);
            for cell in &buffer.content {
                let known = match cell.fg {
                    Color::Reset => true,
                    Color::Rgb(..) => caps.colour == ColourDepth::True,
                    Color::Indexed(_) => false,
                    _ => caps.colour == ColourDepth::Ansi16,
                };
                assert!(known && cell.bg == Color::Reset, "{place} in {variant}: {cell:?}");
            }
            if caps.colour == ColourDepth::Mono {
                let told = buffer.content.iter().any(|cell| cell.modifier != Modifier::empty());
                assert!(
                    told,
                    "{place} in {variant}: weight and reverse must tell what colour does elsewhere"
                );
            }
        }
    }
}

#[test]
fn every_place_at_other_sizes() {
    let full = caps(ColourDepth::True, true);
    for (width, height) in [(120, 40), (60, 16), (40, 10)] {
        for (place, keys, words) in PLACES {
            let buffer = buffer(width, height, full, keys);
            let rows = rows_of(&buffer);
            let screen = rows.join("\n");
            fits(&rows, width);
            assert!(
                rows[0].contains("✗1") || rows[0].contains("✗ 1 violated"),
                "{}",
                rows[0]
            );
            if width > 80 {
                for text in words {
                    assert!(
                        screen.contains(text),
                        "{place} at {width}x{height} does not say `{text}`\n{screen}"
                    );
                }
            }
            if !matches!(place, "detail" | "form") {
                assert!(
                    screen.contains('▸'),
                    "{place} at {width}x{height}: no selected row\n{screen}"
                );
            }
            insta::assert_snapshot!(format!("{place}_{width}x{height}"), screen);
        }
    }
}
