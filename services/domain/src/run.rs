//! ETL runs: states and their transitions, steps, counts.

use std::fmt;

use crate::invalid::{Invalid, check_harmless};

/// Identifies a run for ever: made by the server, 1 to 64 of `A–Z a–z 0–9 _ -`. People see its small number instead.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(String);

impl RunId {
    /// The longest id, in characters.
    pub const MAX_CHARS: usize = 64;

    /// An id; other characters or lengths are refused.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if text.is_empty() || text.len() > Self::MAX_CHARS || !text.bytes().all(allowed) {
            return Err(Invalid::new(
                "run_id",
                &text,
                format!("must be 1 to {} letters, digits, - and _", Self::MAX_CHARS),
                "take the id a run was given when it started",
            ));
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses a request id that is empty, too long or not plain text.
pub fn check_request_id(text: &str) -> Result<(), Invalid> {
    let chars = text.chars().count();
    if chars == 0 || chars > RunId::MAX_CHARS {
        return Err(Invalid::new(
            "request_id",
            text,
            format!("must have 1 to {} characters", RunId::MAX_CHARS),
            "send a fresh random id with each new start, the same one when repeating",
        ));
    }
    check_harmless("request_id", text, false)
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunState {
    /// Accepted, not begun.
    Queued,
    /// Under way.
    Running,
    /// Every series is there.
    Done,
    /// Some series failed, the others are there.
    Partial,
    /// Nothing is there.
    Failed,
    /// Ended on request; what was done stays.
    Cancelled,
}

impl RunState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Partial,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word used on screens, in JSON and in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether it has ended.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Whether a run may go from `self` to `next`. Ended runs never change; the same state again is no transition.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            // A run that covers no series, or whose source is away, ends before it begins.
            Self::Queued => matches!(next, Self::Running | Self::Failed | Self::Cancelled),
            Self::Running => next.is_final(),
            Self::Done | Self::Partial | Self::Failed | Self::Cancelled => false,
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What is done to each series, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Reading its samples.
    Extract,
    /// Count, mean, min, max, deviation, median, p95, p99 of each window.
    Statistics,
    /// Stationarity, seasonality, autocorrelation.
    Metadata,
    /// Expected values of the next minutes, with intervals.
    Forecast,
    /// Handing the result to the store.
    Publish,
}

impl Step {
    /// The catalogue, in the order of a run.
    pub const ALL: [Self; 5] = [
        Self::Extract,
        Self::Statistics,
        Self::Metadata,
        Self::Forecast,
        Self::Publish,
    ];

    /// The word used on screens, in JSON and in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Statistics => "statistics",
            Self::Metadata => "metadata",
            Self::Forecast => "forecast",
            Self::Publish => "publish",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.word() == word)
    }

    /// Whether a user chooses it; extract and publish belong to every run.
    pub fn is_optional(self) -> bool {
        matches!(self, Self::Statistics | Self::Metadata | Self::Forecast)
    }

    /// The steps of a run from the chosen words (none = all), with the ones that belong to every run, in order.
    pub fn chosen<W: AsRef<str>>(words: &[W]) -> Result<Vec<Self>, Invalid> {
        let mut wanted = Vec::with_capacity(words.len());
        for (at, word) in words.iter().enumerate() {
            let Some(step) = Self::from_word(word.as_ref()) else {
                return Err(Invalid::new(
                    format!("steps[{at}]"),
                    word.as_ref(),
                    "is no step",
                    "choose from statistics, metadata, forecast",
                ));
            };
            wanted.push(step);
        }
        Ok(Self::ALL
            .into_iter()
            .filter(|step| !step.is_optional() || words.is_empty() || wanted.contains(step))
            .collect())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RunCounts {
    /// Series the run covers.
    pub expected: u32,
    /// Series whose result is there.
    pub done: u32,
    /// Series that failed.
    pub failed: u32,
}

impl RunCounts {
    /// Series that are neither done nor failed.
    pub fn left(self) -> u32 {
        self.expected.saturating_sub(self.done).saturating_sub(self.failed)
    }

    /// Share that is done or failed, in [0, 1]; 1 when nothing was expected.
    pub fn progress(self) -> f64 {
        if self.expected == 0 {
            return 1.0;
        }
        f64::from(self.expected - self.left()) / f64::from(self.expected)
    }

    /// The state a run ends in. With series left over it was cut short: `Cancelled` when that was asked for, else
    /// `Partial` or, without any result, `Failed`: loss is never called done.
    pub fn final_state(self, cancelled: bool) -> RunState {
        if cancelled && self.left() > 0 {
            RunState::Cancelled
        } else if self.done >= self.expected {
            RunState::Done
        } else if self.done > 0 {
            RunState::Partial
        } else {
            RunState::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_runs_never_change() {
        for from in RunState::ALL {
            assert_eq!(RunState::from_word(from.word()), Some(from));
            assert!(!from.may_become(from));
            assert!(!from.may_become(RunState::Queued));
            for to in RunState::ALL {
                if from.is_final() {
                    assert!(!from.may_become(to), "{from} → {to}");
                }
            }
        }
        assert!(RunState::Queued.may_become(RunState::Running));
        assert!(RunState::Queued.may_become(RunState::Cancelled));
        assert!(!RunState::Queued.may_become(RunState::Done));
        assert!(RunState::Running.may_become(RunState::Partial));
    }

    #[test]
    fn a_run_ends_as_its_counts_say() {
        let counts = |expected, done, failed| RunCounts { expected, done, failed };
        assert_eq!(counts(3, 3, 0).final_state(false), RunState::Done);
        assert_eq!(counts(3, 3, 0).final_state(true), RunState::Done);
        assert_eq!(counts(3, 2, 1).final_state(false), RunState::Partial);
        assert_eq!(counts(3, 2, 0).final_state(false), RunState::Partial);
        assert_eq!(counts(3, 0, 3).final_state(false), RunState::Failed);
        assert_eq!(counts(3, 1, 0).final_state(true), RunState::Cancelled);
        assert_eq!(counts(0, 0, 0).final_state(false), RunState::Done);
        assert_eq!(counts(4, 1, 1).progress(), 0.5);
        assert_eq!(counts(4, 1, 1).left(), 2);
    }

    #[test]
    fn steps_come_in_order_with_those_of_every_run() {
        let none: [&str; 0] = [];
        assert_eq!(Step::chosen(&none).unwrap(), Step::ALL);
        assert_eq!(
            Step::chosen(&["forecast", "statistics"]).unwrap(),
            [Step::Extract, Step::Statistics, Step::Forecast, Step::Publish]
        );
        assert_eq!(Step::chosen(&["statistics", "magic"]).unwrap_err().field, "steps[1]");
    }

    #[test]
    fn ids_are_plain() {
        assert!(RunId::new("0190c2f4-7b1e").is_ok());
        for text in ["", "a b", "ä", &"x".repeat(65)] {
            assert!(RunId::new(text).is_err());
        }
        assert!(check_request_id("any text").is_ok());
        assert!(check_request_id("").is_err());
        assert!(check_request_id("\u{1b}[2J").is_err());
    }
}
