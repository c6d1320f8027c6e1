//! A metric source inside this process: the demo's generated estate, or a recording.
//!
//! Time moves with the clock it is given: what lies after `now` does not exist yet. Reading an instant twice gives the
//! same value.

mod estate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use sla_domain::{ByLabel, Clock, Labels, Query, Samples, Selector, SourceId};

use crate::error::SourceError;
use crate::port::{Call, ExpressionRequest, LONG_VIEW_STEP_MS, LongViewRequest, MetricSource, ReadRequest, Targets};
use crate::reply::{
    ExpressionRead, LongSeries, LongView, MetricFamily, MetricNames, RawRead, RawSeries, SeriesData, SeriesListing,
    SourceInfo, Way, has_counter_suffix,
};

use estate::Estate;
pub use estate::{LEAKING_HOST, LOAD_LIMIT, LOADED_HOST, MEMORY_FLOOR_BYTES};

/// Distance of samples in the demo unless configured otherwise, in milliseconds.
pub const DEFAULT_STEP_MS: i64 = 15_000;
/// How long a name counts as present after its series' newest sample, in milliseconds (Prometheus' look-back).
pub(crate) const PRESENT_MS: i64 = 300_000;

/// How the demo's estate is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayOptions {
    /// Other seeds give other noise, spikes and phases; the stories told stay the same.
    pub seed: u64,
    /// Distance of the newest samples in milliseconds, at least 100.
    pub step_ms: i64,
    /// The instant all stories are told from, Unix milliseconds; `None` = the clock's present.
    pub epoch_ms: Option<i64>,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            step_ms: DEFAULT_STEP_MS,
            epoch_ms: None,
        }
    }
}

enum Tape {
    Generated(Estate),
    Recorded(Vec<(Labels, Samples)>),
}

/// The adapter of [`MetricSource`] that needs no server.
pub struct Replay {
    id: SourceId,
    clock: Arc<dyn Clock>,
    tape: Tape,
}

impl Replay {
    /// The demo: 3 hosts × 18 series, 7 d of history (the last 26 h at 15 s, before that at 5 min), with outages, NaN
    /// samples, counter resets, spikes, seasons, and a tail that grows with `clock`. Host [`LOADED_HOST`] has
    /// `node_load1` over [`LOAD_LIMIT`] at the epoch; on [`LEAKING_HOST`] `node_memory_MemAvailable_bytes` falls below
    /// [`MEMORY_FLOOR_BYTES`] 6 min after it.
    pub fn demo(id: SourceId, clock: Arc<dyn Clock>, options: ReplayOptions) -> Self {
        let epoch_ms = options.epoch_ms.unwrap_or_else(|| clock.now_ms());
        Self {
            id,
            tape: Tape::Generated(Estate::new(options.seed, options.step_ms.max(100), epoch_ms)),
            clock,
        }
    }

    /// Plays back `series` as they were recorded; samples after the clock's present are not there yet.
    pub fn recording(id: SourceId, clock: Arc<dyn Clock>, mut series: Vec<(Labels, Samples)>) -> Self {
        series.sort_by(|a, b| a.0.cmp(&b.0));
        Self {
            id,
            clock,
            tape: Tape::Recorded(series),
        }
    }

    fn len(&self) -> usize {
        match &self.tape {
            Tape::Generated(estate) => estate.series().len(),
            Tape::Recorded(series) => series.len(),
        }
    }

    fn labels(&self, at: usize) -> &Labels {
        match &self.tape {
            Tape::Generated(estate) => &estate.series()[at].labels,
            Tape::Recorded(series) => &series[at].0,
        }
    }

    fn samples(&self, at: usize, after_ms: i64, until_ms: i64) -> Samples {
        let until_ms = until_ms.min(self.clock.now_ms());
        match &self.tape {
            Tape::Generated(estate) => estate.samples(at, after_ms, until_ms),
            Tape::Recorded(series) => {
                let (times, values) = series[at].1.between(after_ms, until_ms);
                Samples {
                    times_ms: times.to_vec(),
                    values: values.to_vec(),
                }
            }
        }
    }

