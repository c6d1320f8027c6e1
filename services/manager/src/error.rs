//! What can go wrong in this role, and what a caller is told.

use std::time::Duration;

use sla_domain::invalid::Invalid;
use sla_domain::safe_text::SafeText;
use sla_proto::objective::v1::SlaSet;
use sla_proto::samples::ReadError;
use sla_runtime::pool::PoolError;
use sla_runtime::status::{Problem, ToStatus, reason};
use tonic::{Code, Status};

/// A failure of the role `sla`.
#[derive(Debug, thiserror::Error)]
pub enum SlaError {
    /// A configured value cannot work.
    #[error("{field} is {value}: {rule}; correct it in the configuration")]
    BadOption {
        /// Name of the option.
        field: &'static str,
        /// The value given.
        value: i64,
        /// What is allowed.
        rule: String,
    },
    /// Fields of a request break rules; nothing was saved.
    #[error("{what}: {}", listed(.problems))]
    Invalid {
        /// What was asked for, for example `the set cannot be saved`.
        what: &'static str,
        /// Every field that is wrong.
        problems: Vec<Invalid>,
    },
    /// There is no such thing.
    #[error("there is no {what} {name}")]
    NotFound {
        /// `set`, `objective`.
        what: &'static str,
        /// As it was asked for.
        name: SafeText,
    },
    /// The set is another user's.
    #[error("set {name} is {owner}'s: only {owner} and operators change it")]
    NotYours {
        /// Its name.
        name: SafeText,
        /// Who made it.
        owner: SafeText,
    },
    /// Another set has the name.
    #[error("a set named {name} exists already")]
    NameTaken {
        /// The name.
        name: SafeText,
    },
    /// Someone saved the set since it was read.
    #[error("version {read} of set {name} was read, but {author} saved version {stored} since")]
    StaleVersion {
        /// Name of the set.
        name: SafeText,
        /// The version the caller has.
        read: u64,
        /// The version in the store.
        stored: u64,
        /// Who saved it.
        author: SafeText,
        /// What differs between the stored set and the one that was refused, in words.
        differences: Vec<String>,
        /// The stored set: the view of the conflict.
        stored_set: Box<SlaSet>,
    },
    /// The source did not answer in time.
    #[error("the samples did not arrive within {} s", .after.as_secs())]
    SourceSlow {
        /// The limit.
        after: Duration,
    },
    /// Samples could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sets were not read yet: the store has not answered since the start.
    #[error("the sets are not known yet: the store has not answered since the start")]
    SetsUnknown,
    /// The process is going down.
    #[error("the role is shutting down")]
    Closing,
    /// A computation crashed.
    #[error("a computation failed")]
    Pool(#[from] PoolError),
    /// Another role answered with an error.
    #[error("could not {tried}")]
    Upstream {
        /// What was tried.
        tried: &'static str,
        /// The answer, boxed because it is large.
        #[source]
        status: Box<Status>,
    },
}

impl SlaError {
    /// An answer of another role.
    pub fn upstream(tried: &'static str, status: Status) -> Self {
        Self::Upstream {
            tried,
            status: Box::new(status),
        }
    }

    /// One refused field.
    pub fn invalid(what: &'static str, problem: Invalid) -> Self {
        Self::Invalid {
            what,
            problems: vec![problem],
        }
    }

    /// Whether a read failed because of one of its queries, so that the others may be read without it.
    pub fn blames_one_query(&self) -> bool {
        match self {
            Self::Read(ReadError::Refused(status)) => matches!(
                status.code(),
                Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::ResourceExhausted
            ),
            Self::Read(error) => !matches!(error, ReadError::Cut | ReadError::TooSlow { .. }),
            _ => false,
        }
    }

    /// Whether another role did not answer, whatever it was asked.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Upstream { status, .. } => matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded),
            _ => false,
        }
    }

    /// For a banner or a problem line: the sentence and its first cause, without codes.
    pub fn words(&self) -> String {
        match self {
            Self::Upstream { tried, status } => {
                SafeText::new(&format!("could not {tried}: {}", status.message())).to_string()
            }
            other => SafeText::new(&other.to_string()).to_string(),
        }
    }
}

fn listed(problems: &[Invalid]) -> String {
    use std::fmt::Write as _;
    /// Enough to correct a form; the details carry all of them.
    const SHOWN: usize = 3;
    let mut text = problems
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" · ");
    if problems.len() > SHOWN {
        let _ = write!(text, " · and {} more", problems.len() - SHOWN);
    }
    text
}

