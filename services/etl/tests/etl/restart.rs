//! What a process knows when it starts again on the same store, and what failed before is tried again.

use std::sync::Arc;
use std::time::Duration;

use sla_domain::ManualClock;
use sla_proto::etl::v1::{GetSourceRequest, Run, RunScope, RunState};
use sla_proto::result::v1::SeriesResult;
use sla_proto::result::v1::series_result::Outcome;
use sla_testkit::Switched;

use crate::scene::store::Store;
use crate::scene::{NOW_MS, Scene, by_hand, demo, query_of};

fn steps(run: &Run) -> Vec<&str> {
    run.step_summaries.iter().map(|one| one.step.as_str()).collect()
}

/// The seasons of each series of a run, by its id.
fn seasons(store: &Store, run_id: &str) -> Vec<(Vec<u8>, Vec<i64>)> {
    let of = |result: SeriesResult| {
        let Some(Outcome::Analysis(analysis)) = result.outcome else {
            panic!("{result:?}")
        };
        let season = analysis.metadata.unwrap().seasonality.unwrap();
        let mut periods = season.other_periods_ms;
        periods.push(season.period_ms);
        (result.series.unwrap().id, periods)
    };
    let results = store.results().into_iter().filter(|result| result.run_id == run_id);
    let mut found: Vec<_> = results.map(of).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_run_after_a_restart_is_warm_and_reads_no_days_again() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let source = Switched::new(demo(&clock));
    let store = Store::default();
    let scene = Scene::over(store.clone(), source.clone(), clock.clone(), by_hand());
    let first = scene.start("first", "process_open_fds", &[]).await;
    let mut entered = Vec::new();
    for event in scene.watch(&first.id, 0).await {
        entered.push(event.run.unwrap().current_step);
    }
    assert!(entered.iter().any(|step| step == "long_view"), "{entered:?}");
    let last = scene.ended(&first).await;
    assert_eq!(
        (last.state(), last.series_done),
        (RunState::Done, 3),
        "{}",
        last.message
    );
    assert!(steps(&last).contains(&"long_view"), "{:?}", steps(&last));
    assert_eq!(source.long_looks(), 1);
    let counted = scene.etl.metrics();
    assert_eq!((counted.forecasts_recalled.get(), counted.looks_recalled.get()), (0, 0));
    drop(scene);

    clock.advance(3_600_000);
    let scene = Scene::over(store.clone(), source.clone(), clock.clone(), by_hand());
    let second = scene.start("second", "process_open_fds", &[]).await;
    let last = scene.ended(&second).await;
    assert_eq!(
        (last.state(), last.series_done),
        (RunState::Done, 3),
        "{}",
        last.message
    );
    assert_eq!(source.long_looks(), 1, "the days were not read again");
    assert!(!steps(&last).contains(&"long_view"), "{:?}", steps(&last));
    let counted = scene.etl.metrics();
    assert_eq!((counted.forecasts_recalled.get(), counted.looks_recalled.get()), (3, 3));
    let (before, after) = (seasons(&store, &first.id), seasons(&store, &second.id));
    assert_eq!(before.len(), 3);
    for ((id, before), (same, after)) in before.iter().zip(&after) {
        let day = |periods: &[i64]| periods.iter().any(|ms| (ms - 86_400_000).abs() < 4_000_000);
        assert!(id == same && day(before) && day(after), "{before:?} {after:?}");
    }
    drop(scene);

    // A day later they are.
    clock.advance(24 * 3_600_000);
    let scene = Scene::over(store, source.clone(), clock, by_hand());
    let third = scene.start("third", "process_open_fds", &[]).await;
    assert_eq!(scene.ended(&third).await.state(), RunState::Done);
    assert_eq!(source.long_looks(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_met_an_outage_is_retried_query_by_query() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let source = Switched::new(demo(&clock));
    source.set_away(true);
    let scene = Scene::over(Store::default(), source.clone(), clock, by_hand());
    let run = scene.start("away", "node_load1", &["statistics"]).await;
    let last = scene.ended(&run).await;
    assert_eq!(
        (last.state(), last.series_failed),
        (RunState::Failed, 1),
        "{}",
        last.message
    );
    assert_eq!(last.reason, "SOURCE_UNREACHABLE");
    let failed = scene.failures(&run.id).await;
    assert_eq!(failed[0].series.as_ref().unwrap().expression, "node_load1");

    source.set_away(false);
    for _ in 0..200 {
        let status = scene
            .peer
            .source()
            .get_source(GetSourceRequest::default())
            .await
            .unwrap();
        if status.into_inner().status.unwrap().problem.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again = scene.retry("again", &run.id).await.unwrap();
    let last = scene.ended(&again).await;
    assert_eq!(
        (last.state(), last.series_done),
        (RunState::Done, 3),
        "{}",
        last.message
    );
    assert_eq!(last.steps, ["statistics"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_cut_short_is_retried_whole() {
    let left = Run {
        id: "left".into(),
        number: 7,
        state: RunState::Running.into(),
        steps: vec!["statistics".into()],
        scope: Some(RunScope {
            queries: vec![query_of("node_load1"), query_of("node_load5")],
            ..RunScope::default()
        }),
        ..Run::default()
    };
    let scene = Scene::new(by_hand(), |kept| {
        kept.runs.insert("left".into(), (7, left));
    });
    let mut retried = None;
    // Refused while the store still has it as running.
    for _ in 0..200 {
        match scene.retry("again", "left").await {
            Ok(run) => {
                retried = Some(run);
                break;
            }
            Err(status) => assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let last = scene.ended(&retried.expect("it was marked failed")).await;
    assert_eq!(
        (last.state(), last.series_done),
        (RunState::Done, 6),
        "{}",
        last.message
    );
}
