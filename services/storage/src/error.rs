//! What can go wrong in a store, and how a caller hears of it.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use sla_proto::objective::v1::SlaSet;
use sla_runtime::{Problem, ToStatus, reason};
use tonic::{Code, Status};

/// SQLITE_IOERR_SHMSIZE, <https://www.sqlite.org/rescode.html>.
const IOERR_SHMSIZE: i32 = 4874;

/// Errors of the store ports and of opening a database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A field of a request breaks a rule.
    #[error("{field} = {value:?}: {rule}; {fix}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// As it was given, shortened.
        value: String,
        /// What must hold.
        rule: &'static str,
        /// What to do.
        fix: &'static str,
    },
    /// A page key that this list never gave out.
    #[error("page_token: {key:?} is not a key of this list; use the token of the previous answer")]
    BadPageKey {
        /// As it was given, shortened.
        key: String,
    },
    /// There is no such row.
    #[error("there is no {what} {id:?}")]
    NotFound {
        /// "set", "run", "dead letter".
        what: &'static str,
        /// As it was given.
        id: String,
    },
    /// Another set has this name, whatever its case.
    #[error("a set called {name:?} is there already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Someone saved a newer version.
    #[error("set {id:?}: version {expected} was to be replaced, stored is {}", stored_version(stored.as_deref()))]
    StaleVersion {
        /// The set.
        id: String,
        /// The version that the writer had read.
        expected: u64,
        /// The set as it is stored; `None` when it was deleted.
        stored: Option<Box<SlaSet>>,
    },
    /// A request id was used for another run, or a run id twice.
    #[error("run {id:?} was created under another request id")]
    RunTaken {
        /// The run.
        id: String,
    },
    /// The position of a stream moved while its reader worked: the reader is a zombie and must stop.
    #[error("stream {source_name}/{partition} was moved away from offset {offset} by another reader")]
    Zombie {
        /// The stream.
        source_name: String,
        /// Its partition.
        partition: u32,
        /// Where this reader thought it was.
        offset: u64,
    },
    /// Records are missing between the position and the batch.
    #[error("stream {source_name}/{partition}: offset {expected} was expected, {found} came: records are missing")]
    Gap {
        /// The stream.
        source_name: String,
        /// Its partition.
        partition: u32,
        /// Where the stream goes on.
        expected: u64,
        /// What came instead.
        found: u64,
    },
    /// The disk or the size limit of the database is reached.
    #[error("the database cannot grow: the disk is full")]
    DiskFull(#[source] rusqlite::Error),
    /// The file or file system may not be written.
    #[error("the database cannot be written: it is read-only")]
    ReadOnly(#[source] rusqlite::Error),
    /// Too many writes wait.
    #[error("the database has been busy for {waited_ms} ms")]
    Busy {
        /// How long it was tried, milliseconds.
        waited_ms: u64,
    },
    /// The file is damaged.
    #[error("the database is damaged: {finding}")]
    Corrupt {
        /// What the check said.
        finding: String,
    },
    /// A stored message cannot be decoded.
    #[error("a stored {what} cannot be decoded")]
    Undecodable {
        /// Which kind of message.
        what: &'static str,
        /// Why.
        #[source]
        source: prost::DecodeError,
    },
    /// Any other failure of the database.
    #[error("the database failed")]
    Database(#[source] rusqlite::Error),
    /// The database was made by a newer version.
    #[error("the database has schema {found}, this version knows {known}: use a newer sla, or another data directory")]
    NewerSchema {
        /// In the file.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// A migration failed; the schema stayed at the version before.
    #[error("migration {version} failed")]
    Migration {
        /// Its number.
        version: u32,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// Another process has this database open.
    #[error("{} is in use by another process{owner}", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
        /// " (pid 123)" when known.
        owner: String,
    },
    /// The data directory or one of its files cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// "create", "open", "lock".
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store is closed.
    #[error("the store has been closed")]
    Closed,
    /// A statement crashed; the store goes on.
    #[error("the store crashed over a request: {0}")]
    Crashed(String),
    /// A store behind gRPC answered with a status of its own.
    #[error("the storage role answered: {0}")]
    Remote(#[source] Box<Status>),
}

fn stored_version(set: Option<&SlaSet>) -> String {
    set.map_or_else(|| "none".to_owned(), |set| format!("version {}", set.version))
}

impl StoreError {
    /// A field that breaks a rule; `value` is shortened to 80 characters.
    pub fn invalid(
        field: impl Into<String>,
        value: impl std::fmt::Display,
        rule: &'static str,
        fix: &'static str,
    ) -> Self {
        Self::Invalid {
            field: field.into(),
            value: value.to_string().chars().take(80).collect(),
            rule,
            fix,
        }
    }
}

/// What to do when the disk is full.
const FREE_SPACE: &str = "free space on the disk of the data directory; writing goes on by itself";
/// What to do when nothing may be written.
const MAKE_WRITABLE: &str = "make the data directory writable; writing goes on by itself";
/// What to do about everything else.
const READ_THE_LOG: &str = "the log of the storage role has the cause";

impl StoreError {
    /// Reason word and hint of an error that is about the file or the disk rather than the request.
    pub(crate) fn trouble(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::DiskFull(_) => Some((reason::STORAGE_READ_ONLY, FREE_SPACE)),
            Self::ReadOnly(_) => Some((reason::STORAGE_READ_ONLY, MAKE_WRITABLE)),
            Self::Corrupt { .. } => Some((reason::STORAGE_FAILED, READ_THE_LOG)),
            Self::Database(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => {
                Some((reason::STORAGE_FAILED, READ_THE_LOG))
            }
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull(error),
            // The index of the write-ahead log could not grow.
            Some(ErrorCode::SystemIoFailure)
                if error
                    .sqlite_error()
                    .is_some_and(|error| error.extended_code == IOERR_SHMSIZE) =>
            {
                Self::DiskFull(error)
            }
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt {
                finding: error.to_string(),
            },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy {
                waited_ms: crate::sqlite::BUSY_TIMEOUT.as_millis() as u64,
            },
            _ => Self::Database(error),
        }
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
            Self::StaleVersion { expected, stored, .. } => {
                let problem = Problem::new(Code::Aborted, reason::STALE_VERSION, text)
                    .hint("read the set again and repeat the change on it")
                    .detail("expected_version", expected.to_string())
                    .detail(
                        "stored_version",
                        stored.as_ref().map_or(0, |set| set.version).to_string(),
                    );
                match stored {
                    Some(stored) => sla_proto::conflict::with_stored(problem.status(), stored),
                    None => problem.status(),
                }
            }
            Self::RunTaken { .. } => Problem::new(Code::AlreadyExists, reason::WRONG_STATE, text).status(),
            Self::Zombie { .. } => Problem::new(Code::Aborted, reason::ZOMBIE_READER, text)
                .hint("stop this reader; another one has taken the stream over")
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
            Self::Busy { .. } => Problem::new(Code::ResourceExhausted, reason::OVERLOADED, text)
                .hint("try again")
                .status(),
            Self::Closed => Problem::new(Code::Unavailable, reason::UNAVAILABLE, text).status(),
            Self::Crashed(_) => Problem::new(Code::Internal, reason::INTERNAL, "the store crashed over this request")
                .hint("the log has the story")
                .status(),
            Self::Corrupt { .. }
            | Self::Undecodable { .. }
            | Self::Database(_)
            | Self::NewerSchema { .. }
            | Self::Migration { .. }
            | Self::InUse { .. }
            | Self::File { .. } => Problem::new(Code::Internal, reason::STORAGE_FAILED, text)
                .hint(READ_THE_LOG)
                .status(),
            Self::Remote(status) => (**status).clone(),
        }
    }
}
