//! One message in, effects out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::context::{Jump, Now};
use super::request::{Effect, Request, Slot};
use super::{App, Msg, Tab};
use crate::command::{Cmd, Danger, Scope, command, palette};
use crate::format::{Zone, parse_duration_ms};
use crate::overlay::{Overlay, Pick, PickKind, Purpose};
use crate::widget::field::TextField;

/// Takes a message at an instant and returns what must be done outside.
pub(crate) fn update(app: &mut App, msg: Msg, now: Now) -> Vec<Effect> {
    app.cx.now = now;
    app.cx.toasts.expire(now.mono_ms);
    match msg {
        Msg::Key(key) => app.key(key),
        Msg::Paste(text, cut) => app.paste(&text, cut),
        Msg::Wheel(lines) => app.wheel(isize::from(lines)),
        Msg::Click(x, y) => app.click(x, y),
        Msg::Resize(width, height) => app.resize(width, height),
        Msg::Tick => app.tick(),
        Msg::Link(event) => app.link(event),
        Msg::WorkerPanic(what) => app
            .cx
            .complain(format!("a part of the console failed and was started again: {what}")),
        Msg::Edited(result) => {
            app.sets.edited(&mut app.cx, result);
            app.show_texts();
        }
        Msg::Note(Ok(text)) => app.cx.say(text),
        Msg::Note(Err(text)) => app.cx.complain(text),
    }
    if let Some(jump) = app.cx.jump.take() {
        app.jump(jump);
    }
    app.cx.take_effects()
}

