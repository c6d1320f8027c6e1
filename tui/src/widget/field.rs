//! Typing: one line of text, a number, or a choice.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

use super::canvas::{Align, Canvas};
use super::complete::{self, Offer};
use crate::say;
use crate::theme::Role;

/// The longest text a field takes, characters.
const TEXT_CHARS_MAX: usize = 2_000;

/// One line that is being typed.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextField {
    input: Input,
    offered: Option<Offered>,
    recalled: Option<Recalled>,
}

/// Words that may stand at the end, one of them put there or none yet.
#[derive(Debug, Clone)]
struct Offered {
    base: String,
    options: Vec<String>,
    chosen: Option<usize>,
}

/// An earlier line in the place of the one that was typed.
#[derive(Debug, Clone)]
struct Recalled {
    typed: String,
    /// Counted from the newest.
    at: usize,
}

/// Rows of the words offered.
const OFFERED_ROWS: u16 = 8;

impl TextField {
    pub(crate) fn new(value: &str) -> Self {
        Self {
            input: input_of(value),
            ..Self::default()
        }
    }

    /// Completes the end of the text: what all options share, then one after the other. False when there is nothing to offer.
    pub(crate) fn complete(&mut self, offer: &Offer, by: isize) -> bool {
        if let Some(offered) = &mut self.offered {
            let count = offered.options.len() as isize;
            let next = match offered.chosen {
                Some(at) => (at as isize + by).rem_euclid(count),
                None if by < 0 => count - 1,
                None => 0,
            } as usize;
            offered.chosen = Some(next);
            self.input = input_of(&format!("{}{}", offered.base, offered.options[next]));
            return true;
        }
        let text = self.value().to_owned();
        let at_end = self.input.cursor() == text.chars().count();
        if offer.options.is_empty() || !at_end || !text.is_char_boundary(offer.from) {
            return false;
        }
        let (base, typed) = text.split_at(offer.from);
        let shared = complete::common(&offer.options);
        let shared = if shared.len() > typed.len() { shared } else { typed };
        self.input = input_of(&format!("{base}{shared}"));
        if offer.options.len() > 1 {
            self.offered = Some(Offered {
                base: base.to_owned(),
                options: offer.options.clone(),
                chosen: None,
            });
        }
        true
    }

    /// Whether an earlier line stands here.
    pub(crate) fn is_recalled(&self) -> bool {
        self.recalled.is_some()
    }

    /// Closes the list of words; false when none is open.
    pub(crate) fn close_offer(&mut self) -> bool {
        self.offered.take().is_some()
    }

    /// An older or newer line of `lines` (the newest last) in place of this one; back at the end what was typed.
    pub(crate) fn recall(&mut self, lines: &[String], older: bool) {
        let at = match (&self.recalled, older) {
            (None, false) => return,
            (None, true) => 0,
            (Some(recalled), true) => recalled.at + 1,
            (Some(recalled), false) if recalled.at == 0 => {
                let typed = recalled.typed.clone();
                *self = Self::new(&typed);
                return;
            }
            (Some(recalled), false) => recalled.at - 1,
        };
        let Some(line) = lines.iter().rev().nth(at) else { return };
        let typed = self
            .recalled
            .take()
            .map_or_else(|| self.value().to_owned(), |r| r.typed);
        *self = Self {
            recalled: Some(Recalled { typed, at }),
            ..Self::new(line)
        };
    }

    /// Draws the words offered in the rows of `canvas`, the chosen one marked, those nearest to the line last.
    pub(crate) fn draw_offer(&self, canvas: &mut Canvas<'_>, below: bool) {
        let Some(offered) = &self.offered else { return };
        let count = offered.options.len();
        let rows = usize::from(OFFERED_ROWS.min(canvas.height())).min(count);
        let chosen = offered.chosen.unwrap_or(0);
        let top = chosen.saturating_sub(rows.saturating_sub(1));
        let shown = &offered.options[top..(top + rows).min(count)];
        let widest = shown.iter().map(|option| option.chars().count()).max().unwrap_or(0) as u16;
        let width = (widest + 12).min(canvas.width());
        let first = if below { 0 } else { canvas.height() - rows as u16 };
        for (line, option) in shown.iter().enumerate() {
            let y = first + line as u16;
            let mut row = canvas.part(0, y, width, 1);
            row.clear();
            let current = offered.chosen == Some(top + line);
            let role = if current { Role::Cursor } else { Role::Text };
            row.field(1, 0, width.saturating_sub(9), option, Align::Left, role);
            if line + 1 == rows && count > rows {
                row.field(0, 0, width, &say::chart::of(&count), Align::Right, Role::Dim);
            }
        }
    }

    pub(crate) fn value(&self) -> &str {
        self.input.value()
    }

    /// Takes a key; false when it is not an editing key.
    pub(crate) fn handle(&mut self, key: KeyEvent) -> bool {
        let Some(request) = request_of(key) else { return false };
        self.offered = None;
        self.recalled = None;
        if matches!(request, InputRequest::InsertChar(_)) && self.input.value().chars().count() >= TEXT_CHARS_MAX {
            return true;
        }
        self.input.handle(request);
        true
    }

    /// Takes pasted text; line breaks become spaces, other control characters vanish.
    pub(crate) fn paste(&mut self, text: &str) {
        // Terminals paste a line break as a carriage return.
        for c in text.trim_end().replace("\r\n", "\n").chars() {
            let c = if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
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

fn input_of(value: &str) -> Input {
    Input::new(value.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect())
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
    fn tab_completes_what_is_shared_and_then_turns() {
        let mut field = TextField::new("rate(no");
        let offer = Offer {
            from: 5,
            options: ["node_load1", "node_load5"].map(str::to_owned).to_vec(),
        };
        assert!(field.complete(&offer, 1));
        assert_eq!(field.value(), "rate(node_load");
        field.complete(&offer, 1);
        assert_eq!(field.value(), "rate(node_load1");
        field.complete(&offer, -1);
        assert_eq!(field.value(), "rate(node_load5");
        field.handle(key(KeyCode::Char('[')));
        assert_eq!(field.value(), "rate(node_load5[");
        assert!(!field.close_offer(), "typing closes the list");
        assert!(!field.complete(&Offer::default(), 1));
        field.handle(key(KeyCode::Home));
        assert!(!field.complete(&offer, 1), "only at the end");
    }

    #[test]
    fn earlier_lines_come_back_and_what_was_typed_is_not_lost() {
        let lines = ["a", "b"].map(str::to_owned);
        let mut field = TextField::new("mine");
        field.recall(&lines, true);
        assert_eq!(field.value(), "b");
        field.recall(&lines, true);
        field.recall(&lines, true);
        assert_eq!(field.value(), "a", "there is none before");
        field.recall(&lines, false);
        field.recall(&lines, false);
        assert_eq!(field.value(), "mine");
        field.recall(&lines, false);
        assert_eq!(field.value(), "mine");
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
