//! What all readers of one source share: who answers, what is remembered, and whose turn it is to ask.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::{Labels, Samples};
use sla_runtime::pool::CpuPool;
use sla_source::{CachedReader, MetricSource, ReaderOptions, SourceError};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::expressions::Expressions;
use super::known_looks::KnownLooks;
use super::membership::Membership;
use crate::catalogue::Catalogue;
use crate::health::SourceHealth;
use crate::metrics::EtlMetrics;
use crate::options::EtlOptions;
use crate::query::ReadQuery;
use crate::source_clock::SourceClock;

/// Series of one look at the source: more than a box holds. How many one query may match is a setting, how much is held is counted
/// in bytes.
pub(super) const MAX_HELD_SERIES: usize = 100_000;
/// What is read before a window, so that a value can be carried in and a rate can look back, milliseconds.
pub(super) const LOOK_BACK_MS: i64 = 900_000;
/// Long views kept.
const MAX_LONG_VIEWS: usize = 64;

/// The long view of one query: 5-min means, series by series.
pub(super) type LongMeans = Arc<Vec<(Labels, Samples)>>;

/// What changes with each answer of the source.
#[derive(Default)]
pub(super) struct Remembered {
    pub(super) membership: Membership,
    pub(super) looks: KnownLooks,
    /// By query, the longest unread first.
    long_views: Vec<(ReadQuery, Instant, LongMeans)>,
}

impl Remembered {
    /// The long view of a query as far as it is known, and when it was read.
    pub(super) fn long_view(&self, query: &ReadQuery) -> Option<(Instant, LongMeans)> {
        let (_, read, view) = self.long_views.iter().find(|(of, _, _)| of == query)?;
        Some((*read, view.clone()))
    }

    /// Keeps a long view that was read now.
    pub(super) fn keep_long_view(&mut self, query: &ReadQuery, view: LongMeans) {
        self.long_views.retain(|(of, _, _)| of != query);
        if self.long_views.len() >= MAX_LONG_VIEWS {
            self.long_views.remove(0);
        }
        self.long_views.push((query.clone(), Instant::now(), view));
    }
}

/// The samples of one source, compressed, and what is known about them.
pub(super) struct SampleMemory {
    pub(super) source: Arc<dyn MetricSource>,
    pub(super) cache: CachedReader,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) expressions: Expressions,
    pub(super) health: SourceHealth,
    pub(super) metrics: EtlMetrics,
    /// The source's present.
    pub(super) clock: Arc<SourceClock>,
    pub(super) pool: CpuPool,
    pub(super) longest_window_ms: i64,
    pub(super) history_ms: i64,
    pub(super) long_view_ms: i64,
    remembered: Mutex<Remembered>,
    /// One reader of new samples at a time: those who waited find them read.
    pub(super) turn: Semaphore,
    /// One look at days at a time, for the same reason.
    pub(super) long_turn: Semaphore,
    /// Series that wait for their older history.
    pub(super) backfill: mpsc::Sender<Vec<Labels>>,
}

impl SampleMemory {
    /// An empty memory in front of the catalogue's source.
    pub(super) fn new(
        catalogue: Arc<Catalogue>,
        options: &EtlOptions,
        pool: CpuPool,
        backfill: mpsc::Sender<Vec<Labels>>,
    ) -> Self {
        let (source, clock) = (catalogue.source.clone(), catalogue.clock.clone());
        let reader_options = ReaderOptions {
            window_ms: options.longest_window_ms() + LOOK_BACK_MS,
            keep_ms: options.history_ms + LOOK_BACK_MS,
            // The limit of a read is checked by its reader, where queries are known.
            max_series: MAX_HELD_SERIES,
            cache_cap_bytes: options.cache_bytes,
            ..ReaderOptions::default()
        };
        Self {
            cache: CachedReader::new(source.clone(), clock.clone(), reader_options),
            source,
            expressions: Expressions::default(),
            health: catalogue.health.clone(),
            metrics: catalogue.metrics.clone(),
            catalogue,
            clock,
            pool,
            longest_window_ms: options.longest_window_ms(),
            history_ms: options.history_ms,
            long_view_ms: options.long_view_ms,
            remembered: Mutex::default(),
            turn: Semaphore::new(1),
            long_turn: Semaphore::new(1),
            backfill,
        }
    }

    pub(super) fn remembered(&self) -> MutexGuard<'_, Remembered> {
        // Answers of the source are put in whole.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books a failed question.
    pub(super) fn failed(&self, error: &SourceError) {
        self.metrics.source_failures.inc();
        self.health.failed(error);
    }
}
