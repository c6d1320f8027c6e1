//! What can go wrong in a store, in words that know neither a database nor the wire.

use std::path::PathBuf;

use sla_proto::objective::v1::SlaSet;

/// What the database said.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

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
    /// Another user has this name, whatever its case.
    #[error("a user called {name:?} is there already")]
    UserTaken {
        /// The name.
        name: String,
    },
    /// Another channel of the same owner has this name, whatever its case.
    #[error("a channel called {name:?} is there already")]
    ChannelTaken {
        /// The name.
        name: String,
    },
    /// Another notifier has read on.
    #[error("another notifier has written since revision {expected}")]
    NotifierOvertaken {
        /// What this one had read.
        expected: u64,
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
    /// Another process took the lease after this writer had it.
    #[error("the lease has moved on: written under token {token}, the newest is {newest}")]
    Fenced {
        /// Of the writer.
        token: u64,
        /// Of the lease.
        newest: u64,
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
    DiskFull(#[source] Cause),
    /// The file or file system may not be written.
    #[error("the database cannot be written: it is read-only")]
    ReadOnly(#[source] Cause),
    /// Two writers met at the same rows and this one was too late, again and again.
    #[error("another writer was faster, again and again")]
    Overtaken,
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
    /// The file is damaged, and which it is.
    #[error(
        "{} is damaged: {finding}; `sla storage check` looks through it, `sla storage restore` puts the newest sound copy in its \
         place and keeps what is there", path.display()
    )]
    Damaged {
        /// The database, or a copy of one.
        path: PathBuf,
        /// What the check said.
        finding: String,
    },
    /// There was a database, and now the file holds nothing or is gone.
    #[error(
        "{} holds nothing, and there was a database: `sla storage restore` puts the newest sound copy in its place; to begin anew, \
         move {} away", path.display(), folder.display()
    )]
    Emptied {
        /// Where it was.
        path: PathBuf,
        /// The folder of its copies.
        folder: PathBuf,
    },
    /// There is no sound copy.
    #[error("there is no sound copy of the database in {}; give the file of one", folder.display())]
    NoBackup {
        /// Where they would be.
        folder: PathBuf,
    },
    /// The disk has too little room for a copy.
    #[error("no copy was made: {} has {free} bytes free, {wanted} are wanted (three times the database)", path.display())]
    NoRoom {
        /// Where it would be.
        path: PathBuf,
        /// Free bytes.
        free: u64,
        /// Wanted bytes.
        wanted: u64,
    },
    /// The disk has too little room to put a copy back.
    #[error(
        "nothing was put back, and what is there is as it was: {} has {free} bytes free, {wanted} are wanted (the copy)",
        path.display()
    )]
    NoRoomBack {
        /// Where it would be.
        path: PathBuf,
        /// Free bytes.
        free: u64,
        /// Wanted bytes.
        wanted: u64,
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
    /// The file that is written is no longer where it was: what it takes is gone with the process.
    #[error("{} is no longer the file that was opened: its directory was deleted, moved or unmounted", path.display())]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// The disk below the database failed.
    #[error("the disk of the database failed")]
    Disk(#[source] Cause),
    /// No node of the database answers.
    #[error("the database server {place} cannot be reached")]
    Unreachable {
        /// `host:port`.
        place: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The database server answers, and cannot be used as it is.
    #[error("the database server {place} {finding}: {fix}")]
    Unfit {
        /// `host:port`.
        place: String,
        /// What is wrong with it.
        finding: String,
        /// What to do.
        fix: String,
    },
    /// The connection was lost while a change was made durable: nobody knows whether it is.
    #[error("the connection to the database was lost while this was saved: it may have been")]
    Unsure,
    /// Any other failure of the database.
    #[error("the database failed")]
    Database(#[source] Cause),
    /// The database was made by a newer version.
    #[error("the database has schema {found}, this version knows {known}: use a newer sla, or another database")]
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
        source: Cause,
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
