//! What can go wrong, and how a caller hears of it.

use sla_runtime::status::chain;
use sla_runtime::{Problem, ToStatus, reason};
use tonic::{Code, Status};

/// Errors of the role.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotifyError {
    /// A field of a request breaks a rule.
    #[error("{field} = {value:?}: {rule}; {fix}")]
    Invalid {
        field: &'static str,
        value: String,
        rule: String,
        fix: String,
    },
    /// There is none called so, or none that the caller may know of.
    #[error("there is no {what} {name:?}")]
    NotFound { what: &'static str, name: String },
    /// The caller may not.
    #[error("{words}")]
    NotAllowed { words: String, hint: &'static str },
    /// It cannot be done now.
    #[error("{words}")]
    Refused { words: String, hint: &'static str },
    /// Another role refused or did not answer.
    #[error("{action} failed")]
    Upstream {
        action: &'static str,
        #[source]
        status: Box<Status>,
    },
}

impl NotifyError {
    pub(crate) fn upstream(action: &'static str, status: Status) -> Self {
        Self::Upstream {
            action,
            status: Box::new(status),
        }
    }

    pub(crate) fn not_found(what: &'static str, name: &str) -> Self {
        Self::NotFound {
            what,
            name: name.chars().take(80).collect(),
        }
    }

    /// Whether another notifier was faster.
    pub(crate) fn is_overtaken(&self) -> bool {
        matches!(self, Self::Upstream { status, .. } if status.code() == Code::Aborted)
    }
}

impl ToStatus for NotifyError {
    fn to_status(&self) -> Status {
        let text = self.to_string();
        match self {
            Self::Invalid {
                field,
                value,
                rule,
                fix,
            } => Problem::invalid(text.clone())
                .field(*field, format!("{value:?}: {rule}; {fix}"))
                .hint(fix.clone())
                .status(),
            Self::NotFound { what, name } => Problem::not_found(what, name).status(),
            Self::NotAllowed { hint, .. } => Problem::new(Code::PermissionDenied, reason::NOT_ALLOWED, text)
                .hint(*hint)
                .status(),
            Self::Refused { hint, .. } => Problem::new(Code::FailedPrecondition, reason::WRONG_STATE, text)
                .hint(*hint)
                .status(),
            // The owner's code, words and details say it best.
            Self::Upstream { status, .. } => Status::clone(status),
        }
    }
}

/// The status of an error; failures of our own are logged here, once, with their causes.
pub(crate) fn refuse(rpc: &'static str, error: &NotifyError) -> Status {
    let status = error.to_status();
    if matches!(status.code(), Code::Internal | Code::Unknown | Code::Unavailable) {
        tracing::error!(rpc, error = chain(error), "a call could not be served");
    }
    status
}
