//! Names from outside: whatever they hold, no screen passes it to the terminal.

use proptest::prelude::*;
use sla_proto::series::v1::Label;

use super::driver::Driver;
use super::script::series;

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\u{1b}[31m".to_owned()),
        Just("\u{1b}]52;c;AAAA\u{7}".to_owned()),
        Just("\u{202e}gpj".to_owned()),
        Just("\u{200b}".to_owned()),
        Just("日本語".to_owned()),
        Just("👩‍👩‍👧".to_owned()),
        Just("e\u{301}\u{301}\u{301}\u{301}".to_owned()),
        Just("\r\n\t".to_owned()),
        ".{0,12}",
    ];
    proptest::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_screen_passes_hostile_names(name in hostile_text(), value in hostile_text(), message in hostile_text(), width in 20u16..130, height in 6u16..45) {
        let mut driver = Driver::offline(width, height, crate::theme::caps::Caps::default());
        let mut bad = series(99, &name, &value);
        bad.labels.push(Label { name: name.clone(), value: value.clone() });
        bad.source.clone_from(&name);
        driver.script.series.push((bad, 9.0));
        driver.script.source_problem.clone_from(&message);
        driver.script.sets[0].name.clone_from(&name);
        let objective = &mut driver.script.sets[0].objectives[0];
        objective.name.clone_from(&name);
        objective.query = Some(crate::context::wire::query_from_text(&name));
        driver.script.runs[1].message.clone_from(&message);
        driver.script.runs[1].series_failed = 2;
        driver.script.hostile.clone_from(&message);
        driver.script.runs[1].started_by.clone_from(&name);
        driver.connect();
        for place in [
            "0", "G Space", "i", "Esc", "t", "[", "h", "t", "1", "C", "Esc", "i", "Esc", "n", "n", "G Enter", "Tab", "t", "Esc", "i", "Esc Esc", "2", "i", "Esc", "Enter", "Esc", "3", "Space", "i",
            "Esc", "Enter", "v", "Esc", "4", "i", "Esc", "5", "j", "Enter", "Esc", "D", "Esc", "i", "Esc", "?", "Esc",
        ] {
            driver.keys(place);
            for row in driver.rows() {
                prop_assert!(!row.chars().any(is_hostile), "{place}: {row:?}");
                prop_assert!(unicode_width::UnicodeWidthStr::width(row.as_str()) <= usize::from(width), "{place}: {row:?}");
            }
        }
    }
}
