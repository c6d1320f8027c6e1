//! One message in, effects out.

use crokey::KeyCombination;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use sla_proto::etl::v1::RetrySourceRequest;
use sla_proto::server::v1::ListProcessesRequest;
use sla_proto::violation::v1::EvaluateNowRequest;

use super::{App, Msg, health};
use crate::command::keymap::show_chord;
use crate::command::{Cmd, Danger, Scope, Tab, command, palette};
use crate::context::request::{Effect, Slot};
use crate::context::{Jump, Now};
use crate::format::{Zone, parse_duration_ms};
use crate::overlay::{Overlay, Purpose};
use crate::say;
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
        Msg::WorkerPanic(what) => app.cx.complain(say::notices::a_part_of_the(&what)),
        Msg::Edited(result) => {
            let (sets, cx) = app.of(Tab::Sets);
            sets.edited(cx, result);
        }
        Msg::Settings(settings) => app.take_settings(settings),
        Msg::Note(Ok(text)) => app.cx.say(text),
        Msg::Note(Err(text)) => app.cx.complain(text),
    }
    if let Some(jump) = app.cx.jump.take() {
        app.jump(jump);
    }
    app.overlay = app.cx.overlay.take().or_else(|| app.overlay.take());
    app.follow_trial();
    app.cx.take_effects()
}

