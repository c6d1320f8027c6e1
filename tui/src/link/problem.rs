//! From a gRPC status to words.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::context::request::Problem;
use crate::say;

/// What the details of a status say, else its message, else what its code means.
pub(crate) fn of_status(status: &Status) -> Problem {
    let details = status.get_error_details();
    let info = details.error_info();
    let fields = details
        .bad_request()
        .map(|bad| bad.field_violations.as_slice())
        .unwrap_or_default();
    let text = match status.code() {
        // An expired deadline arrives as CANCELLED from tonic's own timer.
        Code::DeadlineExceeded | Code::Cancelled => say::link::it_took_too_long().to_owned(),
        Code::Unavailable if status.message().is_empty() || info.is_none() => {
            say::link::the_instance_does_not().to_owned()
        }
        Code::Unimplemented => say::link::this_instance_cannot_do().to_owned(),
        _ if status.message().is_empty() => format!("{}", status.code()),
        _ => status.message().to_owned(),
    };
    Problem {
        reason: info.map(|i| i.reason.clone()).unwrap_or_default(),
        text,
        hint: info.and_then(|i| i.metadata.get("hint").cloned()).unwrap_or_default(),
        fields: fields
            .iter()
            .map(|f| (f.field.clone(), f.description.clone()))
            .collect(),
        conflict: sla_proto::conflict::stored(status).map(Box::new),
    }
}

/// Nothing can be asked.
pub(crate) fn no_connection() -> Problem {
    Problem {
        reason: "NO_CONNECTION".to_owned(),
        ..Problem::plain(say::link::there_is_no_connection())
    }
}

/// The connection went before the answer came; what `changes` something may have been done.
pub(crate) fn unanswered(changes: bool) -> Problem {
    let mut problem = no_connection();
    if changes {
        say::link::lost_before_the_answer().clone_into(&mut problem.text);
    }
    problem
}

/// The limit has passed.
pub(crate) fn too_slow(limit: Duration) -> Problem {
    Problem::plain(say::link::no_answer_within_s(&format_args!(
        "{:.0}",
        limit.as_secs_f64()
    )))
}

/// Reading the answer failed in the console itself.
pub(crate) fn panicked() -> Problem {
    Problem {
        hint: say::link::log_has_the_words().to_owned(),
        ..Problem::plain(say::link::this_console_failed_while())
    }
}

#[cfg(test)]
mod tests {
    use sla_proto::objective::v1::SlaSet;
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    #[test]
    fn details_become_words() {
        let mut details = ErrorDetails::new();
        details.set_error_info("INVALID", "sla", [("hint".to_owned(), "swap the bounds".to_owned())]);
        details.add_bad_request_violation("range.min", "5 is above max 4");
        let status = Status::with_error_details(Code::InvalidArgument, "the set cannot be saved", details);
        let problem = of_status(&status);
        assert_eq!(problem.reason, "INVALID");
        assert_eq!(
            problem.sentence(),
            "the set cannot be saved (range.min: 5 is above max 4): swap the bounds"
        );
    }

    #[test]
    fn a_conflict_carries_the_stored_set() {
        let theirs = SlaSet {
            name: "default".into(),
            version: 7,
            ..SlaSet::default()
        };
        let status = sla_proto::conflict::with_stored(Status::aborted("somebody was faster"), &theirs);
        assert_eq!(of_status(&status).conflict.unwrap().version, 7);
    }
}
