//! The layers and where each value came from.

use std::path::{Path, PathBuf};

use figment::providers::{Env, Format as _, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use sla_source::redact_url;

use super::{Config, ConfigError};

/// Prefix of environment variables: `SLA_SOURCE__URL` sets `source.url`.
const PREFIX: &str = "SLA_";
/// Keys whose values are never shown.
const SECRET_KEYS: &[&str] = &["source.password", "source.bearer_token"];

/// Section of the file whose values are never shown.
const SECRET_SECTION: &str = "source.headers";
/// Keys without a default: what they are for stands in the schema.
const OPTIONAL_KEYS: &[&str] = &[
    "console.keys",
    "instance.data_dir",
    "instance.socket",
    "log.dir",
    "peers.secret_file",
    "source.bearer_token_file",
    "source.ca_file",
    "source.cert_file",
    "source.headers",
    "source.key_file",
    "source.password_file",
    "sources.NAME",
];

/// A key of a further source as the key of the default one: `sources.eu.url` → `source.url`.
fn plain(key: &str) -> String {
    match key.strip_prefix("sources.").and_then(|rest| rest.split_once('.')) {
        Some((_, rest)) => format!("source.{rest}"),
        None => key.to_owned(),
    }
}

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
    figment: Figment,
}

/// A variable of the environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the launcher's one reading of the environment")]
    let value = std::env::var(name);
    value.ok().filter(|value| !value.is_empty())
}

/// Where the configuration file is looked for: `--config`, SLA_CONFIG, the user's, the system's.
pub(crate) fn config_file(flags: &Flags) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(path) = flags
        .file
        .clone()
        .or_else(|| environment("SLA_CONFIG").map(PathBuf::from))
    {
        return match std::fs::metadata(&path) {
            Ok(_) => Ok(Some(path)),
            Err(source) => Err(ConfigError::Missing { path, source }),
        };
    }
    let system = PathBuf::from("/etc/sla/config.toml");
    Ok(user_config_file()
        .into_iter()
        .chain([system])
        .find(|path| path.is_file()))
}

/// Where the user's own file is or would be.
pub(crate) fn user_config_file() -> Option<PathBuf> {
    let folder = environment("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| Path::new(&home).join(".config")))?;
    Some(folder.join("sla").join("config.toml"))
}

impl Loaded {
    /// Reads all layers and checks the result.
    pub(crate) fn read(flags: &Flags) -> Result<Self, ConfigError> {
        let mut figment = Figment::new().merge(Serialized::defaults(Config::default()));
        if let Some(path) = config_file(flags)? {
            let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Missing {
                path: path.clone(),
                source,
            })?;
            // Parsed by itself first: toml's errors carry line and column, a merged value's do not.
            if let Err(error) = toml::from_str::<Config>(&text) {
                let message = told(&error, &text);
                return Err(ConfigError::File { path, message });
            }
            figment = figment.merge(Toml::file_exact(&path));
        }
        figment = figment.merge(Variables::new());
        for (key, value) in [
            ("source.url", flags.url.clone()),
            ("instance.name", flags.instance.clone()),
            (
                "instance.data_dir",
                flags.data_dir.as_ref().map(|path| path.display().to_string()),
            ),
        ] {
            if let Some(value) = value {
                figment = figment.merge(figment::providers::Serialized::default(key, value));
            }
        }
        let config: Config = figment.extract().map_err(|error| value_error(&error))?;
        config.check()?;
        Ok(Self { config, figment })
    }

    /// Every key with its value and origin, sorted by key; secrets are hidden.
    pub(crate) fn rows(&self) -> Vec<(String, String, String)> {
        let Ok(values) = self.figment.extract::<Dict>() else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        flatten("", &values, &mut rows);
        rows.into_iter()
            .map(|(key, value)| {
                let origin = self.origin(&key);
                (shown_value(&key, value), origin, key)
            })
            .map(|(value, origin, key)| (key, value, origin))
            .collect()
    }

    fn origin(&self, key: &str) -> String {
        let Some(metadata) = self.figment.find_metadata(key) else {
            return "default".to_owned();
        };
        if metadata.name.contains("environment") {
            return format!("{PREFIX}{}", key.replace('.', "__").to_uppercase());
        }
        match &metadata.source {
            Some(figment::Source::File(path)) => path.display().to_string(),
            _ if self.is_flag(key) => "command line".to_owned(),
            _ => "default".to_owned(),
        }
    }

    /// Defaults and flags are both serialized values; a flag differs from the default.
    fn is_flag(&self, key: &str) -> bool {
        let default = Figment::from(Serialized::defaults(Config::default()))
            .find_value(key)
            .ok();
        let value = self.figment.find_value(key).ok();
        match (default, value) {
            (Some(default), Some(value)) => shown(&default) != shown(&value),
            (None, Some(_)) => true,
            _ => false,
        }
    }
}

/// The environment as a layer. Where a text is wanted the variable is one: a password of digits is no number.
struct Variables(Env);

