//! What a process knows when it starts again on the same store, and what failed before is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sla_domain::{Labels, ManualClock, SourceId};
use sla_proto::etl::v1::{GetSourceRequest, Run, RunScope, RunState};
use sla_proto::result::v1::SeriesResult;
use sla_proto::result::v1::series_result::Outcome;
use sla_source::{
    Call, ExpressionRead, ExpressionRequest, LongView, LongViewRequest, MetricNames, MetricSource, RawRead,
    ReadRequest, Replay, SourceError, SourceInfo,
};

use crate::scene::store::Store;
use crate::scene::{NOW_MS, Scene, by_hand, demo, query_of};

/// The demo behind a switch, its long reads counted.
struct Switched {
    demo: Arc<Replay>,
    away: AtomicBool,
    long_reads: AtomicU32,
}

impl Switched {
    fn new(clock: &Arc<ManualClock>) -> Arc<Self> {
        Arc::new(Self {
            demo: demo(clock),
            away: AtomicBool::new(false),
            long_reads: AtomicU32::new(0),
        })
    }

    fn check(&self) -> Result<(), SourceError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(SourceError::Timeout {
                tried: "the recording".into(),
                after: Duration::from_secs(1),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl MetricSource for Switched {
    fn id(&self) -> &SourceId {
        self.demo.id()
    }

    async fn probe(&self, call: &Call) -> Result<SourceInfo, SourceError> {
        self.check()?;
        self.demo.probe(call).await
    }

    async fn metric_names(&self, limit: usize, call: &Call) -> Result<MetricNames, SourceError> {
        self.check()?;
        self.demo.metric_names(limit, call).await
    }

    async fn series(
        &self,
        selectors: &[String],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
        call: &Call,
    ) -> Result<Vec<Labels>, SourceError> {
        self.check()?;
        self.demo.series(selectors, start_ms, end_ms, limit, call).await
    }

    async fn read(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError> {
        self.check()?;
        self.demo.read(request, call).await
    }

    async fn read_expression(&self, request: &ExpressionRequest, call: &Call) -> Result<ExpressionRead, SourceError> {
        self.check()?;
        self.demo.read_expression(request, call).await
    }

    async fn check_query(&self, expression: &str, call: &Call) -> Result<(), SourceError> {
        self.check()?;
        self.demo.check_query(expression, call).await
    }

    async fn long_view(&self, request: &LongViewRequest, call: &Call) -> Result<LongView, SourceError> {
        self.check()?;
        self.long_reads.fetch_add(1, Ordering::SeqCst);
        self.demo.long_view(request, call).await
    }
}

async fn to_the_end(scene: &Scene, run: &Run) -> Run {
    scene.watch(&run.id, 0).await.pop().unwrap().run.unwrap()
}

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
    let source = Switched::new(&clock);
    let store = Store::default();
    let scene = Scene::over(store.clone(), source.clone(), clock.clone(), by_hand());
    let first = scene.start("first", "process_open_fds", &[]).await;
    let mut entered = Vec::new();
    for event in scene.watch(&first.id, 0).await {
        entered.push(event.run.unwrap().current_step);
    }
    assert!(entered.iter().any(|step| step == "long_view"), "{entered:?}");
    let last = to_the_end(&scene, &first).await;
    assert_eq!(
        (last.state(), last.series_done),
        (RunState::Done, 3),
        "{}",
        last.message
    );
    assert!(steps(&last).contains(&"long_view"), "{:?}", steps(&last));
    assert_eq!(source.long_reads.load(Ordering::SeqCst), 1);
    let counted = scene.etl.metrics();
    assert_eq!((counted.forecasts_recalled.get(), counted.looks_recalled.get()), (0, 0));
    drop(scene);

    clock.advance(3_600_000);
    let scene = Scene::over(store.clone(), source.clone(), clock.clone(), by_hand());
    let second = scene.start("second", "process_open_fds", &[]).await;
    let last = to_the_end(&scene, &second).await;
    assert_eq!(
        (last.state(), last.series_done),
        (RunState::Done, 3),
        "{}",
        last.message
    );
    assert_eq!(
        source.long_reads.load(Ordering::SeqCst),
        1,
        "the days were not read again"
    );
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
    assert_eq!(to_the_end(&scene, &third).await.state(), RunState::Done);
    assert_eq!(source.long_reads.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_met_an_outage_is_retried_query_by_query() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let source = Switched::new(&clock);
    source.away.store(true, Ordering::SeqCst);
    let scene = Scene::over(Store::default(), source.clone(), clock, by_hand());
    let run = scene.start("away", "node_load1", &["statistics"]).await;
    let last = to_the_end(&scene, &run).await;
    assert_eq!(
        (last.state(), last.series_failed),
        (RunState::Failed, 1),
        "{}",
        last.message
    );
    assert_eq!(last.reason, "SOURCE_UNREACHABLE");
    let failed = scene.failures(&run.id).await;
    assert_eq!(failed[0].series.as_ref().unwrap().expression, "node_load1");

    source.away.store(false, Ordering::SeqCst);
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
    let last = to_the_end(&scene, &again).await;
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
    let last = to_the_end(&scene, &retried.expect("it was marked failed")).await;
    assert_eq!(
        (last.state(), last.series_done),
        (RunState::Done, 6),
        "{}",
        last.message
    );
}
