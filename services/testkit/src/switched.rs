//! A recording behind a switch: it can be cut off, slowed down, given a clock of its own, and it writes down what it was asked.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sla_domain::{Labels, SourceId};
use sla_source::{
    Call, ExpressionRead, ExpressionRequest, LongView, LongViewRequest, MetricNames, MetricSource, RawRead,
    ReadRequest, Replay, SeriesFailure, SeriesListing, ServerTime, SourceError, SourceInfo,
};
use tokio::time::Instant;

/// How long a slow read takes: long enough for a second reader to come while the first is under way.
const SLOW: Duration = Duration::from_millis(50);

/// The real replay behind a switch and a counter.
pub struct Switched {
    replay: Replay,
    is_away: AtomicBool,
    is_slow: AtomicBool,
    is_empty: AtomicBool,
    dense: Mutex<Option<Labels>>,
    reads: Mutex<Vec<ReadRequest>>,
    long_looks: AtomicUsize,
    present_ms: AtomicI64,
    shows_clock: AtomicBool,
    times: Mutex<Vec<ServerTime>>,
}

impl Switched {
    /// Switched on.
    pub fn new(replay: Replay) -> Arc<Self> {
        Arc::new(Self {
            replay,
            is_away: AtomicBool::new(false),
            is_slow: AtomicBool::new(false),
            is_empty: AtomicBool::new(false),
            dense: Mutex::default(),
            reads: Mutex::default(),
            long_looks: AtomicUsize::new(0),
            present_ms: AtomicI64::new(i64::MAX),
            shows_clock: AtomicBool::new(false),
            times: Mutex::default(),
        })
    }

    /// From now on every question runs out of time, or none does.
    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    /// From now on it answers that there is nothing at all, or what there is.
    pub fn set_empty(&self, is_empty: bool) {
        self.is_empty.store(is_empty, Ordering::SeqCst);
    }

    /// From now on this series has more samples than are read.
    pub fn be_dense(&self, labels: Labels) {
        *self.dense.lock().unwrap() = Some(labels);
    }

    fn is_empty(&self) -> bool {
        self.is_empty.load(Ordering::SeqCst)
    }

    /// From now on a read takes a while.
    pub fn be_slow(&self) {
        self.is_slow.store(true, Ordering::SeqCst);
    }

    /// The server's own present: it has nothing newer, whatever it is asked for. Unix milliseconds.
    pub fn set_present_ms(&self, present_ms: i64) {
        self.present_ms.store(present_ms, Ordering::SeqCst);
    }

    /// From now on each read shows the server's present as its clock.
    pub fn show_clock(&self) {
        self.shows_clock.store(true, Ordering::SeqCst);
    }

    /// An answer that shows the server's clock, Unix milliseconds, now.
    pub fn tell(&self, server_ms: i64) {
        let at = Instant::now();
        self.times.lock().unwrap().push(ServerTime { server_ms, at });
    }

    /// Reads of samples that were answered, oldest first.
    pub fn reads(&self) -> Vec<ReadRequest> {
        self.reads.lock().unwrap().clone()
    }

    /// How often days were asked for, answered or not.
    pub fn long_looks(&self) -> usize {
        self.long_looks.load(Ordering::SeqCst)
    }

    fn check(&self) -> Result<&Replay, SourceError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(SourceError::Timeout {
                tried: "the recording".into(),
                after: Duration::from_secs(1),
            });
        }
        Ok(&self.replay)
    }
}

#[async_trait]
impl MetricSource for Switched {
    fn id(&self) -> &SourceId {
        self.replay.id()
    }

    async fn probe(&self, call: &Call) -> Result<SourceInfo, SourceError> {
        self.check()?.probe(call).await
    }

    async fn metric_names(&self, limit: usize, call: &Call) -> Result<MetricNames, SourceError> {
        self.check()?.metric_names(limit, call).await
    }

    async fn series(
        &self,
        selectors: &[String],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
        call: &Call,
    ) -> Result<SeriesListing, SourceError> {
        let named = self.check()?.series(selectors, start_ms, end_ms, limit, call).await?;
        Ok(if self.is_empty() {
            SeriesListing::default()
        } else {
            named
        })
    }

    async fn read(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError> {
        let replay = self.check()?;
        self.reads.lock().unwrap().push(request.clone());
        if self.is_slow.load(Ordering::SeqCst) {
            tokio::time::sleep(SLOW).await;
        }
        let present_ms = self.present_ms.load(Ordering::SeqCst);
        if self.shows_clock.load(Ordering::SeqCst) {
            self.times.lock().unwrap().clear();
            self.tell(present_ms);
        }
        let until_ms = request.until_ms.min(present_ms);
        let request = ReadRequest {
            until_ms,
            ..request.clone()
        };
        let mut read = replay.read(&request, call).await?;
        if self.is_empty() {
            read.series.clear();
            read.samples = 0;
        }
        if let Some(dense) = self.dense.lock().unwrap().clone()
            && read.series.iter().any(|one| one.labels == dense)
        {
            read.series.retain(|one| one.labels != dense);
            read.failures.push(SeriesFailure {
                labels: dense,
                error: SourceError::TooManySamples {
                    tried: "the recording".into(),
                    found: 2,
                    limit: 1,
                },
            });
        }
        Ok(read)
    }

    async fn read_expression(&self, request: &ExpressionRequest, call: &Call) -> Result<ExpressionRead, SourceError> {
        let read = self.check()?.read_expression(request, call).await?;
        Ok(if self.is_empty() {
            ExpressionRead::default()
        } else {
            read
        })
    }

    async fn check_query(&self, expression: &str, call: &Call) -> Result<(), SourceError> {
        self.check()?.check_query(expression, call).await
    }

    async fn long_view(&self, request: &LongViewRequest, call: &Call) -> Result<LongView, SourceError> {
        self.long_looks.fetch_add(1, Ordering::SeqCst);
        self.check()?.long_view(request, call).await
    }

    fn server_times(&self) -> Vec<ServerTime> {
        self.times.lock().unwrap().clone()
    }
}
