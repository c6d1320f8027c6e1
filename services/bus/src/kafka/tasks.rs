//! Tasks over a topic of their own: written like results, read by the group of workers, whose commits say what is done.

use async_trait::async_trait;
use prost::Message as _;

use super::fault::KafkaFault;
use super::feed::open;
use super::options::KafkaOptions;
use super::poller::Place;
use super::stream::{KafkaStream, Message};
use crate::error::{FeedError, StreamError};
use crate::feed::ResultFeed;
use crate::tasks::{PlacedTask, TaskTopic};

/// The topic of tasks.
pub struct KafkaTasks {
    options: KafkaOptions,
    stream: KafkaStream,
}

impl KafkaTasks {
    /// Nothing is asked of the brokers yet.
    ///
    /// # Errors
    /// [`KafkaFault::File`] or [`KafkaFault::Options`].
    pub fn new(options: KafkaOptions) -> Result<Self, KafkaFault> {
        let stream = KafkaStream::to(&options, options.tasks_topic())?;
        Ok(Self { options, stream })
    }
}

#[async_trait]
impl TaskTopic for KafkaTasks {
    fn partitions(&self) -> u32 {
        self.options.partitions
    }

    async fn send(&self, tasks: &[PlacedTask]) -> Result<(), StreamError> {
        let messages = tasks.iter().map(|placed| Message {
            partition: placed.partition,
            key: placed.task.run_id.clone().into_bytes(),
            body: placed.task.encode_to_vec(),
        });
        self.stream.send(messages.collect()).await
    }

    async fn open(&self) -> Result<Box<dyn ResultFeed>, FeedError> {
        let (topic, group) = (self.options.tasks_topic(), self.options.tasks_group());
        open(&self.options, topic, &group, Place::OfGroup).await
    }
}
