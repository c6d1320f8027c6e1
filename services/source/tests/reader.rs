//! Samples through the memory: what is read again, what an outage leaves, and that it equals the source.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

use std::sync::Arc;

use sla_domain::{Clock, Labels, ManualClock, SourceId};
use sla_source::reader::{DEFAULT_REREAD_MS, DOUBTED_MS};
use sla_source::{
    CachedReader, Call, MetricSource, ReadRequest, ReaderOptions, Replay, ReplayOptions, SourceError, Targets,
};
use sla_testkit::Switched;

const NOW: i64 = 1_780_000_000_000;
const HOUR: i64 = 3_600_000;

fn reader() -> (CachedReader, Arc<Switched>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW));
    let source = Switched::new(Replay::demo(
        SourceId("demo".into()),
        clock.clone(),
        ReplayOptions::default(),
    ));
    let reader = CachedReader::new(source.clone(), clock.clone(), ReaderOptions::default());
    (reader, source, clock)
}

async fn all(source: &Switched) -> Vec<Labels> {
    source
        .series(&[r#"{__name__!=""}"#.into()], NOW - HOUR, NOW, 100, &Call::default())
        .await
        .unwrap()
        .series
}

async fn equal_to_the_source(reader: &CachedReader, series: &[Labels], after_ms: i64, until_ms: i64) {
    let request = ReadRequest::series(series.to_vec(), after_ms, until_ms);
    let direct = reader.source().read(&request, &Call::default()).await.unwrap();
    for (labels, want) in direct.decoded().unwrap() {
        let have = reader
            .samples(reader.id_of(&labels), after_ms, until_ms)
            .unwrap()
            .unwrap();
        assert_eq!(have.times_ms, want.times_ms, "{labels}");
        assert!(
            have.values
                .iter()
                .zip(&want.values)
                .all(|(a, b)| a.to_bits() == b.to_bits()),
            "{labels}"
        );
    }
}

#[tokio::test]
async fn first_the_window_then_the_tail_then_backwards() {
    let (reader, source, clock) = reader();
    let series = all(&source).await;
    let first = reader.refresh(&series, NOW, &Call::default()).await.unwrap();
    assert_eq!((first.series, first.failures.len()), (54, 0));
    for step in 1..=20 {
        clock.set(NOW + step * 15_000);
        let now_ms = clock.now_ms();
        let tail = reader.refresh(&series, now_ms, &Call::default()).await.unwrap();
        assert_eq!(tail.series, 54);
        assert!(tail.samples <= 54 * 22, "only the tail: {}", tail.samples);
        // The same instant again costs nothing.
        assert_eq!(
            reader
                .refresh(&series, now_ms, &Call::default())
                .await
                .unwrap()
                .requests,
            0
        );
    }
    let now_ms = clock.now_ms();
    equal_to_the_source(&reader, &series, now_ms - 12 * HOUR, now_ms).await;
    let back = reader.extend_back(&series, &Call::default()).await.unwrap();
    assert_eq!(back.series, 54);
    assert_eq!(reader.extend_back(&series, &Call::default()).await.unwrap().requests, 0);
    equal_to_the_source(&reader, &series, now_ms - 26 * HOUR, now_ms).await;
    let asked: Vec<(usize, i64, i64)> = source
        .reads()
        .iter()
        .filter_map(|read| match &read.targets {
            Targets::Series(series) => Some((series.len(), read.after_ms, read.until_ms)),
            Targets::Selectors(_) => None,
        })
        .collect();
    assert_eq!(asked[0], (54, NOW - 12 * HOUR, NOW));
    assert_eq!(asked[1], (54, NOW - DEFAULT_REREAD_MS, NOW + 15_000));
    let fill = reader.fill();
    assert!(fill.bytes as f64 / fill.samples as f64 <= 9.0, "{fill:?}");
    // Hours later the oldest are gone.
    clock.advance(5 * HOUR);
    reader.refresh(&series, clock.now_ms(), &Call::default()).await.unwrap();
    let about = reader.about(reader.id_of(&series[0])).unwrap();
    assert!(about.covered_after_ms > clock.now_ms() - 27 * HOUR);
    assert_eq!(about.spacing_ms, Some(15_000));
}

#[tokio::test]
async fn an_outage_keeps_the_data() {
    let (reader, source, clock) = reader();
    let series = all(&source).await;
    reader.refresh(&series, NOW, &Call::default()).await.unwrap();
    source.set_away(true);
    clock.advance(60_000);
    let error = reader
        .refresh(&series, clock.now_ms(), &Call::default())
        .await
        .unwrap_err();
    assert!(matches!(error, SourceError::Timeout { .. }));
    let id = reader.id_of(&series[0]);
    // What was read is there; what was not is not claimed to be known.
    assert_eq!(reader.about(id).unwrap().covered_until_ms, NOW);
    source.set_away(false);
    clock.advance(2 * HOUR);
    let caught_up = reader.refresh(&series, clock.now_ms(), &Call::default()).await.unwrap();
    assert_eq!(caught_up.series, 54);
    equal_to_the_source(&reader, &series, clock.now_ms() - 12 * HOUR, clock.now_ms()).await;
}

#[tokio::test]
async fn an_instant_of_the_past_is_read_without_giving_up_the_present() {
    let (reader, source, _) = reader();
    let series = all(&source).await;
    reader.refresh(&series[..5], NOW, &Call::default()).await.unwrap();
    for back in [2 * HOUR, 13 * HOUR] {
        let at = NOW - back;
        assert_eq!(
            reader.refresh(&series[..5], at, &Call::default()).await.unwrap().series,
            5
        );
        equal_to_the_source(&reader, &series[..5], at - 12 * HOUR, at).await;
        equal_to_the_source(&reader, &series[..5], NOW - 12 * HOUR, NOW).await;
    }
}

#[tokio::test]
async fn the_future_is_not_known() {
    let (reader, source, _) = reader();
    let series = all(&source).await;
    reader.refresh(&series, NOW + HOUR, &Call::default()).await.unwrap();
    assert_eq!(reader.about(reader.id_of(&series[0])).unwrap().covered_until_ms, NOW);
    reader.retain(|_, labels| labels.metric_name() == "up");
    assert_eq!(reader.fill().series, 3);
}

#[tokio::test]
async fn nothing_does_not_take_the_place_of_what_was_read() {
    let (reader, source, clock) = reader();
    let series = all(&source).await;
    reader.refresh(&series, NOW, &Call::default()).await.unwrap();
    source.set_empty(true);
    for _ in 0..80 {
        clock.advance(15_000);
        let now_ms = clock.now_ms();
        let read = reader.refresh(&series, now_ms, &Call::default()).await.unwrap();
        assert_eq!((read.series, read.doubted), (0, 54));
    }
    let id = reader.id_of(&series[0]);
    assert_eq!(reader.about(id).unwrap().covered_until_ms, NOW);
    source.set_empty(false);
    clock.advance(15_000);
    let back = reader.refresh(&series, clock.now_ms(), &Call::default()).await.unwrap();
    assert_eq!((back.series, back.requests), (54, 1));
    equal_to_the_source(&reader, &series, clock.now_ms() - 12 * HOUR, clock.now_ms()).await;
    // Not of the past either.
    source.set_empty(true);
    assert_eq!(reader.extend_back(&series, &Call::default()).await.unwrap().doubted, 54);
    source.set_empty(false);
    reader.extend_back(&series, &Call::default()).await.unwrap();
    equal_to_the_source(&reader, &series, clock.now_ms() - 26 * HOUR, clock.now_ms()).await;
}

#[tokio::test]
async fn after_an_hour_its_word_counts_and_what_it_kept_back_is_read_all_the_same() {
    let (reader, source, clock) = reader();
    let series = all(&source).await;
    reader.refresh(&series, NOW, &Call::default()).await.unwrap();
    source.set_empty(true);
    clock.advance(DOUBTED_MS - 60_000);
    let read = reader.refresh(&series, clock.now_ms(), &Call::default()).await.unwrap();
    assert_eq!(read.doubted, 54);
    clock.advance(HOUR);
    let read = reader.refresh(&series, clock.now_ms(), &Call::default()).await.unwrap();
    assert_eq!((read.series, read.doubted), (54, 0));
    source.set_empty(false);
    clock.advance(15_000);
    let back = reader.refresh(&series, clock.now_ms(), &Call::default()).await.unwrap();
    assert_eq!((back.series, back.requests), (54, 2));
    equal_to_the_source(&reader, &series, clock.now_ms() - 12 * HOUR, clock.now_ms()).await;
}

#[tokio::test]
async fn a_series_that_has_ended_costs_no_more_than_one_that_goes_on() {
    let (reader, source, clock) = reader();
    let series = all(&source).await;
    reader.refresh(&series, NOW, &Call::default()).await.unwrap();
    // From now on the server gets no more samples, and repeats the last ones.
    source.set_present_ms(NOW);
    let id = reader.id_of(&series[0]);
    for _ in 0..40 {
        clock.advance(15_000);
        let read = reader.refresh(&series, clock.now_ms(), &Call::default()).await.unwrap();
        assert_eq!((read.series, read.doubted, read.requests), (54, 0, 1));
        let asked = source.reads().last().unwrap().after_ms;
        assert_eq!(asked, clock.now_ms() - 15_000 - DEFAULT_REREAD_MS);
        assert_eq!(reader.about(id).unwrap().covered_until_ms, clock.now_ms());
    }
    // One that begins again is read from where it ended.
    source.set_present_ms(i64::MAX);
    clock.advance(15_000);
    reader.refresh(&series, clock.now_ms(), &Call::default()).await.unwrap();
    equal_to_the_source(&reader, &series, clock.now_ms() - 12 * HOUR, clock.now_ms()).await;
}
