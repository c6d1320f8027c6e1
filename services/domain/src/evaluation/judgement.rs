//! How samples are judged: the range, how long a sample holds, what unknown time means.

use crate::objective::{MissingPolicy, Objective};
use crate::range::AllowedRange;

/// How samples are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What is allowed.
    pub range: AllowedRange,
    /// How long a sample holds at most without a successor, in milliseconds: `spacing::cap_ms` of the series.
    pub cap_ms: i64,
    /// What unknown time means.
    pub missing: MissingPolicy,
}

impl Judgement {
    /// A judgement with the `gap` policy.
    pub fn new(range: AllowedRange, cap_ms: i64) -> Self {
        Self {
            range,
            cap_ms,
            missing: MissingPolicy::Gap,
        }
    }

    /// As an objective wants it, for a series with this cap (milliseconds).
    pub fn of_objective(objective: &Objective, cap_ms: i64) -> Self {
        Self {
            range: objective.range,
            cap_ms,
            missing: objective.missing,
        }
    }

    /// The same with another policy.
    #[must_use]
    pub fn with_missing(self, missing: MissingPolicy) -> Self {
        Self { missing, ..self }
    }

    /// How long a sample holds: the cap, lengthened by `hold`. Never negative.
    pub fn hold_ms(&self) -> i64 {
        match self.missing {
            MissingPolicy::Hold { max_ms } => self.cap_ms.max(max_ms),
            _ => self.cap_ms,
        }
        .max(0)
    }
}
