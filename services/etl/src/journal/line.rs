//! A line of the runs' log, as text and as a message.

use chrono::{DateTime, SecondsFormat, Utc};
use sla_domain::SafeText;
use sla_proto::convert;
use sla_proto::etl::v1::LogLine;

/// Longest line, characters.
pub const MAX_LINE_CHARS: usize = 500;

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What happened.
    Info,
    /// What to look at.
    Warn,
    /// What failed.
    Error,
}

impl Level {
    /// "info", "warn" or "error".
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Info, Self::Warn, Self::Error]
            .into_iter()
            .find(|level| level.word() == word)
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Unix milliseconds.
    pub time_ms: i64,
    /// How loud.
    pub level: Level,
    /// Harmless text.
    pub text: SafeText,
    /// The run it is about; empty for none.
    pub run_id: String,
}

impl Line {
    /// As a message.
    pub fn to_message(&self) -> LogLine {
        LogLine {
            time: Some(convert::timestamp(self.time_ms)),
            level: self.level.word().to_owned(),
            text: self.text.as_str().to_owned(),
            run_id: self.run_id.clone(),
        }
    }

    /// `2026-11-20T16:00:00.000Z info run=<id> text`, the run left out where there is none. The day stands in front: the file
    /// is chosen by it.
    pub(super) fn format(&self) -> String {
        let time = instant(self.time_ms).to_rfc3339_opts(SecondsFormat::Millis, true);
        let run = if self.run_id.is_empty() {
            String::new()
        } else {
            format!("run={} ", self.run_id)
        };
        format!("{time} {} {run}{}\n", self.level.word(), self.text)
    }

    /// The reverse of [`Line::format`]; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (time, rest) = text.split_once(' ')?;
        let (level, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (run_id, text) = match rest.strip_prefix("run=") {
            Some(rest) => rest.split_once(' ').unwrap_or((rest, "")),
            None => ("", rest),
        };
        Some(Self {
            time_ms: DateTime::parse_from_rfc3339(time).ok()?.timestamp_millis(),
            level: Level::from_word(level)?,
            text: SafeText::with_limit(text, MAX_LINE_CHARS),
            run_id: run_id.to_owned(),
        })
    }
}

/// The day of an instant as files are named: `2026-11-20`, UTC.
pub(super) fn day_of(time_ms: i64) -> String {
    instant(time_ms).format("%Y-%m-%d").to_string()
}

fn instant(time_ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time_ms).unwrap_or_default()
}
