//! From keys to commands: the registry's defaults, changed by the config.

use std::collections::{BTreeMap, HashMap};

use crokey::{KeyCombination, KeyCombinationFormat, OneToThree};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{COMMANDS, Cmd, Command, Scope};

/// Why a rebinding was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeymapError {
    /// No such command.
    #[error("{}", crate::say::keys::keys_there_is_no(&id))]
    UnknownCommand {
        /// As it was given.
        id: String,
    },
    /// Not a key.
    #[error("{}", crate::say::keys::keys_is_no_key(&id, &chord))]
    BadChord {
        /// The command.
        id: String,
        /// As it was given.
        chord: String,
    },
    /// Two commands of one scope on one key.
    #[error("{}", crate::say::keys::keys_already_means_there(&id, &chord, &other))]
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
    /// Two keys, one after the other.
    pairs: HashMap<(Scope, KeyCombination, KeyCombination), Cmd>,
    shown: HashMap<Cmd, Vec<String>>,
    first: HashMap<Cmd, KeyCombination>,
}

impl Default for Keymap {
    fn default() -> Self {
        // The defaults are proved free of conflicts by a test.
        Self::build(&BTreeMap::new()).unwrap_or_else(|_| Self::empty())
    }
}

/// A key, or two one after the other.
pub(crate) type Chord = (KeyCombination, Option<KeyCombination>);

impl Keymap {
    /// `overrides`: command id → its keys, which replace the defaults; an empty list unbinds.
    pub(crate) fn build(overrides: &BTreeMap<String, Vec<String>>) -> Result<Self, KeymapError> {
        if let Some(id) = overrides
            .keys()
            .find(|id| COMMANDS.iter().all(|command| command.id != id.as_str()))
        {
            return Err(KeymapError::UnknownCommand { id: id.clone() });
        }
        let mut map = Self::empty();
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

    fn empty() -> Self {
        Self {
            bound: HashMap::new(),
            pairs: HashMap::new(),
            shown: HashMap::new(),
            first: HashMap::new(),
        }
    }

    fn bind(&mut self, command: &Command, chord: &str) -> Result<(), KeymapError> {
        let id = command.id.to_owned();
        let (key, second) = parse_chord(chord).ok_or_else(|| KeymapError::BadChord {
            id: id.clone(),
            chord: chord.to_owned(),
        })?;
        for scope in command.scopes() {
            let taken = self.take(scope, (key, second), command.cmd);
            if let Some(other) = taken.filter(|other| *other != command.cmd) {
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
        }
        let mut shown = show_chord(key);
        if let Some(second) = second {
            shown = format!("{shown} {}", show_chord(second));
        } else {
            self.first.entry(command.cmd).or_insert(key);
        }
        self.shown.entry(command.cmd).or_default().push(shown);
        Ok(())
    }

    /// Gives a command a key, or two, in a scope; returns who had it.
    fn take(&mut self, scope: Scope, (key, second): Chord, cmd: Cmd) -> Option<Cmd> {
        // A key that begins a pair means nothing by itself.
        if let Some(second) = second {
            let other = self.pairs.insert((scope, key, second), cmd);
            return other.or(self.bound.get(&(scope, key)).copied());
        }
        let other = self.bound.insert((scope, key), cmd);
        let begins = |(of, first, _): &(Scope, KeyCombination, KeyCombination)| (*of, *first) == (scope, key);
        let pair = self.pairs.iter().find(|(pair, _)| begins(pair));
        other.or(pair.map(|(_, cmd)| *cmd))
    }

    /// Whether `key` begins a pair when `scopes` are active.
    pub(crate) fn begins(&self, scopes: &[Scope], key: KeyEvent) -> Option<KeyCombination> {
        let key = KeyCombination::from(key).normalized();
        let begins = |scope: &Scope| self.pairs.keys().any(|(of, first, _)| (of, first) == (scope, &key));
        let scope = scopes
            .iter()
            .find(|scope| self.bound.contains_key(&(**scope, key)) || begins(scope))?;
        begins(scope).then_some(key)
    }

    /// What two keys mean.
    pub(crate) fn pair(&self, scopes: &[Scope], first: KeyCombination, key: KeyEvent) -> Option<Cmd> {
        let second = KeyCombination::from(key).normalized();
        scopes
            .iter()
            .find_map(|scope| self.pairs.get(&(*scope, first, second)).copied())
    }

    /// What may follow a key that begins pairs: the second key and its command, in the order of the registry.
    pub(crate) fn follow(&self, scopes: &[Scope], first: KeyCombination) -> Vec<(String, &'static Command)> {
        let mut out = Vec::new();
        for command in COMMANDS.iter().filter(|c| c.works_in(scopes)) {
            let of = self
                .pairs
                .iter()
                .find(|((scope, one, _), cmd)| scopes.contains(scope) && (*one, **cmd) == (first, command.cmd));
            out.extend(of.map(|((_, _, second), _)| (show_chord(*second), command)));
        }
        out
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

/// A key, or two with a comma between: `z,t`.
pub(crate) fn parse_chord(text: &str) -> Option<Chord> {
    match text
        .split_once(',')
        .filter(|(first, second)| !first.is_empty() && !second.is_empty())
    {
        Some((first, second)) => Some((parse_key(first)?, Some(parse_key(second)?))),
        None => Some((parse_key(text)?, None)),
    }
}

/// `G` is shift-g; everything else as crokey writes it.
fn parse_key(text: &str) -> Option<KeyCombination> {
    let mut chars = text.chars();
    let text = match (chars.next(), chars.next()) {
        (Some(c), None) if c.is_ascii_uppercase() => format!("shift-{}", c.to_ascii_lowercase()),
        _ => text.to_owned(),
    };
    crokey::parse(&text).ok().map(KeyCombination::normalized)
}

pub(crate) fn show_chord(key: KeyCombination) -> String {
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