impl App {
    fn key(&mut self, key: KeyEvent) {
        self.cx.toasts.dismiss();
        let scopes = self.scopes();
        let typing = scopes.contains(&Scope::Form);
        if let Some(first) = self.pending.take() {
            self.second_key(first, key, &scopes);
            return;
        }
        if !typing && let Some(first) = self.keymap.begins(&scopes, key) {
            self.pending = Some(first);
            return;
        }
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
                (_, KeyCode::Char('z')) if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    self.cx.effect(Effect::Suspend);
                }
                (_, KeyCode::F(1)) => self.help_with_form(),
                (Some(cmd), _) => self.form_command(cmd, key),
                (None, _) => self.type_key(key),
            }
        } else if let Some(cmd) = cmd {
            self.run(cmd, None);
        }
    }

    /// The key after one that begins a pair.
    fn second_key(&mut self, first: KeyCombination, key: KeyEvent, scopes: &[Scope]) {
        match self.keymap.pair(scopes, first, key) {
            Some(cmd) => self.run(cmd, None),
            None if key.code == KeyCode::Esc => {}
            None => {
                let keys = format!(
                    "{} {}",
                    show_chord(first),
                    show_chord(KeyCombination::from(key).normalized())
                );
                self.cx.complain(say::notices::no_command_has_the(&keys));
            }
        }
    }

    fn help_with_form(&mut self) {
        if let Some(lines) = self.screen().form_help().filter(|_| self.overlay.is_none()) {
            self.overlay = Some(Overlay::text(say::notices::help_this_form(), lines));
        }
    }

    /// A command of the innermost form; letters that are bound in a form are typed all the same.
    fn form_command(&mut self, cmd: Cmd, key: KeyEvent) {
        if self.assist(key) {
            return;
        }
        match (&mut self.overlay, cmd) {
            (Some(Overlay::Palette { .. } | Overlay::Find(_)), Cmd::NextField) => {
                if let Some(overlay) = &mut self.overlay {
                    overlay.turn(1);
                }
            }
            (Some(Overlay::Palette { .. } | Overlay::Find(_)), Cmd::PreviousField) => {
                if let Some(overlay) = &mut self.overlay {
                    overlay.turn(-1);
                }
            }
            (Some(Overlay::Login(login)), Cmd::NextField | Cmd::PreviousField) => login.turn(),
            (Some(_), Cmd::Submit) => self.submit_overlay(),
            (Some(_), _) => self.type_key(key),
            (None, cmd) => {
                let (screen, cx) = self.here();
                screen.form_command(cx, cmd, key);
            }
        }
    }

    fn type_key(&mut self, key: KeyEvent) {
        if let Some(overlay) = &mut self.overlay {
            if let Some(field) = overlay.field_mut() {
                field.handle(key);
            }
            self.typed();
        } else {
            let (screen, cx) = self.here();
            screen.type_key(cx, key);
        }
    }

    /// The typed line changed: filters work while typing.
    pub(super) fn typed(&mut self) {
        self.want_words_of_line();
        if let Some(Overlay::Find(find)) = &mut self.overlay {
            find.typed(self.cx.now.mono_ms);
        }
        if let Some(Overlay::Help { scroll, .. }) = &mut self.overlay {
            *scroll = 0;
        }
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
        let (screen, cx) = self.here();
        screen.set_filter(cx, text);
    }

    fn submit_overlay(&mut self) {
        let overlay = self.overlay.take();
        if let Some(overlay) = &overlay {
            self.keep_line(overlay);
        }
        match overlay {
            Some(Overlay::Find(find)) => self.take_found(&find),
            Some(Overlay::Help {
                scopes, scroll, search, ..
            }) => {
                self.overlay = Some(Overlay::Help {
                    scopes,
                    scroll,
                    search,
                    typing: false,
                });
            }
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
                    None => self.cx.complain(say::notices::there_is_no_command(&typed)),
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
            Some(Overlay::Login(login)) => self.submit_login(login),
            Some(Overlay::Prompt { .. }) => {
                if let Some(problem) = self.screen().filter_problem() {
                    let problem = problem.to_owned();
                    self.cx.complain(problem);
                }
            }
            _ => {}
        }
    }

    fn paste(&mut self, text: &str, cut: bool) {
        if cut {
            self.cx.complain(say::notices::the_paste_was_cut());
        }
        if let Some(field) = self.overlay.as_mut().and_then(Overlay::field_mut) {
            field.paste(text);
            self.typed();
        } else if self.overlay.is_none() {
            let (screen, cx) = self.here();
            screen.paste(cx, text);
        }
    }

    fn resize(&mut self, width: u16, height: u16) {
        self.cx.size = (width, height);
        for screen in &mut self.screens {
            screen.resized(&mut self.cx);
        }
    }

    fn tick(&mut self) {
        self.cx.tick();
        self.search_when_due();
        let (screen, cx) = self.here();
        screen.tick(cx);
    }

    /// Runs a command if it can be done; else says why not.
    pub(crate) fn run(&mut self, cmd: Cmd, argument: Option<String>) {
        let Some(entry) = command(cmd) else { return };
        if let Some(why) = self.lacks(entry) {
            self.cx.complain(format!("{}: {why}", entry.title()));
            return;
        }
        let question = match entry.danger {
            Danger::None => None,
            Danger::Confirm => Some(self.question(cmd).unwrap_or_else(|| entry.help().to_owned())),
            Danger::Sometimes => self.question(cmd),
        };
        if let Some(question) = question {
            self.overlay = Some(Overlay::Confirm {
                question,
                cmd,
                argument,
            });
            return;
        }
        self.perform(cmd, argument.as_deref());
    }

    fn question(&self, cmd: Cmd) -> Option<String> {
        self.screens.iter().find_map(|screen| screen.question(cmd))
    }

    #[expect(clippy::too_many_lines, reason = "one arm a command")]
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
        if self.pick(cmd, page) || self.people_command(cmd, argument) || self.message_command(cmd) {
            return;
        }
        match cmd {
            Cmd::Quit => self.quit(argument),
            Cmd::JumpBack | Cmd::JumpForward => self.walk(cmd),
            Cmd::Back => self.back(),
            Cmd::Help => {
                let scopes = self.scopes();
                self.overlay = Some(Overlay::Help {
                    scopes,
                    scroll: 0,
                    search: None,
                    typing: false,
                });
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
            Cmd::Health => {
                self.cx.call(Slot::Processes, ListProcessesRequest {});
                self.overlay = Some(health::asking());
            }
            Cmd::Redraw => self.cx.effect(Effect::Redraw),
            Cmd::Suspend => self.cx.effect(Effect::Suspend),
            Cmd::Zone => {
                self.cx.zone = if self.cx.zone == Zone::Utc {
                    Zone::Local
                } else {
                    Zone::Utc
                };
                self.cx.reword();
                self.cx.say(say::notices::times_are_shown_in(&self.cx.zone.word()));
            }
            Cmd::Refresh => {
                if self.is_connected() {
                    if self.cx.source().is_some_and(|s| !s.problem.is_empty()) {
                        self.cx.call(Slot::RetrySource, RetrySourceRequest::default());
                    }
                    self.refresh();
                } else {
                    self.cx.effect(Effect::Reconnect);
                }
            }
            Cmd::EvaluateNow => {
                self.cx.call(Slot::EvaluateNow, EvaluateNowRequest {});
            }
            Cmd::Go(tab) => self.go(tab),
            Cmd::NextTab => self.turn_tab(1),
            Cmd::PreviousTab => self.turn_tab(-1),
            Cmd::Window | Cmd::WindowBack => self.window(cmd, argument),
            Cmd::Find => self.find(),
            Cmd::Around => self.around(argument),
            Cmd::SetList => self.list_sets(argument),
            Cmd::SaveView | Cmd::Views | Cmd::DeleteView => self.view_command(cmd, argument),
            Cmd::CopyValue | Cmd::CopyRow => self.copy_of_row(cmd),
            Cmd::Theme => self.choose_theme(argument),
            Cmd::Language => self.choose_language(argument),
            Cmd::Reload => self.reload(),
            Cmd::Filter if argument.is_none() && matches!(self.overlay, Some(Overlay::Help { .. })) => {
                if let Some(Overlay::Help { search, typing, .. }) = &mut self.overlay {
                    search.get_or_insert_default();
                    *typing = true;
                }
            }
            Cmd::Filter if argument.is_none() => {
                let field = TextField::new(self.screen().filter_text());
                self.overlay = Some(Overlay::Prompt {
                    purpose: Purpose::Filter,
                    label: String::new(),
                    field,
                });
            }
            Cmd::Filter => self.set_filter(argument.unwrap_or_default()),
            Cmd::Show if argument.is_none() => self.ask_argument(cmd),
            Cmd::Show => self.cx.jump = argument.map(|text| Jump::Series(text.to_owned())),
            Cmd::NewSet | Cmd::RenameSet | Cmd::DuplicateSet | Cmd::SetBound | Cmd::Export if argument.is_none() => {
                self.ask_argument(cmd);
            }
            Cmd::Columns => self.pick_columns(),
            Cmd::Copy | Cmd::CopyCurl => self.copy(cmd),
            Cmd::Why => self.overlay = Some(self.why()),
            _ => self.screen_command(cmd, argument),
        }
    }

    /// Asks for the argument of a command on the last line.
    pub(super) fn ask_argument(&mut self, cmd: Cmd) {
        let label = match cmd {
            Cmd::NewSet => say::notices::name_of_the_new(),
            Cmd::RenameSet => say::notices::new_name(),
            Cmd::DuplicateSet => say::notices::name_of_the_copy(),
            Cmd::Range => say::notices::time_or_range_14(),
            Cmd::Show => say::notices::series_selector_or_expression(),
            Cmd::SaveView => say::notices::name_of_the_view(),
            Cmd::SetBound => say::notices::bound_max_4_min(),
            _ => say::notices::file_json_or_csv(),
        };
        let value = if cmd == Cmd::Export {
            let tab = command(Cmd::Go(self.tab)).map_or("", |c| c.id);
            format!("sla-{tab}.json")
        } else if cmd == Cmd::SaveView {
            self.screen().row_text(&self.cx).map_or_else(
                || self.tab.title().to_owned(),
                |row| row.split("  ").next().unwrap_or_default().chars().take(40).collect(),
            )
        } else {
            let told = self.screens.iter().find_map(|screen| screen.proposal(cmd));
            told.unwrap_or_default()
        };
        let field = TextField::new(&value);
        self.overlay = Some(Overlay::Prompt {
            purpose: Purpose::Argument(cmd),
            label: label.to_owned(),
            field,
        });
    }

    pub(super) fn screen_command(&mut self, cmd: Cmd, argument: Option<&str>) {
        if self.bound_command(cmd, argument) {
            return;
        }
        let (screen, cx) = self.here();
        if !screen.command(cx, cmd, argument)
            && let Some(entry) = command(cmd)
        {
            let place = entry.place();
            cx.complain(say::notices::works_in_not_here(&entry.title(), &place));
        }
    }

    /// Into the clipboard: what is on screen as PromQL, or as a line that asks the server for it.
    fn copy(&mut self, cmd: Cmd) {
        let title = command(cmd).map_or("", crate::command::Command::title);
        let nothing = say::notices::nothing_here_is_a(&title);
        if cmd == Cmd::Copy {
            match self.screen().copied(&self.cx) {
                Some(text) => self.cx.copy(text),
                None => self.cx.complain(nothing),
            }
            return;
        }
        let Some(shown) = self.screen().shown_query(&self.cx) else {
            self.cx.complain(nothing);
            return;
        };
        let source = self.cx.source_named(&shown.source);
        let address = source.map(|s| s.address.clone()).unwrap_or_default();
        if address.contains("://") {
            self.cx.copy(shown.curl(&address));
        } else {
            self.cx.complain(say::notices::this_source_has_no(&title));
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
                        .complain(say::notices::window_must_be_one(&text, &offered.join(", ")));
                    return;
                }
            }
        }
        for screen in &mut self.screens {
            screen.window_changed(&mut self.cx);
        }
    }

    fn back(&mut self) {
        if let Some(field) = self.overlay.as_mut().and_then(Overlay::field_mut)
            && field.close_offer()
        {
            return;
        }
        if let Some(Overlay::Help { search, typing, .. }) = &mut self.overlay
            && search.take().is_some()
        {
            *typing = false;
            return;
        }
        if let Some(Overlay::Prompt {
            purpose: Purpose::Filter,
            ..
        }) = &self.overlay
        {
            self.set_filter("");
        }
        if let Some(overlay) = self.overlay.take() {
            self.declined_login |= matches!(overlay, Overlay::Login(_));
            return;
        }
        if self.return_from() {
            return;
        }
        let (screen, cx) = self.here();
        if !screen.back(cx) && !screen.filter_text().is_empty() {
            screen.set_filter(cx, "");
        }
    }

    /// The next tab that is there.
    fn turn_tab(&mut self, by: isize) {
        let next = self.tab.step(by, |tab| self.cx.has_tab(tab));
        self.go(next);
    }

    pub(super) fn go(&mut self, tab: Tab) {
        self.overlay = None;
        if tab != self.tab {
            self.leave_for(None);
        }
        self.tab = tab;
        self.refresh();
    }

    /// Reads what the visible screen shows.
    pub(super) fn refresh(&mut self) {
        if !self.is_connected() {
            return;
        }
        let (screen, cx) = self.here();
        screen.refresh(cx);
    }

    fn jump(&mut self, jump: Jump) {
        self.overlay = None;
        self.leave_for(Some(jump.tab()));
        self.tab = jump.tab();
        let (screen, cx) = self.here();
        screen.arrive(cx, jump);
    }
}
