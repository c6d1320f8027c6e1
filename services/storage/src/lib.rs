//! The only role that opens the database: the store ports ([`ResultStore`], [`SetStore`], [`RunStore`], [`LedgerStore`],
//! [`StateStore`]), their rules ([`store`]) written once above a small transaction port ([`transaction`]), the SQLite
//! adapter of that port, one for MySQL and MariaDB behind
//! the feature `mysql`, and the services of `sla.storage.v1` in front of it all.
//!
//! Invariant: nothing is acknowledged before it is durable, and applying the same batch twice leaves the same database:
//! rows have natural keys and a stream's position moves in the transaction of the rows that it stands for.

mod backups;
#[cfg(feature = "test-support")]
pub mod conformance;
#[cfg(feature = "test-support")]
pub mod decoders;
pub mod error;
pub mod failpoint;
mod follow;
mod gauges;
mod grpc;
pub mod intake;
pub mod metrics;
#[cfg(feature = "mysql")]
pub mod mysql;
pub mod options;
mod page;
mod payload;
pub mod port;
pub mod record;
pub mod retention;
pub mod server_place;
pub mod service;
#[cfg(feature = "test-support")]
pub mod specimen;
pub mod sqlite;
pub mod store;
mod stored;
pub mod timed;
pub mod transaction;
pub mod trouble;
mod trusting;
pub mod value;

pub use backups::keep_copies;
pub use error::StoreError;
pub use metrics::StorageMetrics;
#[cfg(feature = "mysql")]
pub use mysql::MysqlStore;
pub use options::{RetentionOptions, StorageOptions};
pub use port::{AccountStore, LedgerStore, NotifyStore, ResultStore, RunStore, SetStore, StateStore, Store};
pub use service::StorageService;
pub use sqlite::SqliteStore;
pub use store::SqlStore;
