//! The core: pure and synchronous. A message goes in, effects come out; the view only looks.

mod answers;
mod around;
mod bounds;
mod finding;
mod headline;
mod health;
mod lead;
mod messages;
mod mouse;
mod needs;
mod overlay_view;
mod people;
mod picking;
mod quitting;
mod trail;
mod typing;
mod update;
mod view;
mod views;
mod walking;

use std::collections::BTreeMap;

use crokey::KeyCombination;
use crossterm::event::KeyEvent;
use sla_proto::retrieval::v1::ListMovedResponse;

pub(crate) use update::update;
pub(crate) use view::draw;

use crate::command::keymap::{Keymap, KeymapError};
use crate::command::{Scope, Tab};
use crate::context::log_ring::LogRing;
use crate::context::request::LinkEvent;
use crate::context::{Connection, Context, Now};
use crate::format::Zone;
use crate::overlay::Overlay;
use crate::remembered::{Remembered, View};
use crate::say::{self, Language};
use crate::screens::{self, Screen};
use crate::theme::Theme;
use crate::theme::caps::Caps;
use crate::theme::own::OwnTheme;

/// What comes in.
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
    /// The configuration was read again, or not.
    Settings(Result<Settings, String>),
}

/// What the configuration says about a running console.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Command id → its keys, which replace the defaults.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Times in local time instead of UTC.
    pub local_time: bool,
    /// Whether nothing may be changed from here.
    pub read_only: bool,
    /// What the console speaks.
    pub language: Language,
    /// The theme to begin with.
    pub theme: String,
    /// The user's own themes.
    pub themes: Themes,
}

impl Settings {
    /// What is wrong with keys and themes, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        let keys = Keymap::build(&self.keys).err().map(|error| error.to_string());
        let themes = Theme::with_own(Caps::default(), self.themes.themes.clone()).names();
        let unknown = (!self.theme.is_empty() && !themes.contains(&self.theme))
            .then(|| say::notices::console_theme_must_be(&self.theme, &themes.join(", ")));
        keys.into_iter()
            .chain(self.themes.problems.iter().cloned())
            .chain(unknown)
            .collect()
    }
}

/// Themes of the user's own, and what is wrong with those that could not be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Themes {
    /// By name.
    pub themes: BTreeMap<String, OwnTheme>,
    /// A sentence each.
    pub problems: Vec<String>,
}

/// The whole console.
pub(crate) struct App {
    pub(crate) cx: Context,
    pub(crate) tab: Tab,
    pub(crate) keymap: Keymap,
    pub(crate) overlay: Option<Overlay>,
    /// A key that begins a pair was pressed.
    pub(crate) pending: Option<KeyCombination>,
    caps: Caps,
    read_only: bool,
    /// Lines typed before, by kind, the newest last.
    history: BTreeMap<String, Vec<String>>,
    views: BTreeMap<String, View>,
    /// What the entries of the list of everything lead to.
    found: Vec<lead::Leads>,
    /// Series that the server was asked for on its behalf.
    searched: lead::Searched,
    /// What moved around a moment, and whether what moved first stands first.
    moved: Option<ListMovedResponse>,
    moved_by_time: bool,
    /// The row that was clicked, and when.
    clicked: Option<(u16, i64)>,
    /// In the order of the tabs.
    screens: [Box<dyn Screen>; Tab::ALL.len()],
    trail: trail::Trail,
    /// Whether what is not saved is kept for the next start.
    keeps_drafts: bool,
    /// The console ends as soon as the changes are saved.
    leaving: bool,
    /// The form of the login was closed: it is not opened again by itself.
    declined_login: bool,
}

/// What a new console starts with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    pub(crate) caps: Caps,
    pub(crate) size: (u16, u16),
    pub(crate) settings: Settings,
    pub(crate) log: LogRing,
    /// What is shown in the header before the server has said its name.
    pub(crate) target: String,
    pub(crate) remembered: Remembered,
    /// Whether there is an editor for texts.
    pub(crate) editor: bool,
    /// Whether what is not saved is kept for the next start.
    pub(crate) keeps_drafts: bool,
}

impl App {
    pub(crate) fn new(start: Start, now: Now) -> Result<Self, KeymapError> {
        say::speak(start.settings.language);
        let keymap = Keymap::build(&start.settings.keys)?;
        let remembered = start.remembered;
        let zone = if start.settings.local_time || remembered.local_time {
            Zone::Local
        } else {
            Zone::Utc
        };
        let mut cx = Context::new(start.caps, start.size, zone, start.log, start.target, now);
        cx.choose_window_ms(remembered.window_ms);
        // Which roles run is not known yet.
        let always = Tab::ALL.get(remembered.tab).filter(|tab| tab.0.role().is_none());
        let tab = always.map_or(Tab::Now, |tab| tab.0);
        let mut app = Self {
            cx,
            tab,
            keymap,
            overlay: None,
            pending: None,
            caps: start.caps,
            read_only: start.settings.read_only,
            history: remembered.history.clone(),
            views: remembered.views.clone(),
            found: Vec::new(),
            searched: lead::Searched::default(),
            moved: None,
            moved_by_time: false,
            clicked: None,
            screens: screens::all(&remembered, start.editor),
            trail: trail::Trail::default(),
            keeps_drafts: start.keeps_drafts,
            leaving: false,
            declined_login: false,
        };
        let theme = if start.settings.theme.is_empty() {
            crate::theme::THEMES[0]
        } else {
            &start.settings.theme
        };
        if let Err(why) = app.use_theme(start.settings.themes, theme) {
            app.cx.complain(why);
        }
        Ok(app)
    }

    /// What the next start should remember.
    pub(crate) fn remembered(&self) -> Remembered {
        let mut out = Remembered {
            tab: self.tab.at(),
            window_ms: self.cx.window_ms(),
            local_time: self.cx.zone == Zone::Local,
            history: self.history.clone(),
            views: self.views.clone(),
            ..Remembered::default()
        };
        for screen in &self.screens {
            screen.remember(&mut out);
        }
        out
    }

    /// The tab on screen.
    fn screen(&self) -> &dyn Screen {
        &*self.screens[self.tab.at()]
    }

    /// The list that has the keys.
    #[cfg(test)]
    pub(crate) fn list(&self) -> &crate::context::list::List {
        self.screen().list()
    }

    /// A tab to be changed, and what it shares with the others.
    fn of(&mut self, tab: Tab) -> (&mut dyn Screen, &mut Context) {
        (&mut *self.screens[tab.at()], &mut self.cx)
    }

    /// The tab on screen to be changed.
    fn here(&mut self) -> (&mut dyn Screen, &mut Context) {
        self.of(self.tab)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.cx.connection == Connection::Connected
    }

    /// The scopes that are active, innermost first.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        if let Some(overlay) = &self.overlay {
            return overlay.scopes().to_vec();
        }
        let mut scopes = self.screen().scopes();
        if !scopes.contains(&Scope::Form) {
            scopes.push(Scope::Global);
        }
        scopes
    }

    /// When the app wants a [`Msg::Tick`], monotonic milliseconds; `None` while nothing moves by itself.
    pub(crate) fn deadline_ms(&self) -> Option<i64> {
        let finding = match &self.overlay {
            Some(Overlay::Find(find)) => find.ask_at_ms,
            _ => None,
        };
        let moving = [self.cx.deadline_ms(), self.screen().deadline_ms(), finding];
        moving.into_iter().flatten().min()
    }
}
