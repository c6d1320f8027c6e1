//! How a message of the contract looks as JSON where no view shows it: its fields by their names, times as RFC 3339, spans in
//! seconds (`x_ms` and durations become `x_s`), enumerations as lower-case words, bytes in hexadecimal digits.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind};

/// Full names of messages with a meaning of their own.
pub(super) const TIMESTAMP: &str = "google.protobuf.Timestamp";
pub(super) const DURATION: &str = "google.protobuf.Duration";
/// In JSON the text of a selector or expression, or an object with its fields.
pub(super) const QUERY: &str = "sla.series.v1.Query";
/// Read by their views.
pub(super) const SET: &str = "sla.objective.v1.SlaSet";
pub(super) const OBJECTIVE: &str = "sla.objective.v1.Objective";

/// Whether a field is a whole number of milliseconds, shown as seconds.
pub(super) fn is_milliseconds(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Int64 | Kind::Uint64) && field.name().ends_with("_ms")
}

fn is_duration(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(message) if message.full_name() == DURATION)
}

/// The name of a field in JSON.
pub(super) fn key(field: &FieldDescriptor) -> String {
    let name = field.name();
    if is_milliseconds(field) {
        return format!("{}_s", name.trim_end_matches("_ms"));
    }
    if is_duration(field) {
        return format!("{name}_s");
    }
    name.to_owned()
}

/// The words of an enumeration with their numbers, without the one that says nothing.
pub(super) fn words(of: &EnumDescriptor) -> Vec<(String, i32)> {
    let mut prefix = String::new();
    for c in of.name().chars() {
        if c.is_ascii_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(c.to_ascii_uppercase());
    }
    prefix.push('_');
    of.values()
        .filter(|value| value.number() != 0)
        .map(|value| {
            let name = value.name();
            (
                name.strip_prefix(&prefix).unwrap_or(name).to_ascii_lowercase(),
                value.number(),
            )
        })
        .collect()
}

/// Milliseconds as seconds: whole ones without a fraction.
pub(super) fn seconds(ms: i64) -> serde_json::Value {
    sla_views::Seconds(ms).json()
}