    /// Whether a sample exists in (`after_ms`, `until_ms`], without making all of them.
    fn exists(&self, at: usize, after_ms: i64, until_ms: i64) -> bool {
        let until_ms = until_ms.min(self.clock.now_ms());
        match &self.tape {
            Tape::Generated(estate) => estate.covers(after_ms, until_ms),
            Tape::Recorded(series) => !series[at].1.between(after_ms, until_ms).0.is_empty(),
        }
    }

    fn matching(&self, selectors: &[String], after_ms: i64, until_ms: i64) -> Result<Vec<usize>, SourceError> {
        let selectors: Vec<Selector> = selectors.iter().map(|text| selector(text)).collect::<Result<_, _>>()?;
        let by_label = ByLabel::new((0..self.len()).map(|at| self.labels(at)));
        let meant: BTreeSet<usize> = selectors.iter().flat_map(|one| by_label.places(one)).collect();
        let meant = meant.into_iter();
        Ok(meant.filter(|&at| self.exists(at, after_ms, until_ms)).collect())
    }

    fn resolve(
        &self,
        targets: &Targets,
        after_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<usize>, SourceError> {
        let found = match targets {
            Targets::Selectors(selectors) => self.matching(selectors, after_ms, until_ms)?,
            Targets::Series(series) => {
                let wanted: std::collections::HashSet<&Labels> = series.iter().collect();
                (0..self.len()).filter(|&at| wanted.contains(self.labels(at))).collect()
            }
        };
        if found.len() > limit {
            return Err(SourceError::TooManySeries {
                found: found.len(),
                limit,
            });
        }
        Ok(found)
    }
}

fn selector(text: &str) -> Result<Selector, SourceError> {
    Query::parse_selector(text).map_err(|error| SourceError::BadQuery {
        query: text.to_owned(),
        position: error.position(),
        message: error.to_string(),
    })
}

fn needs_a_server(expression: &str) -> SourceError {
    SourceError::BadQuery {
        query: expression.to_owned(),
        message: "expressions need a Prometheus; this source is a replay and knows plain selectors only".into(),
        position: None,
    }
}

/// Ends the call between two series when it was cancelled or is over.
async fn pause(call: &Call) -> Result<(), SourceError> {
    tokio::task::yield_now().await;
    let tried = "reading the replay";
    if call.cancel.is_cancelled() {
        return Err(SourceError::Cancelled { tried: tried.into() });
    }
    if call.remaining().is_zero() {
        return Err(SourceError::Timeout {
            tried: tried.into(),
            after: std::time::Duration::ZERO,
        });
    }
    Ok(())
}

#[async_trait]
impl MetricSource for Replay {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn probe(&self, _call: &Call) -> Result<SourceInfo, SourceError> {
        let (what, version) = match &self.tape {
            Tape::Generated(_) => ("generated demo estate", "demo"),
            Tape::Recorded(_) => ("recording", "recording"),
        };
        Ok(SourceInfo {
            version: version.into(),
            ways: vec![Way::Replay],
            url: what.into(),
            is_replay: true,
            notices: Vec::new(),
        })
    }

    async fn metric_names(&self, limit: usize, call: &Call) -> Result<MetricNames, SourceError> {
        pause(call).await?;
        let now_ms = self.clock.now_ms();
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for at in 0..self.len() {
            if self.exists(at, now_ms - PRESENT_MS, now_ms) {
                *counts.entry(self.labels(at).metric_name()).or_default() += 1;
            }
        }
        Ok(MetricNames {
            total_series: counts.values().sum(),
            truncated: counts.len() > limit,
            families: counts
                .into_iter()
                .take(limit)
                .map(|(name, series)| {
                    let about = match &self.tape {
                        Tape::Generated(_) => estate::about(name),
                        Tape::Recorded(_) => None,
                    };
                    MetricFamily {
                        kinds_by_job: std::collections::BTreeMap::new(),
                        is_disputed: false,
                        name: name.to_owned(),
                        series,
                        kind: about
                            .map(|(kind, _)| kind.to_owned())
                            .or_else(|| has_counter_suffix(name).then(|| "counter".to_owned())),
                        help: about.map(|(_, help)| help.to_owned()),
                        unit: None,
                    }
                })
                .collect(),
            warnings: Vec::new(),
        })
    }

