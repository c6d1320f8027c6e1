//! Doing tasks: those of the partitions that this worker owns, a few at once, one of a partition at a time.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use prost::Message as _;
use sla_bus::{FeedError, FeedEvent, LagBoard, ResultFeed, TaskTopic};
use sla_domain::SafeText;
use sla_proto::Peer;
use sla_proto::etl::v1::Task;
use sla_runtime::shutdown::Shutdown;
use sla_runtime::status::chain;
use tokio_util::sync::CancellationToken;

use crate::metrics::EtlMetrics;
use crate::placement::Placement;
use crate::runs::Runs;
use crate::runs::dealing::passes;

/// Tasks done at once: while one waits for the source, another one computes.
const AT_ONCE: usize = 2;
/// Tasks that wait here before no more are taken from the topic.
const MAX_WAITING: usize = 1_000;
/// Pause before a task, or the topic, is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// A task on its way.
struct Waiting {
    partition: u32,
    offset: u64,
    body: Vec<u8>,
}

/// The worker of a process.
pub(crate) struct Worker {
    pub(crate) runs: Runs,
    pub(crate) topic: Arc<dyn TaskTopic>,
    pub(crate) placement: Placement,
    pub(crate) metrics: EtlMetrics,
    pub(crate) peer: Peer,
    /// Tasks that wait or are done, for whoever looks.
    pub(crate) open: Arc<AtomicUsize>,
    /// How far it is behind, too.
    pub(crate) lags: LagBoard,
}

impl Worker {
    /// Works until the end.
    pub(crate) async fn work(self, shutdown: Shutdown) {
        let token = shutdown.token().clone();
        let mut told = false;
        while !token.is_cancelled() {
            let error = match self.topic.open().await {
                Ok(mut feed) => {
                    told = false;
                    self.lags.show(feed.source(), feed.lags());
                    let ended = self.follow(feed.as_mut(), &token).await;
                    self.lags.clear();
                    // Dropping it waits for the thread that polls, at most a moment.
                    let _ = tokio::task::spawn_blocking(move || drop(feed)).await;
                    ended
                }
                Err(error) => Some(error),
            };
            match error {
                None => break,
                Some(error @ FeedError::Refused { .. }) => {
                    shutdown.fail(chain(&error));
                    break;
                }
                Some(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(error = chain(&error), "no tasks can be read; tried again");
                    }
                }
            }
            tokio::select! {
                () = token.cancelled() => {}
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
        self.placement.give_up(&self.peer).await;
    }

    /// Until the end (`None`), or until the feed is of no use.
    async fn follow(&self, feed: &mut dyn ResultFeed, token: &CancellationToken) -> Option<FeedError> {
        let mut waiting: VecDeque<Waiting> = VecDeque::new();
        let mut at_work: FuturesUnordered<BoxFuture<'_, (u32, u64)>> = FuturesUnordered::new();
        let mut busy: HashSet<u32> = HashSet::new();
        loop {
            while at_work.len() < AT_ONCE
                && let Some(at) = waiting.iter().position(|one| !busy.contains(&one.partition))
                && let Some(one) = waiting.remove(at)
            {
                busy.insert(one.partition);
                at_work.push(Box::pin(self.task(one, token)));
            }
            self.open.store(waiting.len() + at_work.len(), Ordering::Relaxed);
            tokio::select! {
                () = token.cancelled() => return None,
                Some((partition, next)) = at_work.next(), if !at_work.is_empty() => {
                    busy.remove(&partition);
                    if let Err(error) = feed.applied(partition, next).await {
                        tracing::debug!(%error, "what is done could not be told");
                    }
                }
                event = feed.poll(), if waiting.len() < MAX_WAITING => match event {
                    Ok(FeedEvent::Assigned(partitions)) => {
                        tracing::info!(?partitions, "these partitions are ours");
                        for &partition in &partitions {
                            if let Err(error) = feed.start(partition, None).await {
                                tracing::debug!(%error, "gone already");
                            }
                        }
                        waiting.retain(|one| !partitions.contains(&one.partition));
                        self.placement.assigned(&partitions);
                    }
                    Ok(FeedEvent::Revoked(partitions)) => {
                        tracing::info!(?partitions, "these partitions are no longer ours");
                        waiting.retain(|one| !partitions.contains(&one.partition));
                        self.placement.revoked(&partitions);
                    }
                    Ok(FeedEvent::Batch(batch)) => {
                        let partition = batch.partition;
                        let tasks = batch.records.into_iter();
                        waiting.extend(tasks.map(|one| Waiting { partition, offset: one.offset, body: one.body }));
                    }
                    Ok(FeedEvent::Idle) => {}
                    Err(error @ FeedError::Unavailable { .. }) => {
                        tracing::warn!(error = chain(&error), "tasks are waited for");
                    }
                    Err(error) => return Some(error),
                },
            }
        }
    }

    /// Does one, again and again while it fails for a reason that passes; gives what comes after it.
    async fn task(&self, one: Waiting, token: &CancellationToken) -> (u32, u64) {
        let after = (one.partition, one.offset + 1);
        let task = match Task::decode(one.body.as_slice()) {
            Ok(task) => task,
            Err(error) => {
                let (partition, offset) = (one.partition, one.offset);
                tracing::warn!(partition, offset, error = %SafeText::new(&error.to_string()), "not a task: left out");
                return after;
            }
        };
        let mut told = false;
        // Who takes the partition over does it as well: twice is as good as once.
        while self.placement.has(one.partition) && !token.is_cancelled() {
            match self.runs.do_task(&task, token).await {
                Ok(()) => {
                    self.metrics.tasks_done.inc();
                    return after;
                }
                Err(error) if passes(&error) => {
                    if !std::mem::replace(&mut told, true) && !token.is_cancelled() {
                        tracing::warn!(error = chain(&error), "a task waits");
                    }
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "a task was given up");
                    return after;
                }
            }
            tokio::select! {
                () = token.cancelled() => {}
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
        // Not done: the offset stays where it is.
        (one.partition, one.offset)
    }
}