impl App {
    fn key(&mut self, key: KeyEvent) {
        self.cx.toasts.dismiss();
        let scopes = self.scopes();
        let typing = scopes.contains(&Scope::Form);
        let cmd = self.keymap.lookup(&scopes, key);
        if cmd.is_none() && key.modifiers.contains(KeyModifiers::ALT) {
            // An Esc and a key typed in haste, or sent by a script, arrive as Alt and that key.
            self.key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
            self.key(KeyEvent::new(key.code, key.modifiers - KeyModifiers::ALT));
            return;
        }
        if typing {
            match (cmd, key.code) {
                (_, KeyCode::Esc) => self.back(),
                (_, KeyCode::Char('c')) if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    self.back();
                }
                (Some(cmd), _) => self.form_command(cmd, key),
                (None, _) => self.type_key(key),
            }
        } else if let Some(cmd) = cmd {
            self.run(cmd, None);
        }
    }

    /// A command of the innermost form; letters that are bound in a form are typed all the same.
    fn form_command(&mut self, cmd: Cmd, key: KeyEvent) {
        match (&mut self.overlay, cmd) {
            (Some(Overlay::Palette { .. }), Cmd::NextField) => {
                if let Some(overlay) = &mut self.overlay {
                    overlay.turn(1);
                }
            }
            (Some(Overlay::Palette { .. }), Cmd::PreviousField) => {
                if let Some(overlay) = &mut self.overlay {
                    overlay.turn(-1);
                }
            }
            (Some(_), Cmd::Submit) => self.submit_overlay(),
            (Some(_), _) => self.type_key(key),
            (None, cmd) => match self.tab {
                Tab::Sets => self.sets.form_command(&mut self.cx, cmd, key),
                Tab::Runs => self.runs.form_command(&mut self.cx, cmd, key),
                _ => {}
            },
        }
    }

    fn type_key(&mut self, key: KeyEvent) {
        match &mut self.overlay {
            Some(overlay) => {
                if let Some(field) = overlay.field_mut() {
                    field.handle(key);
                }
                self.typed();
            }
            None => match self.tab {
                Tab::Sets => self.sets.type_key(&mut self.cx, key),
                Tab::Runs => self.runs.type_key(&mut self.cx, key),
                _ => {}
            },
        }
    }

    /// The typed line changed: filters work while typing.
    fn typed(&mut self) {
        if let Some(Overlay::Palette { chosen, .. }) = &mut self.overlay {
            *chosen = 0;
        }
        if let Some(Overlay::Prompt {
            purpose: Purpose::Filter,
            field,
            ..
        }) = &self.overlay
        {
            let text = field.value().to_owned();
            self.set_filter(&text);
        }
    }

    fn set_filter(&mut self, text: &str) {
        match self.tab {
            Tab::Metrics => self.metrics.set_filter(&self.cx, text),
            Tab::Sets => self.sets.set_filter(&self.cx, text),
            Tab::Past => self.past.set_filter(&self.cx, text),
            Tab::Future => self.future.set_filter(&self.cx, text),
            Tab::Runs => self.runs.set_filter(&self.cx, text),
        }
    }

    fn filter_text(&self) -> String {
        match self.tab {
            Tab::Metrics => self.metrics.filter_text(),
            Tab::Sets => self.sets.filter_text(),
            Tab::Past => self.past.filter_text(),
            Tab::Future => self.future.filter_text(),
            Tab::Runs => self.runs.filter_text(),
        }
        .to_owned()
    }

    fn submit_overlay(&mut self) {
        match self.overlay.take() {
            Some(Overlay::Palette { field, chosen, scopes }) => {
                let typed = field.value().trim().to_owned();
                let exact =
                    palette::resolve(&typed, &scopes).filter(|(c, _)| typed.split_whitespace().next() == Some(c.id));
                let argument = typed
                    .split_once(char::is_whitespace)
                    .map(|(_, rest)| rest.trim().to_owned());
                let picked = palette::matching(&typed, &scopes).get(chosen).map(|c| (*c, argument));
                match exact.or(picked) {
                    Some((command, argument)) => self.run(command.cmd, argument.filter(|a| !a.is_empty())),
                    None => self.cx.complain(format!("there is no command `{typed}`")),
                }
            }
            Some(Overlay::Prompt {
                purpose: Purpose::Argument(cmd),
                field,
                ..
            }) => {
                let text = field.value().trim().to_owned();
                if !text.is_empty() {
                    self.run(cmd, Some(text));
                }
            }
            _ => {}
        }
    }

    fn paste(&mut self, text: &str, cut: bool) {
        if cut {
            self.cx.complain("the paste was cut: it was too long or never ended");
        }
        if let Some(field) = self.overlay.as_mut().and_then(Overlay::field_mut) {
            field.paste(text);
            self.typed();
        } else {
            match self.tab {
                Tab::Sets => self.sets.paste(&mut self.cx, text),
                Tab::Runs => self.runs.paste(&mut self.cx, text),
                _ => {}
            }
        }
    }

    fn wheel(&mut self, lines: isize) {
        if let Some(overlay) = &mut self.overlay {
            for _ in 0..lines.unsigned_abs() {
                overlay.scroll(if lines < 0 { Cmd::Up } else { Cmd::Down }, 1);
            }
            return;
        }
        let cmd = if lines < 0 { Cmd::Up } else { Cmd::Down };
        for _ in 0..lines.unsigned_abs() {
            self.screen_command(cmd, None);
        }
    }

    fn click(&mut self, x: u16, y: u16) {
        if self.overlay.is_none() && y == super::view::TABS_ROW {
            if let Some(tab) = super::view::tab_at(x, self.cx.size.0) {
                self.run(Cmd::Go(tab), None);
            }
        } else if self.overlay.is_none() && self.tab == Tab::Metrics {
            self.metrics
                .click(&mut self.cx, y.saturating_sub(super::view::SCREEN_ROW));
        }
    }

    fn resize(&mut self, width: u16, height: u16) {
        self.cx.size = (width, height);
        self.metrics.resized(&mut self.cx);
        self.sets.resized(&mut self.cx);
        self.past.resized(&mut self.cx);
        self.future.resized(&mut self.cx);
        self.runs.resized(&mut self.cx);
    }

    fn tick(&mut self) {
        self.cx.tick();
        match self.tab {
            Tab::Metrics => self.metrics.tick(&mut self.cx),
            Tab::Sets => self.sets.tick(&mut self.cx),
            _ => {}
        }
    }

    /// Runs a command if it can be done; else says why not.
    pub(crate) fn run(&mut self, cmd: Cmd, argument: Option<String>) {
        let Some(entry) = command(cmd) else { return };
        if let Err(why) = (entry.enabled)(self) {
            self.cx.complain(format!("{}: {why}", entry.title));
            return;
        }
        if entry.danger == Danger::Confirm {
            let question = self.question(cmd);
            self.overlay = Some(Overlay::Confirm {
                question,
                cmd,
                argument,
            });
            return;
        }
        self.perform(cmd, argument.as_deref());
    }

    fn question(&self, cmd: Cmd) -> String {
        match cmd {
            Cmd::DeleteSet => format!(
                "Delete the SLA set {}? Its objectives are no longer watched; its past violations stay, marked retired.",
                self.sets.set_name()
            ),
            Cmd::CancelRun => "Cancel this run? Series that are done keep their results.".to_owned(),
            other => command(other).map_or_else(String::new, |c| c.help.to_owned()),
        }
    }

    fn perform(&mut self, cmd: Cmd, argument: Option<&str>) {
        let page = usize::from(self.cx.size.1.saturating_sub(3));
        match cmd {
            Cmd::Yes => {
                if let Some(Overlay::Confirm { cmd, argument, .. }) = self.overlay.take() {
                    self.perform(cmd, argument.as_deref());
                }
                return;
            }
            Cmd::No => {
                self.overlay = None;
                return;
            }
            _ => {}
        }
        if let Some(overlay) = &mut self.overlay
            && overlay.scroll(cmd, page)
        {
            return;
        }
        if self.pick(cmd, page) {
            return;
        }
        match cmd {
            Cmd::Quit => {
                if self.overlay.is_some() {
                    self.overlay = None;
                } else {
                    self.cx.effect(Effect::Quit);
                }
            }
            Cmd::Back => self.back(),
            Cmd::Help => {
                let scopes = self.scopes();
                self.overlay = Some(Overlay::Help { scopes, scroll: 0 });
            }
            Cmd::Palette => {
                let scopes = self.scopes();
                self.overlay = Some(Overlay::Palette {
                    field: TextField::default(),
                    chosen: 0,
                    scopes,
                });
            }
            Cmd::Log => self.overlay = Some(Overlay::Log { scroll: 0 }),
            Cmd::Redraw => self.cx.effect(Effect::Redraw),
            Cmd::Suspend => self.cx.effect(Effect::Suspend),
            Cmd::Zone => {
                self.cx.zone = if self.cx.zone == Zone::Utc {
                    Zone::Local
                } else {
                    Zone::Utc
                };
                self.cx.say(format!(
                    "times are shown in {} time; exports stay in UTC",
                    self.cx.zone.word()
                ));
            }
            Cmd::Refresh => {
                if self.is_connected() {
                    if self.cx.source().is_some_and(|s| !s.problem.is_empty()) {
                        self.cx.call(Slot::RetrySource, Request::RetrySource);
                    }
                    self.refresh();
                } else {
                    self.cx.effect(Effect::Reconnect);
                }
            }
            Cmd::EvaluateNow => {
                self.cx.call(Slot::EvaluateNow, Request::EvaluateNow);
            }
            Cmd::Go(tab) => self.go(tab),
            Cmd::NextTab => self.go(self.tab.step(1)),
            Cmd::PreviousTab => self.go(self.tab.step(-1)),
            Cmd::Window | Cmd::WindowBack => self.window(cmd, argument),
            Cmd::Filter if argument.is_none() => {
                let field = TextField::new(&self.filter_text());
                self.overlay = Some(Overlay::Prompt {
                    purpose: Purpose::Filter,
                    label: String::new(),
                    field,
                });
            }
            Cmd::Filter => self.set_filter(argument.unwrap_or_default()),
            Cmd::Show if argument.is_none() => self.ask_argument(cmd),
            Cmd::Show => {
                self.go(Tab::Metrics);
                self.metrics.show_query(&mut self.cx, argument.unwrap_or_default());
            }
            Cmd::NewSet | Cmd::RenameSet | Cmd::DuplicateSet | Cmd::Export if argument.is_none() => {
                self.ask_argument(cmd);
            }
            Cmd::Range if argument.is_none() => {
                if let Some(items) = self.metrics.ranges(&self.cx) {
                    let pick = Pick::new("time range", PickKind::Run(cmd), items);
                    self.overlay = Some(Overlay::Pick(pick));
                } else {
                    self.screen_command(cmd, None);
                }
            }
            Cmd::Columns => self.pick_columns(),
            Cmd::Copy | Cmd::CopyCurl => self.copy(cmd),
            Cmd::Why => {
                let (title, lines) = self.why();
                self.overlay = Some(Overlay::Text {
                    title,
                    lines,
                    scroll: 0,
                });
            }
            _ => {
                self.screen_command(cmd, argument);
            }
        }
    }

    /// Asks for the argument of a command on the last line.
    pub(super) fn ask_argument(&mut self, cmd: Cmd) {
        let (label, value) = match cmd {
            Cmd::NewSet => ("name of the new set", String::new()),
            Cmd::RenameSet => ("new name", self.sets.set_name()),
            Cmd::DuplicateSet => ("name of the copy", format!("{} copy", self.sets.set_name())),
            Cmd::Range => (
                "time or range (14:00, 14:00-15:30, last 6h, 2h ago as 2h, now)",
                String::new(),
            ),
            Cmd::Show => ("series (selector or expression)", String::new()),
            _ => {
                let tab = self.tab.title().to_lowercase().replace(' ', "-");
                ("file (.json or .csv)", format!("sla-{tab}.json"))
            }
        };
        let field = TextField::new(&value);
        self.overlay = Some(Overlay::Prompt {
            purpose: Purpose::Argument(cmd),
            label: label.to_owned(),
            field,
        });
    }

    fn screen_command(&mut self, cmd: Cmd, argument: Option<&str>) -> bool {
        let handled = match self.tab {
            Tab::Metrics => self.metrics.command(&mut self.cx, cmd, argument),
            Tab::Sets => self.sets.command(&mut self.cx, cmd, argument),
            Tab::Past => self.past.command(&mut self.cx, cmd, argument),
            Tab::Future => self.future.command(&mut self.cx, cmd, argument),
            Tab::Runs => self.runs.command(&mut self.cx, cmd, argument),
        };
        self.show_texts();
        if !handled && let Some(entry) = command(cmd) {
            let place = entry.scope.word();
            self.cx.complain(format!("{} works in {place}, not here", entry.title));
        }
        handled
    }

    /// A screen that has something to read aloud gets the overlay.
    pub(super) fn show_texts(&mut self) {
        if let Some(pick) = self.runs.take_pick() {
            self.overlay = Some(Overlay::Pick(pick));
        }
        let text = self
            .past
            .take_text()
            .or_else(|| self.sets.take_text())
            .or_else(|| self.runs.take_text());
        if let Some((title, lines)) = text {
            self.overlay = Some(Overlay::Text {
                title,
                lines,
                scroll: 0,
            });
        }
    }

    /// Into the clipboard: what is on screen as PromQL, or as a line that asks the server for it.
    fn copy(&mut self, cmd: Cmd) {
        let shown = match self.tab {
            Tab::Metrics => self.metrics.shown_query(&self.cx),
            Tab::Sets => self.sets.shown_query(&self.cx),
            Tab::Past => self.past.shown_query(&self.cx),
            Tab::Future => self.future.shown_query(&self.cx),
            Tab::Runs => {
                if cmd == Cmd::Copy && self.runs.copy_id(&mut self.cx) {
                    return;
                }
                None
            }
        };
        let title = command(cmd).map_or("", |c| c.title);
        let Some(shown) = shown else {
            self.cx.complain(format!("{title}: nothing here is a query"));
            return;
        };
        if cmd == Cmd::Copy {
            self.cx.copy(shown.promql);
            return;
        }
        let address = self.cx.source().map(|s| s.address.clone()).unwrap_or_default();
        if address.contains("://") {
            self.cx.copy(shown.curl(&address));
        } else {
            self.cx
                .complain(format!("{title}: this source has no address that could be asked"));
        }
    }

    fn window(&mut self, cmd: Cmd, argument: Option<&str>) {
        match argument {
            None => self.cx.turn_window(if cmd == Cmd::Window { 1 } else { -1 }),
            Some(text) => {
                let known = parse_duration_ms(text).is_some_and(|ms| self.cx.choose_window_ms(ms));
                if !known {
                    let offered: Vec<String> = self
                        .cx
                        .windows_ms()
                        .iter()
                        .map(|w| crate::format::duration(*w))
                        .collect();
                    self.cx
                        .complain(format!("window `{text}`: must be one of {}", offered.join(", ")));
                    return;
                }
            }
        }
        self.metrics.window_changed(&mut self.cx);
    }

    fn back(&mut self) {
        if let Some(Overlay::Prompt {
            purpose: Purpose::Filter,
            ..
        }) = &self.overlay
        {
            self.set_filter("");
        }
        if self.overlay.take().is_some() {
            return;
        }
        let handled = match self.tab {
            Tab::Metrics => self.metrics.back(&mut self.cx),
            Tab::Sets => self.sets.back(&mut self.cx),
            Tab::Past => self.past.back(&mut self.cx),
            Tab::Runs => self.runs.back(&mut self.cx),
            Tab::Future => false,
        };
        if !handled && !self.filter_text().is_empty() {
            self.set_filter("");
        }
    }

    fn go(&mut self, tab: Tab) {
        self.overlay = None;
        self.tab = tab;
        self.refresh();
    }

    /// Reads what the visible screen shows.
    pub(super) fn refresh(&mut self) {
        if !self.is_connected() {
            return;
        }
        match self.tab {
            Tab::Metrics => self.metrics.refresh(&mut self.cx),
            Tab::Sets => self.sets.refresh(&mut self.cx),
            Tab::Past => self.past.refresh(&mut self.cx),
            Tab::Future => self.future.refresh(&mut self.cx),
            Tab::Runs => self.runs.refresh(&mut self.cx),
        }
    }

    fn jump(&mut self, jump: Jump) {
        match jump {
            Jump::Chart {
                query,
                series_id,
                title,
                at_ms,
            } => {
                self.tab = Tab::Metrics;
                self.overlay = None;
                self.metrics.open_chart(&mut self.cx, query, series_id, title, at_ms);
            }
            Jump::AddObjectives(objectives) => {
                self.tab = Tab::Sets;
                self.sets.add_objectives(&mut self.cx, objectives);
            }
            Jump::Past { set_id, objective_id } => {
                self.go(Tab::Past);
                self.past.follow(&mut self.cx, &set_id, &objective_id);
            }
        }
    }
}
