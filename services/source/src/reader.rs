//! Reads through the cache: the longest window once, afterwards the newest minutes only, and backwards to 26 h on request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sla_domain::{Clock, Labels, Samples, SeriesId, Window};

use crate::cache::{CacheFill, CachedSeries, DEFAULT_CACHE_CAP_BYTES, KEEP_MS, SampleCache, StoreError};
use crate::error::{Cause, SourceError};
use crate::limits::DENSE_PAUSE_MS;
use crate::port::{Call, MetricSource, ReadLimits, ReadRequest, Targets};
use crate::reply::{RawSeries, SeriesData, SeriesFailure, Way, XorChunk};

/// How much of the newest time is read again each time, in milliseconds: late samples.
pub const DEFAULT_REREAD_MS: i64 = 300_000;
/// A series further behind than this is read apart from the others, so that it does not make all tails long.
const MUCH_BEHIND_MS: i64 = 1_800_000;

/// How a [`CachedReader`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderOptions {
    /// The longest window, read first, milliseconds.
    pub window_ms: i64,
    /// How far back samples are kept, milliseconds.
    pub keep_ms: i64,
    /// How much of the newest time is read again, milliseconds.
    pub reread_ms: i64,
    /// The cache's cap in bytes.
    pub cache_cap_bytes: u64,
    /// Most series of one refresh.
    pub max_series: usize,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        let [.., longest] = Window::DEFAULT_LENGTHS_MS;
        Self {
            window_ms: longest,
            keep_ms: KEEP_MS,
            reread_ms: DEFAULT_REREAD_MS,
            cache_cap_bytes: DEFAULT_CACHE_CAP_BYTES,
            max_series: crate::port::DEFAULT_MAX_SERIES,
        }
    }
}

/// What one refresh did.
#[derive(Debug, Clone, Default)]
pub struct Refreshed {
    /// Series whose samples are known up to the asked instant now.
    pub series: usize,
    /// Series that could not be read; the cache keeps what it had.
    pub failures: Vec<SeriesFailure>,
    /// Samples received.
    pub samples: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Requests made.
    pub requests: u32,
    /// The slowest way that was used; `None` when nothing had to be read.
    pub way: Option<Way>,
    /// The server's warnings: partial data is not full data.
    pub warnings: Vec<String>,
}

/// A source and the cache in front of it. All methods take `&self`; refreshes run one after another.
pub struct CachedReader {
    source: Arc<dyn MetricSource>,
    clock: Arc<dyn Clock>,
    options: ReaderOptions,
    cache: RwLock<SampleCache>,
    refreshing: tokio::sync::Mutex<()>,
    /// Series that were too dense: since when, Unix milliseconds, and the error. Left alone for a while.
    dense: Mutex<HashMap<SeriesId, (i64, SourceError)>>,
}

/// Series to be read together.
struct Errand {
    series: Vec<Labels>,
    after_ms: i64,
    until_ms: i64,
}

impl CachedReader {
    /// A reader with an empty cache.
    pub fn new(source: Arc<dyn MetricSource>, clock: Arc<dyn Clock>, options: ReaderOptions) -> Self {
        Self {
            cache: RwLock::new(SampleCache::new(options.cache_cap_bytes)),
            source,
            clock,
            options,
            refreshing: tokio::sync::Mutex::new(()),
            dense: Mutex::default(),
        }
    }

    /// The source behind the cache.
    pub fn source(&self) -> &Arc<dyn MetricSource> {
        &self.source
    }

    /// The fingerprint of a series of this source.
    pub fn id_of(&self, labels: &Labels) -> SeriesId {
        SeriesId::of_series(self.source.id(), labels)
    }

