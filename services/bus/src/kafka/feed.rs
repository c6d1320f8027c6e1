//! The reading end: a member of a consumer group. A thread of its own polls, so that the group hears of us however long the
//! reader takes; nothing waits inside a rebalance.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::desk::{Desk, GATHER};
use super::fault::KafkaFault;
use super::options::KafkaOptions;
use super::poller::{Place, Poller};
use super::topic::check;
use crate::error::FeedError;
use crate::feed::{FeedEvent, ResultFeed, ResultTopic};
use crate::lag::Lags;

/// How long a poll waits for something.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the thread may take to end when the feed is dropped. The group waits for us a while: we may come back.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// Reads a topic as a member of a group. It begins with the first poll of its thread; brokers may still be away.
pub struct KafkaFeed {
    topic: String,
    desk: Arc<Desk>,
    /// Falls when the thread has ended.
    ended: Receiver<()>,
}

impl KafkaFeed {
    /// The feed of results.
    ///
    /// # Errors
    /// [`KafkaFault::File`] or [`KafkaFault::Options`].
    pub fn results(options: &KafkaOptions) -> Result<Self, KafkaFault> {
        Self::of(
            options,
            options.results_topic(),
            &options.results_group(),
            Place::OfReader,
        )
    }

    /// The feed of any topic in any group.
    pub(super) fn of(options: &KafkaOptions, topic: String, group: &str, place: Place) -> Result<Self, KafkaFault> {
        let desk = Arc::new(match place {
            Place::OfReader => Desk::gathering(GATHER),
            // Tasks are done when they come.
            Place::OfGroup => Desk::default(),
        });
        let poller = Poller::new(options, &topic, group, place, desk.clone())?;
        let (end, ended) = sync_channel::<()>(0);
        let run = move || {
            poller.run();
            drop(end);
        };
        std::thread::Builder::new()
            .name(format!("poll {topic}"))
            .spawn(run)
            .map_err(|error| KafkaFault::Other {
                what: "starting the thread that polls".to_owned(),
                reason: error.to_string(),
            })?;
        Ok(Self { topic, desk, ended })
    }
}

impl Drop for KafkaFeed {
    fn drop(&mut self) {
        self.desk.close();
        if self.ended.recv_timeout(LEAVE_LIMIT) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(topic = self.topic, "the thread that polls has not ended in time");
        }
    }
}

#[async_trait]
impl ResultFeed for KafkaFeed {
    fn source(&self) -> &str {
        &self.topic
    }

    async fn poll(&mut self) -> Result<FeedEvent, FeedError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let now = Instant::now();
            if let Some(event) = self.desk.next(&self.topic, now) {
                return event;
            }
            if now >= until {
                return Ok(FeedEvent::Idle);
            }
            let wake = self.desk.ripe_at().map_or(until, |ripe| ripe.min(until));
            // Woken or not, the desk says what there is.
            let _ = tokio::time::timeout_at(wake.into(), self.desk.news()).await;
        }
    }

    async fn start(&mut self, partition: u32, position: Option<u64>) -> Result<(), FeedError> {
        if self.desk.seek(partition, position) {
            return Ok(());
        }
        Err(FeedError::NotOurs {
            stream: self.topic.clone(),
            partition,
        })
    }

    async fn applied(&mut self, partition: u32, position: u64) -> Result<(), FeedError> {
        self.desk.note_applied(partition, position);
        Ok(())
    }

    fn lags(&self) -> Lags {
        let desk = self.desk.clone();
        Arc::new(move || desk.lags(Instant::now()))
    }
}

/// The topic of results, looked at anew for each reader.
#[derive(Debug)]
pub struct KafkaResults(pub KafkaOptions);

#[async_trait]
impl ResultTopic for KafkaResults {
    async fn open(&self) -> Result<Box<dyn ResultFeed>, FeedError> {
        let (topic, group) = (self.0.results_topic(), self.0.results_group());
        open(&self.0, topic, &group, Place::OfReader).await
    }
}

/// A feed of a topic that is there as it should be.
pub(super) async fn open(
    options: &KafkaOptions,
    stream: String,
    group: &str,
    place: Place,
) -> Result<Box<dyn ResultFeed>, FeedError> {
    let opened = match check(options, &stream).await {
        Ok(()) => KafkaFeed::of(options, stream.clone(), group, place),
        Err(fault) => Err(fault),
    };
    match opened {
        Ok(feed) => Ok(Box::new(feed)),
        Err(fault) if fault.may_pass() => Err(FeedError::Unavailable {
            stream,
            cause: Arc::new(fault),
        }),
        Err(fault) => Err(FeedError::Refused {
            stream,
            cause: Arc::new(fault),
        }),
    }
}
