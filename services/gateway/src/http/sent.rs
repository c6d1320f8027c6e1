//! What a role refuses, in the words of whoever sent it: fields have other names in JSON than in the contract (`window_s` for
//! `window_ms`, `min` for `range.min`), and spans another unit.

use serde_json::{Map, Value as Json};
use sla_runtime::refusal::Refusal;

/// Names the fields of `refusal` as they stand in `sent`; what does not stand there keeps its name.
pub(super) fn rename(refusal: &mut Refusal, sent: &Json) {
    for refused in &mut refusal.fields {
        let Some((name, value)) = find(&refused.field, sent) else {
            continue;
        };
        let told = |text: &str| named(text, &refused.field, &name, value);
        refusal.detail = told(&refusal.detail);
        refused.description = told(&refused.description);
        refused.field = name;
    }
}

/// A sentence about the field `old`, about `new` with the value that was sent.
fn named(text: &str, old: &str, new: &str, value: &Json) -> String {
    let Some(at) = text.find(&format!("{old} is ")) else {
        return text.to_owned();
    };
    let (before, after) = (&text[..at], &text[at + old.len()..]);
    // A span is told as it was written: in seconds.
    match (value, after.split_once(": ")) {
        (Json::Number(number), Some((_, rule))) if new.ends_with("_s") => format!("{before}{new} is {number}: {rule}"),
        _ => format!("{before}{new}{after}"),
    }
}

/// The field that a role calls `path`, as it stands in `sent`, and its value.
fn find<'a>(path: &str, sent: &'a Json) -> Option<(String, &'a Json)> {
    let Json::Object(request) = sent else { return None };
    // Roles speak of what they were given, which may be all of a request or the one message in it.
    within(path, request, String::new()).or_else(|| {
        let mut messages = request
            .iter()
            .filter_map(|(name, json)| Some((name, json.as_object()?)));
        messages.find_map(|(name, object)| within(path, object, format!("{name}.")))
    })
}

fn within<'a>(path: &str, object: &'a Map<String, Json>, before: String) -> Option<(String, &'a Json)> {
    let (first, rest) = path
        .split_once('.')
        .map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (name, index) = first
        .split_once('[')
        .map_or((first, None), |(name, index)| (name, Some(index)));
    let Some((key, value)) = keys(name).iter().find_map(|key| object.get_key_value(key.as_str())) else {
        // Messages within messages of the contract may be flat in JSON.
        return within(rest?, object, before);
    };
    let (mut found, mut value) = (format!("{before}{key}"), value);
    if let Some(index) = index {
        value = value.get(index.trim_end_matches(']').parse::<usize>().ok()?)?;
        found = format!("{found}[{index}");
    }
    match (rest, value) {
        (Some(rest), Json::Object(inner)) => within(rest, inner, format!("{found}.")),
        // A part of what was sent as one text: of a query, of a time.
        _ => Some((found, value)),
    }
}

/// The names under which JSON may have a field of the contract.
fn keys(name: &str) -> [String; 3] {
    [
        name.to_owned(),
        format!("{}_s", name.strip_suffix("_ms").unwrap_or(name)),
        format!("{name}_percent"),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sla_domain::Invalid;
    use sla_runtime::status::Problem;

    use super::*;

    #[test]
    fn fields_have_the_names_that_were_sent() {
        let set = json!({ "set": { "name": "n", "objectives": [
            { "query": "up", "max": 1 }, { "query": "up", "min": 5, "max": 4, "rate_over_s": 0.5, "target_percent": "101", "horizon_s": 1 },
        ] }, "version": 3 });
        let rows = json!({ "queries": ["up"], "window_s": 0.005 });
        for (sent, field, value, wanted, words) in [
            (
                &rows,
                "window_ms",
                "5ms",
                "window_s",
                "window_s is 0.005: a rule; a fix",
            ),
            (
                &rows,
                "queries[0].selector",
                "up",
                "queries[0]",
                "queries[0] is up: a rule; a fix",
            ),
            (&rows, "columns", "x", "columns", "columns is x: a rule; a fix"),
            (
                &set,
                "objectives[1].range.min",
                "5",
                "set.objectives[1].min",
                "set.objectives[1].min is 5: a rule; a fix",
            ),
            (
                &set,
                "set.objectives[1].rate_over",
                "500ms",
                "set.objectives[1].rate_over_s",
                "set.objectives[1].rate_over_s is 0.5: a rule; a fix",
            ),
            (
                &set,
                "objectives[1].horizon",
                "1s",
                "set.objectives[1].horizon_s",
                "set.objectives[1].horizon_s is 1: a rule; a fix",
            ),
            (
                &set,
                "objectives[1].target",
                "101",
                "set.objectives[1].target_percent",
                "set.objectives[1].target_percent is 101: a rule; a fix",
            ),
            (
                &set,
                "objectives[0].step",
                "1ms",
                "objectives[0].step",
                "objectives[0].step is 1ms: a rule; a fix",
            ),
            (
                &set,
                "objectives[7].name",
                "",
                "objectives[7].name",
                "objectives[7].name: a rule; a fix",
            ),
        ] {
            let invalid = Invalid::new(field, value, "a rule", "a fix");
            let status = Problem::invalid(format!("not saved: {invalid}"))
                .field(field, invalid.to_string())
                .status();
            let mut refusal = Refusal::from(&status);
            rename(&mut refusal, sent);
            let told = &refusal.fields[0];
            assert_eq!(
                (told.field.as_str(), told.description.as_str()),
                (wanted, words),
                "{field}"
            );
            assert_eq!(refusal.detail, format!("not saved: {words}"), "{field}");
        }
    }
}
