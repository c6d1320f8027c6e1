//! Times and spans.

use std::borrow::Cow;
use std::collections::BTreeMap;

use prost_types::{Duration, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sla_domain::{duration, instant};
use sla_proto::convert;

/// An instant, Unix milliseconds; in JSON RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub i64);

/// The instant of a message, where it has one.
pub fn time(timestamp: Option<&Timestamp>) -> Option<Time> {
    timestamp.map(|timestamp| Time(convert::millis(timestamp)))
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&instant::format_ms(self.0))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        instant::parse_ms(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A span, milliseconds; in JSON seconds, whole ones without a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub i64);

impl Seconds {
    /// The span of a message, where it has one.
    pub fn of(duration: Option<&Duration>) -> Option<Self> {
        duration.map(|duration| Self(convert::duration_ms(duration)))
    }

    /// As JSON has it.
    pub fn json(self) -> serde_json::Value {
        if self.0 % 1000 == 0 {
            (self.0 / 1000).into()
        } else {
            (self.0 as f64 / 1000.0).into()
        }
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(|seconds| Self((seconds * 1000.0).round() as i64))
    }
}

impl JsonSchema for Seconds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "seconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "format": "seconds" })
    }
}

/// Figures by window, keyed by its length: `1h`.
pub(crate) fn by_window<M, V>(list: &[M], of: impl Fn(&M) -> (i64, V)) -> BTreeMap<String, V> {
    list.iter()
        .map(|message| {
            let (window_ms, view) = of(message);
            (duration::format_ms(window_ms), view)
        })
        .collect()
}

/// A word or sentence, none where it is empty.
pub fn word(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}
