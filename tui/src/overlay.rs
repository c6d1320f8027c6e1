//! What lies over a screen: help, palette, a line being typed, a question, the log, a text.

mod find;
mod login;
mod pick;

pub(crate) use find::{Find, Found};
pub(crate) use login::Login;
pub(crate) use pick::{Item, Pick, PickKind};

use crate::command::{Cmd, Scope, palette};
use crate::widget::field::TextField;

/// Lines that can be scrolled over.
const SCROLL_MAX: usize = 10_000;

/// What a typed line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Filter,
    /// The argument of a command.
    Argument(Cmd),
}

/// At most one overlay is open.
#[derive(Debug, Clone)]
pub(crate) enum Overlay {
    /// Help for these scopes, scrolled down; with a text that is looked for, everything that holds it.
    Help {
        scopes: Vec<Scope>,
        scroll: usize,
        search: Option<TextField>,
        /// Keys go to the search.
        typing: bool,
    },
    /// One list of everything.
    Find(Find),
    /// `:`; the scopes that were active below it.
    Palette {
        field: TextField,
        chosen: usize,
        scopes: Vec<Scope>,
    },
    /// One line at the bottom.
    Prompt {
        purpose: Purpose,
        label: String,
        field: TextField,
    },
    /// A question about a command; the argument it came with.
    Confirm {
        question: String,
        cmd: Cmd,
        argument: Option<String>,
    },
    /// The console's own log, scrolled up.
    Log { scroll: usize },
    /// Name and password.
    Login(Login),
    /// A list to choose from.
    Pick(Pick),
    /// Lines to read.
    Text {
        title: String,
        lines: Vec<String>,
        scroll: usize,
    },
}

impl Overlay {
    /// Lines to read from their top.
    pub(crate) fn text(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self::Text {
            title: title.into(),
            lines,
            scroll: 0,
        }
    }

    /// Innermost first.
    pub(crate) fn scopes(&self) -> &'static [Scope] {
        match self {
            Self::Help { typing: false, .. } | Self::Log { .. } | Self::Text { .. } => &[Scope::List, Scope::Global],
            Self::Help { .. } | Self::Find(_) | Self::Palette { .. } | Self::Prompt { .. } | Self::Login(_) => {
                &[Scope::Form]
            }
            Self::Confirm { .. } => &[Scope::Confirm],
            Self::Pick(_) => &[Scope::Pick, Scope::List, Scope::Global],
        }
    }

    /// Whether the footer tells of a command: Tab goes to a next field only where there is one, and a list says itself how it is left.
    pub(crate) fn offers(&self, cmd: Cmd) -> bool {
        match self {
            Self::Pick(_) => false,
            Self::Login(_) => true,
            _ => cmd != Cmd::NextField,
        }
    }

    /// The line that is being typed.
    pub(crate) fn field_mut(&mut self) -> Option<&mut TextField> {
        match self {
            Self::Palette { field, .. } | Self::Prompt { field, .. } => Some(field),
            Self::Login(login) => Some(login.field_mut()),
            Self::Find(find) => Some(&mut find.field),
            Self::Help {
                search, typing: true, ..
            } => search.as_mut(),
            _ => None,
        }
    }

    /// What was typed into its line.
    pub(crate) fn line(&self) -> Option<&str> {
        match self {
            Self::Palette { field, .. } | Self::Prompt { field, .. } => Some(field.value()),
            _ => None,
        }
    }

    /// Scrolls what can be scrolled; false when this is no moving command.
    pub(crate) fn scroll(&mut self, cmd: Cmd, page: usize) -> bool {
        // The log is read upwards: its newest line is below.
        let (Self::Help { scroll, .. } | Self::Log { scroll } | Self::Text { scroll, .. }) = &mut *self else {
            return false;
        };
        let (up, by) = match cmd {
            Cmd::Up => (true, 1),
            Cmd::Down => (false, 1),
            Cmd::PageUp => (true, page),
            Cmd::PageDown => (false, page),
            Cmd::Top => (true, SCROLL_MAX),
            Cmd::Bottom => (false, SCROLL_MAX),
            _ => return false,
        };
        let moved = *scroll;
        let (less, more) = (moved.saturating_sub(by), moved.saturating_add(by).min(SCROLL_MAX));
        *scroll = if up { less } else { more };
        if let Self::Log { scroll } = self {
            *scroll = if up { more } else { less };
        }
        true
    }

    /// Moves the choice in the palette.
    pub(crate) fn turn(&mut self, by: isize) {
        if let Self::Find(find) = self {
            find.turn(by);
        }
        if let Self::Palette { field, chosen, scopes } = self {
            let count = palette::matching(field.value(), scopes).len().max(1);
            *chosen = (*chosen as isize + by).rem_euclid(count as isize) as usize;
        }
    }
}
