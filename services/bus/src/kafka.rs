//! The adapter over Apache Kafka. A topic's partitions keep the order of each key; a consumer group deals them out.
//!
//! Invariants: what is acknowledged is on all in-sync replicas; a reader's place is its own, Kafka's commit is for displays of
//! lag; a place that the topic no longer holds is an error and never a jump; every queue is bounded by count and bytes.

mod context;
mod desk;
pub mod fault;
pub mod feed;
pub mod options;
mod poller;
pub mod stream;
pub mod tasks;
pub mod topic;
mod watchdog;

pub use fault::KafkaFault;
pub use feed::{KafkaFeed, KafkaResults};
pub use options::{DEFAULT_PARTITIONS, KafkaOptions, Security};
pub use stream::KafkaStream;
pub use tasks::KafkaTasks;
pub use topic::check;
