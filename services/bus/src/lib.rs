//! The message ports: how the records of ETL runs reach the storage, both ends, and their adapters.
//!
//! Invariant: [`ResultStream::publish`] returns only after every record of the batch is durable; what was not acknowledged
//! may be published again without doubling any effect.

pub mod batch;
#[cfg(feature = "test-support")]
pub mod conformance;
pub mod direct;
pub mod error;
pub mod feed;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod lag;
#[cfg(feature = "test-support")]
pub mod memory;
pub mod stream;
pub mod tasks;

pub use direct::{DirectStream, PeerSink, ResultSink};
pub use error::{FeedError, StreamError};
pub use feed::{Batch, FeedEvent, RawRecord, ResultFeed, ResultTopic};
pub use lag::{Lag, LagBoard, Lags};
pub use stream::{Receipt, ResultStream, record_key};
pub use tasks::{PlacedTask, TaskTopic};
