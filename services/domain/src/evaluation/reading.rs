//! What is known at one instant.

use super::judgement::Judgement;
use crate::objective::MissingPolicy;
use crate::range::Verdict;
use crate::sample::{Samples, is_stale};

/// The newest knowledge at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The instant asked about, in Unix milliseconds.
    pub at_ms: i64,
    /// The newest finite sample up to that instant, however old: its time and value.
    pub newest: Option<(i64, f64)>,
    /// What the range says about the value that holds at the instant; `None` = unknown.
    pub verdict: Option<Verdict>,
    /// The verdict rests on the policy `zero`.
    pub assumed: bool,
}

impl Reading {
    /// The value that holds at the instant; `None` = unknown.
    pub fn value(&self) -> Option<f64> {
        self.verdict?;
        if self.assumed {
            Some(0.0)
        } else {
            self.newest.map(|(_, value)| value)
        }
    }
}

/// What is known at `at_ms` (Unix milliseconds): from the newest finite sample up to it, within its cap. Samples after
/// it are not looked at.
pub fn state_at(samples: &Samples, judgement: &Judgement, at_ms: i64) -> Reading {
    let upto = samples.times_ms.partition_point(|&t| t <= at_ms);
    let mut ended = false;
    let mut newest = None;
    for at in (0..upto).rev() {
        let value = samples.values[at];
        if value.is_finite() {
            newest = Some((samples.times_ms[at], value));
            break;
        }
        ended |= is_stale(value);
    }
    let held = newest.filter(|(time, _)| !ended && at_ms < time.saturating_add(judgement.hold_ms()));
    let assumed = held.is_none() && judgement.missing == MissingPolicy::Zero;
    let value = held.map(|(_, value)| value).or(assumed.then_some(0.0));
    Reading {
        at_ms,
        newest,
        verdict: value.map(|value| judgement.range.judge(value)),
        assumed,
    }
}
