//! Drives the real app: keys in words, effects answered by the script, pictures as text.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use sla_proto::violation::v1::{Overview, WatchViolationsResponse, watch_violations_response::Event};

use super::script::{NOW_MS, Script};
use crate::app::{App, Msg, Start, draw, update};
use crate::context::Now;
use crate::context::request::{Effect, LinkEvent};
use crate::frame::picture;
use crate::remembered::Remembered;
use crate::say::{self, Language};
use crate::theme::caps::Caps;

/// The app, its instance, and what it wanted done outside.
pub(crate) struct Driver {
    pub(crate) app: App,
    pub(crate) script: Script,
    pub(crate) outside: Vec<Effect>,
    mono_ms: i64,
    pub(crate) caps: Caps,
    /// Answers are given at once; off to test what happens meanwhile.
    pub(crate) answering: bool,
}

impl Driver {
    /// Not connected.
    pub(crate) fn offline(width: u16, height: u16, caps: Caps) -> Self {
        Self::started(width, height, caps, false)
    }

    /// Connected, with an editor for sets.
    pub(crate) fn with_editor(width: u16, height: u16) -> Self {
        let mut driver = Self::started(width, height, Caps::default(), true);
        driver.connect();
        driver
    }

    /// Not connected, after an earlier console.
    pub(crate) fn remembering(width: u16, height: u16, remembered: Remembered) -> Self {
        let mut driver = Self::started(width, height, Caps::default(), false);
        let start = Start {
            size: (width, height),
            remembered,
            ..Start::default()
        };
        driver.app = App::new(start, driver.app.cx.now).unwrap();
        driver
    }

    fn started(width: u16, height: u16, caps: Caps, editor: bool) -> Self {
        let start = Start {
            // Most stories begin on the metrics.
            remembered: Remembered {
                tab: 1,
                ..Remembered::default()
            },
            editor,
            caps,
            size: (width, height),
            target: "default".into(),
            ..Start::default()
        };
        let app = App::new(
            start,
            Now {
                wall_ms: NOW_MS,
                mono_ms: 0,
            },
        )
        .unwrap();
        Self {
            app,
            script: Script::default(),
            outside: Vec::new(),
            mono_ms: 0,
            caps,
            answering: true,
        }
    }

    /// Connected, with a first evaluation.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        let mut driver = Self::offline(width, height, Caps::default());
        driver.connect();
        driver
    }

    /// Connected, in another language from the first answer on.
    pub(crate) fn speaking(width: u16, height: u16, language: Language) -> Self {
        let mut driver = Self::offline(width, height, Caps::default());
        say::speak(language);
        driver.connect();
        driver
    }

    pub(crate) fn connect(&mut self) {
        self.send(Msg::Link(LinkEvent::Connected));
        self.evaluate();
    }

    /// An evaluation finishes.
    pub(crate) fn evaluate(&mut self) {
        self.told(self.script.overview());
        self.wait(300);
    }

    /// What whoever watches is told first.
    pub(crate) fn told(&mut self, overview: Overview) {
        let event = Some(Event::Snapshot(overview));
        self.send(Msg::Link(LinkEvent::Violations(Box::new(WatchViolationsResponse {
            event,
            ..WatchViolationsResponse::default()
        }))));
    }

    pub(crate) fn send(&mut self, msg: Msg) {
        let now = Now {
            wall_ms: NOW_MS,
            mono_ms: self.mono_ms,
        };
        let mut effects = update(&mut self.app, msg, now);
        let mut rounds = 0;
        while !effects.is_empty() && self.answering {
            rounds += 1;
            assert!(rounds < 50, "the app asks for ever: {effects:?}");
            let mut next = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Call { slot, id, request } => {
                        let result = self.script.answer(&request);
                        self.outside.push(Effect::Call { slot, id, request });
                        next.extend(update(
                            &mut self.app,
                            Msg::Link(LinkEvent::Reply { slot, id, result }),
                            now,
                        ));
                    }
                    other => self.outside.push(other),
                }
            }
            effects = next;
        }
        self.outside.extend(effects);
    }

    /// Lets time pass, with every tick the app asks for.
    pub(crate) fn wait(&mut self, ms: i64) {
        let until = self.mono_ms + ms;
        let mut ticks = 0;
        while let Some(at) = self.app.deadline_ms().filter(|at| *at <= until) {
            ticks += 1;
            assert!(ticks < 1000, "the app never rests");
            self.mono_ms = at.max(self.mono_ms);
            self.send(Msg::Tick);
        }
        self.mono_ms = until;
    }

    /// Keys in words: `j`, `Enter`, `Esc`, `Tab`, `Up`, `C-s`; separated by spaces; `"text"` types text.
    pub(crate) fn keys(&mut self, keys: &str) {
        for word in keys.split_whitespace() {
            if let Some(text) = word.strip_prefix('"') {
                for c in text.trim_end_matches('"').chars() {
                    self.press(&c.to_string());
                }
            } else {
                self.press(word);
            }
        }
        self.wait(400);
    }

    /// One key, and no time passes.
    pub(crate) fn press(&mut self, key: &str) {
        self.send(Msg::Key(key_of(key)));
    }

    pub(crate) fn rows(&self) -> Vec<String> {
        let (width, height) = self.app.cx.size;
        picture(width, height, self.caps, |canvas| draw(&self.app, canvas))
    }

    pub(crate) fn screen(&self) -> String {
        self.rows().join("\n")
    }

    /// Fails with the picture when it does not say `text`.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        let screen = self.screen();
        assert!(screen.contains(text), "nowhere `{text}` in\n{screen}");
    }

    #[track_caller]
    pub(crate) fn says_not(&self, text: &str) {
        let screen = self.screen();
        assert!(!screen.contains(text), "`{text}` in\n{screen}");
    }
}

pub(crate) fn key_of(word: &str) -> KeyEvent {
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match word {
        "Enter" => plain(KeyCode::Enter),
        "Esc" => plain(KeyCode::Esc),
        "Tab" => plain(KeyCode::Tab),
        "Up" => plain(KeyCode::Up),
        "Down" => plain(KeyCode::Down),
        "Left" => plain(KeyCode::Left),
        "Right" => plain(KeyCode::Right),
        "PageUp" => plain(KeyCode::PageUp),
        "PageDown" => plain(KeyCode::PageDown),
        "F1" => plain(KeyCode::F(1)),
        "BackTab" => KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT),
        "Backspace" => plain(KeyCode::Backspace),
        "Space" => plain(KeyCode::Char(' ')),
        control if control.starts_with("C-") => {
            KeyEvent::new(KeyCode::Char(control.chars().nth(2).unwrap()), KeyModifiers::CONTROL)
        }
        one => {
            let c = one.chars().next().unwrap();
            let modifiers = if c.is_uppercase() {
                KeyModifiers::SHIFT
            } else {
                KeyModifiers::NONE
            };
            KeyEvent::new(KeyCode::Char(c), modifiers)
        }
    }
}
