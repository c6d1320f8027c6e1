//! What every adapter of [`MetricSource`] has to do. One suite, run against each: `Replay` in this crate's tests, real
//! servers in `tests/prometheus.rs`. Panics at the first promise that is broken.

use std::time::Duration;

use sla_domain::{Labels, Samples};

use crate::error::SourceError;
use crate::port::{Call, LongViewRequest, MetricSource, ReadLimits, ReadRequest, Targets};

/// What the suite needs to know about the source it is let loose on.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Matches between 2 and 200 series that have samples in the hour before `now_ms`.
    pub selector: String,
    /// The present, Unix milliseconds; nothing may change in the hour before it while the suite runs.
    pub now_ms: i64,
    /// Whether expressions are evaluated.
    pub expressions: bool,
}

const HOUR_MS: i64 = 3_600_000;

fn call() -> Call {
    Call::within(Duration::from_secs(20))
}

fn same(a: &Samples, b: &Samples) -> bool {
    a.times_ms == b.times_ms
        && a.values
            .iter()
            .zip(&b.values)
            .all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}

async fn read(source: &dyn MetricSource, request: &ReadRequest) -> Vec<(Labels, Samples)> {
    let read = match source.read(request, &call()).await {
        Ok(read) => read,
        Err(error) => panic!("read {request:?}: {error}"),
    };
    assert!(read.failures.is_empty(), "{:?}", read.failures);
    assert_eq!(read.hides_stale, read.way.hides_stale());
    match read.decoded() {
        Ok(decoded) => decoded,
        Err(error) => panic!("{error}"),
    }
}

/// The whole suite.
pub async fn check(source: &dyn MetricSource, scene: &Scene) {
    about_itself(source).await;
    names(source).await;
    let series = series(source, scene).await;
    reads(source, scene, &series).await;
    refusals(source, scene, &series).await;
    bounds(source, scene, &series).await;
    long_view(source, scene, &series).await;
}

async fn about_itself(source: &dyn MetricSource) {
    match source.probe(&call()).await {
        Ok(info) => {
            assert!(!info.ways.is_empty());
            assert!(!info.url.contains('@'), "user info is shown: {}", info.url);
            assert!(info.ways.is_sorted(), "fastest first: {:?}", info.ways);
        }
        Err(error) => panic!("probe: {error}"),
    }
}

async fn names(source: &dyn MetricSource) {
    match source.metric_names(10_000, &call()).await {
        Ok(names) => {
            assert!(!names.truncated && names.families.len() > 1);
            assert!(
                names.families.windows(2).all(|pair| pair[0].name < pair[1].name),
                "sorted, each once"
            );
            assert_eq!(
                names.total_series,
                names.families.iter().map(|family| family.series).sum::<u64>()
            );
        }
        Err(error) => panic!("metric_names: {error}"),
    }
    match source.metric_names(1, &call()).await {
        Ok(names) => assert!(names.truncated && names.families.len() == 1),
        Err(error) => panic!("metric_names: {error}"),
    }
}

async fn series(source: &dyn MetricSource, scene: &Scene) -> Vec<Labels> {
    let selectors = [scene.selector.clone(), scene.selector.clone()];
    let list = source
        .series(&selectors, scene.now_ms - HOUR_MS, scene.now_ms, 200, &call())
        .await;
    let found = match list {
        Ok(listing) => listing.series,
        Err(error) => panic!("series: {error}"),
    };
    assert!(found.len() > 1, "the scene wants more than one series");
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
    let limit = found.len() - 1;
    let refused = source
        .series(&selectors[..1], scene.now_ms - HOUR_MS, scene.now_ms, limit, &call())
        .await;
    assert!(matches!(refused, Err(SourceError::TooManySeries { .. })), "{refused:?}");
    found
}

