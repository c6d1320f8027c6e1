use proptest::prelude::*;
use sla_domain::SourceId;

use super::*;

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name)])
}

fn id(name: &str) -> SeriesId {
    SeriesId::of_series(&SourceId("s".into()), &labels(name))
}

fn plain(name: &str, times: &[i64]) -> RawSeries {
    RawSeries {
        labels: labels(name),
        data: SeriesData::Plain(Samples {
            times_ms: times.to_vec(),
            values: times.iter().map(|time| *time as f64).collect(),
        }),
    }
}

/// As a server would send it: whole chunks of 120 that reach beyond the range.
fn chunked(name: &str, times: &[i64], after_ms: i64, until_ms: i64) -> RawSeries {
    let values: Vec<f64> = times.iter().map(|time| *time as f64).collect();
    RawSeries {
        labels: labels(name),
        data: SeriesData::Chunks(
            XorChunk::encode(times, &values)
                .filter(|chunk| chunk.max_ms > after_ms && chunk.min_ms <= until_ms)
                .collect(),
        ),
    }
}

fn times(cache: &SampleCache, name: &str) -> Vec<i64> {
    cache.samples(id(name), i64::MIN, i64::MAX).unwrap().unwrap().times_ms
}

proptest! {
    /// Whatever ranges are stored in whatever order, the cache holds what the newest read of each instant brought.
    #[test]
    fn the_cache_is_the_union_of_reads(reads in prop::collection::vec((0..3_000_i64, 1..3_000_i64, 0..3_i64, any::<bool>()), 1..12)) {
        let mut cache = SampleCache::default();
        let mut model: std::collections::BTreeMap<i64, f64> = std::collections::BTreeMap::new();
        let mut covered: Option<(i64, i64)> = None;
        for (after, length, phase, as_chunks) in reads {
            let until = after + length;
            // Each read sees samples at another phase: replacing is visible.
            let all: Vec<i64> = (0..2_100).map(|n| n * 3 + phase).collect();
            let inside: Vec<i64> = all.iter().copied().filter(|time| after < *time && *time <= until).collect();
            let read = if as_chunks { chunked("a", &all, after, until) } else { plain("a", &inside) };
            cache.store(id("a"), read, after, until).unwrap();
            match covered {
                Some((from, to)) if after <= to && from <= until => {
                    model.retain(|time, _| *time <= after || *time > until);
                    covered = Some((from.min(after), to.max(until)));
                }
                _ => {
                    model.clear();
                    covered = Some((after, until));
                }
            }
            model.extend(inside.iter().map(|time| (*time, *time as f64)));
            prop_assert_eq!(cache.covered(id("a")), covered);
            prop_assert_eq!(times(&cache, "a"), model.keys().copied().collect::<Vec<_>>());
            let entry = &cache.entries[&id("a")];
            prop_assert!(entry.chunks.windows(2).all(|pair| pair[0].max_ms < pair[1].min_ms));
            let bytes: u64 = cache.entries.values().map(|entry| entry.bytes).sum();
            prop_assert_eq!(cache.fill().bytes, bytes);
        }
    }
}

#[test]
fn a_tail_read_again_and_again_fills_whole_chunks() {
    let mut cache = SampleCache::default();
    let all: Vec<i64> = (1..=2_000).map(|n| n * 15_000).collect();
    cache
        .store(id("a"), chunked("a", &all, 0, 15_000_000), 0, 15_000_000)
        .unwrap();
    let mut until = 15_000_000;
    while until < 30_000_000 {
        let after = until - 300_000;
        until += 15_000;
        let read = chunked("a", &all, after, until);
        cache.store(id("a"), read, after, until).unwrap();
    }
    assert_eq!(times(&cache, "a"), all);
    let about = cache.about(id("a")).unwrap();
    assert_eq!(
        (about.samples, about.spacing_ms, about.newest_ms),
        (2_000, Some(15_000), Some(30_000_000))
    );
    assert!(cache.entries[&id("a")].chunks.len() <= 2_000 / CHUNK_SAMPLES + 3);
}

#[test]
fn old_chunks_go_and_what_is_known_shrinks_with_them() {
    let mut cache = SampleCache::default();
    let all: Vec<i64> = (1..=600).map(|n| n * 1_000).collect();
    cache.store(id("a"), plain("a", &all), 0, 600_000).unwrap();
    let before = cache.fill().bytes;
    cache.evict(300_500);
    assert_eq!(cache.covered(id("a")), Some((240_000, 600_000)));
    assert_eq!(times(&cache, "a")[0], 241_000);
    assert!(cache.fill().bytes < before);
    cache.evict(i64::MAX);
    assert_eq!(cache.covered(id("a")), Some((600_000, 600_000)));
    cache.forget(id("a"));
    assert_eq!(cache.fill().bytes, 0);
}

#[test]
fn the_cap_holds_and_the_unused_go_first() {
    let all: Vec<i64> = (1..=600).map(|n| n * 1_000).collect();
    let mut cache = SampleCache::default();
    cache.store(id("s0"), plain("s0", &all), 0, 600_000).unwrap();
    let mut cache = SampleCache::new(cache.fill().bytes * 3 + 10);
    for name in ["s0", "s1", "s2"] {
        cache.store(id(name), plain(name, &all), 0, 600_000).unwrap();
    }
    cache.touch(id("s0"));
    cache.store(id("s3"), plain("s3", &all), 0, 600_000).unwrap();
    let fill = cache.fill();
    assert!(fill.bytes <= fill.cap_bytes);
    assert_eq!((fill.series, fill.shed_series), (3, 1));
    assert!(cache.covered(id("s1")).is_none() && cache.covered(id("s0")).is_some());
}

#[test]
fn a_gap_among_the_first_samples_is_not_their_distance_for_good() {
    let mut cache = SampleCache::default();
    let all: Vec<i64> = std::iter::once(1_000)
        .chain((0..20).map(|n| 601_000 + n * 15_000))
        .collect();
    let mut told = Vec::new();
    for until in &all {
        cache.store(id("a"), plain("a", &all), 0, *until).unwrap();
        told.push(cache.about(id("a")).unwrap().spacing_ms);
    }
    assert_eq!(told[..3], [None, Some(600_000), Some(307_500)]);
    assert!(told[3..].iter().all(|told| *told == Some(15_000)), "{told:?}");
}

#[test]
fn nothing_read_is_known_too() {
    let mut cache = SampleCache::default();
    assert!(cache.samples(id("a"), 0, 1).unwrap().is_none());
    cache.store(id("a"), plain("a", &[]), 0, 100).unwrap();
    assert_eq!(cache.covered(id("a")), Some((0, 100)));
    assert!(times(&cache, "a").is_empty());
    assert_eq!(cache.about(id("a")).unwrap().spacing_ms, None);
}
