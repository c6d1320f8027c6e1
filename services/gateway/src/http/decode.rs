//! JSON as messages. What does not fit is refused by its field, with value, rule and fix; nothing is guessed or left out.

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::{Map, Value as Json};
use sla_domain::{Invalid, Query, instant};
use sla_proto::convert;
use sla_proto::series::v1 as wire;
use sla_views::{Objective, Set, Unread, read_json};

use super::shape::{DURATION, OBJECTIVE, QUERY, SET, TIMESTAMP, is_milliseconds, key, words};

/// Messages within messages at most.
const MAX_DEPTH: usize = 16;

/// The message `of` that `json` describes.
pub(super) fn message(of: &MessageDescriptor, json: &Json) -> Result<DynamicMessage, Invalid> {
    read(of, json, "", 0)
}

fn invalid(path: &str, json: &Json, rule: impl Into<String>, fix: impl Into<String>) -> Invalid {
    let field = if path.is_empty() { "request" } else { path };
    let text = match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    Invalid::new(field, &text, rule, fix)
}

fn within(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn read(of: &MessageDescriptor, json: &Json, path: &str, depth: usize) -> Result<DynamicMessage, Invalid> {
    if depth > MAX_DEPTH {
        return Err(invalid(
            path,
            &Json::Null,
            format!("is deeper than {MAX_DEPTH}"),
            "flatten it",
        ));
    }
    let known = |bytes: Vec<u8>| {
        DynamicMessage::decode(of.clone(), Bytes::from(bytes))
            .map_err(|error| invalid(path, json, error.to_string(), "send another value"))
    };
    let place = |error: Invalid| if path.is_empty() { error } else { error.within(path) };
    match of.full_name() {
        TIMESTAMP => {
            let text = json.as_str().unwrap_or_default();
            let ms = instant::parse_ms(text).map_err(|error| invalid(path, json, error.rule, error.fix))?;
            return known(convert::timestamp(ms).encode_to_vec());
        }
        DURATION => {
            let ms = milliseconds(path, json)?;
            return known(convert::duration(ms).encode_to_vec());
        }
        QUERY => {
            if let Json::String(text) = json {
                // What is no query is sent on as it is: the roles say where and why.
                let query = Query::parse(text).map_or_else(
                    |_| wire::Query {
                        query: Some(wire::query::Query::Selector(text.clone())),
                        ..wire::Query::default()
                    },
                    |query| convert::query_message(&query, 0),
                );
                return known(query.encode_to_vec());
            }
        }
        SET => {
            let set: Set = shaped(path, json)?;
            return known(set.message().map_err(place)?.encode_to_vec());
        }
        OBJECTIVE => {
            let objective: Objective = shaped(path, json)?;
            return known(objective.message().map_err(place)?.encode_to_vec());
        }
        _ => {}
    }
    let Json::Object(object) = json else {
        return Err(invalid(path, json, "is no object", "send a JSON object"));
    };
    fields(of, object, path, depth)
}

/// What a view describes; its messages name the field and the rule.
fn shaped<T: serde::de::DeserializeOwned>(path: &str, json: &Json) -> Result<T, Invalid> {
    T::deserialize(json).map_err(|error| invalid(path, json, error.to_string(), "see the schema in /v1/openapi.json"))
}

fn fields(
    of: &MessageDescriptor,
    object: &Map<String, Json>,
    path: &str,
    depth: usize,
) -> Result<DynamicMessage, Invalid> {
    let mut message = DynamicMessage::new(of.clone());
    for (name, json) in object {
        let Some(field) = of.fields().find(|field| key(field) == *name) else {
            let known: Vec<String> = of.fields().map(|field| key(&field)).collect();
            let fix = if known.is_empty() {
                "leave it out: there are no fields".to_owned()
            } else {
                format!("give one of {}", known.join(", "))
            };
            return Err(invalid(&within(path, name), json, "is no field of this request", fix));
        };
        let path = within(path, name);
        // Null is the same as left out.
        if json.is_null() {
            continue;
        }
        let value = if field.is_list() {
            let Json::Array(list) = json else {
                return Err(invalid(&path, json, "is no list", "send an array"));
            };
            let items = list.iter().enumerate();
            let read = items.map(|(index, json)| value(&field, json, &format!("{path}[{index}]"), depth));
            Value::List(read.collect::<Result<_, _>>()?)
        } else {
            value(&field, json, &path, depth)?
        };
        message.set_field(&field, value);
    }
    Ok(message)
}

fn value(field: &FieldDescriptor, json: &Json, path: &str, depth: usize) -> Result<Value, Invalid> {
    let wrong = |rule: &str, fix: &str| invalid(path, json, rule, fix);
    if is_milliseconds(field) {
        let ms = milliseconds(path, json)?;
        return Ok(match field.kind() {
            Kind::Uint64 => Value::U64(u64::try_from(ms).map_err(|_| wrong("is below 0", "give 0 or more"))?),
            _ => Value::I64(ms),
        });
    }
    let whole = || wrong("is no whole number that fits", "give a number without a fraction");
    Ok(match field.kind() {
        Kind::Bool => Value::Bool(
            json.as_bool()
                .ok_or_else(|| wrong("is neither true nor false", "give one of both"))?,
        ),
        Kind::Double => Value::F64(json.as_f64().ok_or_else(|| wrong("is no number", "give a number"))?),
        Kind::Uint32 => Value::U32(json.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or_else(whole)?),
        Kind::Uint64 => Value::U64(json.as_u64().ok_or_else(whole)?),
        Kind::Int32 => Value::I32(json.as_i64().and_then(|n| i32::try_from(n).ok()).ok_or_else(whole)?),
        Kind::Int64 => Value::I64(json.as_i64().ok_or_else(whole)?),
        Kind::String => Value::String(
            json.as_str()
                .ok_or_else(|| wrong("is no text", "give text"))?
                .to_owned(),
        ),
        Kind::Bytes => {
            let bytes = json.as_str().and_then(unhex);
            Value::Bytes(bytes.ok_or_else(|| wrong("is not in hexadecimal digits", "give pairs of 0-9 and a-f"))?)
        }
        Kind::Enum(of) => {
            let words = words(&of);
            let found = words.iter().find(|(word, _)| json.as_str() == Some(word));
            let known = || {
                words
                    .iter()
                    .map(|(word, _)| word.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            Value::EnumNumber(
                found
                    .ok_or_else(|| wrong("is an unknown word", &format!("give one of {}", known())))?
                    .1,
            )
        }
        Kind::Message(of) => Value::Message(read(&of, json, path, depth + 1)?),
        // The contract uses none of the others.
        _ => return Err(wrong("cannot be sent as JSON", "use gRPC")),
    })
}

/// Seconds as milliseconds; what no span has is refused.
fn milliseconds(path: &str, json: &Json) -> Result<i64, Invalid> {
    /// A thousand years: longer spans are mistakes, and may not overflow anything behind.
    const MAX_SECONDS: f64 = 31_556_952_000.0;
    let seconds = json.as_f64().filter(|seconds| seconds.abs() <= MAX_SECONDS);
    let seconds = seconds.ok_or_else(|| invalid(path, json, "is no number of seconds", "give seconds as a number"))?;
    Ok((seconds * 1000.0).round() as i64)
}

fn unhex(text: &str) -> Option<Bytes> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2 && !pair.starts_with('+'))?;
        u8::from_str_radix(pair, 16).ok()
    };
    pairs.map(byte).collect::<Option<Vec<u8>>>().map(Bytes::from)
}

