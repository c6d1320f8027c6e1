//! The core: pure and synchronous. A message goes in, effects come out; the view only looks.

mod answers;
pub(crate) mod context;
mod headline;
pub(crate) mod list;
pub(crate) mod log_ring;
mod picking;
pub(crate) mod remote;
pub(crate) mod request;
pub(crate) mod shown;
mod toast;
mod update;
mod view;
pub(crate) mod wire;

use std::collections::BTreeMap;

use crossterm::event::KeyEvent;

pub(crate) use answers::unexpected;
pub(crate) use context::{Connection, Context, Now};
pub(crate) use update::update;
pub(crate) use view::draw;

use crate::command::Scope;
use crate::command::keymap::{Keymap, KeymapError};
use crate::format::Zone;
use crate::overlay::Overlay;
use crate::screens::{future, metrics, past, runs, sets};
use crate::shell::caps::Caps;
use crate::widget::columns::Columns;
use log_ring::LogRing;
use request::LinkEvent;

/// The five screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Tab {
    Metrics,
    Sets,
    Past,
    Future,
    Runs,
}

impl Tab {
    pub(crate) const ALL: [Self; 5] = [Self::Metrics, Self::Sets, Self::Past, Self::Future, Self::Runs];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Metrics => "Metrics",
            Self::Sets => "SLA sets",
            Self::Past => "Past",
            Self::Future => "Future",
            Self::Runs => "Runs",
        }
    }

    fn at(self) -> usize {
        Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0)
    }

    fn step(self, by: isize) -> Self {
        Self::ALL[(self.at() as isize + by).rem_euclid(5) as usize]
    }
}

/// What comes in.
#[expect(clippy::large_enum_variant, reason = "one lives at a time, on the stack")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Msg {
    Key(KeyEvent),
    Paste(String, bool),
    Wheel(i8),
    Click(u16, u16),
    Resize(u16, u16),
    /// A deadline of [`App::deadline_ms`] has passed.
    Tick,
    Link(LinkEvent),
    /// A worker panicked; it was logged.
    WorkerPanic(String),
    /// An effect that had something to say: a file was written, or not.
    Note(Result<String, String>),
    /// The editor has ended: its text, nothing when it was left as it was, or why there is none.
    Edited(Result<Option<String>, String>),
}

/// The whole console.
pub(crate) struct App {
    pub(crate) cx: Context,
    pub(crate) tab: Tab,
    pub(crate) keymap: Keymap,
    pub(crate) overlay: Option<Overlay>,
    pub(crate) metrics: metrics::Screen,
    pub(crate) sets: sets::Screen,
    pub(crate) past: past::Screen,
    pub(crate) future: future::Screen,
    pub(crate) runs: runs::Screen,
}

/// What a new console starts with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    pub(crate) caps: Caps,
    pub(crate) size: (u16, u16),
    pub(crate) keys: BTreeMap<String, Vec<String>>,
    pub(crate) local_time: bool,
    pub(crate) log: LogRing,
    /// What is shown in the header before the server has said its name.
    pub(crate) target: String,
    pub(crate) remembered: crate::remembered::Remembered,
    /// Whether there is an editor for texts.
    pub(crate) editor: bool,
}

impl App {
    pub(crate) fn new(start: Start, now: Now) -> Result<Self, KeymapError> {
        let keymap = Keymap::build(&start.keys)?;
        let remembered = start.remembered;
        let zone = if start.local_time || remembered.local_time {
            Zone::Local
        } else {
            Zone::Utc
        };
        let mut cx = Context::new(start.caps, start.size, zone, start.log, start.target, now);
        cx.choose_window_ms(remembered.window_ms);
        let tab = Tab::ALL.get(remembered.tab).copied().unwrap_or(Tab::Metrics);
        Ok(Self {
            cx,
            tab,
            keymap,
            overlay: None,
            metrics: metrics::Screen::new(&remembered),
            sets: sets::Screen::new(&remembered, start.editor),
            past: past::Screen::new(&remembered),
            future: future::Screen::new(&remembered),
            runs: runs::Screen::default(),
        })
    }

    /// What the next start should remember.
    pub(crate) fn remembered(&self) -> crate::remembered::Remembered {
        let mut out = crate::remembered::Remembered {
            tab: self.tab.at(),
            window_ms: self.cx.window_ms(),
            local_time: self.cx.zone == Zone::Local,
            ..crate::remembered::Remembered::default()
        };
        self.metrics.remember(&mut out);
        self.sets.remember(&mut out);
        self.past.remember(&mut out);
        self.future.remember(&mut out);
        out
    }

    /// The columns of the table on screen; `None` where there is none to choose.
    pub(crate) fn columns_mut(&mut self) -> Option<&mut Columns> {
        match self.tab {
            Tab::Metrics => self.metrics.columns_mut(),
            Tab::Sets => Some(self.sets.columns_mut()),
            Tab::Past => Some(self.past.columns_mut()),
            Tab::Future => Some(self.future.columns_mut()),
            Tab::Runs => None,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.cx.connection == Connection::Connected
    }

    /// The scopes that are active, innermost first.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        if let Some(overlay) = &self.overlay {
            return overlay.scopes().to_vec();
        }
        let mut scopes = match self.tab {
            Tab::Metrics => self.metrics.scopes(),
            Tab::Sets => self.sets.scopes(),
            Tab::Past => vec![Scope::Past, Scope::List],
            Tab::Future => vec![Scope::Future, Scope::List],
            Tab::Runs => self.runs.scopes(),
        };
        if !scopes.contains(&Scope::Form) {
            scopes.push(Scope::Global);
        }
        scopes
    }

    /// When the app wants a [`Msg::Tick`], monotonic milliseconds; `None` while nothing moves by itself.
    pub(crate) fn deadline_ms(&self) -> Option<i64> {
        let screens = [
            self.cx.deadline_ms(),
            (self.tab == Tab::Metrics).then(|| self.metrics.deadline_ms()).flatten(),
            (self.tab == Tab::Sets).then(|| self.sets.deadline_ms()).flatten(),
        ];
        screens.into_iter().flatten().min()
    }
}
