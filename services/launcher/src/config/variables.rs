//! The environment as a layer: `SLA_SOURCE__URL` sets `source.url`.

use serde_json::{Map, Value};

use super::ConfigError;
use super::keys::{OPTIONAL_KEYS, plain};

/// Prefix of environment variables.
const PREFIX: &str = "SLA_";
/// Variables that are read elsewhere: by the command line, by the tests, and by `compose.yaml`.
const OTHERS: &[&str] = &[
    "brokers",
    "config",
    "database",
    "image",
    "port",
    "secrets",
    "token_file",
    "update_docs",
    "weather_provider",
];
/// Characters that may be wrong in a key that is still meant.
const TYPOS_MAX: usize = 2;

/// A value, and where it belongs.
pub(super) struct Variable {
    /// As it is called in the environment.
    pub(super) name: String,
    /// Its key, part by part.
    pub(super) path: Vec<String>,
    /// What it says.
    pub(super) value: Value,
}

/// A variable of the environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the launcher's one reading of the environment")]
    let value = std::env::var(name);
    value.ok().filter(|value| !value.is_empty())
}

/// The variables that are keys of the configuration, by name. One that is none and is meant to be is refused: it would be left
/// out without a word.
pub(super) fn of_environment(defaults: &Map<String, Value>, keys: &[String]) -> Result<Vec<Variable>, ConfigError> {
    let mut found = Vec::new();
    for (name, text) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let refused = |message: String| {
            let origin = name.to_uppercase();
            Err(ConfigError::Value { origin, message })
        };
        if let Some(key) = meant(name, keys).filter(|_| !text.is_empty()) {
            let right = key.replace('.', "__").to_uppercase();
            return refused(format!(
                "is no key of the configuration; two underscores stand between the parts of one, the nearest is {PREFIX}{right}"
            ));
        }
        match text.to_str() {
            Some(text) => found.extend(variable(name, text, defaults)),
            None if key_of(name).is_some_and(|key| key.contains("__")) => {
                return refused("is no UTF-8 text".to_owned());
            }
            None => {}
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// What follows the prefix.
fn key_of(name: &str) -> Option<&str> {
    let (prefix, key) = name.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(key)
}

/// The key that is nearest to a variable that is none: a table, a key's last part, or nearly a key, with one underscore.
fn meant<'a>(name: &str, keys: &'a [String]) -> Option<&'a str> {
    let word = key_of(name)?.to_lowercase();
    if word.contains("__") || OTHERS.contains(&word.as_str()) || word.starts_with("test_") {
        return None;
    }
    let bare = |text: &str| text.replace(['.', '_'], "");
    let given = bare(&word);
    let far = |key: &String| strsim::osa_distance(&bare(key), &given);
    let (distance, nearest) = keys.iter().map(|key| (far(key), key)).min()?;
    if distance > 0 && is_service(&word) {
        return None;
    }
    let table = word.split('_').next();
    let of_table = keys.iter().any(|key| key.split('.').next() == table);
    let last = keys.iter().find(|key| key.rsplit('.').next() == Some(word.as_str()));
    last.or_else(|| (distance <= TYPOS_MAX || of_table).then_some(nearest))
        .map(String::as_str)
}

/// Kubernetes tells each container where the services beside it are, a service `sla-etl` as `SLA_ETL_SERVICE_HOST` and
/// `SLA_ETL_PORT_7443_TCP`.
fn is_service(word: &str) -> bool {
    word.ends_with("_port")
        || ["_service_host", "_service_port", "_port_"]
            .iter()
            .any(|part| word.contains(part))
}

fn variable(name: &str, text: &str, defaults: &Map<String, Value>) -> Option<Variable> {
    let key = key_of(name).filter(|key| key.contains("__"))?;
    let path: Vec<String> = key.to_lowercase().split("__").map(str::to_owned).collect();
    let value = if is_text(&path, defaults) {
        Value::from(text)
    } else {
        read(text)
    };
    Some(Variable {
        name: name.to_uppercase(),
        path,
        value,
    })
}

/// Where a text is wanted the variable is one: a password of digits is no number.
fn is_text(path: &[String], defaults: &Map<String, Value>) -> bool {
    let key = plain(&path.join("."));
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| defaults.get(part));
    let default = parts.fold(first, |value, part| value?.get(part));
    default.is_some_and(Value::is_string)
        || (OPTIONAL_KEYS.contains(&key.as_str()) && !matches!(key.as_str(), "source.headers" | "console.keys"))
        || key.starts_with("source.headers.")
        || key.starts_with("console.keys.")
}

