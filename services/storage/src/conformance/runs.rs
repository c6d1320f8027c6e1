//! Runs: idempotent by request id, numbered, never reopened.

use sla_proto::convert;
use sla_proto::etl::v1::{Run, RunState, Schedule};
use sla_runtime::reason;
use tonic::Code;

use super::refusals::refused;
use crate::port::{Page, Store};

fn run(id: &str, state: RunState) -> Run {
    Run {
        id: id.to_owned(),
        state: state.into(),
        started_by: "timer".to_owned(),
        ..Run::default()
    }
}

/// The suite of [`crate::port::RunStore`].
pub async fn runs(store: &dyn Store) {
    let (first, existed) = store.create_run("r-a", run("run-a", RunState::Queued)).await.unwrap();
    assert!(!existed && first.number > 0);
    let (again, existed) = store
        .create_run("r-a", run("run-other", RunState::Queued))
        .await
        .unwrap();
    assert!(existed, "the same request id starts nothing twice");
    assert_eq!(again, first);
    refused(store.run("run-other").await, Code::NotFound, reason::NOT_FOUND);
    refused(
        store.create_run("r-a2", run("run-a", RunState::Queued)).await,
        Code::AlreadyExists,
        reason::WRONG_STATE,
    );
    refused(
        store.create_run("", run("x", RunState::Queued)).await,
        Code::InvalidArgument,
        reason::INVALID_FIELD,
    );
    let (second, _) = store.create_run("r-b", run("", RunState::Running)).await.unwrap();
    assert!(!second.id.is_empty(), "a run without an id gets one");
    assert!(second.number > first.number);

    let running = Run {
        series_done: 5,
        current_step: "forecast".to_owned(),
        ..run("run-a", RunState::Running)
    };
    store.update_run(running).await.unwrap();
    let stored = store.run("run-a").await.unwrap();
    assert_eq!(
        (stored.series_done, stored.number),
        (5, first.number),
        "the number stays"
    );
    let unfinished = store.list_runs(true, Page::first(100)).await.unwrap().rows;
    let listed = |id: &str| unfinished.iter().any(|run| run.id == id);
    assert!(
        listed("run-a") && listed(&second.id),
        "what a crash left behind can be found"
    );

    let done = Run {
        series_done: 9,
        ..run("run-a", RunState::Partial)
    };
    store.update_run(done).await.unwrap();
    store.update_run(run("run-a", RunState::Running)).await.unwrap();
    let stored = store.run("run-a").await.unwrap();
    assert_eq!(
        (stored.state(), stored.series_done),
        (RunState::Partial, 9),
        "an ended run is not reopened"
    );
    refused(
        store.update_run(run("nobody", RunState::Done)).await,
        Code::NotFound,
        reason::NOT_FOUND,
    );

    let mut numbers = Vec::new();
    let mut after = None;
    loop {
        let page = store.list_runs(false, Page { size: 1, after }).await.unwrap();
        numbers.extend(page.rows.iter().map(|run| run.number));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(
        numbers.len() >= 2 && numbers.is_sorted_by(|a, b| a > b),
        "newest first: {numbers:?}"
    );
    let unfinished = store.list_runs(true, Page::first(100)).await.unwrap().rows;
    assert!(!unfinished.iter().any(|run| run.id == "run-a"));

    assert_eq!(store.schedule().await.unwrap(), None, "never changed");
    for paused in [true, false] {
        let schedule = Schedule {
            paused,
            results_every: Some(convert::duration(60_000)),
            ..Schedule::default()
        };
        store.put_schedule(schedule, "").await.unwrap();
        assert_eq!(store.schedule().await.unwrap(), Some(schedule));
    }
}