/// A field that is said twice where one is meant: nobody knows which.
pub(super) fn twice(name: &str) -> Invalid {
    Invalid::new(name, "", "is given more than once", "give it once")
}

/// Parameters of a query as JSON, by the kinds of their fields; text where a kind does not fit, which is then refused by its
/// field.
pub(super) fn parameters(of: &MessageDescriptor, given: &[(String, String)]) -> Result<Json, Invalid> {
    let mut object = Map::new();
    for (name, text) in given {
        let field = of.fields().find(|field| key(field) == *name);
        let is_list = field.as_ref().is_some_and(FieldDescriptor::is_list);
        let json = match &field {
            Some(field) => parameter(field, text)?,
            None => Json::from(text.as_str()),
        };
        match object.get_mut(name) {
            Some(Json::Array(list)) if is_list => list.push(json),
            Some(_) => return Err(twice(name)),
            None => {
                let first = if is_list { Json::Array(vec![json]) } else { json };
                object.insert(name.clone(), first);
            }
        }
    }
    Ok(Json::Object(object))
}

/// One parameter.
fn parameter(field: &FieldDescriptor, text: &str) -> Result<Json, Invalid> {
    let is_text = match field.kind() {
        Kind::String | Kind::Bytes | Kind::Enum(_) => true,
        Kind::Message(of) => of.full_name() == TIMESTAMP || (of.full_name() == QUERY && !text.starts_with('{')),
        _ => false,
    };
    if is_text && !is_milliseconds(field) {
        return Ok(Json::from(text));
    }
    match read_json(text.as_bytes()) {
        // There is no null in a query: what is left out is not said.
        Ok(json) if !json.is_null() => Ok(json),
        Err(Unread::Twice(inner)) => Err(twice(&within(&key(field), &inner))),
        Ok(_) | Err(Unread::Syntax(_)) => Ok(Json::from(text)),
    }
}

#[cfg(test)]
mod tests;
