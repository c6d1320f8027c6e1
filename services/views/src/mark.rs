//! Who takes care of what, and what is silent for a while.

use schemars::JsonSchema;
use serde::Serialize;
use sla_proto::notify::v1 as wire;

use crate::series::{Labels, labels};
use crate::value::{Time, time};

/// An acknowledgement or a snooze that holds now.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Care {
    /// `acknowledged` or `snoozed`.
    pub what: &'static str,
    /// Of the objective and series that it is about.
    pub handle: String,
    /// Its set.
    pub set_id: String,
    /// Name of the set.
    pub set: String,
    /// Its objective.
    pub objective_id: String,
    /// Name of the objective.
    pub objective: String,
    /// Of the series.
    pub labels: Labels,
    /// Who said so.
    pub author: String,
    /// When it was said.
    pub at: Option<Time>,
    /// Of an acknowledgement: when its violation began.
    pub start: Option<Time>,
    /// Of a snooze: when it ends. An acknowledgement ends with its violation.
    pub until: Option<Time>,
}

impl From<&wire::Mark> for Care {
    fn from(mark: &wire::Mark) -> Self {
        Self {
            what: mark_word(mark.kind()),
            handle: mark.handle.clone(),
            set_id: mark.set_id.clone(),
            set: mark.set_name.clone(),
            objective_id: mark.objective_id.clone(),
            objective: mark.objective_name.clone(),
            labels: labels(mark.series.as_ref()),
            author: mark.author.clone(),
            at: time(mark.at.as_ref()),
            start: time(mark.start.as_ref()),
            until: time(mark.until.as_ref()),
        }
    }
}

/// What a mark is, in a word.
pub fn mark_word(kind: wire::MarkKind) -> &'static str {
    match kind {
        wire::MarkKind::Snoozed => "snoozed",
        wire::MarkKind::Acknowledged | wire::MarkKind::Unspecified => "acknowledged",
    }
}
