//! The only role that opens the database: the store ports ([`ResultStore`], [`SetStore`], [`RunStore`], [`LedgerStore`]),
//! their SQLite adapter, and the four services of `sla.storage.v1` in front of them.
//!
//! Invariant: nothing is acknowledged before it is durable, and applying the same batch twice leaves the same database:
//! rows have natural keys and a stream's position moves in the transaction of the rows that it stands for.

#[cfg(feature = "test-support")]
pub mod conformance;
pub mod dialect;
pub mod error;
mod grpc;
pub mod metrics;
pub mod options;
mod payload;
pub mod port;
pub mod record;
#[cfg(feature = "test-support")]
pub mod remote;
pub mod retention;
pub mod service;
#[cfg(feature = "test-support")]
pub mod specimen;
pub mod sqlite;
mod statement;

pub use error::StoreError;
pub use metrics::{StorageMetrics, StorageSnapshot};
pub use options::{RetentionOptions, StorageOptions};
pub use port::{LedgerStore, ResultStore, RunStore, SetStore, Store};
pub use service::StorageService;
pub use sqlite::SqliteStore;
