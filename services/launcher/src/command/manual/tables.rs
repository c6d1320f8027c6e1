//! The tables of `docs/reference/json.md`, written from the schema of the views: key, type and meaning of every field.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Views with a table of their own: elsewhere they are named.
const NAMED: &[&str] = &["ObjectiveStatus", "Objective", "Violation", "Outlook", "SeriesResult"];
const WITHIN: &str = "#/$defs/";

/// The page with each table between `<!-- table VIEW -->` and `<!-- end -->` written anew.
pub(super) fn filled(page: &str) -> String {
    let schemas = sla_views::schemas("/$defs");
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("<!-- table ") {
        let (view, after) = after.split_once(" -->").expect("a marker ends");
        let (_, after) = after.split_once("<!-- end -->").expect("a table ends");
        let _ = write!(
            out,
            "{before}<!-- table {view} -->\n{}<!-- end -->",
            table(&schemas, view)
        );
        rest = after;
    }
    out + rest
}

fn table(schemas: &Map<String, Value>, view: &str) -> String {
    let schema = schemas.get(view).unwrap_or_else(|| panic!("there is no view {view}"));
    let mut text = "| key | type, unit | meaning |\n|---|---|---|\n".to_owned();
    rows(schemas, schema, "", &mut text);
    text
}

fn rows(schemas: &Map<String, Value>, schema: &Value, prefix: &str, text: &mut String) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (key, property) in properties {
        let meaning = property["description"]
            .as_str()
            .unwrap_or_default()
            .trim_end_matches('.');
        let (kind, inner) = kind(property);
        let _ = writeln!(text, "| `{prefix}{key}` | {kind} | {meaning} |");
        if let Some((step, of)) = inner {
            rows(schemas, &schemas[of], &format!("{prefix}{key}{step}."), text);
        }
    }
}

/// The words of a type, and what lies inside: how its keys go on, and the view.
fn kind(schema: &Value) -> (String, Option<(&'static str, &str)>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix(WITHIN)) {
        if NAMED.contains(&name) {
            return (format!("*{}*", words(name)), None);
        }
        return ("object".to_owned(), Some(("", name)));
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let (words, inner) = kind(&any[0]);
        return (format!("{words} or null"), inner);
    }
    let (one, nothing) = match &schema["type"] {
        Value::Array(kinds) => (kinds[0].as_str().unwrap_or_default(), " or null"),
        kind => (kind.as_str().unwrap_or_default(), ""),
    };
    let (word, inner) = match (one, schema["format"].as_str()) {
        ("string", Some("date-time")) => ("time".to_owned(), None),
        ("string", _) => ("text".to_owned(), None),
        ("number", Some("seconds")) => ("seconds".to_owned(), None),
        ("number", _) => ("number".to_owned(), None),
        ("integer", _) => ("count".to_owned(), None),
        ("boolean", _) => ("true or false".to_owned(), None),
        ("array", _) => {
            let (of, inner) = kind(&schema["items"]);
            let plural = if of.starts_with('*') {
                format!("{of}es").replace("*es", "s*")
            } else {
                format!("{of}s")
            };
            match inner {
                Some((_, view)) => ("array".to_owned(), Some(("[]", view))),
                None => (
                    format!(
                        "array of {}",
                        plural
                            .replace("secondss", "seconds")
                            .replace(&["status", "s"].concat(), "states")
                    ),
                    None,
                ),
            }
        }
        ("object", _) => match kind(&schema["additionalProperties"]) {
            (_, Some((_, view))) => ("object".to_owned(), Some((".<window>", view))),
            _ => ("object".to_owned(), None),
        },
        (other, _) => (other.to_owned(), None),
    };
    (format!("{word}{nothing}"), inner)
}

/// `ObjectiveStatus` as `objective status`.
fn words(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