impl ToStatus for SlaError {
    fn to_status(&self) -> Status {
        let text = self.to_string();
        match self {
            Self::BadOption { field, .. } => Problem::invalid(text.clone()).field(*field, text).status(),
            Self::Invalid { problems, .. } => {
                let bad_query = problems.iter().any(|p| p.field.ends_with("query"));
                let word = if bad_query {
                    reason::BAD_QUERY
                } else {
                    reason::INVALID_FIELD
                };
                let mut problem = Problem::new(Code::InvalidArgument, word, text);
                for invalid in problems {
                    problem = problem.field(invalid.field.clone(), invalid.to_string());
                }
                if let Some(first) = problems.first() {
                    problem = problem.hint(first.fix.clone());
                }
                problem.status()
            }
            Self::NotFound { .. } => Problem::new(Code::NotFound, reason::NOT_FOUND, text)
                .hint("list the sets to see what there is")
                .status(),
            Self::NotYours { owner, .. } => Problem::new(Code::PermissionDenied, reason::NOT_ALLOWED, text.clone())
                .hint(format!("make a copy of your own, or ask {owner}"))
                .status(),
            Self::NameTaken { .. } => Problem::new(Code::AlreadyExists, reason::NAME_TAKEN, text.clone())
                .field("name", text)
                .hint("choose another name")
                .status(),
            Self::StaleVersion {
                stored,
                author,
                differences,
                stored_set,
                ..
            } => sla_proto::conflict::with_stored(
                Problem::new(Code::Aborted, reason::STALE_VERSION, text)
                    .hint("read the stored set, look at the differences, and save again on its version")
                    .detail("stored_version", stored.to_string())
                    .detail("stored_author", author.to_string())
                    .detail("conflict", differences.join("\n"))
                    .status(),
                stored_set,
            ),
            Self::SourceSlow { .. } => Problem::new(Code::DeadlineExceeded, reason::TOO_SLOW, text)
                .hint("the last known figures stay on the screen; ask again, or for fewer series")
                .status(),
            Self::Read(error) => error.to_status(),
            Self::SetsUnknown => Problem::new(Code::Unavailable, reason::UNAVAILABLE, text)
                .hint("it is tried again every few seconds")
                .status(),
            Self::Closing | Self::Pool(PoolError::Closed) => {
                Problem::new(Code::Unavailable, reason::UNAVAILABLE, "the role is shutting down").status()
            }
            Self::Pool(PoolError::Panicked(_)) => Problem::new(Code::Internal, reason::INTERNAL, text)
                .hint("the log has the story")
                .status(),
            // The other role's code, words and details say it best.
            Self::Upstream { status, .. } => (**status).clone(),
        }
    }
}

impl From<SlaError> for Status {
    fn from(error: SlaError) -> Self {
        error.to_status()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt as _;

    #[test]
    fn every_bad_field_reaches_the_caller() {
        let error = SlaError::Invalid {
            what: "the set cannot be saved",
            problems: vec![
                Invalid::new(
                    "objectives[2].range.min",
                    "5",
                    "must not lie above max (4)",
                    "lower min or raise max",
                ),
                Invalid::new("name", "", "must not be empty", "give it a name"),
            ],
        };
        let status = error.to_status();
        assert_eq!(status.code(), Code::InvalidArgument);
        let fields = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[0].field, "objectives[2].range.min");
        assert!(
            fields[0]
                .description
                .contains("is 5: must not lie above max (4); lower min")
        );
        assert_eq!(fields[1].field, "name");
    }

    #[test]
    fn an_answer_of_another_role_passes_unchanged() {
        let inner = Problem::new(Code::Unavailable, reason::SOURCE_UNREACHABLE, "connection refused").status();
        let status = SlaError::upstream("read samples", inner).to_status();
        assert_eq!(
            status.get_details_error_info().unwrap().reason,
            reason::SOURCE_UNREACHABLE
        );
        assert_eq!(
            SlaError::upstream("read samples", status).words(),
            "could not read samples: connection refused"
        );
    }

    #[test]
    fn a_conflict_shows_what_differs() {
        let status = SlaError::StaleVersion {
            name: "web".into(),
            read: 3,
            stored: 4,
            author: "ops".into(),
            differences: vec!["Load: range".into()],
            stored_set: Box::new(SlaSet {
                id: "web".into(),
                version: 4,
                ..SlaSet::default()
            }),
        }
        .to_status();
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(sla_proto::conflict::stored(&status).unwrap().version, 4);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.metadata["conflict"].as_str()),
            (reason::STALE_VERSION, "Load: range")
        );
    }
}
