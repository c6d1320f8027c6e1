//! The layers and where each value came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::keys::{OPTIONAL_KEYS, shown_value};
use super::{Config, ConfigError};
use super::{file, variables};

/// Origin of what the command line sets.
const FLAG: &str = "command line";

/// What the command line sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// `--prometheus`.
    pub(crate) url: Option<String>,
    /// `--instance`.
    pub(crate) instance: Option<String>,
    /// `--data-dir`.
    pub(crate) data_dir: Option<PathBuf>,
}

/// The configuration and its origins.
pub(crate) struct Loaded {
    /// All values, checked.
    pub(crate) config: Config,
    layers: Layers,
}

/// Values, one layer above the other: the last one that says something about a key is right.
struct Layers {
    values: Map<String, Value>,
    /// Which layer said it, by key; not what is the default.
    origins: BTreeMap<String, String>,
}

impl Loaded {
    /// Reads all layers and checks the result.
    pub(crate) fn read(flags: &Flags) -> Result<Self, ConfigError> {
        let mut layers = Layers::of_defaults();
        if let Some((path, text)) = file::read(flags.file.clone())? {
            // Parsed by itself first: toml's errors carry line and column, a merged value's do not.
            if let Err(error) = toml::from_str::<Config>(&text) {
                let message = told(&error, &text);
                return Err(ConfigError::File { path, message });
            }
            let values = text.parse::<toml::Table>().map(serde_json::to_value);
            if let Ok(Ok(values)) = values {
                layers.lay(&[], values, &path.display().to_string());
            }
        }
        for variable in variables::of_environment(&defaults(), &all_keys())? {
            layers.lay(&variable.path, variable.value, &variable.name);
        }
        for (section, key, value) in [
            ("source", "url", flags.url.clone()),
            ("instance", "name", flags.instance.clone()),
            (
                "instance",
                "data_dir",
                flags.data_dir.as_ref().map(|path| path.display().to_string()),
            ),
        ] {
            if let Some(value) = value {
                layers.lay(&[section.to_owned(), key.to_owned()], Value::from(value), FLAG);
            }
        }
        let config = layers.config()?;
        config.check()?;
        Ok(Self { config, layers })
    }

    /// Every key with its value and origin, sorted by key; secrets are hidden.
    pub(crate) fn rows(&self) -> Vec<(String, String, String)> {
        let mut rows = Vec::new();
        flatten("", &self.layers.values, &mut rows);
        rows.sort();
        let with_origin = |(key, value): (String, String)| {
            let origin = self.layers.origins.get(&key).map_or("default", String::as_str);
            (key.clone(), shown_value(&key, value), origin.to_owned())
        };
        rows.into_iter().map(with_origin).collect()
    }
}

impl Layers {
    fn of_defaults() -> Self {
        Self {
            values: defaults(),
            origins: BTreeMap::new(),
        }
    }

    /// Puts a value in the place of what is said about its key so far; a table says nothing about keys it does not have.
    fn lay(&mut self, path: &[String], value: Value, origin: &str) {
        if let Value::Object(table) = value {
            for (name, value) in table {
                self.lay(&[path, &[name]].concat(), value, origin);
            }
            return;
        }
        let Some((name, sections)) = path.split_last() else {
            return;
        };
        let mut inner = &mut self.values;
        for section in sections {
            let place = inner
                .entry(section.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            let Value::Object(next) = place else { return };
            inner = next;
        }
        inner.insert(name.clone(), value);
        self.origins.insert(path.join("."), origin.to_owned());
    }

    /// All values as the configuration, or which of them does not fit.
    fn config(&self) -> Result<Config, ConfigError> {
        let values = Value::Object(self.values.clone());
        serde_path_to_error::deserialize(values).map_err(|error| {
            let key = error.path().to_string();
            let said_at = self.origins.get(&key).filter(|origin| *origin != FLAG);
            let mut message = error.inner().to_string();
            // JSON has no NaN and no infinity.
            if message == "invalid type: null, expected f64" {
                message = format!("{key} is no finite number");
            }
            let may_hold_secret = key.starts_with("source") || key.starts_with("peers");
            ConfigError::Value {
                origin: said_at.cloned().unwrap_or(match key.split_once("headers.") {
                    // A header that was not understood may be all value.
                    Some((section, _)) => format!("{section}headers"),
                    None if key == "." => "configuration".to_owned(),
                    None => key,
                }),
                message: if may_hold_secret {
                    without_value(&message)
                } else {
                    message
                },
            }
        })
    }
}

/// All keys that have a default.
fn defaults() -> Map<String, Value> {
    match serde_json::to_value(Config::default()) {
        Ok(Value::Object(values)) => values,
        _ => Map::new(),
    }
}

/// Every key.
fn all_keys() -> Vec<String> {
    let mut rows = Vec::new();
    flatten("", &defaults(), &mut rows);
    let optional = OPTIONAL_KEYS.iter().map(|key| (*key).to_owned());
    rows.into_iter().map(|(key, _)| key).chain(optional).collect()
}

/// What is wrong with the file, with line and column. The line itself is never shown: a misspelt key may be that of a secret.
fn told(error: &toml::de::Error, text: &str) -> String {
    let message = error.message();
    let Some(span) = error.span() else {
        return message.to_owned();
    };
    let before = text.get(..span.start).unwrap_or(text);
    let line_at = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_at..].lines().next().unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim();
    let section = before.lines().rev().find(|line| line.trim_start().starts_with('['));
    let may_hold_secret = section.is_none_or(|section| section.contains("source") || section.contains("peers"));
    let message = if may_hold_secret {
        without_value(message)
    } else {
        message.to_owned()
    };
    let of = if key.starts_with('[') {
        String::new()
    } else {
        format!("`{key}`: ")
    };
    format!(
        "line {}, column {}: {of}{message}",
        before.matches('\n').count() + 1,
        before[line_at..].chars().count() + 1
    )
}

