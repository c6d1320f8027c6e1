//! Durations in the configuration and on the command line.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sla_domain::duration::{format_ms, parse_ms, parse_or_zero_ms};

/// A duration as people write it: `15s`, `10m`, `1h30m`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) i64);

impl Span {
    /// From a text where `0s` says that there shall be none.
    ///
    /// # Errors
    /// For what is no duration.
    pub(crate) fn or_zero(text: &str) -> Result<Self, sla_domain::Invalid> {
        parse_or_zero_ms(text).map(Self)
    }

    /// Milliseconds.
    pub(crate) fn ms(self) -> i64 {
        self.0
    }

    /// As the standard library has it.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.0.max(0) as u64)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_ms(self.0))
    }
}

impl std::str::FromStr for Span {
    type Err = sla_domain::Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_ms(text).map(Self)
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_ms(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_ms(&text).map(Self).map_err(serde::de::Error::custom)
    }
}
