//! One list of everything, found by some of its letters.

use std::rc::Rc;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::field::TextField;

/// Entries shown of those that match.
const SHOWN_MAX: usize = 200;
const WIDTH_MAX: u16 = 110;
const ROWS: u16 = 14;
/// Columns for the kind of an entry.
const KIND_WIDTH: u16 = 10;

/// One entry: what it is, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// The line that is typed and what matches it.
#[derive(Debug, Clone)]
pub(crate) struct Find {
    pub(crate) field: TextField,
    entries: Rc<[Found]>,
    /// Places of those that match, best first.
    shown: Vec<usize>,
    matching: usize,
    chosen: usize,
}

impl Find {
    pub(crate) fn new(entries: Vec<Found>) -> Self {
        let mut find = Self {
            field: TextField::default(),
            entries: entries.into(),
            shown: Vec::new(),
            matching: 0,
            chosen: 0,
        };
        find.typed();
        find
    }

    /// Looks again for what is typed.
    pub(crate) fn typed(&mut self) {
        self.chosen = 0;
        let wanted = self.field.value().trim();
        if wanted.is_empty() {
            self.matching = self.entries.len();
            self.shown = (0..self.entries.len().min(SHOWN_MAX)).collect();
            return;
        }
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(wanted, CaseMatching::Ignore, Normalization::Smart);
        let mut chars = Vec::new();
        let mut found: Vec<(u32, usize)> = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| {
                let score = pattern.score(Utf32Str::new(&entry.text, &mut chars), &mut matcher)?;
                Some((score, at))
            })
            .collect();
        self.matching = found.len();
        found.sort_by_key(|(score, at)| (std::cmp::Reverse(*score), *at));
        self.shown = found.into_iter().take(SHOWN_MAX).map(|(_, at)| at).collect();
    }

    pub(crate) fn turn(&mut self, by: isize) {
        let count = self.shown.len().max(1) as isize;
        self.chosen = (self.chosen as isize + by).rem_euclid(count) as usize;
    }

    /// The place of the chosen entry among all.
    pub(crate) fn current(&self) -> Option<usize> {
        self.shown.get(self.chosen).copied()
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let width = canvas.width().min(WIDTH_MAX);
        let height = ROWS.min(canvas.height().saturating_sub(2)) + 2;
        let x = (canvas.width() - width) / 2;
        let mut popup = canvas.part(x, 1, width, height.min(canvas.height()));
        popup.clear();
        let title = format!("find: {} of {}", self.matching, self.entries.len());
        let mut inside = popup.frame(&title, Role::Title);
        inside.text(0, 0, "/", Role::Key);
        let (w, rows) = (inside.width(), usize::from(inside.height().saturating_sub(1)));
        if self.shown.is_empty() {
            inside.text(2, 1, "nothing matches", Role::Dim);
        }
        let top = self.chosen.saturating_sub(rows.saturating_sub(1));
        for (line, at) in self.shown.iter().skip(top).take(rows).enumerate() {
            let (entry, y) = (&self.entries[*at], line as u16 + 1);
            if top + line == self.chosen {
                inside.glyph(0, y, '▸', Role::Accent);
            }
            inside.field(2, y, KIND_WIDTH, entry.kind, Align::Left, Role::Dim);
            let x = KIND_WIDTH + 3;
            inside.field(x, y, w.saturating_sub(x), &entry.text, Align::Ends, Role::Text);
        }
        self.field.draw(&mut inside, 1, 0, w.saturating_sub(1), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_letters_are_enough_and_the_best_is_first() {
        let entry = |kind, text: &str| Found {
            kind,
            text: text.into(),
        };
        let mut find = Find::new(vec![
            entry("command", "evaluate-now"),
            entry("series", "node_load1 host-1"),
            entry("series", "node_load15 host-1"),
        ]);
        find.field = TextField::new("load1 host");
        find.typed();
        assert_eq!(find.current(), Some(1));
        find.turn(1);
        assert_eq!(find.current(), Some(2));
        find.turn(1);
        assert_eq!(find.current(), Some(1), "round the end");
        find.field = TextField::new("zzz");
        find.typed();
        find.turn(1);
        assert_eq!(find.current(), None);
    }
}
