//! Reading the tables of `docs/reference/json.md` and holding keys against them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/json.md")).unwrap()
}

/// The keys in the first columns of the tables of a chapter.
fn documented(page: &str, chapter: &str) -> Vec<String> {
    let start = page
        .find(&format!("\n## {chapter}\n"))
        .unwrap_or_else(|| panic!("no chapter {chapter}"));
    let text = &page[start + 1..];
    let end = text.find("\n## ").unwrap_or(text.len());
    text[..end]
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(key, _)| key.to_owned()))
        .collect()
}

/// Whether a path is that of a documented key, where `<…>` stands for any name.
fn matches(path: &str, key: &str) -> bool {
    let (path, key) = (segments(path), segments(key));
    path.len() == key.len()
        && path.iter().zip(&key).all(|(a, b)| {
            let (name, array) = b.strip_suffix("[]").map_or((b.as_str(), false), |name| (name, true));
            let given = a.strip_suffix("[]");
            given.is_some() == array && (name.starts_with('<') || given.unwrap_or(a) == name)
        })
}

/// Segments of a path; names with dots (quantiles) stand in quotes.
fn segments(path: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => out.push(String::new()),
            c => out.last_mut().unwrap().push(c),
        }
    }
    out
}

/// Every key of a value as a path; NaN has no form in JSON, so any number is a number.
fn paths(value: &Value, prefix: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let name = if key.contains('.') {
                    format!("\"{key}\"")
                } else {
                    key.clone()
                };
                let path = if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix}.{name}")
                };
                out.insert(path.clone());
                paths(value, &path, out);
            }
        }
        Value::Array(list) => {
            let path = format!("{prefix}[]");
            for value in list.iter().filter(|value| value.is_object()) {
                paths(value, &path, out);
            }
        }
        _ => {}
    }
}

/// Fails when a printed key is not in the tables of its chapter.
pub(crate) fn check_documented(value: &Value, chapter: &str) {
    let known = documented(&page(), chapter);
    assert!(known.len() > 2, "the tables of {chapter} were not found");
    let mut found = BTreeSet::new();
    paths(value, "", &mut found);
    let unknown: Vec<&String> = found
        .iter()
        .filter(|path| !known.iter().any(|key| matches(path, key)))
        .collect();
    assert!(
        unknown.is_empty(),
        "{chapter}: keys that docs/reference/json.md does not name: {unknown:?}"
    );
}

#[test]
fn a_key_that_is_not_on_the_page_is_noticed() {
    let page = page();
    let known = documented(&page, "evaluate");
    let named = |path: &str| known.iter().any(|key| matches(path, key));
    assert!(named("intervals[].start") && named("series[].labels"));
    assert!(!named("intervals[].stop") && !named("intervals.start") && !named("start"));
    let known = documented(&page, "analyze");
    let named = |path: &str| known.iter().any(|key| matches(path, key));
    assert!(named("basic.quantiles_linear.\"0.99\"") && named("holt_winters.120s_mean_m5.fit_auto.l0"));
    assert!(!named("basic.median") && !named("holt_winters.120s_mean_m5.wrong"));
    let mut found = BTreeSet::new();
    paths(&json!({ "a": [{ "b": { "0.5": 1 } }, 2] }), "", &mut found);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["a", "a[].b", "a[].b.\"0.5\""]);
}

/// Keys that the source writes into JSON: `"key":` inside `json!`, and `out["key"]`, up to the tests of a file.
fn written_keys(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or(text);
    let mut keys = BTreeSet::new();
    for part in text.split('"').collect::<Vec<_>>().windows(3) {
        let (before, key, after) = (part[0], part[1], part[2]);
        let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '%');
        let object = after.starts_with(':') && !after.starts_with("::");
        let assigned = before.ends_with('[') && after.starts_with("] =") && !after.starts_with("] ==");
        if is_key && (object || assigned) {
            keys.insert(key.to_owned());
        }
    }
    keys
}

#[test]
fn every_key_in_the_source_is_on_the_page() {
    let page = page();
    let commands = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/command");
    let files = [
        "config.rs",
        "sets.rs",
        "stop.rs",
        "evaluate/answer.rs",
        "analyze/quantity.rs",
        "analyze/smoothing.rs",
        "analyze/stretch.rs",
        "backtest.rs",
        "backtest/live.rs",
        "outlook.rs",
        "forecast/tasks.rs",
    ];
    let mut missing = Vec::new();
    let mut count = 0;
    for file in files {
        for key in written_keys(&std::fs::read_to_string(commands.join(file)).unwrap()) {
            count += 1;
            let named = [
                format!("`{key}`"),
                format!(".{key}`"),
                format!("\"{key}\""),
                format!(".{key}."),
            ];
            if !named.iter().any(|form| page.contains(form)) {
                missing.push(format!("{file}: {key}"));
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/reference/json.md: {missing:?}");
    assert!(count > 90, "only {count} keys were found: the search is broken");
}
