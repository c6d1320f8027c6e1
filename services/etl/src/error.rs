//! What can go wrong in the role `etl`, and the status its callers get.

use std::path::PathBuf;
use std::sync::Arc;

use sla_bus::StreamError;
use sla_domain::{Invalid, SafeText};
use sla_runtime::pool::PoolError;
use sla_runtime::status::{Problem, ToStatus, reason};
use sla_source::SourceError;
use tonic::{Code, Status};

/// Why the role `etl` could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EtlError {
    /// The metric source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A field of a request breaks a rule.
    #[error("{0}")]
    Invalid(Invalid),
    /// A query cannot be parsed.
    #[error("{0}")]
    BadQuery(Invalid),
    /// More series than one read or run may cover.
    #[error("{found} series match, at most {limit} are allowed")]
    TooManySeries {
        /// How many match, at least.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no such thing.
    #[error("there is no {what} {name}")]
    NotFound {
        /// "run", "series".
        what: &'static str,
        /// Its id, made harmless.
        name: SafeText,
    },
    /// As many runs wait as may.
    #[error("{waiting} runs are waiting already")]
    QueueFull {
        /// The limit.
        waiting: usize,
    },
    /// It cannot be done in this state.
    #[error("{what}")]
    WrongState {
        /// What and why.
        what: String,
    },
    /// The storage did not answer or refused.
    #[error("the storage could not {doing}")]
    Storage {
        /// What was wanted, as in "could not …".
        doing: &'static str,
        /// Its answer.
        #[source]
        cause: Arc<Status>,
    },
    /// Results could not be published.
    #[error("results could not be published")]
    Publish(#[source] Arc<StreamError>),
    /// A computation crashed.
    #[error("a computation failed")]
    Pool(#[source] Arc<PoolError>),
    /// The directory of the log cannot be used.
    #[error("log directory {}: cannot be used", path.display())]
    LogDirectory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Arc<std::io::Error>,
    },
    /// The process is going down.
    #[error("the process is going down")]
    ShuttingDown,
}

impl From<PoolError> for EtlError {
    fn from(cause: PoolError) -> Self {
        Self::Pool(Arc::new(cause))
    }
}

impl From<StreamError> for EtlError {
    fn from(cause: StreamError) -> Self {
        Self::Publish(Arc::new(cause))
    }
}

impl EtlError {
    /// A storage call that failed.
    pub(crate) fn storage(doing: &'static str, cause: Status) -> Self {
        Self::Storage {
            doing,
            cause: Arc::new(cause),
        }
    }

    /// A refused field.
    pub(crate) fn invalid(
        field: impl Into<String>,
        value: &str,
        rule: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::Invalid(Invalid::new(field, value, rule, fix))
    }

    /// Whether the source as a whole is away.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Source(error) if error.is_outage())
    }

    /// The stable word for failure records and details.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Source(error) => source_reason(error),
            Self::Invalid(_) => reason::INVALID_FIELD,
            Self::BadQuery(_) => reason::BAD_QUERY,
            Self::TooManySeries { .. } => reason::TOO_MANY_SERIES,
            Self::NotFound { .. } => reason::NOT_FOUND,
            Self::QueueFull { .. } => reason::OVERLOADED,
            Self::WrongState { .. } => reason::WRONG_STATE,
            Self::Storage { .. } | Self::Publish(_) => reason::STORAGE_FAILED,
            Self::Pool(_) | Self::LogDirectory { .. } => reason::INTERNAL,
            Self::ShuttingDown => reason::UNAVAILABLE,
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Source(error) => match error {
                SourceError::BadQuery { .. } | SourceError::TooManySeries { .. } | SourceError::TooLarge { .. } => {
                    Code::InvalidArgument
                }
                SourceError::Cancelled { .. } => Code::Cancelled,
                SourceError::BadOption { .. } => Code::FailedPrecondition,
                _ => Code::Unavailable,
            },
            Self::Invalid(_) | Self::BadQuery(_) | Self::TooManySeries { .. } => Code::InvalidArgument,
            Self::NotFound { .. } => Code::NotFound,
            Self::QueueFull { .. } => Code::ResourceExhausted,
            Self::WrongState { .. } => Code::FailedPrecondition,
            Self::Storage { .. } | Self::Publish(_) | Self::ShuttingDown => Code::Unavailable,
            Self::Pool(_) | Self::LogDirectory { .. } => Code::Internal,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Source(error) => error.hint(),
            Self::Invalid(invalid) | Self::BadQuery(invalid) => invalid.fix.clone(),
            Self::TooManySeries { .. } => "add labels to the selector, or raise max_series".into(),
            Self::NotFound { .. } => "look it up again: it may have been renamed or removed".into(),
            Self::QueueFull { .. } => "wait for one to end, or cancel one".into(),
            Self::Storage { .. } | Self::Publish(_) => "see the state of the storage; it is tried again".into(),
            Self::WrongState { .. } => String::new(),
            Self::Pool(_) => "the log has the story".into(),
            Self::LogDirectory { .. } => "create it, or choose another one in the configuration".into(),
            Self::ShuttingDown => "attach again".into(),
        }
    }
}

