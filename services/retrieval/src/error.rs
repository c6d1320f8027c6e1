//! What can go wrong on the read side.

use std::sync::Arc;

use sla_domain::{Invalid, SafeText};
use sla_proto::etl::v1::QueryFailure;
use sla_proto::samples::ReadError;
use sla_proto::series::v1::SourceStatus;
use sla_runtime::pool::PoolError;
use sla_runtime::status::{Problem, ToStatus, reason, unread};
use tonic::{Code, Status};

/// Why a screen could not be answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RetrievalError {
    /// A field of the request breaks a rule.
    #[error("{0}")]
    Invalid(Invalid),
    /// No such series.
    #[error("there is no series {name}")]
    NoSeries {
        /// Query or id, made harmless.
        name: SafeText,
    },
    /// Another role did not answer or refused; its status is passed on.
    #[error("the role that could {doing} answered: {}", .cause.message())]
    Upstream {
        /// What was wanted.
        doing: &'static str,
        /// Its answer.
        cause: Arc<Status>,
    },
    /// Samples could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A computation crashed.
    #[error("a computation failed")]
    Pool(#[source] Arc<PoolError>),
}

impl From<PoolError> for RetrievalError {
    fn from(cause: PoolError) -> Self {
        Self::Pool(Arc::new(cause))
    }
}

impl RetrievalError {
    /// A refused field.
    pub(crate) fn invalid(field: &str, value: &str, rule: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Invalid(Invalid::new(field, value, rule, fix))
    }

    /// A read of one query that failed.
    pub(crate) fn away(failure: &QueryFailure, source: &SourceStatus) -> Self {
        let told = SafeText::new(&failure.message).into_string();
        let problem = unread(&failure.reason, told, Some(source));
        Self::upstream("read samples")(problem.status())
    }

    /// A call to another role that failed.
    pub(crate) fn upstream(doing: &'static str) -> impl Fn(Status) -> Self {
        move |cause| Self::Upstream {
            doing,
            cause: Arc::new(cause),
        }
    }
}

impl ToStatus for RetrievalError {
    fn to_status(&self) -> Status {
        match self {
            // Its reason, hint and fields are the right ones for our caller too.
            Self::Upstream { cause, .. } => Status::clone(cause),
            Self::Invalid(invalid) => Problem::invalid(self.to_string())
                .field(invalid.field.clone(), invalid.to_string())
                .hint(invalid.fix.clone())
                .status(),
            Self::NoSeries { .. } => Problem::new(Code::NotFound, reason::NOT_FOUND, self.to_string())
                .hint("list the series again: it may be gone, or its labels may have changed")
                .status(),
            Self::Read(error) => error.to_status(),
            Self::Pool(_) => Problem::new(Code::Internal, reason::INTERNAL, self.to_string())
                .hint("the log has the story")
                .status(),
        }
    }
}

impl From<RetrievalError> for Status {
    fn from(error: RetrievalError) -> Self {
        error.to_status()
    }
}
