//! A source whose samples a role of this process hands in one by one, at whatever distance: the last 26 h of each series.

mod shelf;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use sla_domain::{Clock, Labels, SourceId};

use crate::cache::KEEP_MS;
use crate::error::SourceError;
use crate::port::{Call, ExpressionRequest, LongViewRequest, MetricSource, ReadRequest, Targets};
use crate::replay::Replay;
use crate::reply::{ExpressionRead, LongView, MetricFamily, MetricNames, RawRead, SourceInfo, Way};
use shelf::Shelf;

/// Series at most; what is beyond is refused by [`KeptSamples::put`].
pub const MAX_SERIES: usize = 10_000;
/// Samples of one series at most: one a minute over what is kept.
const MAX_SAMPLES: usize = (KEEP_MS / 60_000) as usize;

/// No series is looked at.
const NOTHING: Targets = Targets::Series(Vec::new());

/// What is told of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AboutMetric {
    /// Its name.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// The unit as OpenMetrics has it.
    pub unit: &'static str,
}

/// The adapter of [`MetricSource`] over samples that are handed in. All are gauges.
pub struct KeptSamples {
    id: SourceId,
    clock: Arc<dyn Clock>,
    about: &'static [AboutMetric],
    series: RwLock<Shelf>,
}

impl KeptSamples {
    /// Nothing was handed in yet.
    pub fn new(id: SourceId, clock: Arc<dyn Clock>, about: &'static [AboutMetric]) -> Self {
        Self {
            id,
            clock,
            about,
            series: RwLock::default(),
        }
    }

    fn known(&self) -> RwLockReadGuard<'_, Shelf> {
        // A sample is put in whole.
        self.series.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.series.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a sample at `at_ms`, Unix milliseconds; false when it is not newer than the series' newest, or one series too many.
    /// What is older than 26 h before it is forgotten; so are samples of the future, which a clock that was set back has left.
    pub fn put(&self, labels: &Labels, at_ms: i64, value: f64) -> bool {
        let mut all = self.known_mut();
        if !all.has(labels) && all.len() >= MAX_SERIES {
            return false;
        }
        let samples = all.samples_mut(labels);
        if samples.times_ms.last().is_some_and(|newest| at_ms <= *newest) {
            let known = samples.times_ms.partition_point(|time| *time <= self.clock.now_ms());
            samples.times_ms.truncate(known);
            samples.values.truncate(known);
        }
        let is_newer = samples.times_ms.last().is_none_or(|newest| at_ms > *newest);
        if is_newer {
            samples.push(at_ms, value);
            let over = samples.times_ms.partition_point(|time| *time <= at_ms - KEEP_MS);
            let over = over.max(samples.len().saturating_sub(MAX_SAMPLES));
            samples.times_ms.drain(..over);
            samples.values.drain(..over);
        }
        is_newer
    }

    /// Forgets a series with all its samples.
    pub fn forget(&self, labels: &Labels) {
        self.known_mut().remove(labels);
    }

    /// Series there are.
    pub fn len(&self) -> usize {
        self.known().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of whatever may be meant, as a recording.
    fn recording(&self, targets: &Targets) -> Replay {
        let known = self.known().candidates(targets);
        Replay::recording(self.id.clone(), self.clock.clone(), known)
    }
}

#[async_trait]
impl MetricSource for KeptSamples {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn probe(&self, _: &Call) -> Result<SourceInfo, SourceError> {
        Ok(SourceInfo {
            version: self.id.0.clone(),
            ways: vec![Way::Replay],
            url: "kept by this instance".to_owned(),
            is_replay: false,
            notices: Vec::new(),
        })
    }

