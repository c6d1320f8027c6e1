//! Keeps a reader of the results at work: a new one after each failure, a word for the banner while none can go on.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sla_bus::{Batch, FeedError, LagBoard, ResultTopic};
use sla_domain::Clock;
use sla_proto::convert;
use sla_proto::storage::v1::{PartitionLag, StoreStatus, StreamReading};
use sla_runtime::shutdown::Shutdown;
use sla_runtime::{reason, status};

use crate::error::StoreError;
use crate::intake::{self, IntakeError, Sink};
use crate::metrics::StorageMetrics;
use crate::port::{Applied, ResultStore};

/// Pause before a new reader.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause while somebody has to say how it goes on.
const STOPPED_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
struct Stopped {
    problem: String,
    hint: String,
    since_ms: i64,
}

/// A store whose batches are counted, as those that come by a call.
struct Counted<S> {
    store: S,
    metrics: StorageMetrics,
}

#[async_trait]
impl<S: ResultStore> Sink for Counted<S> {
    async fn apply(&self, batch: Batch) -> Result<Applied, StoreError> {
        let applied = self.store.apply(batch).await;
        self.metrics.count(&applied);
        applied
    }

    async fn position(&self, source: &str, partition: u32) -> Result<u64, StoreError> {
        self.store.position(source, partition).await
    }
}

/// Whether results arrive, and what to do when they do not. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Following {
    stopped: Arc<Mutex<Option<Stopped>>>,
    /// Whether there is a stream at all.
    follows: Arc<AtomicBool>,
    lags: LagBoard,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Following {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Following").field(&self.stopped).finish()
    }
}

impl Following {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            stopped: Arc::default(),
            follows: Arc::default(),
            lags: LagBoard::default(),
            clock,
        }
    }

    fn stopped(&self) -> MutexGuard<'_, Option<Stopped>> {
        // Replaced as a whole.
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the results are read.
    pub(crate) fn lags(&self) -> &LagBoard {
        &self.lags
    }

    fn reading(&self) -> StreamReading {
        let (stream, lags) = self.lags.look().unwrap_or_default();
        let partitions = lags.iter().map(|lag| PartitionLag {
            partition: lag.partition,
            behind: lag.behind,
            oldest: lag.oldest_ms.map(convert::timestamp),
        });
        StreamReading {
            stream,
            partitions: partitions.collect(),
        }
    }

    /// Writes into `status` how far the results are read, and what a banner says, unless it has worse to say.
    pub(crate) fn tell(&self, status: &mut StoreStatus) {
        if self.follows.load(Ordering::Relaxed) {
            status.reading = Some(self.reading());
        }
        let Some(stopped) = self.stopped().clone().filter(|_| status.problem.is_empty()) else {
            return;
        };
        status.problem = stopped.problem;
        reason::STREAM_STOPPED.clone_into(&mut status.problem_reason);
        status.hint = stopped.hint;
        status.failing_since = Some(convert::timestamp(stopped.since_ms));
    }

    fn note(&self, problem: String, hint: String) {
        let mut stopped = self.stopped();
        let since_ms = stopped
            .as_ref()
            .map_or_else(|| self.clock.now_ms(), |known| known.since_ms);
        *stopped = Some(Stopped {
            problem,
            hint,
            since_ms,
        });
    }

    /// Reads `topic` into `store` until the process ends. What an operator must decide is waited for; a stream that refuses us
    /// ends the process, whose supervisor starts it with the configuration as it is then.
    pub(crate) async fn run<S: ResultStore>(
        self,
        topic: Arc<dyn ResultTopic>,
        store: S,
        metrics: StorageMetrics,
        shutdown: Shutdown,
    ) {
        let store = Counted { store, metrics };
        self.follows.store(true, Ordering::Relaxed);
        let token = shutdown.token().clone();
        loop {
            let opened = tokio::select! {
                () = token.cancelled() => return,
                opened = topic.open() => opened,
            };
            let ended = match opened {
                Ok(mut feed) => {
                    self.lags.show(feed.source(), feed.lags());
                    let ended = tokio::select! {
                        ended = intake::run(feed.as_mut(), &store, &token) => ended,
                        never = self.clear_when_it_lives() => match never {},
                    };
                    self.lags.clear();
                    // Dropping it waits for the thread that polls, at most a moment.
                    let _ = tokio::task::spawn_blocking(move || drop(feed)).await;
                    ended
                }
                Err(error) => Err(IntakeError::Feed(error)),
            };
            let Err(error) = ended else { return };
            let words = status::chain(&error);
            let pause = match what_next(&error) {
                Next::Again => {
                    tracing::warn!(error = words, "the results are read by a new reader");
                    self.note(words, "reading goes on by itself".to_owned());
                    PAUSE
                }
                Next::Ask(hint) => {
                    tracing::error!(error = words, hint, "reading results has stopped");
                    self.note(words, hint);
                    STOPPED_PAUSE
                }
                Next::End => {
                    shutdown.fail(words);
                    return;
                }
                Next::Over => return,
            };
            tokio::select! {
                () = token.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// A reader that has lived a while is well.
    async fn clear_when_it_lives(&self) -> Infallible {
        tokio::time::sleep(STOPPED_PAUSE).await;
        if self.stopped().take().is_some() {
            tracing::info!("results are read again");
        }
        std::future::pending().await
    }
}

enum Next {
    /// It passes, or a new reader helps.
    Again,
    /// Somebody must decide; what there is to do.
    Ask(String),
    /// The process is of no use.
    End,
    /// The store is closed: so is everything.
    Over,
}

fn what_next(error: &IntakeError) -> Next {
    match error {
        IntakeError::Feed(FeedError::Lost {
            stream,
            partition,
            position,
            first,
            ..
        }) => Next::Ask(if position < first {
            format!("its oldest records are gone; to go on without them run `sla storage accept-gap {stream} {partition} {first}`")
        } else {
            format!("the topic was made anew; to read it from its first record run `sla storage rewind {stream} {partition} {first}`")
        }),
        IntakeError::Feed(FeedError::Refused { .. }) => Next::End,
        IntakeError::Feed(FeedError::Unavailable { .. } | FeedError::NotOurs { .. })
        // Somebody moved the position: a new reader begins where it stands now.
        | IntakeError::Store(StoreError::Zombie { .. } | StoreError::Gap { .. }) => Next::Again,
        IntakeError::Store(StoreError::Closed) => Next::Over,
        IntakeError::Store(_) => Next::Ask("the log of the storage role has the cause".to_owned()),
    }
}
