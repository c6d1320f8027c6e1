//! The words of the contract's enumerations.

use sla_proto::etl::v1::RunState;
use sla_proto::set::v1::planned_change::Action;
use sla_proto::violation::v1::{ReasonKind, Side, State};

/// The word of a state.
pub fn state_word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::AtRisk => "at_risk",
        State::Violated => "violated",
        State::Excluded => "excluded",
        State::NoData | State::Unspecified => "no_data",
    }
}

/// The word of a side.
pub fn side_word(side: Side) -> &'static str {
    match side {
        Side::Below => "below",
        Side::Above | Side::Unspecified => "above",
    }
}

/// The word of a side, none where it is not known.
pub(crate) fn side(side: Side) -> Option<&'static str> {
    (side != Side::Unspecified).then(|| side_word(side))
}

/// The word of the kind of a reason.
pub(crate) fn reason_word(kind: ReasonKind) -> &'static str {
    match kind {
        ReasonKind::Unspecified => "unknown",
        ReasonKind::WarningBound => "warning_bound",
        ReasonKind::Forecast => "forecast",
        ReasonKind::Silent => "silent",
        ReasonKind::NotFinite => "not_finite",
        ReasonKind::NoSeries => "no_series",
        ReasonKind::NotRead => "not_read",
        ReasonKind::NotYet => "not_yet",
    }
}

/// The word of a run's state.
pub fn run_state_word(state: RunState) -> &'static str {
    match state {
        RunState::Queued | RunState::Unspecified => "queued",
        RunState::Running => "running",
        RunState::Done => "done",
        RunState::Partial => "partial",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
    }
}

/// The word of a planned change.
pub fn action_word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::Keep | Action::Unspecified => "keep",
    }
}