/// A value as TOML writes it; texts need no quotes, in lists and tables neither.
fn read(text: &str) -> Value {
    let text = text.trim();
    let inside = |open: char, close: char| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let parts = |list: &str| -> Vec<String> {
        let parts = list.split(',').map(|part| part.trim().to_owned());
        parts.filter(|part| !part.is_empty()).collect()
    };
    if let Ok(mut table) = format!("value = {text}").parse::<toml::Table>()
        && let (Some(value), 0) = (table.remove("value"), table.len())
        && !matches!(value, toml::Value::Datetime(_))
    {
        return serde_json::to_value(value).unwrap_or_default();
    }
    if let Some(list) = inside('[', ']') {
        return parts(list).iter().map(|part| read(part)).collect();
    }
    if let Some(table) = inside('{', '}') {
        let entries = parts(table).into_iter().map(|part| match part.split_once('=') {
            Some((name, value)) => (name.trim().trim_matches('"').to_owned(), read(value)),
            None => (part, Value::Null),
        });
        return Value::Object(entries.collect());
    }
    Value::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_read_as_toml_and_texts_need_no_quotes() {
        for (text, value) in [
            ("500", json!(500)),
            ("true", json!(true)),
            ("0.5", json!(0.5)),
            ("15s", json!("15s")),
            ("\"15s\"", json!("15s")),
            ("2026-01-01", json!("2026-01-01")),
            ("[\"1h\", \"3h\"]", json!(["1h", "3h"])),
            ("[1h, 3h]", json!(["1h", "3h"])),
            ("{ X = \"y\" }", json!({ "X": "y" })),
            ("{X-Scope=7, b=c}", json!({ "X-Scope": 7, "b": "c" })),
            ("1\nother = 2", json!("1\nother = 2")),
            ("", json!("")),
        ] {
            assert_eq!(read(text), value, "{text}");
        }
    }

    #[test]
    fn a_variable_that_is_nearly_a_key_is_told_with_it_and_those_of_others_are_left_alone() {
        let keys = [
            "console.read_only",
            "etl.threads",
            "notify.smtp_port",
            "source.name",
            "source.url",
        ];
        let keys = keys.map(str::to_owned);
        for (name, key) in [
            ("SLA_SOURCE_URL", "source.url"),
            ("sla_source_url", "source.url"),
            ("SLA_CONSOLE_READ_ONLY", "console.read_only"),
            ("SLA_SOURCE", "source.url"),
            ("SLA_SOURCES_URL", "source.url"),
            ("SLA_READ_ONLY", "console.read_only"),
            ("SLA_NOTIFY_SMTP_PORT", "notify.smtp_port"),
            ("SLA_ETL_NUMBER_OF_THREADS", "etl.threads"),
        ] {
            assert_eq!(meant(name, &keys), Some(key), "{name}");
        }
        for name in [
            "SLA_CONFIG",
            "SLA_TEST_PROMETHEUS",
            "SLA_PORT",
            "SLA_ETL_SERVICE_HOST",
            "SLA_ETL_PORT",
            "SLA_ETL_PORT_7443_TCP_ADDR",
            "SLA_HOLIDAYS",
            "SLA_SOURCE__URL",
            "SLA",
            "OTHER_SOURCE_URL",
        ] {
            assert_eq!(meant(name, &keys), None, "{name}");
        }
    }

    #[test]
    fn a_variable_is_a_key_and_a_text_where_the_default_is_one() {
        let defaults = json!({ "source": { "url": "", "password": "", "concurrency": 1 } });
        let defaults = defaults.as_object().unwrap();
        let read = |name: &str, text: &str| {
            let found = variable(name, text, defaults)?;
            Some((found.path.join("."), found.value))
        };
        assert_eq!(
            read("SLA_SOURCE__PASSWORD", "4711"),
            Some(("source.password".into(), json!("4711")))
        );
        assert_eq!(
            read("sla_source__concurrency", "4"),
            Some(("source.concurrency".into(), json!(4)))
        );
        assert_eq!(
            read("SLA_SOURCES__EU__URL", "1"),
            Some(("sources.eu.url".into(), json!("1")))
        );
        assert_eq!(
            read("SLA_SOURCE__HEADERS__X", "7"),
            Some(("source.headers.x".into(), json!("7")))
        );
        for other in ["SLA_CONFIG", "SLA", "OTHER_SOURCE__URL", "SLÄ_SOURCE__URL"] {
            assert_eq!(read(other, "x"), None, "{other}");
        }
    }
}
