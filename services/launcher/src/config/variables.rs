//! The environment as a layer: `SLA_SOURCE__URL` sets `source.url`.

use serde_json::{Map, Value};

use super::keys::{OPTIONAL_KEYS, plain};

/// Prefix of environment variables.
const PREFIX: &str = "SLA_";

/// A value, and where it belongs.
pub(super) struct Variable {
    /// As it is called in the environment.
    pub(super) name: String,
    /// Its key, part by part.
    pub(super) path: Vec<String>,
    /// What it says.
    pub(super) value: Value,
}

/// The variables that are keys of the configuration, by name.
pub(super) fn of_environment(defaults: &Map<String, Value>) -> Vec<Variable> {
    let mut found: Vec<Variable> = std::env::vars_os()
        .filter_map(|(name, text)| variable(name.to_str()?, text.to_str()?, defaults))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn variable(name: &str, text: &str, defaults: &Map<String, Value>) -> Option<Variable> {
    let (prefix, key) = name.split_at_checked(PREFIX.len())?;
    if !prefix.eq_ignore_ascii_case(PREFIX) || !key.contains("__") {
        return None;
    }
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
