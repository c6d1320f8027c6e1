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
/// An answer that lacks what was read before is not believed for so long, milliseconds: the series is asked for again from
/// there on. A server that has lost a disk or a neighbour says in good faith that there is nothing; one whose series has
/// ended repeats its last samples. Later its word counts.
pub const DOUBTED_MS: i64 = 3_600_000;
/// So many series of one refresh are asked for again for that reason. What others miss is read when they come back.
pub const DOUBTED_SERIES: usize = 10_000;

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
    /// Series whose answer is not believed: it lacks what was read before ([`DOUBTED_MS`]). The cache keeps what it had.
    pub doubted: usize,
}

impl Refreshed {
    /// Adds what a further read of the same refresh did.
    fn add(&mut self, other: Self) {
        self.series += other.series;
        self.failures.extend(other.failures);
        self.samples += other.samples;
        self.bytes += other.bytes;
        self.requests += other.requests;
        self.way = self.way.max(other.way);
        for warning in other.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        self.doubted += other.doubted;
    }
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

/// A series, and after which instant it has to be read.
type Behind = (Labels, i64);

/// What became of the answer about one series.
enum Taken {
    /// It is known up to the instant asked for.
    Known,
    /// The answer lacks what was read before.
    Doubted,
    /// It is back after a silence, and after this instant nothing of it was read.
    Hole(i64),
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
        let (mut behind, mut earlier) = (Vec::new(), Vec::new());
        let mut earlier_until = until_ms;
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
                        behind.push((labels.clone(), (known - self.options.reread_ms).max(start_ms)));
                    }
                    // An instant before everything known: read up to what is known, or the newest would be given up.
                    Some((after, _)) if after > until_ms => {
                        earlier_until = earlier_until.max(after);
                        earlier.push(labels.clone());
                    }
                    _ => behind.push((labels.clone(), start_ms)),
                }
            }
        }
        let mut errands = self.together(behind, until_ms);
        errands.push(Errand {
            series: earlier,
            after_ms: start_ms,
            until_ms: earlier_until,
        });
        let (mut out, holes) = self.run(errands, call).await?;
        if !holes.is_empty() {
            let back: Vec<Labels> = holes.iter().map(|(labels, _)| labels.clone()).collect();
            match self.run(self.together(holes, until_ms), call).await {
                Ok((filled, _)) => out.add(filled),
                Err(error) => out.failures.extend(back.into_iter().map(|labels| SeriesFailure {
                    labels,
                    error: error.clone(),
                })),
            }
        }
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

    /// The reads for series that are behind: those about as far are asked for at once, so that none makes all tails long.
    fn together(&self, behind: Vec<Behind>, until_ms: i64) -> Vec<Errand> {
        let reread_ms = self.options.reread_ms;
        let farthest_ms = [
            self.options.window_ms - 1,
            MUCH_BEHIND_MS + reread_ms,
            2 * reread_ms,
            i64::MIN,
        ];
        let mut errands = farthest_ms.map(|_| Errand {
            series: Vec::new(),
            after_ms: until_ms,
            until_ms,
        });
        for (labels, after_ms) in behind {
            let place = farthest_ms.iter().position(|&far_ms| until_ms - after_ms > far_ms);
            if let Some(errand) = place.and_then(|place| errands.get_mut(place)) {
                errand.after_ms = errand.after_ms.min(after_ms);
                errand.series.push(labels);
            }
        }
        errands.into()
    }

    /// Reads backwards until the last 26 h (`keep_ms`) of `series` are known. For the background: cancel it freely,
    /// what was read stays. Series that were never refreshed are left alone. The oldest minutes known are asked for once more:
    /// an answer without them says nothing about what was before.
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
                    Some((after, known)) if after > start_ms + MUCH_BEHIND_MS => {
                        let end_ms = known.min(after + self.options.reread_ms);
                        by_end.entry(end_ms).or_default().push(labels.clone());
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
        let (mut out, _) = self.run(errands, call).await?;
        out.series += done;
        Ok(out)
    }

    /// Whether a sample of `series` in (`after_ms`, `until_ms`] is known.
    pub fn has_sample(&self, series: &Labels, after_ms: i64, until_ms: i64) -> bool {
        let newest = self.read().newest_within(self.id_of(series), after_ms, until_ms);
        newest.is_ok_and(|newest| newest.is_some())
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

    /// Reads each errand and stores what it brings; the series that are back after a silence are to be read once more. An
    /// error only when nothing at all was read.
    async fn run(
        &self,
        errands: impl IntoIterator<Item = Errand>,
        call: &Call,
    ) -> Result<(Refreshed, Vec<Behind>), SourceError> {
        let (mut out, mut holes) = (Refreshed::default(), Vec::new());
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
                    out.add(Refreshed {
                        samples: read.samples,
                        bytes: read.bytes,
                        requests: read.requests,
                        way: Some(read.way),
                        warnings: read.warnings,
                        ..Refreshed::default()
                    });
                    holes.extend(self.keep(asked, read.series, &read.failures, &request, &mut out));
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
            return Ok((out, holes));
        }
        first_error.map_or(Ok((out, holes)), Err)
    }

    /// Puts what was read into the cache. Series that were asked for and brought nothing are known to be silent; those that
    /// failed or are doubted are left as they were. Gives those that have to be read once more.
    fn keep(
        &self,
        asked: &[Labels],
        read: Vec<RawSeries>,
        failures: &[SeriesFailure],
        request: &ReadRequest,
        out: &mut Refreshed,
    ) -> Vec<Behind> {
        let mut brought: HashMap<Labels, RawSeries> = read.into_iter().map(|one| (one.labels.clone(), one)).collect();
        let failed: HashMap<&Labels, &SourceError> = failures.iter().map(|one| (&one.labels, &one.error)).collect();
        let mut holes = Vec::new();
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
            match self.take(one, request, out.doubted < DOUBTED_SERIES) {
                Ok(Taken::Known) => out.series += 1,
                Ok(Taken::Doubted) => out.doubted += 1,
                Ok(Taken::Hole(after_ms)) => holes.push((labels.clone(), after_ms)),
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
        holes
    }

    /// Holds the answer about one series against what is known of it, and stores it where the two go together.
    fn take(&self, brought: RawSeries, request: &ReadRequest, may_doubt: bool) -> Result<Taken, StoreError> {
        let (after_ms, until_ms) = (request.after_ms, request.until_ms);
        let id = self.id_of(&brought.labels);
        let newest_ms = brought.newest_ms(after_ms, until_ms)?;
        let mut cache = self.write();
        let lacking = cache
            .newest_within(id, after_ms, until_ms)?
            .filter(|known_ms| newest_ms.is_none_or(|newest_ms| newest_ms < *known_ms))
            .filter(|known_ms| *known_ms > until_ms - DOUBTED_MS);
        match lacking {
            Some(_) if may_doubt => return Ok(Taken::Doubted),
            // What was read stays, and the rest of the range is believed to be as empty as it is said to be.
            Some(known_ms) => {
                let silence = RawSeries {
                    labels: brought.labels,
                    data: SeriesData::Plain(Samples::default()),
                };
                cache.store(id, silence, known_ms, until_ms)?;
                return Ok(Taken::Known);
            }
            None => {}
        }
        let read_ms = cache
            .newest_within(id, i64::MIN, i64::MAX)?
            .unwrap_or(i64::MIN)
            .max(until_ms - self.options.window_ms);
        let was_silent = cache.covered(id).is_some_and(|(_, known_ms)| known_ms >= after_ms);
        if newest_ms.is_some() && was_silent && read_ms < after_ms {
            cache.rewind(id, read_ms);
            return Ok(Taken::Hole(read_ms));
        }
        cache.store(id, brought, after_ms, until_ms)?;
        Ok(Taken::Known)
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
