//! Views kept under a name, what is copied of a row, and how things look.

use std::fmt::Write as _;

use super::App;
use crate::command::{Cmd, Tab};
use crate::context::Jump;
use crate::context::request::Effect;
use crate::context::wire;
use crate::format::Zone;
use crate::overlay::{Item, Overlay, Pick, PickKind};
use crate::remembered::{KeptChart, View};
use crate::say::{self, Language};

/// Views kept, and the longest name.
const VIEWS_MAX: usize = 100;
const NAME_CHARS_MAX: usize = 60;

impl App {
    pub(super) fn view_command(&mut self, cmd: Cmd, argument: Option<&str>) {
        match (cmd, argument) {
            (Cmd::SaveView, None) => self.ask_argument(cmd),
            (Cmd::SaveView, Some(name)) => self.save_view(name),
            (Cmd::Views, None) => self.pick_view(),
            (Cmd::Views, Some(name)) => match self.views.get(name).cloned() {
                Some(view) => self.show_view(&view),
                None => self.cx.complain(say::notices::there_is_no_view(&name)),
            },
            (_, None) => self.cx.complain(say::notices::delete_view_name_it()),
            (_, Some(name)) => match self.views.remove(name) {
                Some(_) => self.cx.say(say::notices::the_view_is_forgotten(&name)),
                None => self.cx.complain(say::notices::there_is_no_view_2(&name)),
            },
        }
    }