impl Variables {
    fn new() -> Self {
        let variables = Env::prefixed(PREFIX)
            .split("__")
            .filter(|key| key.as_str().contains('.'));
        Self(variables)
    }
}

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        self.0.metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let defaults = Figment::from(Serialized::defaults(Config::default()));
        let is_text = |key: &str| {
            let key = plain(key);
            let key = key.as_str();
            matches!(defaults.find_value(key), Ok(Value::String(..)))
                || (OPTIONAL_KEYS.contains(&key) && !matches!(key, "source.headers" | "console.keys"))
                || key.starts_with("source.headers.")
                || key.starts_with("console.keys.")
        };
        let mut values = Dict::new();
        for (key, text) in self.0.iter() {
            let value = if is_text(key.as_str()) {
                Value::from(text)
            } else {
                let Ok(value) = text.parse::<Value>();
                value
            };
            put(&mut values, key.as_str(), value);
        }
        Ok(Profile::Default.collect(values))
    }
}

/// Puts a value at its place: `source.url` inside `source`.
fn put(into: &mut Dict, key: &str, value: Value) {
    let Some((section, rest)) = key.split_once('.') else {
        into.insert(key.to_owned(), value);
        return;
    };
    let inner = into
        .entry(section.to_owned())
        .or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = inner {
        put(inner, rest, value);
    }
}

/// What is wrong with the file, with line and column; the line itself is left out when it may hold a secret.
fn told(error: &toml::de::Error, text: &str) -> String {
    let Some(span) = error.span() else {
        return error.to_string();
    };
    let before = text.get(..span.start).unwrap_or(text);
    let line_at = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_at..].lines().next().unwrap_or_default();
    let section = before.lines().rev().find(|line| line.trim_start().starts_with('['));
    let in_secret_section =
        section.is_some_and(|section| section.contains(SECRET_SECTION) || section.contains(".headers"));
    let key = line.split('=').next().unwrap_or_default().trim();
    let is_named = |word: &str| key.contains(word.rsplit('.').next().unwrap_or(word));
    let is_secret = in_secret_section
        || is_named(SECRET_SECTION)
        || SECRET_KEYS.iter().any(|key| is_named(key))
        || line.contains('@');
    if !is_secret || key.starts_with('[') {
        return error.to_string();
    }
    format!(
        "line {}, column {}: the value of `{key}` does not fit; give text in quotes (the line may hold a secret and is not shown)",
        before.matches('\n').count() + 1,
        before[line_at..].chars().count() + 1
    )
}

/// A value as `sla config show` prints it.
fn shown_value(key: &str, value: String) -> String {
    let key = plain(key);
    let key = key.as_str();
    let hidden = SECRET_KEYS.contains(&key) || key.starts_with("source.headers.");
    if hidden && value != "\"\"" {
        return "(hidden)".to_owned();
    }
    if key == "source.url" && value.contains('@') {
        return serde_json::to_string(&redact_url(value.trim_matches('"'))).unwrap_or_default();
    }
    value
}

/// Every key with its default, as a Markdown table.
#[cfg(test)]
pub(crate) fn defaults_markdown() -> String {
    let defaults = Figment::from(Serialized::defaults(Config::default()))
        .extract::<Dict>()
        .unwrap_or_default();
    let mut rows = Vec::new();
    flatten("", &defaults, &mut rows);
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

fn flatten(prefix: &str, values: &Dict, rows: &mut Vec<(String, String)>) {
    for (name, value) in values {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Dict(_, inner) => flatten(&key, inner, rows),
            other => rows.push((key, shown(other))),
        }
    }
}

fn shown(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn value_error(error: &figment::Error) -> ConfigError {
    let key = error.path.join(".");
    let origin = match error.metadata.as_ref().map(|metadata| metadata.name.to_string()) {
        Some(name) if name.contains("environment") => format!("{PREFIX}{}", key.replace('.', "__").to_uppercase()),
        _ if key.is_empty() => "configuration".to_owned(),
        _ => key,
    };
    ConfigError::Value {
        origin,
        message: error.kind.to_string(),
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
        ] {
            let words = refused(text);
            assert!(
                words.contains("line 2, column ") && !words.contains("4711"),
                "{text}: {words}"
            );
        }
        let words = refused("[source]\nconcurrency = \"many\"\n");
        assert!(words.contains("line 2") && words.contains("many"), "{words}");
    }

    #[test]
    fn a_further_source_keeps_its_secrets_too() {
        assert_eq!(plain("sources.eu.headers.x"), "source.headers.x");
        assert_eq!(plain("instance.name"), "instance.name");
        for key in [
            "sources.eu.password",
            "sources.eu.bearer_token",
            "sources.eu.headers.X-Scope-OrgID",
        ] {
            assert_eq!(shown_value(key, "\"4711\"".to_owned()), "(hidden)", "{key}");
        }
        let shown = shown_value("sources.eu.url", "\"http://me:4711@host/x\"".to_owned());
        assert_eq!(shown, "\"http://host/x\"");
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
    fn a_variable_lands_in_its_section() {
        let mut values = Dict::new();
        put(&mut values, "source.url", Value::from("http://h"));
        put(&mut values, "source.name", Value::from("x"));
        let Some(Value::Dict(_, source)) = values.get("source") else {
            panic!("{values:?}")
        };
        assert_eq!(source.len(), 2);
    }
}