/// The words of a parser about a value, without the value: `invalid type: integer `4711`, expected a string`.
fn without_value(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((kind, wanted)) if kind.starts_with("invalid ") => format!("does not fit, expected {wanted}"),
        None if message.starts_with("invalid ") => "does not fit".to_owned(),
        _ => message.to_owned(),
    }
}

/// Every key with its default, as a Markdown table.
#[cfg(test)]
pub(crate) fn defaults_markdown() -> String {
    let mut rows = Vec::new();
    flatten("", &defaults(), &mut rows);
    // Optional values and tables have no default to show.
    for key in OPTIONAL_KEYS {
        if !rows.iter().any(|(have, _)| have == key) {
            rows.push(((*key).to_owned(), "–".to_owned()));
        }
    }
    rows.sort();
    rows.dedup_by(|a, b| a.0 == b.0);
    let lines: Vec<String> = rows
        .iter()
        .map(|(key, value)| format!("| `{key}` | `{value}` |\n"))
        .collect();
    format!("| key | default |\n|---|---|\n{}", lines.concat())
}

fn flatten(prefix: &str, values: &Map<String, Value>, rows: &mut Vec<(String, String)>) {
    for (name, value) in values {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Object(inner) => flatten(&key, inner, rows),
            other => rows.push((key, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named_and_a_secret_in_it_is_not_shown() {
        let refused = |text: &str| {
            let error = toml::from_str::<Config>(text).unwrap_err();
            told(&error, text)
        };
        for text in [
            "[source]\npassword = 4711\n",
            "[source]\nbearer_token = 4711x\n",
            "[source]\nurl = http://me:4711@host\n",
            "[source.headers]\nX-Scope-OrgID = 4711\n",
            "[source]\nheaders = { x = 4711 }\n",
            "[source]\npass_word = \"4711\"\n",
            "[source]\nheader = { Authorization = \"4711\" }\n",
            "[sources.eu]\nbearer = \"4711\"\n",
            "[peers]\nsecret = \"4711\"\n",
            "\nsource = { passwd = \"4711\" }\n",
            "[source]\npassword = [\"4711\"]\n",
        ] {
            let words = refused(text);
            assert!(
                words.contains("line 2, column ") && !words.contains("4711"),
                "{text}: {words}"
            );
        }
        let words = refused("[source]\nconcurrency = \"many\"\n");
        assert!(words.contains("line 2") && words.contains("concurrency"), "{words}");
        let words = refused("[etl]\nthreads = \"many\"\n");
        assert!(words.contains("many") && words.contains("expected usize"), "{words}");
    }

    #[test]
    fn a_header_of_a_further_source_is_not_shown_in_an_error() {
        let text = "[sources.eu.headers]\nX-Scope-OrgID = 4711\n";
        let words = told(&toml::from_str::<Config>(text).unwrap_err(), text);
        assert!(!words.contains("4711"), "{words}");
    }

    #[test]
    fn further_sources_are_called_as_their_section() {
        let text = "[source]\nurl = \"http://a:1\"\n[sources.eu]\nurl = \"http://b:2\"\n[sources.us]\nurl = \"http://c:3\"\nname = \"east\"\n";
        let config: Config = toml::from_str(text).unwrap();
        config.check().unwrap();
        let names: Vec<String> = config.all_sources().into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["", "eu", "east"]);
        for wrong in ["[sources.eu]\n", "[sources.\"a b\"]\nurl = \"http://b:2\"\n"] {
            let config: Config = toml::from_str(wrong).unwrap();
            assert!(config.check().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_last_layer_that_names_a_key_is_right_and_told() {
        let mut layers = Layers::of_defaults();
        let table = "[source]\nurl = \"http://a\"\nname = \"a\"\n[console.keys]\n\"app.quit\" = \"ctrl-q\"\n";
        let table = serde_json::to_value(table.parse::<toml::Table>().unwrap()).unwrap();
        layers.lay(&[], table, "config.toml");
        layers.lay(
            &["source".into(), "url".into()],
            Value::from("http://b"),
            "SLA_SOURCE__URL",
        );
        let config = layers.config().unwrap();
        assert_eq!(
            (config.source.url.as_str(), config.source.name.as_str()),
            ("http://b", "a")
        );
        let loaded = Loaded { config, layers };
        let rows = loaded.rows();
        let origin = |key: &str| rows.iter().find(|row| row.0 == key).map(|row| row.2.as_str());
        assert_eq!(origin("source.url"), Some("SLA_SOURCE__URL"));
        assert_eq!(origin("source.name"), Some("config.toml"));
        assert_eq!(origin("console.keys.app.quit"), Some("config.toml"));
        assert_eq!(origin("source.concurrency"), Some("default"));
    }

    #[test]
    fn what_is_no_number_is_told_with_its_key() {
        let mut layers = Layers::of_defaults();
        let table = "[notify]\ncoming_from = nan\n".parse::<toml::Table>().unwrap();
        layers.lay(&[], serde_json::to_value(table).unwrap(), "config.toml");
        let error = layers.config().unwrap_err().to_string();
        assert_eq!(error, "config.toml: notify.coming_from is no finite number");
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_with_its_variable() {
        let mut layers = Layers::of_defaults();
        let path = ["etl".to_owned(), "max_series".to_owned()];
        layers.lay(&path, Value::from("many"), "SLA_ETL__MAX_SERIES");
        let error = layers.config().unwrap_err().to_string();
        assert!(
            error.starts_with("SLA_ETL__MAX_SERIES: ") && error.contains("many"),
            "{error}"
        );
    }
}
