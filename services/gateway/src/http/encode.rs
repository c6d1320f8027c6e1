//! Messages as JSON.

use std::fmt::Write as _;

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _, Value};
use serde_json::{Map, Value as Json};
use sla_domain::instant;
use sla_views::view;

use super::shape::{DURATION, TIMESTAMP, is_milliseconds, key, seconds, words};

/// A message: by its view where it has one, else by its fields. What is not set is null.
pub(super) fn message(of: &DynamicMessage) -> Json {
    let name = of.descriptor().full_name().to_owned();
    match name.as_str() {
        TIMESTAMP => return Json::from(instant::format_ms(milliseconds(of))),
        DURATION => return seconds(milliseconds(of)),
        _ => {}
    }
    if let Some(json) = view(&name, &of.encode_to_vec()) {
        return json;
    }
    let mut object = Map::new();
    for field in of.descriptor().fields() {
        let json = if field.supports_presence() && !of.has_field(&field) {
            Json::Null
        } else {
            value(&field, &of.get_field(&field))
        };
        object.insert(key(&field), json);
    }
    Json::Object(object)
}

/// Seconds and nanoseconds of a timestamp or duration.
fn milliseconds(of: &DynamicMessage) -> i64 {
    let number = |name| of.get_field_by_name(name).map(std::borrow::Cow::into_owned);
    let whole = number("seconds").and_then(|value| value.as_i64()).unwrap_or(0);
    let nanos = number("nanos").and_then(|value| value.as_i32()).unwrap_or(0);
    whole.saturating_mul(1000) + i64::from(nanos / 1_000_000)
}

fn value(field: &FieldDescriptor, value: &Value) -> Json {
    match value {
        Value::Bool(bit) => Json::from(*bit),
        Value::I32(number) => Json::from(*number),
        Value::I64(number) if is_milliseconds(field) => seconds(*number),
        Value::I64(number) => Json::from(*number),
        Value::U32(number) => Json::from(*number),
        Value::U64(number) if is_milliseconds(field) => seconds(i64::try_from(*number).unwrap_or(i64::MAX)),
        Value::U64(number) => Json::from(*number),
        // NaN and infinity have no form in JSON.
        Value::F32(number) => Json::from(*number),
        Value::F64(number) => Json::from(*number),
        Value::String(text) => Json::from(text.as_str()),
        Value::Bytes(bytes) => Json::from(hex(bytes)),
        Value::EnumNumber(number) => match field.kind() {
            Kind::Enum(of) => words(&of)
                .into_iter()
                .find(|(_, known)| known == number)
                .map_or(Json::Null, |(word, _)| Json::from(word)),
            _ => Json::Null,
        },
        Value::Message(inner) => message(inner),
        Value::List(list) => list.iter().map(|one| self::value(field, one)).collect(),
        // The contract has no maps.
        Value::Map(_) => Json::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