/// The word of the contract for a source error.
pub fn source_reason(error: &SourceError) -> &'static str {
    match error {
        SourceError::Unreachable { .. } | SourceError::Timeout { .. } => reason::SOURCE_UNREACHABLE,
        SourceError::Unauthorized { .. } => reason::SOURCE_UNAUTHORIZED,
        SourceError::NotFound { .. } | SourceError::NotPrometheus { .. } | SourceError::Redirected { .. } => {
            reason::SOURCE_NOT_PROMETHEUS
        }
        SourceError::BadQuery { .. } => reason::BAD_QUERY,
        SourceError::TooManySeries { .. } => reason::TOO_MANY_SERIES,
        SourceError::Cancelled { .. } => reason::TOO_SLOW,
        _ => reason::SOURCE_FAILED,
    }
}

impl ToStatus for EtlError {
    fn to_status(&self) -> Status {
        if let Self::Storage { cause, .. } = self
            && cause.code() == Code::InvalidArgument
        {
            // What our caller gave was passed on: the storage's word about it is the right one for him too.
            return Status::clone(cause);
        }
        let mut problem = Problem::new(self.code(), self.reason(), self.to_string()).hint(self.hint());
        if let Self::Source(error) = self {
            if let Some(fault) = error.fault() {
                problem = problem.detail("cause", fault.word());
            }
            if let Some(to) = error.redirect_to() {
                problem = problem.detail("redirect_to", SafeText::new(to).into_string());
            }
        }
        match self {
            Self::Invalid(invalid) | Self::BadQuery(invalid) => {
                problem = problem.field(invalid.field.clone(), invalid.to_string());
            }
            Self::Source(SourceError::BadQuery { position: Some(at), .. }) => {
                problem = problem.detail("position", at.to_string());
            }
            Self::TooManySeries { found, limit } | Self::Source(SourceError::TooManySeries { found, limit }) => {
                problem = problem
                    .detail("found", found.to_string())
                    .detail("limit", limit.to_string());
            }
            Self::Storage { cause, .. } => {
                problem = problem.detail("storage", SafeText::new(cause.message()).into_string());
            }
            _ => {}
        }
        problem.status()
    }
}

impl From<EtlError> for Status {
    fn from(error: EtlError) -> Self {
        error.to_status()
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn callers_get_reason_field_and_fix() {
        let status = EtlError::invalid("request_id", "", "is empty", "choose one").to_status();
        let details = status.get_error_details();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(details.error_info().unwrap().reason, reason::INVALID_FIELD);
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "request_id");
        let status = EtlError::TooManySeries {
            found: 9_600,
            limit: 2_000,
        }
        .to_status();
        let info = status.get_error_details().error_info().unwrap().clone();
        assert_eq!(
            (info.metadata["found"].as_str(), info.metadata["limit"].as_str()),
            ("9600", "2000")
        );
        assert!(info.metadata["hint"].contains("labels"));
    }

    #[test]
    fn every_reason_is_documented() {
        let errors = [
            EtlError::ShuttingDown,
            EtlError::QueueFull { waiting: 1 },
            EtlError::WrongState { what: "x".into() },
            EtlError::Storage {
                doing: "x",
                cause: Arc::new(Status::unavailable("x")),
            },
            EtlError::Source(SourceError::Cancelled { tried: "x".into() }),
            EtlError::Source(SourceError::Unauthorized {
                tried: "x".into(),
                status: 401,
            }),
        ];
        for error in errors {
            assert!(reason::ALL.contains(&error.reason()), "{error}");
        }
    }
}
