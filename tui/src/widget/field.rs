//! Typing: one line of text, a number, or a choice.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

use super::canvas::{Align, Canvas};
use crate::theme::Role;

/// The longest text a field takes, characters.
const TEXT_CHARS_MAX: usize = 2_000;

/// One line that is being typed.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextField {
    input: Input,
}

impl TextField {
    pub(crate) fn new(value: &str) -> Self {
        Self {
            input: Input::new(value.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect()),
        }
    }

    pub(crate) fn value(&self) -> &str {
        self.input.value()
    }

    /// Takes a key; false when it is not an editing key.
    pub(crate) fn handle(&mut self, key: KeyEvent) -> bool {
        let Some(request) = request_of(key) else { return false };
        if matches!(request, InputRequest::InsertChar(_)) && self.input.value().chars().count() >= TEXT_CHARS_MAX {
            return true;
        }
        self.input.handle(request);
        true
    }

    /// Takes pasted text; line breaks become spaces, other control characters vanish.
    pub(crate) fn paste(&mut self, text: &str) {
        for c in text.trim_end().chars() {
            let c = if matches!(c, '\n' | '\t') { ' ' } else { c };
            if !c.is_control() && self.input.value().chars().count() < TEXT_CHARS_MAX {
                self.input.handle(InputRequest::InsertChar(c));
            }
        }
    }

    /// Draws the value in `width` columns, scrolled so that the cursor shows; with the terminal's cursor when `focused`.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, focused: bool) {
        if width == 0 {
            return;
        }
        canvas.run(x, y, width, ' ', Role::Input);
        let scroll = self.input.visual_scroll(usize::from(width).saturating_sub(1).max(1));
        let mut column = 0;
        let visible: String = self
            .input
            .value()
            .chars()
            .skip_while(|c| {
                let skip = column < scroll;
                column += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
                skip
            })
            .collect();
        let room = if focused { width - 1 } else { width };
        let mut part = canvas.part(x, y, if focused { room.max(1) } else { width }, 1);
        if focused {
            part.text(0, 0, &visible, Role::Input);
            canvas.set_cursor(
                x + (self.input.visual_cursor().saturating_sub(scroll) as u16).min(room),
                y,
            );
        } else {
            part.field(0, 0, width, &visible, Align::Left, Role::Input);
        }
    }
}

fn request_of(key: KeyEvent) -> Option<InputRequest> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    Some(match (key.code, control || alt) {
        (KeyCode::Char(c), false) => InputRequest::InsertChar(c),
        (KeyCode::Backspace, false) => InputRequest::DeletePrevChar,
        (KeyCode::Delete, false) => InputRequest::DeleteNextChar,
        (KeyCode::Left, false) => InputRequest::GoToPrevChar,
        (KeyCode::Right, false) => InputRequest::GoToNextChar,
        (KeyCode::Left, true) => InputRequest::GoToPrevWord,
        (KeyCode::Right, true) => InputRequest::GoToNextWord,
        (KeyCode::Home, _) => InputRequest::GoToStart,
        (KeyCode::End, _) => InputRequest::GoToEnd,
        (KeyCode::Char('a'), true) if control => InputRequest::GoToStart,
        (KeyCode::Char('e'), true) if control => InputRequest::GoToEnd,
        (KeyCode::Char('w'), true) if control => InputRequest::DeletePrevWord,
        (KeyCode::Char('u'), true) if control => InputRequest::DeleteLine,
        (KeyCode::Char('k'), true) if control => InputRequest::DeleteTillEnd,
        _ => return None,
    })
}

/// One of several words.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) options: Vec<String>,
    pub(crate) at: usize,
}

impl Choice {
    pub(crate) fn new(options: &[&str], at: usize) -> Self {
        Self {
            options: options.iter().map(|&o| o.to_owned()).collect(),
            at: at.min(options.len().saturating_sub(1)),
        }
    }

    pub(crate) fn value(&self) -> &str {
        self.options.get(self.at).map_or("", String::as_str)
    }

    pub(crate) fn turn(&mut self, by: isize) {
        let count = self.options.len().max(1) as isize;
        self.at = (self.at as isize + by).rem_euclid(count) as usize;
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, focused: bool) {
        let role = if focused { Role::Cursor } else { Role::Input };
        canvas.field(x, y, width, &format!("{} ▾", self.value()), Align::Left, role);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::picture;
    use crate::theme::caps::Caps;

    fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    #[test]
    fn typing_and_deleting() {
        let mut field = TextField::new("4.5");
        assert!(field.handle(key(KeyCode::Backspace)));
        assert!(field.handle(key(KeyCode::Char('2'))));
        assert_eq!(field.value(), "4.2");
        assert!(!field.handle(key(KeyCode::Tab)));
    }

    #[test]
    fn a_paste_is_one_harmless_line() {
        let mut field = TextField::default();
        field.paste("up{a=\"b\"}\nnext\u{1b}[31m\n");
        assert_eq!(field.value(), "up{a=\"b\"} next[31m");
        field.paste(&"x".repeat(10_000));
        assert_eq!(field.value().chars().count(), TEXT_CHARS_MAX);
    }

    #[test]
    fn the_cursor_end_stays_visible() {
        let field = TextField::new("abcdefghijklmnop");
        let lines = picture(8, 1, Caps::default(), |c| field.draw(c, 0, 0, 8, true));
        assert!(lines[0].ends_with('p'), "{lines:?}");
    }

    #[test]
    fn a_choice_turns_round() {
        let mut choice = Choice::new(&["gap", "good", "bad"], 0);
        choice.turn(-1);
        assert_eq!(choice.value(), "bad");
        choice.turn(1);
        assert_eq!(choice.value(), "gap");
    }
}
