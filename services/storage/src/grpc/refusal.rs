//! How a caller hears of an error: code, reason word, field and hint.

use sla_proto::conflict;
use sla_runtime::status::chain;
use sla_runtime::{Problem, ToStatus, reason};
use tonic::{Code, Status};

use crate::error::StoreError;
use crate::trouble::{BRING_BACK, BRING_UP, FREE_SPACE, MAKE_WRITABLE, READ_THE_LOG};

/// The status of an error, at the end of a call; failures of the store itself are logged here, once, with their causes.
impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        let status = error.to_status();
        let ours = matches!(status.code(), Code::Internal | Code::ResourceExhausted | Code::Unknown)
            || matches!(error, StoreError::ReadOnly(_));
        if ours {
            tracing::error!(error = chain(&error), "the store could not serve a request");
        }
        status
    }
}

impl ToStatus for StoreError {
    fn to_status(&self) -> Status {
        let text = self.to_string();
        match self {
            Self::Invalid {
                field,
                value,
                rule,
                fix,
            } => Problem::invalid(text.clone())
                .field(field.clone(), format!("{value:?}: {rule}; {fix}"))
                .hint(*fix)
                .status(),
            Self::BadPageKey { .. } => Problem::new(Code::InvalidArgument, reason::BAD_PAGE_TOKEN, text)
                .field(
                    "page_token",
                    "use the token of the previous answer with the same filter, or leave it empty",
                )
                .status(),
            Self::NotFound { what, id } => Problem::not_found(what, id).status(),
            Self::NameTaken { .. } => Problem::new(Code::AlreadyExists, reason::NAME_TAKEN, text)
                .hint("names differ by more than case; choose another")
                .field("set.name", "is taken")
                .status(),
            Self::UserTaken { .. } => Problem::new(Code::AlreadyExists, reason::NAME_TAKEN, text)
                .hint("names differ by more than case; choose another")
                .field("name", "is taken")
                .status(),
            Self::ChannelTaken { .. } => Problem::new(Code::AlreadyExists, reason::NAME_TAKEN, text)
                .hint("names differ by more than case; choose another, or remove that one first")
                .field("name", "is taken")
                .status(),
            Self::NotifierOvertaken { .. } => Problem::new(Code::Aborted, reason::STALE_VERSION, text)
                .hint("read the progress again and go on from there")
                .status(),
            Self::StaleVersion { expected, stored, .. } => {
                let problem = Problem::new(Code::Aborted, reason::STALE_VERSION, text)
                    .hint("read the set again and repeat the change on it")
                    .detail("expected_version", expected.to_string())
                    .detail(
                        "stored_version",
                        stored.as_ref().map_or(0, |set| set.version).to_string(),
                    );
                match stored {
                    Some(stored) => conflict::with_stored(problem.status(), stored),
                    None => problem.status(),
                }
            }
            Self::RunTaken { .. } => Problem::new(Code::AlreadyExists, reason::WRONG_STATE, text).status(),
            Self::Zombie { .. } => Problem::new(Code::Aborted, reason::ZOMBIE_READER, text)
                .hint("stop this reader; another one has taken the stream over")
                .status(),
            Self::Fenced { newest, .. } => Problem::new(Code::Aborted, reason::FENCED, text)
                .hint("stop this manager's writing; another one has taken over")
                .detail("newest_token", newest.to_string())
                .status(),
            Self::Gap { expected, found, .. } => Problem::new(Code::FailedPrecondition, reason::WRONG_STATE, text)
                .hint("go back to the expected offset; if the records are gone, an operator must accept the gap")
                .detail("expected_offset", expected.to_string())
                .detail("found_offset", found.to_string())
                .status(),
            Self::DiskFull(_) => Problem::new(Code::ResourceExhausted, reason::STORAGE_READ_ONLY, text)
                .hint(FREE_SPACE)
                .status(),
            Self::ReadOnly(_) => Problem::new(Code::FailedPrecondition, reason::STORAGE_READ_ONLY, text)
                .hint(MAKE_WRITABLE)
                .status(),
            Self::Overtaken | Self::Busy { .. } => Problem::new(Code::ResourceExhausted, reason::OVERLOADED, text)
                .hint("try again")
                .status(),
            // Nothing that was asked is at fault, and it may come back: a disk that was unmounted.
            Self::Gone { .. } => Problem::new(Code::Unavailable, reason::STORAGE_FAILED, text)
                .hint(BRING_BACK)
                .status(),
            Self::Unreachable { .. } => Problem::new(Code::Unavailable, reason::STORAGE_UNREACHABLE, text)
                .hint(BRING_UP)
                .status(),
            Self::Unsure => Problem::new(Code::Unavailable, reason::STORAGE_UNREACHABLE, text)
                .hint("read it again before you repeat the change")
                .status(),
            Self::Unfit { fix, .. } => Problem::new(Code::FailedPrecondition, reason::STORAGE_FAILED, text)
                .hint(fix.clone())
                .status(),
            Self::Closed => Problem::new(Code::Unavailable, reason::UNAVAILABLE, text).status(),
            Self::Crashed(_) => Problem::new(Code::Internal, reason::INTERNAL, "the store crashed over this request")
                .hint("the log has the story")
                .status(),
            Self::Corrupt { .. }
            | Self::Damaged { .. }
            | Self::Emptied { .. }
            | Self::NoBackup { .. }
            | Self::NoRoom { .. }
            | Self::NoRoomBack { .. }
            | Self::Undecodable { .. }
            | Self::Disk(_)
            | Self::Database(_)
            | Self::NewerSchema { .. }
            | Self::Migration { .. }
            | Self::InUse { .. }
            | Self::File { .. } => Problem::new(Code::Internal, reason::STORAGE_FAILED, text)
                .hint(READ_THE_LOG)
                .status(),
        }
    }
}