    /// Brings `series` up to `until_ms` (at most the present): new ones over the longest window, known ones by their
    /// tail. One refresh runs at a time; a second for the same instant finds everything done. For instants older than
    /// `keep_ms` read the source itself: the cache would drop what was read at once.
    pub async fn refresh(&self, series: &[Labels], until_ms: i64, call: &Call) -> Result<Refreshed, SourceError> {
        let _turn = self.turn(call).await?;
        let until_ms = until_ms.min(self.clock.now_ms());
        let start_ms = until_ms - self.options.window_ms;
        // What has to be read, with the instant after which: (until, from) widen to what the hungriest needs.
        let (mut fresh, mut tail, mut behind, mut earlier) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut tail_after, mut behind_after, mut earlier_until) = (until_ms, until_ms, until_ms);
        let mut done = 0;
        let refused = self.still_dense(series, until_ms);
        {
            let mut cache = self.write();
            cache.doubt_after(self.clock.now_ms());
            for labels in series.iter().filter(|labels| !refused.contains_key(*labels)) {
                let id = self.id_of(labels);
                cache.touch(id);
                match cache.covered(id) {
                    Some((after, known)) if after <= start_ms && known >= until_ms => done += 1,
                    Some((after, known)) if after <= start_ms && known > start_ms => {
                        let from = (known - self.options.reread_ms).max(start_ms);
                        if until_ms - known <= MUCH_BEHIND_MS {
                            tail_after = tail_after.min(from);
                            tail.push(labels.clone());
                        } else {
                            behind_after = behind_after.min(from);
                            behind.push(labels.clone());
                        }
                    }
                    // An instant before everything known: read up to what is known, or the newest would be given up.
                    Some((after, _)) if after > until_ms => {
                        earlier_until = earlier_until.max(after);
                        earlier.push(labels.clone());
                    }
                    _ => fresh.push(labels.clone()),
                }
            }
        }
        let errands = [
            (fresh, start_ms, until_ms),
            (behind, behind_after, until_ms),
            (tail, tail_after, until_ms),
            (earlier, start_ms, earlier_until),
        ]
        .map(|(series, after_ms, until_ms)| Errand {
            series,
            after_ms,
            until_ms,
        });
        let mut out = self.run(errands, call).await?;
        out.series += done;
        out.failures.extend(
            refused
                .into_iter()
                .map(|(labels, error)| SeriesFailure { labels, error }),
        );
        // The answers may have shown that the source's present lies before ours.
        let now_ms = self.clock.now_ms();
        let mut cache = self.write();
        cache.doubt_after(now_ms);
        cache.evict(now_ms - self.options.keep_ms);
        Ok(out)
    }

    /// Reads backwards until the last 26 h (`keep_ms`) of `series` are known. For the background: cancel it freely,
    /// what was read stays. Series that were never refreshed are left alone.
    pub async fn extend_back(&self, series: &[Labels], call: &Call) -> Result<Refreshed, SourceError> {
        let _turn = self.turn(call).await?;
        let start_ms = self.clock.now_ms() - self.options.keep_ms;
        let mut by_end: HashMap<i64, Vec<Labels>> = HashMap::new();
        let mut done = 0;
        {
            let cache = self.read();
            for labels in series {
                match cache.covered(self.id_of(labels)) {
                    // A chunk's length of slack: eviction cuts at chunks.
                    Some((after, _)) if after > start_ms + MUCH_BEHIND_MS => {
                        by_end.entry(after).or_default().push(labels.clone());
                    }
                    Some(_) => done += 1,
                    None => {}
                }
            }
        }
        let errands = by_end.into_iter().map(|(until_ms, series)| Errand {
            series,
            after_ms: start_ms,
            until_ms,
        });
        let mut out = self.run(errands, call).await?;
        out.series += done;
        Ok(out)
    }

    /// The samples of a series in (`after_ms`, `until_ms`] as far as the cache knows them; `None` when it was never read.
    pub fn samples(&self, id: SeriesId, after_ms: i64, until_ms: i64) -> Result<Option<Samples>, SourceError> {
        self.read().samples(id, after_ms, until_ms).map_err(broken)
    }

    /// The same as compressed chunks, which may reach beyond the range.
    pub fn chunks(&self, id: SeriesId, after_ms: i64, until_ms: i64) -> Option<Vec<XorChunk>> {
        self.read().chunks(id, after_ms, until_ms)
    }

    /// What the cache knows about a series.
    pub fn about(&self, id: SeriesId) -> Option<CachedSeries> {
        self.read().about(id)
    }

    /// Drops every series for which `keep` says no.
    pub fn retain(&self, keep: impl Fn(SeriesId, &Labels) -> bool) {
        let mut cache = self.write();
        let gone: Vec<SeriesId> = cache
            .ids()
            .filter(|(id, labels)| !keep(*id, labels))
            .map(|(id, _)| id)
            .collect();
        for id in gone {
            cache.forget(id);
        }
    }

    /// How full the cache is.
    pub fn fill(&self) -> CacheFill {
        self.read().fill()
    }

    /// Those of `series` that were too dense a short while ago. Reading them again costs the server and us much, and brings
    /// nothing.
    fn still_dense(&self, series: &[Labels], now_ms: i64) -> HashMap<Labels, SourceError> {
        let mut dense = self.dense.lock().unwrap_or_else(PoisonError::into_inner);
        dense.retain(|_, (since_ms, _)| (0..DENSE_PAUSE_MS).contains(&now_ms.saturating_sub(*since_ms)));
        let known = |labels: &Labels| Some((labels.clone(), dense.get(&self.id_of(labels))?.1.clone()));
        series.iter().filter_map(known).collect()
    }

    async fn turn(&self, call: &Call) -> Result<tokio::sync::MutexGuard<'_, ()>, SourceError> {
        call.guard("waiting for another refresh", call.remaining(), async {
            Ok(self.refreshing.lock().await)
        })
        .await
    }

    /// Reads each errand and stores what it brings. An error only when nothing at all was read.
    async fn run(&self, errands: impl IntoIterator<Item = Errand>, call: &Call) -> Result<Refreshed, SourceError> {
        let mut out = Refreshed::default();
        let mut first_error = None;
        let mut read_any = false;
        for errand in errands.into_iter().filter(|errand| !errand.series.is_empty()) {
            let request = ReadRequest {
                targets: Targets::Series(errand.series),
                after_ms: errand.after_ms,
                until_ms: errand.until_ms,
                limits: ReadLimits {
                    max_series: self.options.max_series,
                },
            };
            let Targets::Series(asked) = &request.targets else {
                continue;
            };
            match self.source.read(&request, call).await {
                Ok(read) => {
                    read_any = true;
                    out.samples += read.samples;
                    out.bytes += read.bytes;
                    out.requests += read.requests;
                    out.way = out.way.max(Some(read.way));
                    for warning in read.warnings {
                        if !out.warnings.contains(&warning) {
                            out.warnings.push(warning);
                        }
                    }
                    self.keep(asked, read.series, &read.failures, &request, &mut out);
                    out.failures.extend(read.failures);
                }
                Err(error) => {
                    out.failures.extend(asked.iter().map(|labels| SeriesFailure {
                        labels: labels.clone(),
                        error: error.clone(),
                    }));
                    let fatal = matches!(error, SourceError::Cancelled { .. }) || call.remaining().is_zero();
                    first_error.get_or_insert(error);
                    if fatal {
                        break;
                    }
                }
            }
        }
        if read_any {
            return Ok(out);
        }
        first_error.map_or(Ok(out), Err)
    }

    /// Puts what was read into the cache. Series that were asked for and brought nothing are known to be silent;
    /// those that failed are left as they were.
    fn keep(
        &self,
        asked: &[Labels],
        read: Vec<RawSeries>,
        failures: &[SeriesFailure],
        request: &ReadRequest,
        out: &mut Refreshed,
    ) {
        let mut brought: HashMap<Labels, RawSeries> = read.into_iter().map(|one| (one.labels.clone(), one)).collect();
        let failed: HashMap<&Labels, &SourceError> = failures.iter().map(|one| (&one.labels, &one.error)).collect();
        for labels in asked {
            match failed.get(labels) {
                // Its histograms were seen: there is nothing else in this range.
                None | Some(SourceError::Histograms { .. }) => {}
                Some(error @ SourceError::TooManySamples { .. }) => {
                    self.leave_alone(labels, request.until_ms, (*error).clone());
                    continue;
                }
                Some(_) => continue,
            }
            let one = brought.remove(labels).unwrap_or_else(|| RawSeries {
                labels: labels.clone(),
                data: SeriesData::Plain(Samples::default()),
            });
            // The lock is taken a series at a time, so that computations are not held up by a bulk read.
            let stored = self
                .write()
                .store(self.id_of(labels), one, request.after_ms, request.until_ms);
            match stored {
                Ok(()) => out.series += 1,
                Err(error) => {
                    let error = unkept(&error);
                    if matches!(error, SourceError::TooManySamples { .. }) {
                        self.leave_alone(labels, request.until_ms, error.clone());
                    }
                    out.failures.push(SeriesFailure {
                        labels: labels.clone(),
                        error,
                    });
                }
            }
        }
    }

    fn leave_alone(&self, labels: &Labels, now_ms: i64, error: SourceError) {
        let id = self.id_of(labels);
        self.write().forget(id);
        let mut dense = self.dense.lock().unwrap_or_else(PoisonError::into_inner);
        dense.insert(id, (now_ms, error));
    }

    fn read(&self) -> RwLockReadGuard<'_, SampleCache> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, SampleCache> {
        self.cache.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unkept(error: &StoreError) -> SourceError {
    match error {
        StoreError::Xor(error) => broken(*error),
        &StoreError::Dense { found, limit } => SourceError::TooManySamples {
            tried: "keeping samples".into(),
            found,
            limit,
        },
    }
}

fn broken(error: crate::xor::XorError) -> SourceError {
    SourceError::Decode {
        tried: "decoding cached samples".into(),
        what: error.to_string(),
        cause: Some(Arc::new(error) as Cause),
    }
}