    async fn metric_names(&self, limit: usize, _: &Call) -> Result<MetricNames, SourceError> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let oldest_ms = self.clock.now_ms() - KEEP_MS;
        for (labels, samples) in self.known().iter() {
            // Samples may lie an hour apart: what is kept is present.
            if samples.times_ms.last().is_some_and(|newest| *newest > oldest_ms) {
                *counts.entry(labels.metric_name().to_owned()).or_default() += 1;
            }
        }
        let about = |name: &str| self.about.iter().find(|about| about.name == name);
        let family = |(name, series): (String, u64)| MetricFamily {
            series,
            kind: Some("gauge".to_owned()),
            kinds_by_job: BTreeMap::new(),
            is_disputed: false,
            help: about(&name).map(|about| about.help.to_owned()),
            unit: about(&name).map(|about| about.unit.to_owned()),
            name,
        };
        Ok(MetricNames {
            total_series: counts.values().sum(),
            truncated: counts.len() > limit,
            families: counts.into_iter().take(limit).map(family).collect(),
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
    ) -> Result<Vec<Labels>, SourceError> {
        let recording = self.recording(&Targets::Selectors(selectors.to_vec()));
        recording.series(selectors, start_ms, end_ms, limit, call).await
    }

    async fn read(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError> {
        self.recording(&request.targets).read(request, call).await
    }

    async fn read_expression(&self, request: &ExpressionRequest, call: &Call) -> Result<ExpressionRead, SourceError> {
        self.recording(&NOTHING).read_expression(request, call).await
    }

    async fn check_query(&self, expression: &str, call: &Call) -> Result<(), SourceError> {
        self.recording(&NOTHING).check_query(expression, call).await
    }

    async fn long_view(&self, request: &LongViewRequest, call: &Call) -> Result<LongView, SourceError> {
        self.recording(&request.targets).long_view(request, call).await
    }
}

#[cfg(test)]
mod tests {
    use sla_domain::ManualClock;

    use super::*;

    const NOW: i64 = 1_780_000_000_000;
    const ABOUT: &[AboutMetric] = &[AboutMetric {
        name: "level",
        help: "How high.",
        unit: "meters",
    }];

    fn labels(at: &str) -> Labels {
        Labels::from_pairs([("__name__", "level"), ("at", at)])
    }

    fn kept() -> (KeptSamples, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(NOW));
        (KeptSamples::new(SourceId("kept".into()), clock.clone(), ABOUT), clock)
    }

    #[tokio::test]
    async fn samples_far_apart_are_present_for_a_day() {
        let (kept, clock) = kept();
        assert!(kept.put(&labels("a"), NOW, 1.0));
        assert!(!kept.put(&labels("a"), NOW, 2.0), "one instant has one value");
        kept.put(&labels("b"), NOW, 3.0);
        clock.advance(3 * 3_600_000);
        let names = kept.metric_names(10, &Call::default()).await.unwrap();
        assert_eq!((names.families[0].series, names.total_series), (2, 2));
        assert_eq!(names.families[0].help.as_deref(), Some("How high."));
        clock.advance(KEEP_MS);
        kept.put(&labels("b"), clock.now_ms(), 3.0);
        let names = kept.metric_names(10, &Call::default()).await.unwrap();
        assert_eq!(
            names.total_series, 1,
            "what nobody handed in for a day is no longer there"
        );
        assert_eq!(kept.len(), 2);
        kept.forget(&labels("b"));
        assert_eq!(kept.len(), 1);
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_for_a_while_blinds_nobody() {
        let (kept, clock) = kept();
        kept.put(&labels("a"), NOW, 1.0);
        clock.advance(3_600_000);
        kept.put(&labels("a"), clock.now_ms(), 2.0);
        clock.set(NOW + 15_000);
        assert!(kept.put(&labels("a"), clock.now_ms(), 3.0));
        let (wanted, call) = (ReadRequest::selector("level", 0, i64::MAX), Call::default());
        let read = kept.read(&wanted, &call).await.unwrap();
        assert_eq!(read.samples, 2, "what was told of the future is gone");
        assert!(!kept.put(&labels("a"), clock.now_ms(), 4.0));
        assert!(!kept.put(&labels("a"), NOW + 1, 4.0), "what is known stays in order");
    }

    #[tokio::test]
    async fn a_day_and_no_more_is_kept() {
        let (kept, clock) = kept();
        for at in 0..200 {
            kept.put(&labels("a"), NOW + at * 900_000, 0.0);
        }
        clock.advance(200 * 900_000);
        let (wanted, call) = (ReadRequest::selector("level", 0, i64::MAX), Call::default());
        let read = kept.read(&wanted, &call).await.unwrap();
        assert_eq!(read.samples, (KEEP_MS / 900_000) as u64);
    }

    #[tokio::test]
    async fn it_is_a_source_like_others() {
        let (kept, clock) = kept();
        for at in 0..120 {
            for name in ["a", "b", "c"] {
                kept.put(&labels(name), clock.now_ms(), f64::from(at % 7));
            }
            let other = Labels::from_pairs([("__name__", "other")]);
            kept.put(&other, clock.now_ms(), 1.0);
            clock.advance(60_000);
        }
        let scene = crate::conformance::Scene {
            selector: "level".to_owned(),
            now_ms: clock.now_ms(),
            expressions: false,
        };
        crate::conformance::check(&kept, &scene).await;
    }
}