    fn save_view(&mut self, name: &str) {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            self.cx.complain(say::notices::save_view_a_name(&NAME_CHARS_MAX));
            return;
        }
        if self.views.len() >= VIEWS_MAX && !self.views.contains_key(name) {
            self.cx.complain(say::notices::there_are_views_already(&VIEWS_MAX));
            return;
        }
        let all = self.remembered();
        let mut view = View {
            tab: self.tab.at(),
            window_ms: self.cx.window_ms(),
            filter: self.screen().filter_text().to_owned(),
            ..View::default()
        };
        if self.tab == Tab::Metrics {
            view.queries = all.metrics_queries;
            view.sort = all.metrics_sort;
            view.down = all.metrics_down;
        }
        if let Some(Jump::Chart {
            query,
            series_id,
            title,
            at_ms,
        }) = self.screen().place()
        {
            view.chart = Some(KeptChart {
                query: wire::query_text(Some(&query)).to_owned(),
                series: hex_of(&series_id),
                title,
                at_ms,
            });
        }
        self.views.insert(name.to_owned(), view);
        self.cx.say(say::notices::kept_as_z_v(&name));
    }

    fn pick_view(&mut self) {
        if self.views.is_empty() {
            self.cx.complain(say::notices::no_view_is_kept());
            return;
        }
        let items = self.views.iter().map(|(name, view)| {
            let tab = Tab::ALL.get(view.tab).map_or("", |tab| tab.0.title());
            let what = view.chart.as_ref().map_or(view.filter.as_str(), |chart| &chart.title);
            Item::new(format!("{name}   {tab} {what}"), name.clone())
        });
        let pick = Pick::new(say::notices::views(), PickKind::Run(Cmd::Views), items.collect());
        self.overlay = Some(Overlay::Pick(pick));
    }

    fn show_view(&mut self, view: &View) {
        let there = Tab::ALL.get(view.tab).filter(|tab| self.cx.has_tab(tab.0));
        let tab = there.map_or(Tab::Now, |tab| tab.0);
        self.cx.choose_window_ms(view.window_ms);
        self.go(tab);
        let (screen, cx) = self.here();
        screen.show_view(cx, view);
        if let Some(chart) = &view.chart {
            self.cx.jump = Some(Jump::Chart {
                query: wire::query_from_text(&chart.query),
                series_id: bytes_of(&chart.series),
                title: chart.title.clone(),
                at_ms: chart.at_ms,
            });
        }
    }

    /// The sets to choose from, or the one named.
    pub(super) fn list_sets(&mut self, argument: Option<&str>) {
        if argument.is_some() {
            self.go(Tab::Sets);
            self.screen_command(Cmd::NextSet, argument);
            return;
        }
        let sets = self.cx.sets.rows();
        let items: Vec<Item> = sets
            .iter()
            .map(|set| {
                let watched = if set.active {
                    say::notices::watched()
                } else {
                    say::notices::not_watched()
                };
                let count = say::counts::objectives(&set.objectives.len());
                Item::new(
                    say::notices::version(&set.name, &count, &watched, &set.version),
                    set.name.clone(),
                )
            })
            .collect();
        let pick = Pick::new(say::notices::sla_sets(), PickKind::Run(Cmd::SetList), items);
        self.overlay = Some(Overlay::Pick(pick));
    }

    /// Into the clipboard: the value of the chosen row, or the row.
    pub(super) fn copy_of_row(&mut self, cmd: Cmd) {
        let screen = self.screen();
        let text = if cmd == Cmd::CopyValue {
            screen.value(&self.cx)
        } else {
            screen.row_text(&self.cx)
        };
        match text {
            Some(text) => self.cx.copy(text),
            None => self.cx.complain(say::notices::there_is_nothing_to()),
        }
    }

    /// Takes a theme by its name, or the next one.
    pub(super) fn choose_theme(&mut self, name: Option<&str>) {
        let names = self.cx.theme.names();
        let at = names.iter().position(|have| have == self.cx.theme.name()).unwrap_or(0);
        let name = name.map_or_else(|| names[(at + 1) % names.len()].clone(), str::to_owned);
        if let Some(theme) = self.cx.theme.named(self.caps, &name) {
            self.cx.theme = theme;
            self.cx.say(say::notices::theme(&name));
        } else {
            let known = names.join(", ");
            self.cx.complain(say::notices::theme_must_be_one(&name, &known));
        }
    }

    /// What the configuration says now.
    pub(super) fn take_settings(&mut self, settings: Result<super::Settings, String>) {
        let taken = settings.and_then(|settings| {
            let keymap = crate::command::keymap::Keymap::build(&settings.keys).map_err(|error| error.to_string())?;
            self.keymap = keymap;
            say::speak(settings.language);
            self.read_only = settings.read_only;
            self.cx.zone = if settings.local_time { Zone::Local } else { Zone::Utc };
            self.cx.reword();
            self.use_theme(settings.themes, &settings.theme)
        });
        match taken {
            Ok(()) => self.cx.say(say::notices::the_configuration_was_read()),
            Err(why) => self.cx.complain(say::notices::reload(&why)),
        }
    }

    /// Takes the themes there are and one of them; what is wrong with it is said, and the default stays.
    pub(super) fn use_theme(&mut self, own: super::Themes, name: &str) -> Result<(), String> {
        let caps = self.caps;
        let mut problems = own.problems;
        let themes = crate::theme::Theme::with_own(caps, own.themes);
        let chosen = themes.named(caps, name);
        if chosen.is_none() {
            problems.push(say::notices::console_theme_must_be(&name, &themes.names().join(", ")));
        }
        self.cx.theme = chosen.unwrap_or(themes);
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("; "))
        }
    }

    /// Speaks another language, or the next one.
    pub(super) fn choose_language(&mut self, name: Option<&str>) {
        let all = Language::ALL;
        let at = all.iter().position(|(_, have)| *have == say::language()).unwrap_or(0);
        let Some(language) = name.map_or(Some(all[(at + 1) % all.len()].1), Language::named) else {
            let known = all.map(|(word, _)| word).join(", ");
            self.cx
                .complain(say::notices::language_must_be_one(&name.unwrap_or_default(), &known));
            return;
        };
        say::speak(language);
        self.cx.reword();
        self.cx.say(say::notices::language(&say::words::this_language()));
        self.refresh();
    }

    pub(super) fn reload(&mut self) {
        self.cx.effect(Effect::Reload);
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len() / 2).map_while(|at| hex.get(at * 2..at * 2 + 2));
    pairs.map_while(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
