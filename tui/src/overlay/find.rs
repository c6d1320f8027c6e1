//! One list of everything, found by some of its letters.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::say;
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::field::TextField;

/// Entries shown of those that match, and of one kind while nothing is typed.
const SHOWN_MAX: usize = 200;
const OF_KIND_MAX: usize = 20;
const WIDTH_MAX: u16 = 110;
const ROWS: u16 = 14;
/// Columns for the kind of an entry.
const KIND_WIDTH: u16 = 10;
/// How long typing must rest before the server is asked for series, milliseconds.
const REST_MS: i64 = 150;

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
    /// Of what matches equally well the first comes first.
    entries: Vec<Found>,
    /// Places of those that match, best first.
    shown: Vec<usize>,
    matching: usize,
    chosen: usize,
    /// The choice was moved by hand.
    moved: bool,
    /// What is known of the series at the server that match.
    pub(crate) told: String,
    /// When the server is asked for them, monotonic milliseconds.
    pub(crate) ask_at_ms: Option<i64>,
}

impl Find {
    pub(crate) fn new(entries: Vec<Found>) -> Self {
        let mut find = Self {
            field: TextField::default(),
            entries,
            shown: Vec::new(),
            matching: 0,
            chosen: 0,
            moved: false,
            told: String::new(),
            ask_at_ms: None,
        };
        find.look();
        find
    }

    /// Other entries: more is known now. A choice made by hand stays on its entry, else the best is chosen.
    pub(crate) fn replace(&mut self, entries: Vec<Found>) {
        let chosen = self.current().and_then(|at| self.entries.get(at).cloned());
        let chosen = chosen.filter(|_| self.moved);
        self.entries = entries;
        self.look();
        let same = |at: &usize| self.entries.get(*at) == chosen.as_ref();
        self.chosen = self.shown.iter().position(same).unwrap_or(0);
        self.moved = chosen.is_some();
    }

    /// The line was changed: looks again, and for series at the server once typing rests.
    pub(crate) fn typed(&mut self, mono_ms: i64) {
        self.ask_at_ms = Some(mono_ms + REST_MS);
        self.look();
    }

    fn look(&mut self) {
        self.chosen = 0;
        self.moved = false;
        let wanted = self.field.value().trim();
        if wanted.is_empty() {
            self.matching = self.entries.len();
            self.shown = self.some_of_each();
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

    /// While nothing is typed each kind is seen.
    fn some_of_each(&self) -> Vec<usize> {
        let mut shown = Vec::new();
        let (mut kind, mut count) = ("", 0);
        for (at, entry) in self.entries.iter().enumerate() {
            if entry.kind != kind {
                (kind, count) = (entry.kind, 0);
            }
            count += 1;
            if count <= OF_KIND_MAX {
                shown.push(at);
            }
        }
        shown.truncate(SHOWN_MAX);
        shown
    }

    pub(crate) fn turn(&mut self, by: isize) {
        self.moved = true;
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
        let left = self.matching - self.shown.len().min(self.matching);
        let cut = match left {
            0 => String::new(),
            left => say::frame::more_2(&left),
        };
        let title = say::frame::find_of(&self.matching, &self.entries.len(), &cut);
        let mut inside = popup.frame(&title, Role::Title);
        inside.text(0, 0, "/", Role::Key);
        let told = u16::from(!self.told.is_empty());
        let (w, rows) = (inside.width(), usize::from(inside.height().saturating_sub(1 + told)));
        if self.shown.is_empty() {
            inside.text(2, 1, say::frame::nothing_matches(), Role::Dim);
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
        let last = inside.height().saturating_sub(1);
        inside.field(2, last, w.saturating_sub(3), &self.told, Align::Left, Role::Dim);
        self.field.draw(&mut inside, 1, 0, w.saturating_sub(1), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &'static str, text: &str) -> Found {
        Found {
            kind,
            text: text.into(),
        }
    }

    #[test]
    fn some_letters_are_enough_and_the_best_is_first() {
        let mut find = Find::new(vec![
            entry("series", "node_load1 host-1"),
            entry("series", "node_load15 host-1"),
            entry("command", "evaluate-now"),
        ]);
        find.field = TextField::new("load1 host");
        find.typed(0);
        assert_eq!(find.current(), Some(0));
        find.turn(1);
        assert_eq!(find.current(), Some(1));
        find.turn(1);
        assert_eq!(find.current(), Some(0), "round the end");
        find.turn(1);
        find.replace(vec![
            entry("series", "node_load1 host-0"),
            entry("series", "node_load1 host-1"),
            entry("series", "node_load15 host-1"),
        ]);
        assert_eq!(find.current(), Some(2), "what was chosen by hand stays chosen");
        find.field = TextField::new("load1 host");
        find.typed(0);
        find.replace(vec![
            entry("metric", "a"),
            entry("series", "node_load1 host-7"),
            entry("series", "node_load1 host-1"),
        ]);
        assert_eq!(find.current(), Some(1), "else the best is");
        find.field = TextField::new("zzz");
        find.typed(0);
        find.turn(1);
        assert_eq!(find.current(), None);
    }

    #[test]
    fn while_nothing_is_typed_each_kind_is_seen() {
        let mut all: Vec<Found> = (0..500).map(|n| entry("series", &format!("a{n}"))).collect();
        all.push(entry("set", "mine"));
        let mut find = Find::new(all);
        find.turn(-1);
        assert_eq!(find.current(), Some(500), "the set is the last one shown");
        assert_eq!(find.shown.len(), OF_KIND_MAX + 1);
    }
}
