//! The port of tasks: runs in pieces, dealt out to workers. A piece of work done twice changes nothing, so tasks may come
//! again; none is lost.

use async_trait::async_trait;
use sla_proto::etl::v1::Task;

use crate::error::{FeedError, StreamError};
use crate::feed::ResultFeed;

/// A task and where it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedTask {
    /// Below [`TaskTopic::partitions`].
    pub partition: u32,
    /// What is to be done there.
    pub task: Task,
}

/// Tasks by partition, each of which one worker owns at a time.
///
/// Contract of every adapter:
/// - `send` answers after all tasks are durable; an error means that some may be and some may not;
/// - a feed of [`TaskTopic::open`] says which partitions are its own; [`ResultFeed::start`] without a position goes on behind
///   what [`ResultFeed::applied`] said, by whichever owner, and may repeat some of it;
/// - bodies are encoded tasks, or garbage.
#[async_trait]
pub trait TaskTopic: Send + Sync + 'static {
    /// How many there are.
    fn partitions(&self) -> u32;

    /// Sends tasks, those of one partition in order.
    async fn send(&self, tasks: &[PlacedTask]) -> Result<(), StreamError>;

    /// A worker's share.
    ///
    /// # Errors
    /// [`FeedError::Unavailable`] when it is worth trying again, [`FeedError::Refused`] when it is not.
    async fn open(&self) -> Result<Box<dyn ResultFeed>, FeedError>;
}
