//! A list to choose from: a time range, a record, the columns of a table.

use crate::command::Cmd;
use crate::say;
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};

/// The widest and the narrowest list, columns.
const WIDTH_MAX: u16 = 140;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) text: String,
    /// What the command gets; empty = it asks.
    pub(crate) value: String,
    /// Shown or hidden, for what is ticked.
    pub(crate) ticked: Option<bool>,
}

impl Item {
    pub(crate) fn new(text: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            value: value.into(),
            ticked: None,
        }
    }
}

/// What choosing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PickKind {
    /// Runs a command with the value of the entry.
    Run(Cmd),
    /// The series that moved around a moment: goes to one, in either order.
    Moved,
    /// Ticks and moves the columns of the table below.
    Columns,
}

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct Pick {
    pub(crate) title: String,
    pub(crate) items: Vec<Item>,
    pub(crate) chosen: usize,
    pub(crate) kind: PickKind,
    /// A line below the entries.
    pub(crate) note: String,
}

impl Pick {
    pub(crate) fn new(title: impl Into<String>, kind: PickKind, items: Vec<Item>) -> Self {
        Self {
            title: title.into(),
            items,
            chosen: 0,
            kind,
            note: String::new(),
        }
    }

    pub(crate) fn current(&self) -> Option<&Item> {
        self.items.get(self.chosen)
    }

    /// Moves the choice; false when this is no moving command.
    pub(crate) fn command(&mut self, cmd: Cmd, page: usize) -> bool {
        let last = self.items.len().saturating_sub(1);
        self.chosen = match cmd {
            Cmd::Up => self.chosen.saturating_sub(1),
            Cmd::Down => (self.chosen + 1).min(last),
            Cmd::PageUp => self.chosen.saturating_sub(page),
            Cmd::PageDown => (self.chosen + page).min(last),
            Cmd::Top => 0,
            Cmd::Bottom => last,
            _ => return false,
        };
        true
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let text_width = |item: &Item| unicode_width::UnicodeWidthStr::width(item.text.as_str()) as u16;
        let hint = match self.kind {
            PickKind::Run(_) => say::frame::enter_takes_it_esc(),
            PickKind::Moved => say::frame::enter_shows_it_s(),
            PickKind::Columns => say::frame::space_shows_or_hides(),
        };
        let wanted = self
            .items
            .iter()
            .map(text_width)
            .max()
            .unwrap_or(0)
            .max(hint.chars().count() as u16);
        let wanted = wanted
            .max(self.title.chars().count() as u16)
            .max(self.note.chars().count() as u16)
            + 8;
        let width = wanted.min(WIDTH_MAX).min(canvas.width());
        let height = (self.items.len() as u16 + 4).min(canvas.height());
        let (x, y) = ((canvas.width() - width) / 2, (canvas.height() - height) / 2);
        let mut popup = canvas.part(x, y, width, height);
        popup.clear();
        let mut inside = popup.frame(&self.title, Role::Title);
        let (w, rows) = (inside.width(), usize::from(inside.height().saturating_sub(2)));
        let top = self.chosen.saturating_sub(rows.saturating_sub(1));
        if self.items.is_empty() {
            inside.text(2, 0, say::frame::nothing_here(), Role::Dim);
        }
        for (line, item) in self.items.iter().skip(top).take(rows).enumerate() {
            let y = line as u16;
            if top + line == self.chosen {
                inside.glyph(0, y, '▸', Role::Accent);
            }
            let (mark, role) = match item.ticked {
                Some(true) => ("[x] ", Role::Text),
                Some(false) => ("[ ] ", Role::Dim),
                None => ("", Role::Text),
            };
            let x = inside.text(2, y, mark, role);
            inside.field(x, y, w.saturating_sub(x), &item.text, Align::Left, role);
        }
        let last = inside.height().saturating_sub(1);
        inside.field(
            2,
            last.saturating_sub(1),
            w.saturating_sub(3),
            &self.note,
            Align::Left,
            Role::Dim,
        );
        inside.field(1, last, w.saturating_sub(2), hint, Align::Left, Role::Key);
    }
}
