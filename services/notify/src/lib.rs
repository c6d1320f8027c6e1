//! The role `notify`: reads the feed of the ledger from its stored place, decides who is to be told what, and empties the outbox
//! at least once.
//!
//! Invariants: the place in the feed, what channels were told and the notices due are written in one transaction; a message keeps
//! its id over all attempts; no token and no password is ever in a log, an error or an answer.

mod asker;
mod backoff;
mod book;
mod changing;
mod channel;
mod coming;
mod core;
mod desk;
mod error;
mod grpc;
mod handle;
mod lack;
mod linker;
mod linking;
mod marking;
mod metrics;
mod options;
mod pace;
mod reader;
mod rule;
mod secret;
mod sender;
mod service;
mod story;
mod timing;
mod unknown;
mod wording;

pub use channel::{Carrier, Outcome, Parcel};
pub use options::{Mail, MailTls, NotifyOptions, Telegram};
pub use service::{NotifyService, StartError};
