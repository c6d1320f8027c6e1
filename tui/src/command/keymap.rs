//! From keys to commands: the registry's defaults, changed by the config.

use std::collections::{BTreeMap, HashMap};

use crokey::{KeyCombination, KeyCombinationFormat, OneToThree};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{COMMANDS, Cmd, Command, Scope};

/// Why a rebinding was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeymapError {
    /// No such command.
    #[error("keys.{id}: there is no command of this name; `?` lists all names")]
    UnknownCommand {
        /// As it was given.
        id: String,
    },
    /// Not a key.
    #[error("keys.{id}: `{chord}` is no key; write keys like `ctrl-d`, `shift-f5`, `G` or `space`")]
    BadChord {
        /// The command.
        id: String,
        /// As it was given.
        chord: String,
    },
    /// Two commands of one scope on one key.
    #[error("keys.{id}: `{chord}` already means `{other}` there; give that one another key")]
    Conflict {
        /// The command.
        id: String,
        /// The key.
        chord: String,
        /// Who has it.
        other: String,
    },
}

/// Which key does what, in which scope.
#[derive(Debug, Clone)]
pub(crate) struct Keymap {
    bound: HashMap<(Scope, KeyCombination), Cmd>,
    shown: HashMap<Cmd, Vec<String>>,
    first: HashMap<Cmd, KeyCombination>,
}

impl Default for Keymap {
    fn default() -> Self {
        // The defaults are proved free of conflicts by a test.
        Self::build(&BTreeMap::new()).unwrap_or_else(|_| Self {
            bound: HashMap::new(),
            shown: HashMap::new(),
            first: HashMap::new(),
        })
    }
}

impl Keymap {
    /// `overrides`: command id → its keys, which replace the defaults; an empty list unbinds.
    pub(crate) fn build(overrides: &BTreeMap<String, Vec<String>>) -> Result<Self, KeymapError> {
        if let Some(id) = overrides
            .keys()
            .find(|id| COMMANDS.iter().all(|command| command.id != id.as_str()))
        {
            return Err(KeymapError::UnknownCommand { id: id.clone() });
        }
        let mut map = Self {
            bound: HashMap::new(),
            shown: HashMap::new(),
            first: HashMap::new(),
        };
        for command in COMMANDS {
            let chords: Vec<&str> = match overrides.get(command.id) {
                Some(own) => own.iter().map(String::as_str).collect(),
                None => command.chords.to_vec(),
            };
            for chord in chords {
                map.bind(command, chord)?;
            }
        }
        Ok(map)
    }

    fn bind(&mut self, command: &Command, chord: &str) -> Result<(), KeymapError> {
        let id = command.id.to_owned();
        let key = parse_chord(chord).ok_or_else(|| KeymapError::BadChord {
            id: id.clone(),
            chord: chord.to_owned(),
        })?;
        if let Some(other) = self.bound.insert((command.scope, key), command.cmd)
            && other != command.cmd
        {
            let other = COMMANDS
                .iter()
                .find(|c| c.cmd == other)
                .map_or("?", |c| c.id)
                .to_owned();
            return Err(KeymapError::Conflict {
                id,
                chord: chord.to_owned(),
                other,
            });
        }
        self.first.entry(command.cmd).or_insert(key);
        self.shown.entry(command.cmd).or_default().push(show_chord(key));
        Ok(())
    }

    /// What `key` means when `scopes` are active, innermost first.
    pub(crate) fn lookup(&self, scopes: &[Scope], key: KeyEvent) -> Option<Cmd> {
        let key = KeyCombination::from(key).normalized();
        scopes.iter().find_map(|scope| self.bound.get(&(*scope, key)).copied())
    }

    /// Whether its first key means this command when `scopes` are active: an inner scope may have taken it.
    pub(crate) fn leads(&self, cmd: Cmd, scopes: &[Scope]) -> bool {
        self.first
            .get(&cmd)
            .is_some_and(|key| scopes.iter().find_map(|scope| self.bound.get(&(*scope, *key))) == Some(&cmd))
    }

    /// The keys of a command as people read them, the most important first.
    pub(crate) fn keys(&self, cmd: Cmd) -> &[String] {
        self.shown.get(&cmd).map_or(&[], Vec::as_slice)
    }
}

/// `G` is shift-g; everything else as crokey writes it.
pub(crate) fn parse_chord(text: &str) -> Option<KeyCombination> {
    let mut chars = text.chars();
    let text = match (chars.next(), chars.next()) {
        (Some(c), None) if c.is_ascii_uppercase() => format!("shift-{}", c.to_ascii_lowercase()),
        _ => text.to_owned(),
    };
    crokey::parse(&text).ok().map(KeyCombination::normalized)
}

fn show_chord(key: KeyCombination) -> String {
    let text = KeyCombinationFormat::default()
        .with_lowercase_modifiers()
        .with_implicit_shift()
        .to_string(key);
    let (lead, name) = text
        .rsplit_once('-')
        .filter(|(_, name)| !name.is_empty())
        .unwrap_or(("", &text));
    let shown = match name {
        "Up" => "↑",
        "Down" => "↓",
        "Left" => "←",
        "Right" => "→",
        "Hyphen" => "-",
        "BackTab" => return "S-Tab".to_owned(),
        other => other,
    };
    // A letter tells its shift itself; an arrow does not.
    let shifted =
        key.modifiers.contains(KeyModifiers::SHIFT) && !matches!(key.codes, OneToThree::One(KeyCode::Char(_)));
    match (lead, shifted) {
        ("" | "shift", true) => format!("S-{shown}"),
        ("", false) => shown.to_owned(),
        (lead, _) => format!("{lead}-{shown}"),
    }
}
