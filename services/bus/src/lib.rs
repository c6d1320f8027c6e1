//! The message port: how the records of ETL runs reach the storage, and its adapters.
//!
//! Invariant: [`ResultStream::publish`] returns only after every record of the batch is durable; what was not acknowledged
//! may be published again without doubling any effect.

pub mod batch;
pub mod direct;
pub mod error;
pub mod stream;

pub use direct::{DirectStream, PeerSink, ResultSink};
pub use error::StreamError;
pub use stream::{Receipt, ResultStream, record_key};
