//! Runs over the whole role and its gRPC surface: the demo's replay as source, and a store in memory that keeps the rules of
//! `storage.v1` (the real one is proved together with this role by the tests of the binary).

use std::sync::Arc;
use std::time::Duration;

use sla_domain::ManualClock;
use sla_etl::EtlOptions;
use sla_proto::etl::v1::*;
use sla_proto::objective::v1::{Objective, SlaSet};
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::series::v1::{Query, query};

use sla_testkit::Switched;

use crate::scene::store::Store;
use crate::scene::{NOW_MS, Scene, by_hand, demo, query_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_watched_to_its_end_and_everything_is_stored() {
    let scene = Scene::by_hand();
    let run = scene.start("one", "node_load1", &[]).await;
    assert_eq!((run.number, run.steps.len()), (1, 3));
    let again = StartRunRequest {
        request_id: "one".into(),
        scope: run.scope.clone(),
        steps: vec![],
    };
    let again = scene.peer.runs().start_run(again).await.unwrap().into_inner();
    assert!(again.already_started && again.run.unwrap().id == run.id);

    let events = scene.watch(&run.id, 0).await;
    assert!(events.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    let last = events.last().unwrap().run.clone().unwrap();
    assert_eq!(
        (last.state(), last.series_done, last.series_total),
        (RunState::Done, 3, 3),
        "{}",
        last.message
    );
    assert!(last.samples_read > Some(3 * 2_000) && last.finished.is_some() && last.remaining.is_none());
    let steps: Vec<&str> = last
        .step_summaries
        .iter()
        .map(|summary| summary.step.as_str())
        .collect();
    assert_eq!(
        steps,
        [
            "extract",
            "long_view",
            "statistics",
            "statistics",
            "statistics",
            "statistics",
            "metadata",
            "forecast",
            "publish"
        ]
    );

    // What was told last is what is stored, and the records are as many as announced.
    let stored = scene.store.kept.lock().unwrap().runs[&run.id].1.clone();
    assert_eq!(
        (stored.state(), stored.message.as_str()),
        (RunState::Done, last.message.as_str())
    );
    assert_eq!(
        (scene.store.results().len(), scene.store.expected(&run.id)),
        (3, Some(3))
    );
    let first = scene.store.results().remove(0);
    let Some(Outcome::Analysis(analysis)) = first.outcome else {
        panic!("{first:?}")
    };
    assert_eq!(analysis.windows.len(), 4);
    assert!(analysis.metadata.is_some() && analysis.forecast.unwrap().mean.unwrap().points.len() == 5);

    // Resumed after the last event: one word with the end, and the stream ends.
    let resumed = scene.watch(&run.id, events.last().unwrap().sequence).await;
    assert_eq!(resumed.len(), 1);
    assert_eq!(resumed[0].run.as_ref().unwrap().state(), RunState::Done);
    let lines = scene
        .peer
        .runs()
        .tail_log(TailLogRequest {
            run_id: run.id,
            lines: 10,
        })
        .await
        .unwrap()
        .into_inner()
        .lines;
    assert!(
        lines.iter().any(|line| line.text.contains("3 of 3 series")),
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_name_their_field() {
    let scene = Scene::by_hand();
    let refused = |request: StartRunRequest| async { scene.peer.runs().start_run(request).await.unwrap_err() };
    let scope = Some(RunScope {
        queries: vec![query_of("up")],
        ..RunScope::default()
    });
    for (request, word) in [
        (
            StartRunRequest {
                request_id: String::new(),
                scope: scope.clone(),
                steps: vec![],
            },
            "request_id",
        ),
        (
            StartRunRequest {
                request_id: "a".into(),
                scope: None,
                steps: vec![],
            },
            "scope",
        ),
        (
            StartRunRequest {
                request_id: "a".into(),
                scope,
                steps: vec!["dance".into()],
            },
            "steps",
        ),
    ] {
        let status = refused(request).await;
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert!(status.message().contains(word), "{status}");
    }
    let status = scene
        .peer
        .runs()
        .get_run(GetRunRequest { run_id: "none".into() })
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_wait_for_each_other_and_a_waiting_one_is_cancelled_at_once() {
    let scene = Scene::by_hand();
    let all = scene.start("all", "{instance=~'.+'}", &[]).await;
    let waiting = scene.start("waiting", "node_load1", &[]).await;
    // A run that is cancelled before its turn has nothing to close.
    scene.begun(&all.id).await;
    let cancelled = scene
        .peer
        .runs()
        .cancel_run(CancelRunRequest {
            run_id: waiting.id.clone(),
        })
        .await
        .unwrap();
    assert_eq!(cancelled.into_inner().run.unwrap().state(), RunState::Cancelled);
    let cancelled = scene
        .peer
        .runs()
        .cancel_run(CancelRunRequest { run_id: all.id.clone() })
        .await
        .unwrap();
    drop(cancelled);
    let last = scene.ended(&all).await;
    assert_eq!(last.state(), RunState::Cancelled, "{}", last.message);
    assert_eq!(
        scene.store.expected(&all.id),
        Some(last.series_done + last.series_failed)
    );
    assert_eq!(
        scene.store.kept.lock().unwrap().runs[&waiting.id].1.state(),
        RunState::Cancelled
    );
    // The queue goes on behind them.
    let next = scene.start("next", "node_load1", &["statistics"]).await;
    let last = scene.ended(&next).await;
    assert_eq!(last.state(), RunState::Done);
    assert!(
        scene
            .store
            .results()
            .iter()
            .filter(|result| result.run_id == next.id)
            .all(|result| match &result.outcome {
                Some(Outcome::Analysis(analysis)) => analysis.forecast.is_none() && analysis.windows.len() == 4,
                _ => false,
            })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_fails_makes_the_run_partial() {
    let scene = Scene::by_hand();
    // The replay evaluates no expressions: that query fails, the other one goes on.
    let expression = Query {
        query: Some(query::Query::Expression("sum(node_load1)".into())),
        ..Query::default()
    };
    let queries = vec![query_of("node_load1"), expression];
    let run = scene.start_of("two", queries, &["statistics"]).await;
    let last = scene.ended(&run).await;
    assert_eq!(
        (last.state(), last.series_done, last.series_failed),
        (RunState::Partial, 3, 1),
        "{}",
        last.message
    );
    assert_eq!(last.failures.len(), 1);
    assert_eq!(
        scene.store.expected(&run.id),
        Some(4),
        "the query that named no series is a record too"
    );
    let failed = scene.failures(&run.id).await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].series.as_ref().unwrap().expression, "sum(node_load1)");
    let Some(Outcome::Failure(failure)) = &failed[0].outcome else {
        panic!("{failed:?}")
    };
    assert!(failure.step == "extract" && !failure.reason.is_empty() && !failure.message.is_empty());
    // Tried again: that query alone, with the steps of the run.
    let again = scene.retry("again", &run.id).await.unwrap();
    assert_eq!(again.steps, ["statistics"]);
    let last = scene.ended(&again).await;
    assert_eq!(
        (last.state(), last.series_total, last.series_failed),
        (RunState::Failed, 1, 1),
        "{}",
        last.message
    );
    assert_eq!(
        scene.retry("none", "nobody").await.unwrap_err().code(),
        tonic::Code::NotFound
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_life_left_unfinished_is_marked_failed() {
    let left = Run {
        id: "left".into(),
        number: 7,
        state: RunState::Running.into(),
        ..Run::default()
    };
    let scene = Scene::new(
        EtlOptions {
            scheduled: false,
            ..EtlOptions::default()
        },
        |kept| {
            kept.runs.insert("left".into(), (7, left));
        },
    );
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let run = scene.store.kept.lock().unwrap().runs["left"].1.clone();
        if run.state() == RunState::Failed {
            assert!(run.message.contains("the process ended before the run did"));
            let events = scene.watch("left", 12).await;
            assert_eq!((events.len(), events[0].sequence), (1, 13));
            return;
        }
    }
    panic!("it was not marked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_run_starts_by_itself_when_there_are_sets() {
    let objective = |selector: &str, no_forecast| Objective {
        query: Some(query_of(selector)),
        no_forecast,
        ..Objective::default()
    };
    let set = SlaSet {
        active: true,
        objectives: vec![objective("node_load1", false), objective("node_load5", true)],
        ..SlaSet::default()
    };
    let scene = Scene::new(EtlOptions::default(), |kept| kept.sets.push(set));
    let mut id = None;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        id = scene.store.kept.lock().unwrap().runs.keys().next().cloned();
        if id.is_some() {
            break;
        }
    }
    let last = scene
        .watch(&id.expect("a run was started"), 0)
        .await
        .pop()
        .unwrap()
        .run
        .unwrap();
    assert_eq!(
        (last.state(), last.started_by.as_str(), last.series_done),
        (RunState::Done, "start", 6)
    );
    for result in scene.store.results() {
        let name = sla_proto::convert::labels(&result.series.unwrap())
            .metric_name()
            .to_owned();
        let Some(Outcome::Analysis(analysis)) = result.outcome else {
            panic!("{name}")
        };
        assert_eq!(analysis.forecast.is_some(), name == "node_load1", "{name}");
    }
    let schedule = scene
        .peer
        .schedule()
        .get_schedule(GetScheduleRequest {})
        .await
        .unwrap()
        .into_inner()
        .schedule
        .unwrap();
    assert_eq!(
        sla_proto::convert::millis(&schedule.next_results.unwrap()),
        1_700_000_000_000 + 300_000
    );
    let pause = UpdateScheduleRequest {
        paused: Some(true),
        ..UpdateScheduleRequest::default()
    };
    let paused = scene
        .peer
        .schedule()
        .update_schedule(pause)
        .await
        .unwrap()
        .into_inner()
        .schedule
        .unwrap();
    assert!(paused.paused && paused.next_results.is_none());
    assert!(
        scene.store.kept.lock().unwrap().schedule.as_ref().unwrap().paused,
        "durable"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_and_analyses_come_over_the_same_surface() {
    let scene = Scene::by_hand();
    let request = AnalyzeSeriesRequest {
        query: Some(query_of("node_load1")),
        ..AnalyzeSeriesRequest::default()
    };
    let mut stream = scene
        .peer
        .analysis()
        .analyze_series(request)
        .await
        .unwrap()
        .into_inner();
    let mut labels = Vec::new();
    while let Some(answer) = stream.message().await.unwrap() {
        assert!(answer.source.unwrap().demo);
        labels.push(sla_proto::convert::labels(&answer.result.unwrap().series.unwrap()));
    }
    assert_eq!(labels.len(), 3);
    assert!(labels.is_sorted());

    let request = ReadSamplesRequest {
        queries: vec![query_of("up"), query_of("nothing_here")],
        ..Default::default()
    };
    let mut stream = scene.peer.samples().read_samples(request).await.unwrap().into_inner();
    let (mut series, mut summary) = (0, None);
    while let Some(answer) = stream.message().await.unwrap() {
        match answer.part.unwrap() {
            read_samples_response::Part::Series(one) => {
                assert!(summary.is_none() && one.query_index == 0 && !one.chunks.is_empty());
                series += 1;
            }
            read_samples_response::Part::Summary(last) => summary = Some(last),
        }
    }
    assert_eq!((series, summary.unwrap().series), (3, 3));

    let request = ListMetricNamesRequest {
        page_size: 2,
        ..Default::default()
    };
    let names = scene
        .peer
        .source()
        .list_metric_names(request)
        .await
        .unwrap()
        .into_inner();
    assert!(
        names.names.len() == 2 && !names.next_page_token.is_empty() && names.total_series == 54,
        "{names:?}"
    );
    let check = |text: &str| CheckQueryRequest {
        query: Some(query_of(text)),
    };
    let good = scene
        .peer
        .source()
        .check_query(check("up{job='node'}"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((good.series, good.problem.as_str()), (3, ""));
    let bad = scene
        .peer
        .source()
        .check_query(check("up{job=node}"))
        .await
        .unwrap()
        .into_inner();
    assert!(!bad.problem.is_empty() && bad.position == Some(7), "{bad:?}");
}

/// The estate follows the day and the hour: 12 h of samples show the hour, a week shows the day too; so do rates of counters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seasons_of_a_day_are_found_in_the_long_view() {
    const H: i64 = 3_600_000;
    let scene = Scene::by_hand();
    let mut judged = 0;
    for (selector, of_rate, wanted) in [
        ("process_open_fds", false, vec![H, 24 * H]),
        ("process_resident_memory_bytes", false, vec![H, 24 * H]),
        ("node_hwmon_temp_celsius", false, vec![H, 24 * H]),
        ("node_network_receive_bytes_total", true, vec![24 * H]),
    ] {
        let run = scene.start(selector, selector, &["metadata"]).await;
        scene.watch(&run.id, 0).await;
        let results = scene.store.results().into_iter();
        for result in results.filter(|result| result.run_id == run.id) {
            let Some(Outcome::Analysis(analysis)) = result.outcome else {
                panic!("{selector}: {:?}", result.outcome)
            };
            let metadata = analysis.metadata.unwrap();
            let season = metadata.seasonality.unwrap();
            let mut found = season.other_periods_ms.clone();
            found.push(season.period_ms);
            found.sort_unstable();
            let is_wanted = |(found, wanted): (&i64, &i64)| (found - wanted).abs() * 20 <= *wanted;
            assert!(
                found.len() == wanted.len() && found.iter().zip(&wanted).all(is_wanted),
                "{selector}: {found:?} {:?}",
                metadata.notes
            );
            assert_eq!(metadata.of_rate, of_rate);
            assert!(!season.pattern.is_empty() && season.strength > 0.5);
            assert!(
                metadata
                    .notes
                    .iter()
                    .any(|note| note.starts_with("season 1d found in ") && note.ends_with("of 5-min means")),
                "{:?}",
                metadata.notes
            );
            judged += 1;
        }
    }
    assert_eq!(judged, 12, "three hosts each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_are_told_and_stored_for_each_window_asked_for() {
    let options = EtlOptions {
        scheduled: false,
        metadata_windows_ms: vec![43_200_000, 3_600_000, 3 * 86_400_000],
        ..EtlOptions::default()
    };
    let scene = Scene::new(options, |_| {});
    let run = scene.start("windows", "node_load1", &["metadata"]).await;
    scene.watch(&run.id, 0).await;
    for result in scene.store.results() {
        let Some(Outcome::Analysis(analysis)) = result.outcome else {
            panic!("{result:?}")
        };
        let metadata = analysis.metadata.iter().chain(&analysis.more_metadata);
        let windows: Vec<i64> = metadata.map(|one| one.window_ms).collect();
        assert_eq!(windows, [43_200_000, 3_600_000, 3 * 86_400_000]);
        let days = &analysis.more_metadata[1];
        assert_eq!(days.notes[0], "of 5-min means");
        assert!(
            days.autocorrelation.as_ref().unwrap().lag_ms == 300_000 && days.n > 800,
            "{}",
            days.n
        );
    }
    let asked = AnalyzeSeriesRequest {
        query: Some(query_of("node_load1")),
        metadata_windows: vec![sla_proto::convert::duration(1_000)],
        ..AnalyzeSeriesRequest::default()
    };
    let refused = scene.peer.analysis().analyze_series(asked).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_could_suggest_is_unknown_and_not_nothing() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let source = Switched::new(demo(&clock));
    let scene = Scene::over(Store::default(), source.clone(), clock, by_hand());
    let scope = || RunScope {
        sets_in_use: true,
        ..RunScope::default()
    };
    let estimate = || async {
        let request = EstimateRunRequest {
            scope: Some(scope()),
            ..EstimateRunRequest::default()
        };
        scene.peer.runs().estimate_run(request).await
    };
    source.set_away(true);
    let run = scene.try_start("away", scope(), &[]).await.unwrap();
    let last = scene.ended(&run).await;
    assert_eq!(
        (last.state(), last.reason.as_str()),
        (RunState::Failed, "SOURCE_UNREACHABLE"),
        "{}",
        last.message
    );
    assert_eq!(estimate().await.unwrap_err().code(), tonic::Code::Unavailable);
    // The source is there, and no set asks for anything: that is an answer.
    source.set_away(false);
    let run = scene.try_start("there", scope(), &[]).await.unwrap();
    assert_eq!(scene.ended(&run).await.state(), RunState::Done);
    assert_eq!(estimate().await.unwrap().into_inner().series, 0);
}
