//! Reading through the memory, against a recording whose source can be cut off and whose questions are counted.

use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Clock, Labels, ManualClock, Samples, SourceId};
use sla_etl::catalogue::Catalogue;
use sla_etl::health::SourceHealth;
use sla_etl::metrics::EtlMetrics;
use sla_etl::query::ReadQuery;
use sla_etl::samples::{ReadPlan, SampleReader};
use sla_etl::source_clock::SourceClock;
use sla_etl::steps::seasons::LongLook;
use sla_etl::{EtlError, EtlOptions};
use sla_proto::series::v1::{Query, SeriesKind, query};
use sla_runtime::pool::CpuPool;
use sla_runtime::shutdown::Shutdown;
use sla_source::{Call, Replay};
use sla_testkit::Switched;

const H: i64 = 3_600_000;
const NOW_MS: i64 = 1_700_000_000_000;

struct Scene {
    source: Arc<Switched>,
    clock: Arc<ManualClock>,
    reader: SampleReader,
    health: SourceHealth,
    metrics: EtlMetrics,
    shutdown: Shutdown,
}

impl Scene {
    /// Two hosts, 30 h of samples every 15 s, one series of a sample a quarter of an hour that has begun just now, and a clock that
    /// tests move.
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let series = ["a", "b"]
            .into_iter()
            .flat_map(|host| {
                ["load", "requests_total"].map(|name| {
                    let times: Vec<i64> = (0..31 * 240).map(|k| NOW_MS - 30 * H + k * 15_000).collect();
                    let values = times
                        .iter()
                        .map(|time| ((time - NOW_MS) / 15_000 + 100_000) as f64)
                        .collect();
                    (
                        Labels::from_pairs([("__name__", name), ("host", host)]),
                        Samples::from_columns(times, values),
                    )
                })
            })
            .chain([(
                Labels::from_pairs([("__name__", "rare")]),
                Samples::from_columns(vec![NOW_MS, NOW_MS + H / 4], vec![1.0, 2.0]),
            )])
            .collect();
        let source = Switched::new(Replay::recording(SourceId("test".into()), clock.clone(), series));
        source.be_slow();
        let (shutdown, metrics) = (Shutdown::new(), EtlMetrics::default());
        let source_clock = Arc::new(SourceClock::new(clock.clone(), source.clone()));
        let health = SourceHealth::new("test", source_clock.clone());
        let options = EtlOptions::default();
        let catalogue = Catalogue::new(
            source.clone(),
            health.clone(),
            metrics.clone(),
            source_clock,
            options.longest_window_ms(),
        );
        let reader = SampleReader::start(Arc::new(catalogue), &options, CpuPool::new(2), &shutdown);
        Self {
            source,
            clock,
            reader,
            health,
            metrics,
            shutdown,
        }
    }

    fn plan(&self, selectors: &[&str]) -> ReadPlan {
        let queries = selectors.iter().map(|text| {
            let message = Query {
                query: Some(query::Query::Selector((*text).to_owned())),
                ..Query::default()
            };
            ReadQuery::parse("query", &message).unwrap()
        });
        let now_ms = self.clock.now_ms();
        ReadPlan {
            queries: queries.collect(),
            after_ms: now_ms - 12 * H,
            until_ms: now_ms,
            max_series: 100,
            cached_only: false,
            long_view: false,
        }
    }

    fn call() -> Call {
        Call::within(Duration::from_secs(10))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

#[tokio::test]
async fn a_window_comes_with_what_carries_in_and_without_what_lies_beyond() {
    let scene = Scene::new();
    let reading = scene.reader.read(&scene.plan(&["load"]), &Scene::call()).await.unwrap();
    assert_eq!(reading.series.len(), 2);
    for one in &reading.series {
        let samples = one.samples().unwrap();
        assert_eq!(samples.len(), 12 * 240 + 1, "the window and one sample before it");
        assert_eq!(samples.times_ms[0], NOW_MS - 12 * H);
        assert_eq!(*samples.times_ms.last().unwrap(), NOW_MS);
        assert_eq!((one.spacing_ms, one.kind()), (15_000, SeriesKind::Gauge));
        assert!(one.chunks.iter().all(|chunk| chunk.count <= 120));
    }
    assert!(reading.status.problem.is_empty() && reading.problems.is_empty());
    let counters = scene
        .reader
        .read(&scene.plan(&["requests_total{host='a'}"]), &Scene::call())
        .await
        .unwrap();
    assert_eq!(counters.series[0].kind(), SeriesKind::Counter);
}

#[tokio::test]
async fn how_far_apart_samples_lie_is_told_once_there_are_two() {
    let scene = Scene::new();
    let told = async || {
        let reading = scene.reader.read(&scene.plan(&["rare"]), &Scene::call()).await.unwrap();
        let one = &reading.series[0];
        (one.spacing_ms, one.assumed_spacing_ms(), one.sample_count())
    };
    assert_eq!(
        told().await,
        (0, 60_000, 1),
        "who keeps what is told first waits for it"
    );
    scene.clock.advance(H / 4);
    assert_eq!(told().await, (H / 4, H / 4, 2));
}

#[tokio::test]
async fn two_readers_at_once_cost_one_read_and_later_only_the_tail() {
    let scene = Scene::new();
    let (plan, call) = (scene.plan(&["load"]), Scene::call());
    let (one, two) = tokio::join!(scene.reader.read(&plan, &call), scene.reader.read(&plan, &call));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.series.len(), two.series.len());
    assert_eq!(one.series[0].chunks, two.series[0].chunks);
    assert_eq!(scene.metrics.coalesced_reads.get(), 1);

    scene.clock.advance(60_000);
    let later = scene.reader.read(&scene.plan(&["load"]), &Scene::call()).await.unwrap();
    assert_eq!(
        *later.series[0].samples().unwrap().times_ms.last().unwrap(),
        NOW_MS + 60_000
    );
    // The longest window was asked for once (older history, in the background, is another matter), then the last minutes.
    let asked: Vec<i64> = scene.source.reads().iter().map(|read| read.after_ms).collect();
    assert!(asked.iter().any(|after| *after >= NOW_MS - 600_000), "{asked:?}");
    assert_eq!(
        asked
            .iter()
            .filter(|after| **after > NOW_MS - 13 * H && **after < NOW_MS - 11 * H)
            .count(),
        1,
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_outage_gives_the_last_known_samples_with_the_problem() {
    let scene = Scene::new();
    let before = scene
        .reader
        .read(&scene.plan(&["load", "requests_total"]), &Scene::call())
        .await
        .unwrap();
    assert_eq!(before.series.len(), 4);
    scene.source.set_away(true);
    scene.clock.advance(120_000);
    let during = scene
        .reader
        .read(&scene.plan(&["load", "requests_total"]), &Scene::call())
        .await
        .unwrap();
    assert_eq!(during.series.len(), 4, "what was known is still there");
    assert_eq!(during.problems.len(), 2, "and every query says that it is old");
    assert_eq!(during.status.problem_reason, "SOURCE_UNREACHABLE");
    assert!(during.status.failing_since.is_some() && during.status.next_attempt.is_some());
    assert_eq!(*during.series[0].samples().unwrap().times_ms.last().unwrap(), NOW_MS);

    scene.clock.advance(30_000);
    scene.health.forgive();
    let later = scene.reader.read(&scene.plan(&["load"]), &Scene::call()).await.unwrap();
    assert_eq!(
        later.status.failing_since, during.status.failing_since,
        "one outage, however often it is tried again"
    );
    scene.clock.advance(-30_000);

    let unknown = scene.reader.read(&scene.plan(&["up"]), &Scene::call()).await.unwrap();
    assert!(
        unknown.series.is_empty() && unknown.problems.len() == 1,
        "never an empty success"
    );
    let first = before.series[0].labels();
    let asked_first = format!("load{{host=\"{}\"}}", first.get("host").unwrap());
    let known = scene
        .reader
        .read(&scene.plan(&[&asked_first]), &Scene::call())
        .await
        .unwrap();
    assert_eq!((known.problems.len(), known.series.len()), (1, 1));
    assert_eq!(
        known.series[0].labels(),
        first,
        "who is asked for the first time is one of those who are known"
    );

    scene.source.set_away(false);
    scene.health.forgive();
    let after = scene.reader.read(&scene.plan(&["load"]), &Scene::call()).await.unwrap();
    assert!(after.problems.is_empty() && after.status.problem.is_empty());
    assert_eq!(
        *after.series[0].samples().unwrap().times_ms.last().unwrap(),
        NOW_MS + 120_000
    );
}

#[tokio::test]
async fn a_series_that_fails_is_told_with_each_query_that_it_answers() {
    let scene = Scene::new();
    let dense = Labels::from_pairs([("__name__", "load"), ("host", "b")]);
    scene.source.be_dense(dense.clone());
    let selectors = ["load", "load{host=\"a\"}", "load{host=\"b\"}"];
    let reading = scene
        .reader
        .read(&scene.plan(&selectors), &Scene::call())
        .await
        .unwrap();
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    let told = reading.failed.iter().map(|one| (one.query_index, one.labels.clone()));
    assert_eq!(told.collect::<Vec<_>>(), [(0, dense.clone()), (2, dense)]);
}

#[tokio::test]
async fn too_many_series_are_refused_with_their_count() {
    let scene = Scene::new();
    let plan = ReadPlan {
        max_series: 3,
        ..scene.plan(&["{host=~'.+'}"])
    };
    let error = scene.reader.read(&plan, &Scene::call()).await.unwrap_err();
    assert!(
        matches!(error, EtlError::TooManySeries { found: 4, limit: 3 }),
        "{error}"
    );
    let plan = ReadPlan {
        max_series: 3,
        ..scene.plan(&["load", "requests_total"])
    };
    let error = scene.reader.read(&plan, &Scene::call()).await.unwrap_err();
    assert!(
        matches!(error, EtlError::TooManySeries { found: 4, limit: 3 }),
        "{error}"
    );
}

#[tokio::test]
async fn an_instant_of_the_past_reaches_back_in_memory_and_beyond_it() {
    let scene = Scene::new();
    scene.reader.read(&scene.plan(&["load"]), &Scene::call()).await.unwrap();
    for hours_ago in [2, 17] {
        let at_ms = NOW_MS - hours_ago * H;
        let plan = ReadPlan {
            after_ms: at_ms - 12 * H,
            until_ms: at_ms,
            ..scene.plan(&["load"])
        };
        let reading = scene.reader.read(&plan, &Scene::call()).await.unwrap();
        let samples = reading.series[0].samples().unwrap();
        assert_eq!(samples.len(), 12 * 240 + 1, "{hours_ago} h ago");
        assert_eq!(
            (samples.times_ms[0], *samples.times_ms.last().unwrap()),
            (at_ms - 12 * H, at_ms)
        );
    }
}

#[tokio::test]
async fn from_memory_only_asks_nobody() {
    let scene = Scene::new();
    let plan = ReadPlan {
        cached_only: true,
        ..scene.plan(&["load"])
    };
    assert!(
        scene
            .reader
            .read(&plan, &Scene::call())
            .await
            .unwrap()
            .series
            .is_empty()
    );
    assert!(scene.source.reads().is_empty());
    scene.reader.read(&scene.plan(&["load"]), &Scene::call()).await.unwrap();
    scene.source.set_away(true);
    let reading = scene.reader.read(&plan, &Scene::call()).await.unwrap();
    assert_eq!(reading.series.len(), 2);
    assert!(reading.problems.is_empty());
}

#[tokio::test]
async fn the_long_view_is_the_mean_of_five_minutes() {
    let scene = Scene::new();
    let plan = ReadPlan {
        after_ms: NOW_MS - 24 * H,
        long_view: true,
        ..scene.plan(&["load{host='a'}"])
    };
    let reading = scene.reader.read(&plan, &Scene::call()).await.unwrap();
    let samples = reading.series[0].samples().unwrap();
    assert!((280..=288).contains(&samples.len()), "{}", samples.len());
    assert_eq!(reading.series[0].spacing_ms, 300_000);
}

#[tokio::test]
async fn a_run_is_estimated_before_it_starts() {
    let scene = Scene::new();
    let queries = scene.plan(&["load", "{host='a'}"]).queries;
    let cost = scene.reader.estimate(&queries, &Scene::call()).await.unwrap();
    assert_eq!((cost.series, cost.series_per_query.as_slice()), (3, [2, 2].as_slice()));
    // Never read: the longest window, a sample every 15 s.
    assert!((3 * 2_880..3 * 3_000).contains(&cost.samples), "{}", cost.samples);
    scene
        .reader
        .read(&scene.plan(&["load", "{host='a'}"]), &Scene::call())
        .await
        .unwrap();
    let again = scene.reader.estimate(&queries, &Scene::call()).await.unwrap();
    assert!(again.samples < 100, "only the tail: {}", again.samples);
}

#[tokio::test]
async fn days_are_looked_at_in_bulk_and_once_a_day_and_a_failure_is_only_a_note() {
    let scene = Scene::new();
    let plan = scene.plan(&["load", "requests_total"]);
    let series = scene.reader.read(&plan, &Scene::call()).await.unwrap().series;
    let look = async |after_ms: i64, most: usize| {
        let at_ms = NOW_MS + after_ms;
        let looked = scene
            .reader
            .long_looks(&plan.queries, &series, at_ms, most, &Scene::call())
            .await;
        (looked.looks, looked.read.len())
    };
    let asked = || scene.source.long_looks();

    scene.source.set_away(true);
    let (looks, read) = look(0, 100).await;
    assert_eq!((looks.len(), read, asked()), (4, 0, 1));
    for told in looks.values() {
        assert!(
            matches!(&**told, LongLook::Unseen(reason) if reason.contains("recording")),
            "{told:?}"
        );
    }
    assert!(scene.health.status().problem.is_empty(), "the hours are still well");

    scene.source.set_away(false);
    let (looks, read) = look(0, 1).await;
    assert_eq!((read, asked()), (1, 2));
    assert_eq!(
        looks
            .values()
            .filter(|told| matches!(&***told, LongLook::Unseen(_)))
            .count(),
        3
    );
    let (looks, read) = look(0, 100).await;
    assert_eq!((read, asked()), (3, 3), "the rest, all in one question");
    for told in looks.values() {
        assert!(
            matches!(**told, LongLook::Seen { spanned_ms, .. } if spanned_ms >= 29 * H),
            "{told:?}"
        );
    }
    let (again, read) = look(23 * H, 100).await;
    assert_eq!((again.len(), read, asked()), (4, 0, 3));
    assert_eq!(look(25 * H, 100).await.1, 4, "another day");
    assert_eq!(
        look(0, 100).await.1,
        4,
        "what came later is not told of an earlier instant"
    );
}

/// The newest sample that a reader of "load" gets now.
async fn newest_ms(scene: &Scene) -> i64 {
    let reading = scene
        .reader
        .read(&scene.plan(&["load{host='a'}"]), &Scene::call())
        .await
        .unwrap();
    let samples = reading.series.first().map(|one| one.samples().unwrap());
    samples
        .and_then(|samples| samples.times_ms.last().copied())
        .unwrap_or(0)
}

#[tokio::test]
async fn after_a_jump_of_our_clock_the_next_round_reads_on() {
    let scene = Scene::new();
    let server = |ms: i64| scene.source.set_present_ms(NOW_MS + ms);
    server(0);
    assert_eq!(newest_ms(&scene).await, NOW_MS);
    for (jump_ms, seconds) in [(H, 15_000), (-H, 30_000), (20 * 60_000, 45_000)] {
        scene.clock.set(NOW_MS + seconds + jump_ms);
        server(seconds);
        newest_ms(&scene).await;
        // Right again: what was read "up to" the future is not known.
        let seconds = seconds + 15_000;
        scene.clock.set(NOW_MS + seconds);
        server(seconds);
        assert_eq!(newest_ms(&scene).await, NOW_MS + seconds, "after {jump_ms} ms");
    }
}

#[tokio::test]
async fn with_a_clock_that_is_ahead_late_samples_are_not_lost_and_it_is_said() {
    let scene = Scene::new();
    scene.source.show_clock();
    for seconds in [0, 15_000, 30_000] {
        scene.source.set_present_ms(NOW_MS + seconds);
        scene.clock.set(NOW_MS + seconds + 600_000);
        assert_eq!(newest_ms(&scene).await, NOW_MS + seconds);
    }
    let status = scene.health.status();
    assert!(
        (-600_100..=-599_900).contains(&status.clock_offset_ms.unwrap()),
        "{status:?}"
    );
    // The answer takes a moment, by which the offset is less.
    let notice = &status.clock_notice;
    assert!(
        notice.contains("10m behind") || notice.contains("9m59s behind"),
        "{status:?}"
    );
    // Ours behind by as much: the source's present is the server's all the same.
    scene.source.set_present_ms(NOW_MS + 60_000);
    scene.clock.set(NOW_MS - 600_000);
    newest_ms(&scene).await;
    let present_ms = scene.reader.present_ms();
    assert!((NOW_MS + 60_000..NOW_MS + 70_000).contains(&present_ms), "{present_ms}");
}
