//! Several sources in one role: each series comes from the one that was named, and says so.

use std::sync::Arc;
use std::time::Duration;

use sla_domain::{ManualClock, SourceId};
use sla_proto::etl::v1::*;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::samples::ReadLimits;
use sla_proto::series::v1::Query;
use sla_source::{MetricSource, Replay, ReplayOptions};

use crate::scene::store::Store;
use crate::scene::{NOW_MS, Scene, by_hand, query_of};

fn scene() -> Scene {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let named = |name: &str| -> Arc<dyn MetricSource> {
        let id = SourceId(name.to_owned());
        Arc::new(Replay::demo(id, clock.clone(), ReplayOptions::default()))
    };
    Scene::over_sources(
        Store::default(),
        vec![named("main"), named("eu")],
        clock.clone(),
        by_hand(),
    )
}

fn of_source(selector: &str, source: &str) -> Query {
    Query {
        source: source.to_owned(),
        ..query_of(selector)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_of_two_sources_keeps_them_apart_and_names_what_is_not_configured() {
    let scene = scene();
    let request = ReadSamplesRequest {
        queries: vec![
            query_of("node_load1"),
            of_source("node_load1", "eu"),
            of_source("node_load1", "mars"),
        ],
        ..ReadSamplesRequest::default()
    };
    let limits = ReadLimits {
        series: 100,
        bytes: 1 << 20,
        time: Duration::from_secs(20),
    };
    let reading = scene.peer.read_samples(request, limits).await.unwrap();
    let mut seen: Vec<(usize, &str)> = reading
        .series
        .iter()
        .map(|one| (one.query_index, one.series.source.as_str()))
        .collect();
    seen.dedup();
    assert_eq!(seen, [(0, "main"), (1, "eu")]);
    let ids: std::collections::HashSet<_> = reading.series.iter().map(|one| one.id).collect();
    assert_eq!(
        ids.len(),
        reading.series.len(),
        "the same labels of two sources are two series"
    );
    assert_eq!(reading.summary.sources.len(), 2);
    let failure = &reading.summary.failures[0];
    assert_eq!(failure.query_index, 2);
    assert!(failure.message.contains("mars"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_covers_both_and_a_source_that_is_not_there_fails_alone() {
    let scene = scene();
    let queries = vec![
        query_of("node_load1"),
        of_source("node_load1", "eu"),
        of_source("up", "mars"),
    ];
    let run = scene.start_of("both", queries, &["statistics"]).await;
    let ended = scene.ended(&run).await;
    assert_eq!(
        (ended.state(), ended.series_done, ended.series_failed),
        (RunState::Partial, 6, 1)
    );
    let results = scene.store.results();
    let of = |source: &str| {
        let is_of = |series: &sla_proto::series::v1::Series| series.source == source;
        let done = results
            .iter()
            .filter(|one| matches!(one.outcome, Some(Outcome::Analysis(_))));
        done.filter(|one| one.series.as_ref().is_some_and(is_of)).count()
    };
    assert_eq!((of("main"), of("eu")), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_question_can_name_its_source() {
    let scene = scene();
    let source = |name: &str| GetSourceRequest {
        source: name.to_owned(),
    };
    let answer = scene.peer.source().get_source(source("eu")).await.unwrap().into_inner();
    assert_eq!(answer.status.unwrap().source, "eu");
    let names: Vec<String> = answer.sources.into_iter().map(|one| one.source).collect();
    assert_eq!(names, ["main", "eu"]);
    let unknown = scene.peer.source().get_source(source("mars")).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::InvalidArgument);
    let check = CheckQueryRequest {
        query: Some(of_source("node_load1", "eu")),
    };
    let checked = scene.peer.source().check_query(check).await.unwrap().into_inner();
    assert_eq!((checked.series, checked.normalised.unwrap().source.as_str()), (3, "eu"));
    let analyse = AnalyzeSeriesRequest {
        query: Some(of_source("node_load1", "eu")),
        ..AnalyzeSeriesRequest::default()
    };
    let mut stream = scene
        .peer
        .analysis()
        .analyze_series(analyse)
        .await
        .unwrap()
        .into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.result.unwrap().series.unwrap().source, "eu");
    let scope = RunScope {
        queries: vec![query_of("node_load1"), of_source("node_load1", "eu")],
        ..RunScope::default()
    };
    let estimate = EstimateRunRequest {
        scope: Some(scope),
        steps: vec![],
    };
    let cost = scene.peer.runs().estimate_run(estimate).await.unwrap().into_inner();
    assert_eq!((cost.series, cost.series_per_query), (6, vec![3, 3]));
}
