//! What can go wrong, and how a caller hears of it.

use sla_runtime::status::chain;
use sla_runtime::{Problem, ToStatus, reason};
use tonic::{Code, Status};

/// Errors of the role.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// A field of a request breaks a rule.
    #[error("{field}: {rule}; {fix}")]
    Invalid {
        field: &'static str,
        rule: String,
        fix: &'static str,
    },
    /// There is no user or session called so.
    #[error("there is no {what} {name:?}")]
    NotFound { what: &'static str, name: String },
    /// Another user has the name.
    #[error("a user called {name:?} is there already")]
    NameTaken { name: String },
    /// A uid belongs to somebody.
    #[error("uid {uid} is {owner} already")]
    UidTaken { uid: u32, owner: String },
    /// It cannot be done now, or by this caller.
    #[error("{words}")]
    Refused { words: String, hint: String },
    /// Nobody is known by the token or uid.
    #[error("{words}")]
    Unknown { words: String, hint: &'static str },
    /// Name or password is wrong: which of them is not said.
    #[error("name or password is wrong")]
    WrongPassword,
    /// Too many wrong passwords.
    #[error("too many wrong passwords: the next try may be made in {wait_s} s")]
    TooManyTries { wait_s: i64 },
    /// Too many logins at once.
    #[error("too many people log in at once")]
    Crowded,
    /// The process is going down.
    #[error("the instance is going down")]
    Closing,
    /// The storage refused or did not answer.
    #[error("{action} failed")]
    Storage {
        action: &'static str,
        #[source]
        status: Box<Status>,
    },
    /// Argon2 refused its parameters.
    #[error("a password cannot be hashed: {0}")]
    Hash(argon2::Error),
    /// There is no randomness.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// A thread cannot be started.
    #[error("the threads for passwords cannot be started")]
    Thread(#[source] std::io::Error),
}

impl AccountError {
    pub(crate) fn invalid(field: &'static str, rule: impl Into<String>, fix: &'static str) -> Self {
        Self::Invalid {
            field,
            rule: rule.into(),
            fix,
        }
    }

    pub(crate) fn storage(action: &'static str, status: Status) -> Self {
        Self::Storage {
            action,
            status: Box::new(status),
        }
    }

    pub(crate) fn no_user(name: &str) -> Self {
        Self::NotFound {
            what: "user",
            name: name.chars().take(80).collect(),
        }
    }
}

impl ToStatus for AccountError {
    fn to_status(&self) -> Status {
        let text = self.to_string();
        match self {
            Self::Invalid { field, rule, fix } => Problem::invalid(text.clone())
                .field(*field, format!("{rule}; {fix}"))
                .hint(*fix)
                .status(),
            Self::NotFound { what, name } => Problem::not_found(what, name).status(),
            Self::NameTaken { .. } => Problem::new(Code::AlreadyExists, reason::NAME_TAKEN, text)
                .field("name", "is taken")
                .hint("names differ by more than case; choose another")
                .status(),
            Self::UidTaken { owner, .. } => Problem::new(Code::AlreadyExists, reason::NAME_TAKEN, text)
                .field("uids", "is taken")
                .hint(format!(
                    "take it from {owner} first: `sla user map {owner} --remove-uid N`"
                ))
                .status(),
            Self::Refused { hint, .. } => Problem::new(Code::FailedPrecondition, reason::WRONG_STATE, text)
                .hint(hint.clone())
                .status(),
            Self::Unknown { hint, .. } => Problem::new(Code::Unauthenticated, reason::UNAUTHENTICATED, text)
                .hint(*hint)
                .status(),
            Self::WrongPassword => Problem::new(Code::Unauthenticated, reason::UNAUTHENTICATED, text)
                .hint("an admin can set a new password: `sla user passwd NAME`")
                .status(),
            Self::TooManyTries { wait_s } => Problem::new(Code::ResourceExhausted, reason::TOO_MANY_TRIES, text)
                .detail("wait_seconds", wait_s.to_string())
                .hint("wait; sessions that are open stay open")
                .status(),
            Self::Crowded => Problem::new(Code::ResourceExhausted, reason::OVERLOADED, text)
                .hint("try again in a moment")
                .status(),
            Self::Closing => Problem::new(Code::Unavailable, reason::UNAVAILABLE, text).status(),
            // The owner's code, words and details say it best.
            Self::Storage { status, .. } => Status::clone(status),
            Self::Hash(_) | Self::Random(_) | Self::Thread(_) => {
                Problem::new(Code::Internal, reason::INTERNAL, text).status()
            }
        }
    }
}

/// The status of an error; failures of our own are logged here, once, with their causes.
pub(crate) fn refuse(rpc: &'static str, error: &AccountError) -> Status {
    let status = error.to_status();
    if matches!(status.code(), Code::Internal | Code::Unknown | Code::Unavailable) {
        tracing::error!(rpc, error = chain(error), "a call could not be served");
    }
    status
}
