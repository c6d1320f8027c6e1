//! What a hand does by chance: every key that means something, commands, filters, forms.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use sla_testkit::estate::Dice;

use super::super::driver::key_of;
use crate::app::App;
use crate::command::{COMMANDS, Scope};

/// Lines for the palette, the filter and what else is typed; those with an argument are no keys.
const LINES: [&str; 34] = [
    "bound max 5",
    "bound max 2.5",
    "bound min 1",
    "bound max none",
    "filter state=violated",
    "filter !load",
    "filter p>50%",
    "filter",
    "new-set delta",
    "new-set",
    "rename-set omega",
    "duplicate-set copy",
    "duplicate-set alpha",
    "next-set beta",
    "next-set alpha",
    "sets gamma",
    "sets",
    "show load",
    "show mem",
    "window 6h",
    "sort name",
    "sort state",
    "quit keep",
    "quit save",
    "quit drop",
    "save-view one",
    "views one",
    "theme dark",
    "language it",
    "language en",
    "export walk.json",
    "range 14:00",
    "around 30m",
    "log",
];
/// What is typed into fields.
const TYPED: [&str; 12] = ["1", "2", "9", ".", "5", "G", "m", "load", "x", " ", "{", "up"];
/// Keys of forms, and of whatever takes none of its own.
const FORM: [&str; 18] = [
    "Tab",
    "Tab",
    "BackTab",
    "Enter",
    "Enter",
    "Esc",
    "Esc",
    "Backspace",
    "C-u",
    "C-g",
    "F1",
    "Up",
    "Down",
    "Left",
    "Right",
    "Space",
    "C-s",
    "C-c",
];
const TABS: [&str; 7] = ["0", "1", "2", "2", "3", "4", "5"];
/// What changes a set, often.
const EDITS: [&str; 13] = [
    "+", "+", "-", "u", "u", "U", "S", "d", "n", "Enter", "C-x", "]", "Space",
];

fn of_chord(chord: &str) -> Option<Vec<KeyEvent>> {
    let keys = chord.split(',').filter(|key| !key.is_empty());
    keys.map(|key| {
        let (modifiers, name) = match key.split_once('-').filter(|(_, name)| !name.is_empty()) {
            Some(("ctrl", name)) => (KeyModifiers::CONTROL, name),
            Some(("alt", name)) => (KeyModifiers::ALT, name),
            Some(("shift", name)) => (KeyModifiers::SHIFT, name),
            _ => (KeyModifiers::NONE, key),
        };
        let code = match name {
            "up" => KeyCode::Up,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "home" => KeyCode::Home,
            "end" => KeyCode::End,
            "pageup" => KeyCode::PageUp,
            "pagedown" => KeyCode::PageDown,
            "delete" => KeyCode::Delete,
            "f1" => KeyCode::F(1),
            "f5" => KeyCode::F(5),
            "esc" | "enter" | "tab" | "backtab" | "space" => return None,
            one => KeyCode::Char(one.chars().next()?),
        };
        let upper = matches!(code, KeyCode::Char(c) if c.is_uppercase());
        let shift = if upper { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
        Some(KeyEvent::new(code, modifiers | shift))
    })
    .collect()
}

fn typed(text: &str) -> impl Iterator<Item = KeyEvent> + '_ {
    text.chars()
        .map(|c| key_of(if c == ' ' { "Space" } else { text_of(c) }))
}

/// One character as a word for [`key_of`].
fn text_of(c: char) -> &'static str {
    const ASCII: &str =
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    let at = ASCII.find(c).unwrap_or(0);
    &ASCII[at..=at]
}

/// The next keys of a hand before this console.
pub(super) fn next(dice: &mut Dice, app: &App) -> Vec<KeyEvent> {
    if app.scopes().contains(&Scope::Form) && dice.chance(85) {
        return match dice.below(10) {
            0..4 => typed(dice.pick(&TYPED)).collect(),
            _ => vec![key_of(dice.pick(&FORM))],
        };
    }
    match dice.below(20) {
        0..3 => vec![key_of(dice.pick(&TABS))],
        3..8 => vec![key_of(dice.pick(&EDITS))],
        8..10 => {
            let line = std::iter::once(key_of(":")).chain(typed(dice.pick(&LINES)));
            line.chain([key_of("Enter")]).collect()
        }
        10 => {
            let filter = dice.pick(&["load", "state=ok", "now>3", "instance=m1", "", "(", "!"]);
            let line = std::iter::once(key_of("/")).chain(typed(filter));
            line.chain([key_of("Enter")]).collect()
        }
        11..13 => vec![key_of(dice.pick(&FORM))],
        13 => vec![key_of("y")],
        _ => {
            let command = &COMMANDS[dice.below(COMMANDS.len() as u64) as usize];
            let chord = command.chords.first().and_then(|_| of_chord(dice.pick(command.chords)));
            chord.unwrap_or_else(|| vec![key_of("j")])
        }
    }
}
