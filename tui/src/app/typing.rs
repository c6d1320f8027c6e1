//! Lines that are typed: what Tab completes, what Up and Down bring back, and what Enter does with them.

use crossterm::event::{KeyCode, KeyEvent};

use super::App;
use crate::command::{Cmd, Command, palette};
use crate::format::duration;
use crate::overlay::{Overlay, Purpose};
use crate::say::Language;
use crate::widget::complete::{self, Offer};

/// Lines remembered of one kind.
const LINES_MAX: usize = 50;

/// The kind of a line, as the history is kept.
fn kind_of(overlay: &Overlay) -> Option<String> {
    match overlay {
        Overlay::Palette { .. } => Some("command".to_owned()),
        Overlay::Prompt {
            purpose: Purpose::Filter,
            ..
        } => Some("filter".to_owned()),
        Overlay::Prompt {
            purpose: Purpose::Argument(cmd),
            ..
        } => crate::command::command(*cmd).map(|c| c.id.to_owned()),
        _ => None,
    }
}

impl App {
    /// A key of a line in an overlay that completes or recalls; false when it is none.
    pub(super) fn assist(&mut self, key: KeyEvent) -> bool {
        let step = match key.code {
            KeyCode::Tab => 1,
            KeyCode::BackTab => -1,
            KeyCode::Up | KeyCode::Down => return self.recall(key.code == KeyCode::Up),
            _ => return false,
        };
        let offer = self.offer();
        let Some(overlay) = &mut self.overlay else { return false };
        let done = overlay.field_mut().is_some_and(|field| field.complete(&offer, step));
        if done {
            self.typed();
        }
        done || matches!(self.overlay, Some(Overlay::Prompt { .. }))
    }

    /// Up and Down walk through earlier lines; in the palette they first walk through the list.
    fn recall(&mut self, older: bool) -> bool {
        let Some(kind) = self.overlay.as_ref().and_then(kind_of) else {
            return false;
        };
        if let Some(Overlay::Palette { chosen, field, .. }) = &self.overlay {
            let in_list = if older { *chosen > 0 } else { !field.is_recalled() };
            if in_list {
                return false;
            }
        }
        let lines = self.history.get(&kind).cloned().unwrap_or_default();
        if let Some(field) = self.overlay.as_mut().and_then(Overlay::field_mut) {
            field.recall(&lines, older);
        }
        self.typed();
        true
    }

    /// What may stand at the end of the line that is typed.
    fn offer(&mut self) -> Offer {
        match &self.overlay {
            Some(Overlay::Prompt {
                purpose: Purpose::Filter,
                field,
                ..
            }) => {
                let screen = self.screen();
                let mut fields: Vec<String> = screen.filter_fields().iter().map(|&f| f.to_owned()).collect();
                fields.extend(self.cx.label_names());
                complete::filter(field.value(), &fields, |name| self.cx.label_values(name))
            }
            Some(Overlay::Prompt {
                purpose: Purpose::Argument(cmd),
                field,
                ..
            }) => {
                let (cmd, text) = (*cmd, field.value().to_owned());
                crate::command::command(cmd)
                    .map_or_else(Offer::default, |command| self.argument_offer(command, &text, 0))
            }
            Some(Overlay::Palette { field, chosen, scopes }) => {
                let text = field.value().to_owned();
                match text.split_once(char::is_whitespace) {
                    None => {
                        let found = palette::matching(&text, scopes).get(*chosen).copied();
                        let options = found.map(|command| {
                            let space = if command.argument.is_some() { " " } else { "" };
                            format!("{}{space}", command.id)
                        });
                        Offer {
                            from: 0,
                            options: options.into_iter().collect(),
                        }
                    }
                    Some((word, rest)) => {
                        let command = palette::resolve(word, scopes).map(|found| found.0);
                        let (at, rest) = (text.len() - rest.len(), rest.to_owned());
                        command.map_or_else(Offer::default, |command| self.argument_offer(command, &rest, at))
                    }
                }
            }
            _ => Offer::default(),
        }
    }

    /// Words for the argument of a command; `at`: where it begins in the line.
    fn argument_offer(&mut self, command: &Command, typed: &str, at: usize) -> Offer {
        if command.argument == Some("SELECTOR") {
            self.cx.want_words(typed);
            let offer = complete::selector(typed, &self.cx.vocabulary);
            return Offer {
                from: at + offer.from,
                ..offer
            };
        }
        let words = self.arguments(command);
        Offer {
            from: at,
            options: complete::among(typed, words.iter().map(String::as_str)),
        }
    }

    /// All words that the argument of a command may be.
    fn arguments(&self, command: &Command) -> Vec<String> {
        let texts = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect();
        match command.argument {
            Some("LENGTH") => self.cx.windows_ms().iter().map(|w| duration(*w)).collect(),
            Some("COLUMN") => self.screen().sorts().iter().map(|s| s.to_lowercase()).collect(),
            Some("HOW") => texts(&["save", "keep", "drop"]),
            Some("TIME") => texts(&["now", "last 1h", "last 3h", "last 6h", "last 12h"]),
            Some("SET") => {
                let sets = self.cx.sets.rows();
                sets.iter().map(|set| set.name.clone()).collect()
            }
            Some("VIEW") => self.views.keys().cloned().collect(),
            Some("LANGUAGE") => Language::ALL.map(|(word, _)| word.to_owned()).to_vec(),
            Some("THEME") => self.cx.theme.names(),
            _ => Vec::new(),
        }
    }

    /// The line that is typed may need words of the source.
    pub(super) fn want_words_of_line(&mut self) {
        let text = match &self.overlay {
            Some(Overlay::Palette { field, .. }) => field.value().split_once(' ').map(|(_, rest)| rest.to_owned()),
            Some(Overlay::Prompt {
                purpose: Purpose::Argument(Cmd::Show),
                field,
                ..
            }) => Some(field.value().to_owned()),
            _ => None,
        };
        if let Some(text) = text {
            self.cx.want_words(&text);
        }
    }

    /// Keeps a line that was taken, the newest last.
    pub(super) fn keep_line(&mut self, overlay: &Overlay) {
        let (Some(kind), Some(text)) = (kind_of(overlay), overlay.line()) else {
            return;
        };
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let lines = self.history.entry(kind).or_default();
        lines.retain(|line| line != text);
        if lines.len() == LINES_MAX {
            lines.remove(0);
        }
        lines.push(text.to_owned());
    }
}