async fn reads(source: &dyn MetricSource, scene: &Scene, series: &[Labels]) {
    let (after, until) = (scene.now_ms - HOUR_MS, scene.now_ms);
    let whole = read(source, &ReadRequest::selector(&scene.selector, after, until)).await;
    let labels: Vec<&Labels> = whole.iter().map(|(labels, _)| labels).collect();
    assert_eq!(labels, series.iter().collect::<Vec<_>>(), "sorted, all, each once");
    for (labels, samples) in &whole {
        assert!(!samples.is_empty(), "{labels}");
        assert!(samples.times_ms.windows(2).all(|pair| pair[0] < pair[1]), "{labels}");
        assert!(
            samples.times_ms.iter().all(|time| after < *time && *time <= until),
            "{labels}"
        );
    }
    let by_labels = read(source, &ReadRequest::series(series.to_vec(), after, until)).await;
    for (a, b) in whole.iter().zip(&by_labels) {
        assert!(a.0 == b.0 && same(&a.1, &b.1), "by selector and by labels: {}", a.0);
    }
    // Cut exactly at a sample: it belongs to the left part.
    let (one, samples) = &whole[0];
    let middle = samples.times_ms[samples.len() / 2];
    let left = read(source, &ReadRequest::series(vec![one.clone()], after, middle)).await;
    let right = read(source, &ReadRequest::series(vec![one.clone()], middle, until)).await;
    assert_eq!(left[0].1.times_ms.last(), Some(&middle), "the end is included");
    assert!(right[0].1.times_ms[0] > middle, "the start is not");
    let mut joined = left[0].1.clone();
    for (time, value) in right[0].1.iter() {
        assert!(joined.push(time, value));
    }
    assert!(same(&joined, samples), "two parts are the whole");
    let nothing = read(source, &ReadRequest::selector("no_such_metric_here", after, until)).await;
    assert!(nothing.is_empty());
    let empty = read(source, &ReadRequest::series(series.to_vec(), until, until)).await;
    assert!(empty.is_empty());
}

/// The outcome of a read in a few words.
fn brief(read: Result<crate::reply::RawRead, SourceError>) -> Result<usize, SourceError> {
    read.map(|read| read.series.len())
}

async fn refusals(source: &dyn MetricSource, scene: &Scene, series: &[Labels]) {
    let request = ReadRequest::selector("up{", scene.now_ms - HOUR_MS, scene.now_ms);
    let refused = brief(source.read(&request, &call()).await);
    assert!(matches!(refused, Err(SourceError::BadQuery { .. })), "{refused:?}");
    let refused = source.check_query("up{job=\"x\"", &call()).await;
    assert!(
        matches!(&refused, Err(SourceError::BadQuery { position: Some(_), .. })),
        "the place is told: {refused:?}"
    );
    assert!(source.check_query(&scene.selector, &call()).await.is_ok());
    let verdict = source.check_query("sum(rate(up[5m]))", &call()).await;
    assert_eq!(verdict.is_ok(), scene.expressions, "{verdict:?}");
    let mut request = ReadRequest::selector(&scene.selector, scene.now_ms - HOUR_MS, scene.now_ms);
    request.limits = ReadLimits { max_series: 1 };
    let refused = brief(source.read(&request, &call()).await);
    assert!(
        matches!(refused, Err(SourceError::TooManySeries { found, limit: 1 }) if found >= 2),
        "{refused:?}"
    );
    request.targets = Targets::Series(series.to_vec());
    let refused = brief(source.read(&request, &call()).await);
    assert!(matches!(refused, Err(SourceError::TooManySeries { .. })), "{refused:?}");
}

async fn bounds(source: &dyn MetricSource, scene: &Scene, series: &[Labels]) {
    let request = ReadRequest::series(series.to_vec(), scene.now_ms - HOUR_MS, scene.now_ms);
    let cancelled = call();
    cancelled.cancel.cancel();
    let refused = brief(source.read(&request, &cancelled).await);
    assert!(matches!(refused, Err(SourceError::Cancelled { .. })), "{refused:?}");
    let late = Call::within(Duration::ZERO);
    let refused = brief(source.read(&request, &late).await);
    assert!(matches!(refused, Err(SourceError::Timeout { .. })), "{refused:?}");
}

async fn long_view(source: &dyn MetricSource, scene: &Scene, series: &[Labels]) {
    let request = LongViewRequest {
        targets: Targets::Series(series.to_vec()),
        end_ms: scene.now_ms,
        length_ms: HOUR_MS,
        limits: ReadLimits::default(),
    };
    let view = match source.long_view(&request, &call()).await {
        Ok(view) => view,
        Err(error) => panic!("long_view: {error}"),
    };
    assert!(view.failures.is_empty(), "{:?}", view.failures);
    assert_eq!(view.series.len(), series.len());
    let mut points = 0;
    for one in &view.series {
        assert!(one.times_ms.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            one.times_ms
                .iter()
                .all(|time| time % view.step_ms == 0 && *time <= scene.now_ms)
        );
        assert!(one.times_ms.len() <= 12);
        for at in 0..one.times_ms.len() {
            let (min, avg, max) = (one.min[at], one.avg[at], one.max[at]);
            assert!(min <= max || min.is_nan(), "{}", one.labels);
            // The server's average of equal values may miss them by a rounding.
            let slack = 1e-9 * max.abs().max(1.0);
            assert!(
                avg.is_nan() || (min - slack <= avg && avg <= max + slack),
                "{}: {min} {avg} {max}",
                one.labels
            );
            points += 1;
        }
    }
    assert!(points > 10 * view.series.len(), "{points} points");
}
