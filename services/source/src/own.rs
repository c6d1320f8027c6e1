//! The source `self`: what the processes of this estate count about themselves, sampled now and then, so that the console
//! watches its own back end without any Prometheus.
//!
//! Samples are kept in memory, compressed, and end with the process. Whoever owns this asks the processes and hands their
//! OpenMetrics texts to [`OwnMetrics::sample`]; buckets of histograms are left to a real Prometheus.

pub mod text;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sla_domain::{Clock, Labels, STALE_NAN_BITS, Samples, SeriesId, SourceId};

use crate::cache::{KEEP_MS, SampleCache};
use crate::error::SourceError;
use crate::port::{Call, ExpressionRequest, LongViewRequest, MetricSource, ReadRequest};
use crate::replay::Replay;
use crate::reply::{
    ExpressionRead, LongView, MetricNames, RawRead, RawSeries, SeriesData, SeriesListing, SourceInfo, Way,
};
use text::{About, Exposition};

/// Distance of samples, milliseconds.
pub const STEP_MS: i64 = 15_000;
/// Series of all processes together; what is beyond is left out, and that is logged.
pub const MAX_SERIES: usize = 10_000;
/// Most memory for the samples: a thousand series of a day take a tenth of it.
const CAP_BYTES: u64 = 64 << 20;
/// Value of the label `job`.
const JOB: &str = "sla";

/// What one process told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who: the label `instance`.
    pub instance: String,
    /// Its OpenMetrics text; `None` when it did not answer.
    pub text: Option<String>,
}

/// What was sampled so far.
struct Tape {
    cache: SampleCache,
    about: BTreeMap<String, About>,
    /// The newest sampling, Unix milliseconds.
    until_ms: Option<i64>,
    /// Whether too many series were told of.
    is_over: bool,
}

impl Default for Tape {
    fn default() -> Self {
        Self {
            cache: SampleCache::new(CAP_BYTES),
            about: BTreeMap::new(),
            until_ms: None,
            is_over: false,
        }
    }
}

/// The adapter of [`MetricSource`] over the processes' own metrics.
pub struct OwnMetrics {
    id: SourceId,
    clock: Arc<dyn Clock>,
    tape: Mutex<Tape>,
}

impl OwnMetrics {
    /// Nothing was sampled yet.
    pub fn new(id: SourceId, clock: Arc<dyn Clock>) -> Self {
        Self {
            id,
            clock,
            tape: Mutex::default(),
        }
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        // Each series is put in whole.
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the processes told at `at_ms`, Unix milliseconds. A process that did not answer is down, and its series
    /// end there; a time that is not later than the last one is passed over.
    pub fn sample(&self, at_ms: i64, told: &[Told]) {
        let mut present: BTreeMap<Labels, f64> = BTreeMap::new();
        let mut tape = self.tape();
        let after_ms = tape.until_ms.unwrap_or(at_ms - STEP_MS);
        if at_ms <= after_ms {
            return;
        }
        for one in told {
            let labels = [("job", JOB), ("instance", one.instance.as_str())];
            let read = one.text.as_deref().map(|text| Exposition::read(text, &labels));
            let up = match read {
                Some(Ok(exposition)) => {
                    tape.about.extend(exposition.about);
                    present.extend(exposition.series);
                    1.0
                }
                Some(Err(error)) => {
                    tracing::warn!(instance = one.instance, %error, "own metrics cannot be read");
                    0.0
                }
                None => 0.0,
            };
            let named = [("__name__", "up"), labels[0], labels[1]];
            present.insert(Labels::from_pairs(named), up);
        }
        tape.about.entry("up".to_owned()).or_insert_with(|| About {
            kind: "gauge".to_owned(),
            help: "Whether the process answered.".to_owned(),
        });
        tape.take(&self.id, present, after_ms, at_ms);
    }

    /// What is known of (`after_ms`, `until_ms`], as a recording.
    fn recording(&self, after_ms: i64, until_ms: i64) -> Result<Replay, SourceError> {
        let tape = self.tape();
        let known = tape.cache.ids().map(|(id, labels)| {
            let samples = tape.cache.samples(id, after_ms, until_ms);
            let samples = samples.map_err(|error| SourceError::Decode {
                tried: "reading own metrics".to_owned(),
                what: error.to_string(),
                cause: None,
            })?;
            Ok((labels.clone(), samples.unwrap_or_default()))
        });
        let known = known.collect::<Result<Vec<(Labels, Samples)>, SourceError>>()?;
        Ok(Replay::recording(self.id.clone(), self.clock.clone(), known))
    }
}

impl Tape {
    /// Appends one sample to each series that is present, ends those that no longer are, and forgets what is old.
    fn take(&mut self, source: &SourceId, present: BTreeMap<Labels, f64>, after_ms: i64, at_ms: i64) {
        let ids: Vec<(SeriesId, Labels)> = self.cache.ids().map(|(id, labels)| (id, labels.clone())).collect();
        for (id, labels) in &ids {
            if present.contains_key(labels) {
                continue;
            }
            let ended = self.is_stale(*id, after_ms);
            let samples = if ended {
                Vec::new()
            } else {
                vec![f64::from_bits(STALE_NAN_BITS)]
            };
            self.append(*id, labels.clone(), samples, after_ms, at_ms);
        }
        let mut held = ids.len();
        for (labels, value) in present {
            let id = SeriesId::of_series(source, &labels);
            if self.cache.covered(id).is_none() {
                if held >= MAX_SERIES {
                    if !std::mem::replace(&mut self.is_over, true) {
                        tracing::warn!(limit = MAX_SERIES, "more own series than are kept");
                    }
                    continue;
                }
                held += 1;
            }
            self.append(id, labels, vec![value], after_ms, at_ms);
        }
        self.cache.evict(at_ms - KEEP_MS);
        // A series that ended long ago has no chunk left.
        for (id, _) in ids {
            if self.cache.about(id).is_some_and(|about| about.samples == 0) {
                self.cache.forget(id);
            }
        }
        self.until_ms = Some(at_ms);
    }

