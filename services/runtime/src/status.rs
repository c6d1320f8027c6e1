//! From an error to a `tonic::Status`, once, at the edge: a code, a stable reason word, what is wrong in which field, and
//! what to do. The words follow google.rpc's ErrorInfo, BadRequest and Help (AIP-193).

use std::collections::HashMap;

use sla_proto::samples::ReadError;
use sla_proto::series::v1::SourceStatus;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// The domain of the reason words.
pub const DOMAIN: &str = "sla";

/// Stable words a program may branch on; each has a page in `docs/errors/`.
pub mod reason {
    macro_rules! words {
        ($($(#[$about:meta])* $word:ident)*) => {
            $($(#[$about])* pub const $word: &str = stringify!($word);)*

            /// All of them, for the documentation test.
            pub const ALL: &[&str] = &[$($word),*];
        };
    }

    words! {
        /// A field of the request breaks a rule; the field violations say which.
        INVALID_FIELD
        /// There is no such thing.
        NOT_FOUND
        /// A name is taken.
        NAME_TAKEN
        /// Someone saved a newer version.
        STALE_VERSION
        /// A page token belongs to another list.
        BAD_PAGE_TOKEN
        /// A selector or expression cannot be parsed.
        BAD_QUERY
        /// More series than the limit.
        TOO_MANY_SERIES
        /// The metric source does not answer.
        SOURCE_UNREACHABLE
        /// The metric source refuses our credentials.
        SOURCE_UNAUTHORIZED
        /// The address answers, but not as a Prometheus.
        SOURCE_NOT_PROMETHEUS
        /// The metric source answers with an error or with something undecodable.
        SOURCE_FAILED
        /// The database cannot be written: disk full or read-only.
        STORAGE_READ_ONLY
        /// The database failed.
        STORAGE_FAILED
        /// The database server does not answer.
        STORAGE_UNREACHABLE
        /// A stream's position moved under its reader.
        ZOMBIE_READER
        /// Another process holds the lease under which this was written.
        FENCED
        /// The stream of results cannot be read on; somebody must say how.
        STREAM_STOPPED
        /// The way by which a call came, or the rank of its user, does not allow it.
        NOT_ALLOWED
        /// Nobody is known to make this call.
        UNAUTHENTICATED
        /// Too many wrong passwords: it must be waited.
        TOO_MANY_TRIES
        /// Too much work at once.
        OVERLOADED
        /// A request is larger than what is read at once.
        TOO_LARGE
        /// It took too long.
        TOO_SLOW
        /// A part crashed; the log has the story.
        INTERNAL
        /// The process is going down or a role is not here.
        UNAVAILABLE
        /// It cannot be done in this state.
        WRONG_STATE
        /// A command line that says nothing that could be done.
        BAD_USAGE
        /// The configuration cannot work.
        BAD_CONFIG
    }
}

/// Implemented by each service's error type, in its `error.rs`.
pub trait ToStatus {
    /// The status a caller gets.
    fn to_status(&self) -> Status;
}

/// A status in the making.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    reason: &'static str,
    message: String,
    hint: String,
    fields: Vec<FieldViolation>,
    metadata: HashMap<String, String>,
}

impl Problem {
    /// A problem with its gRPC code, its reason word (see [`reason`]) and a sentence.
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            hint: String::new(),
            fields: Vec::new(),
            metadata: HashMap::new(),
        }
    }

    /// Bad input; add the fields.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, reason::INVALID_FIELD, message)
    }

    /// There is no `what` called `name`.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(Code::NotFound, reason::NOT_FOUND, format!("there is no {what} {name}"))
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// A field that breaks a rule: its path, and value, rule and fix in words.
    #[must_use]
    pub fn field(mut self, path: impl Into<String>, description: impl Into<String>) -> Self {
        self.fields.push(FieldViolation::new(path, description));
        self
    }

    /// A machine-readable detail.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// The status, with google.rpc details.
    pub fn status(self) -> Status {
        let mut metadata = self.metadata;
        if !self.hint.is_empty() {
            metadata.insert("hint".to_owned(), self.hint);
        }
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason, DOMAIN, metadata);
        if !self.fields.is_empty() {
            details.set_bad_request(self.fields);
        }
        Status::with_error_details(self.code, self.message, details)
    }
}

/// A read of samples that failed: the same words whoever asked.
impl ToStatus for ReadError {
    fn to_status(&self) -> Status {
        let (code, reason, hint) = match self {
            // The owner's code, words and details say it best.
            Self::Refused(status) => return Status::clone(status),
            Self::Cut => (Code::Unavailable, reason::UNAVAILABLE, "try again"),
            Self::TooSlow { .. } => (
                Code::DeadlineExceeded,
                reason::TOO_SLOW,
                "narrow the selector or the window; the last known figures stay",
            ),
            Self::TooManySeries { .. } | Self::TooManyBytes { .. } => (
                Code::ResourceExhausted,
                reason::TOO_MANY_SERIES,
                "choose fewer series or a shorter window",
            ),
            Self::Nameless | Self::Garbled(_) => (
                Code::Unavailable,
                reason::SOURCE_FAILED,
                "read it again; if it stays, the log has the story",
            ),
        };
        Problem::new(code, reason, self.to_string()).hint(hint).status()
    }
}

/// That something could not be read of a metric source, for a reason word of the contract: with what the source's status knows
/// about the way to it, where that is the matter. The same words whoever asked.
pub fn unread(word: &str, words: impl Into<String>, source: Option<&SourceStatus>) -> Problem {
    let known = reason::ALL.iter().find(|known| **known == word).copied();
    let mut problem = Problem::new(Code::Unavailable, known.unwrap_or(reason::SOURCE_FAILED), words);
    if let Some(source) = source.filter(|source| !source.problem.is_empty()) {
        problem = problem.hint(source.problem_hint.clone());
        let details = [("cause", &source.problem_cause), ("redirect_to", &source.redirect_to)];
        for (key, value) in details.into_iter().filter(|(_, value)| !value.is_empty()) {
            problem = problem.detail(key, value.clone());
        }
    }
    problem
}

impl ToStatus for Problem {
    fn to_status(&self) -> Status {
        self.clone().status()
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        problem.status()
    }
}

/// The whole chain of an error in one line, for the log at the edge.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_page() {
        let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors"));
        for word in reason::ALL {
            let page = std::fs::read_to_string(folder.join(format!("{word}.md"))).unwrap_or_default();
            assert!(
                page.contains("**What to do.**"),
                "docs/errors/{word}.md says what to do"
            );
        }
        let pages = std::fs::read_dir(folder).unwrap().flatten();
        let pages = pages.filter(|page| page.path().is_file()).count();
        assert_eq!(pages, reason::ALL.len() + 1, "a page of a word that is gone");
    }

    #[test]
    fn a_status_carries_reason_field_and_hint() {
        let status = Problem::invalid("the set cannot be saved")
            .field("objectives[2].range.min", "5 is above max 4; give min ≤ max")
            .hint("swap the bounds")
            .status();
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            (reason::INVALID_FIELD, DOMAIN)
        );
        assert_eq!(info.metadata["hint"], "swap the bounds");
        assert_eq!(
            details.bad_request().unwrap().field_violations[0].field,
            "objectives[2].range.min"
        );
    }
}
