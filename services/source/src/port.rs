//! The port: what the rest of the product may ask a metric source.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sla_domain::{Labels, SourceId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::SourceError;
use crate::reply::{ExpressionRead, LongView, MetricNames, RawRead, SeriesListing, SourceInfo};
use crate::server_time::ServerTime;

/// Longest time one call may take when its caller names none.
pub const DEFAULT_CALL_DEADLINE: Duration = Duration::from_mins(1);
/// Most series one read may cover unless configured otherwise.
pub const DEFAULT_MAX_SERIES: usize = 2_000;
/// Most series asked for in one request of a bulk read.
pub const MAX_SERIES_PER_REQUEST: usize = 200;
/// Width of one point of the long view, in milliseconds.
pub const LONG_VIEW_STEP_MS: i64 = 300_000;
/// Length of the long view unless configured otherwise, in milliseconds (7 d).
pub const LONG_VIEW_LENGTH_MS: i64 = 7 * 86_400_000;

/// The frame of one call: an overall deadline and a way to cancel it.
#[derive(Clone)]
pub struct Call {
    /// The instant at which everything the call started has ended.
    pub deadline: Instant,
    /// Cancelling it ends the call with [`SourceError::Cancelled`].
    pub cancel: CancellationToken,
}

impl Default for Call {
    fn default() -> Self {
        Self::within(DEFAULT_CALL_DEADLINE)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("remaining", &self.remaining())
            .field("cancelled", &self.cancel.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Call {
    /// A call that must be over `limit` from now.
    pub fn within(limit: Duration) -> Self {
        Self {
            deadline: Instant::now() + limit,
            cancel: CancellationToken::new(),
        }
    }

    /// The same call, ended also by `cancel`.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// What is left of the deadline; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Runs `work` until it ends, the call is cancelled, its deadline passes or `at_most` is over, whichever is first.
    /// `tried` names the work in the error.
    pub async fn guard<T>(
        &self,
        tried: &str,
        at_most: Duration,
        work: impl Future<Output = Result<T, SourceError>> + Send,
    ) -> Result<T, SourceError> {
        let limit = at_most.min(self.remaining());
        if limit.is_zero() && !self.cancel.is_cancelled() {
            // A timer of zero fires up to a millisecond late, and a near server is quicker than that.
            return Err(SourceError::Timeout {
                tried: tried.to_owned(),
                after: limit,
            });
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(SourceError::Cancelled { tried: tried.to_owned() }),
            done = tokio::time::timeout(limit, work) => match done {
                Ok(result) => result,
                Err(_elapsed) => Err(SourceError::Timeout { tried: tried.to_owned(), after: limit }),
            },
        }
    }
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// Everything any of these PromQL series selectors matches, for example `node_load1{job="node"}`.
    Selectors(Vec<String>),
    /// Exactly these series.
    Series(Vec<Labels>),
}

/// Bounds of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// More matching series than this refuse the read with [`SourceError::TooManySeries`].
    pub max_series: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            max_series: DEFAULT_MAX_SERIES,
        }
    }
}

/// A bulk read of raw samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// Which series.
    pub targets: Targets,
    /// Samples strictly after this instant, Unix milliseconds.
    pub after_ms: i64,
    /// Samples up to and including this instant, Unix milliseconds.
    pub until_ms: i64,
    /// Bounds.
    pub limits: ReadLimits,
}

impl ReadRequest {
    /// Everything `selector` matches in (`after_ms`, `until_ms`], with default limits.
    pub fn selector(selector: impl Into<String>, after_ms: i64, until_ms: i64) -> Self {
        Self {
            targets: Targets::Selectors(vec![selector.into()]),
            after_ms,
            until_ms,
            limits: ReadLimits::default(),
        }
    }

    /// Exactly `series` in (`after_ms`, `until_ms`], with default limits.
    pub fn series(series: Vec<Labels>, after_ms: i64, until_ms: i64) -> Self {
        Self {
            targets: Targets::Series(series),
            after_ms,
            until_ms,
            limits: ReadLimits::default(),
        }
    }
}

/// Evaluation of an expression on a grid of instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionRequest {
    /// PromQL; the server judges it.
    pub expression: String,
    /// First instant, included, Unix milliseconds.
    pub start_ms: i64,
    /// Last instant, included, Unix milliseconds.
    pub end_ms: i64,
    /// Distance of instants in milliseconds, above 0.
    pub step_ms: i64,
    /// Bounds.
    pub limits: ReadLimits,
}

/// Average, minimum and maximum per [`LONG_VIEW_STEP_MS`] over days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongViewRequest {
    /// Which series.
    pub targets: Targets,
    /// The newest point ends here, Unix milliseconds; rounded down to the step.
    pub end_ms: i64,
    /// How far back, milliseconds.
    pub length_ms: i64,
    /// Bounds.
    pub limits: ReadLimits,
}

/// Where samples come from. Adapters: [`crate::Prometheus`], [`crate::Replay`]; both pass `conformance`.
#[async_trait]
pub trait MetricSource: Send + Sync + 'static {
    /// The configured name of this source.
    fn id(&self) -> &SourceId;

    /// Asks the server what it is and can do; the answer is cached until a way of reading fails.
    async fn probe(&self, call: &Call) -> Result<SourceInfo, SourceError>;

    /// Metric names with the count of their present series, at most `limit` names, sorted by name.
    async fn metric_names(&self, limit: usize, call: &Call) -> Result<MetricNames, SourceError>;

    /// The label sets matched by any of `selectors` with a sample in [`start_ms`, `end_ms`], sorted, each once.
    /// More than `limit` is [`SourceError::TooManySeries`].
    async fn series(
        &self,
        selectors: &[String],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
        call: &Call,
    ) -> Result<SeriesListing, SourceError>;

    /// Raw samples in (after, until]. Series that could not be read are in [`RawRead::failures`]; an error means that
    /// nothing was read.
    async fn read(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError>;

    /// Values of an expression at start, start + step, … ≤ end.
    async fn read_expression(&self, request: &ExpressionRequest, call: &Call) -> Result<ExpressionRead, SourceError>;

    /// Lets the server judge `expression`; [`SourceError::BadQuery`] carries its words and the position.
    async fn check_query(&self, expression: &str, call: &Call) -> Result<(), SourceError>;

    /// The long view of series, on the server where possible.
    async fn long_view(&self, request: &LongViewRequest, call: &Call) -> Result<LongView, SourceError>;

    /// What the server's clock showed in its newest answers, oldest first, at most
    /// [`MAX_READINGS`](crate::server_time::MAX_READINGS); none where there is no server.
    fn server_times(&self) -> Vec<ServerTime> {
        Vec::new()
    }
}