    fn append(&mut self, id: SeriesId, labels: Labels, values: Vec<f64>, after_ms: i64, at_ms: i64) {
        let read = RawSeries {
            labels,
            data: SeriesData::Plain(Samples {
                times_ms: vec![at_ms; values.len()],
                values,
            }),
        };
        if let Err(error) = self.cache.store(id, read, after_ms, at_ms) {
            tracing::warn!(series = %id, %error, "an own series begins anew");
        }
    }

    /// Whether the newest sample of a series says that it has ended.
    fn is_stale(&self, id: SeriesId, until_ms: i64) -> bool {
        let newest = self.cache.about(id).and_then(|about| about.newest_ms);
        let samples = newest.and_then(|newest_ms| self.cache.samples(id, newest_ms - 1, until_ms).ok().flatten());
        samples
            .and_then(|samples| samples.values.last().copied())
            .is_none_or(sla_domain::is_stale)
    }
}

#[async_trait]
impl MetricSource for OwnMetrics {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn probe(&self, _: &Call) -> Result<SourceInfo, SourceError> {
        Ok(SourceInfo {
            version: "own metrics".to_owned(),
            ways: vec![Way::Replay],
            url: "this estate".to_owned(),
            is_replay: false,
            notices: Vec::new(),
        })
    }

    async fn metric_names(&self, limit: usize, call: &Call) -> Result<MetricNames, SourceError> {
        let now_ms = self.clock.now_ms();
        let recording = self.recording(now_ms - crate::replay::PRESENT_MS, now_ms)?;
        let mut names = recording.metric_names(limit, call).await?;
        let tape = self.tape();
        for family in &mut names.families {
            let about = tape.about.get(&family.name);
            family.kind = about.map(|about| about.kind.clone());
            family.help = about.map(|about| about.help.clone());
        }
        Ok(names)
    }

    async fn series(
        &self,
        selectors: &[String],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
        call: &Call,
    ) -> Result<SeriesListing, SourceError> {
        let recording = self.recording(start_ms.saturating_sub(1), end_ms)?;
        recording.series(selectors, start_ms, end_ms, limit, call).await
    }

    async fn read(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError> {
        let recording = self.recording(request.after_ms, request.until_ms)?;
        recording.read(request, call).await
    }

    async fn read_expression(&self, request: &ExpressionRequest, call: &Call) -> Result<ExpressionRead, SourceError> {
        self.recording(0, 0)?.read_expression(request, call).await
    }

    async fn check_query(&self, expression: &str, call: &Call) -> Result<(), SourceError> {
        self.recording(0, 0)?.check_query(expression, call).await
    }

    async fn long_view(&self, request: &LongViewRequest, call: &Call) -> Result<LongView, SourceError> {
        let recording = self.recording(i64::MIN, request.end_ms)?;
        recording.long_view(request, call).await
    }
}

#[cfg(test)]
mod tests;
