//! What the instance told about a range that is tried.

use sla_proto::violation::v1::EvaluateResponse;

use crate::context::remote::Remote;
use crate::context::request::{Answer, Reply, RequestId, Slot};

/// What was told about the range that is tried.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// When it is asked, and was asked last, monotonic milliseconds.
    pub(super) ask_at_ms: Option<i64>,
    pub(super) asked_ms: i64,
    /// Of this series, with its intervals.
    pub(super) series: Remote<EvaluateResponse>,
    /// Of all series of the objective; empty where this one is all of them.
    pub(super) whole: Remote<EvaluateResponse>,
}

impl Tried {
    pub(super) fn reply(&mut self, slot: Slot, id: RequestId, result: Answer, now_ms: i64) {
        let remote = if slot == Slot::DetailTried {
            &mut self.series
        } else {
            &mut self.whole
        };
        remote.answer(id, result.and_then(Reply::take), now_ms);
    }
}