    async fn series(
        &self,
        selectors: &[String],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
        call: &Call,
    ) -> Result<SeriesListing, SourceError> {
        pause(call).await?;
        let targets = Targets::Selectors(selectors.to_vec());
        let mut found: Vec<Labels> = self
            .resolve(&targets, start_ms.saturating_sub(1), end_ms, limit)?
            .into_iter()
            .map(|at| self.labels(at).clone())
            .collect();
        found.sort_unstable();
        Ok(SeriesListing {
            series: found,
            ..SeriesListing::default()
        })
    }

    async fn read(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError> {
        let (after_ms, until_ms) = (request.after_ms, request.until_ms);
        let found = self.resolve(&request.targets, after_ms, until_ms, request.limits.max_series)?;
        let mut out = RawRead::empty(Way::Replay, after_ms, until_ms);
        for at in found {
            pause(call).await?;
            let samples = self.samples(at, after_ms, until_ms);
            out.samples += samples.len() as u64;
            if !samples.is_empty() {
                out.series.push(RawSeries {
                    labels: self.labels(at).clone(),
                    data: SeriesData::Plain(samples),
                });
            }
        }
        out.requests = 1;
        out.series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        Ok(out)
    }

    async fn read_expression(&self, request: &ExpressionRequest, call: &Call) -> Result<ExpressionRead, SourceError> {
        pause(call).await?;
        Err(needs_a_server(&request.expression))
    }

    async fn check_query(&self, expression: &str, call: &Call) -> Result<(), SourceError> {
        pause(call).await?;
        match Query::parse(expression) {
            Ok(Query::Selector(_)) => Ok(()),
            Ok(Query::Expression(_)) => Err(needs_a_server(expression)),
            Err(error) => Err(SourceError::BadQuery {
                query: expression.to_owned(),
                position: error.position(),
                message: error.to_string(),
            }),
        }
    }

    async fn long_view(&self, request: &LongViewRequest, call: &Call) -> Result<LongView, SourceError> {
        let step = LONG_VIEW_STEP_MS;
        let end_ms = request.end_ms.div_euclid(step) * step;
        let after_ms = end_ms - request.length_ms.max(step);
        let found = self.resolve(&request.targets, after_ms, end_ms, request.limits.max_series)?;
        let mut out = LongView {
            step_ms: step,
            requests: 1,
            ..LongView::default()
        };
        for at in found {
            pause(call).await?;
            let one = condensed(self.labels(at).clone(), &self.samples(at, after_ms, end_ms), step);
            if !one.times_ms.is_empty() {
                out.series.push(one);
            }
        }
        out.series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        Ok(out)
    }
}

/// avg, min and max of each (end − step, end] whose end is a multiple of the step; NaN and stale markers do not count.
pub(crate) fn condensed(labels: Labels, samples: &Samples, step: i64) -> LongSeries {
    let mut out = LongSeries {
        labels,
        ..LongSeries::default()
    };
    let mut count = 0.0;
    for (time, value) in samples.iter().filter(|(_, value)| value.is_finite()) {
        let end = (time + step - 1).div_euclid(step) * step;
        if out.times_ms.last() == Some(&end)
            && let (Some(avg), Some(min), Some(max)) = (out.avg.last_mut(), out.min.last_mut(), out.max.last_mut())
        {
            count += 1.0;
            *avg += (value - *avg) / count;
            *min = min.min(value);
            *max = max.max(value);
        } else {
            count = 1.0;
            out.times_ms.push(end);
            out.avg.push(value);
            out.min.push(value);
            out.max.push(value);
        }
    }
    out
}

#[cfg(test)]
mod tests;
