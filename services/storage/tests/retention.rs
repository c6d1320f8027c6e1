//! Retention: what is thinned, what is kept, and that the file stays below its limit.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Clock as _, ManualClock};
use sla_proto::Peer;
use sla_proto::convert::timestamp;
use sla_proto::etl::v1::{Run, RunState};
use sla_proto::objective::v1::{Objective, SlaSet};
use sla_proto::storage::v1::{ScoredForecast, StateEntry};
use sla_proto::violation::v1::Violation;
use sla_runtime::{CpuPool, Parts, Role as _, Shutdown};
use sla_storage::port::{Batch, Fence, ForecastFilter, LOCAL_SOURCE, Page, RawRecord, SetPut, ViolationFilter};
use sla_storage::retention::{Retired, pass};
use sla_storage::specimen::{USUAL, body, failure, result, series, series_id};
use sla_storage::{
    LedgerStore, ResultStore, RetentionOptions, RunStore, SetStore, SqliteStore, StateStore, StorageOptions,
    StorageService,
};
use tokio_util::sync::CancellationToken;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// A whole day.
const START_MS: i64 = 19_700 * DAY_MS;
const SERIES: u64 = 3;

async fn run_at(store: &SqliteStore, at_ms: i64, series: u64) {
    let run_id = format!("run-{at_ms}");
    let run = Run {
        id: run_id.clone(),
        state: RunState::Done.into(),
        started: Some(timestamp(at_ms)),
        ..Run::default()
    };
    store.create_run(&run_id, run).await.unwrap();
    let first = store.position(LOCAL_SOURCE, 0).await.unwrap();
    let records = (0..series)
        .map(|n| {
            let result = if n == 1 {
                failure(&run_id, n, at_ms)
            } else {
                result(&run_id, n, at_ms, USUAL)
            };
            RawRecord {
                offset: first + n,
                body: body(result),
            }
        })
        .collect();
    store
        .apply(Batch {
            source: LOCAL_SOURCE.to_owned(),
            partition: 0,
            after: first,
            records,
        })
        .await
        .unwrap();
}

/// Results a run that are still there, by age.
async fn kept(store: &SqliteStore, times: &[i64]) -> BTreeMap<i64, usize> {
    let mut kept = BTreeMap::new();
    for &at_ms in times {
        let rows = store
            .run_results(&format!("run-{at_ms}"), false, Page::first(100))
            .await
            .unwrap()
            .rows
            .len();
        if rows > 0 {
            kept.insert(at_ms, rows);
        }
    }
    kept
}

#[tokio::test]
async fn results_thin_out_with_age() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = SqliteStore::open(directory.path(), 2, Arc::clone(&clock) as _).unwrap();
    let options = RetentionOptions {
        full_ms: 2 * HOUR_MS,
        hourly_ms: 2 * DAY_MS,
        daily_ms: 4 * DAY_MS,
        run_ms: 3 * DAY_MS,
        forecast_ms: 3 * DAY_MS,
        notice_ms: 3 * DAY_MS,
        ..RetentionOptions::default()
    };
    let violation = Violation {
        objective_id: "o".to_owned(),
        series: Some(series(0)),
        start: Some(timestamp(START_MS)),
        ..Violation::default()
    };
    store.put_violations(Fence::NONE, vec![violation]).await.unwrap();
    let forecast = ScoredForecast {
        objective_id: "o".to_owned(),
        series_id: series_id(0).0.to_vec(),
        made: Some(timestamp(START_MS)),
        ..ScoredForecast::default()
    };
    store.put_forecasts(Fence::NONE, vec![forecast]).await.unwrap();
    let mut times = Vec::new();
    let token = CancellationToken::new();
    // Six days, a run every 20 minutes, a pass every 6 hours: as a running instance does it.
    while clock.now_ms() < START_MS + 6 * DAY_MS {
        times.push(clock.now_ms());
        run_at(&store, clock.now_ms(), SERIES).await;
        clock.advance(20 * MINUTE_MS);
        if clock.now_ms() % (6 * HOUR_MS) == 0 {
            pass(&store, &options, clock.now_ms(), &token).await.unwrap();
        }
    }
    let now_ms = clock.now_ms();
    let again = pass(&store, &options, now_ms, &token).await.unwrap();
    assert_eq!((again.results, again.over_size), (0, 0), "a second pass finds nothing");
    let expected: BTreeMap<i64, usize> = times
        .iter()
        .copied()
        .filter(|at_ms| {
            let age_ms = now_ms - at_ms;
            let every_ms = match age_ms {
                _ if age_ms <= options.full_ms => 20 * MINUTE_MS,
                _ if age_ms <= options.hourly_ms => HOUR_MS,
                _ if age_ms <= options.daily_ms => DAY_MS,
                _ => i64::MAX,
            };
            at_ms % every_ms == 0
        })
        .map(|at_ms| (at_ms, SERIES as usize))
        .collect();
    assert_eq!(kept(&store, &times).await, expected);
    assert_eq!(expected.len(), 6 + 46 + 2);
    let runs = store.list_runs(false, Page::first(1000)).await.unwrap().rows;
    let oldest_ms = runs
        .iter()
        .map(|run| run.started.as_ref().map_or(0, sla_proto::convert::millis))
        .min();
    assert_eq!(oldest_ms, Some(now_ms - options.run_ms));
    assert!(
        store
            .list_forecasts(&ForecastFilter::default(), Page::first(5))
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    let violations = store
        .list_violations(&ViolationFilter::default(), Page::first(5))
        .await
        .unwrap()
        .rows;
    assert_eq!(violations.len(), 1, "violations are kept");
    assert_eq!(store.latest(&[series_id(0), series_id(2)]).await.unwrap().len(), 2);
    // Silence for longer than everything is kept: also the newest results go.
    pass(&store, &options, now_ms + 5 * DAY_MS, &token).await.unwrap();
    assert!(kept(&store, &times).await.is_empty());
    assert!(store.latest(&[series_id(0)]).await.unwrap().is_empty());
    store.close().await;
}

/// What is remembered about an objective lives as long as the objective, however long that is.
#[tokio::test]
async fn state_goes_with_its_objective_or_its_days() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), 2, Arc::new(ManualClock::at(START_MS))).unwrap();
    let set = SlaSet {
        name: "agreements".to_owned(),
        objectives: vec![Objective {
            id: "kept".to_owned(),
            ..Objective::default()
        }],
        ..SlaSet::default()
    };
    let put = SetPut {
        set,
        expected_version: 0,
    };
    store.put_sets(vec![put], vec![]).await.unwrap();
    let entry = |objective: &str, key: &str, keep_days| StateEntry {
        objective_id: objective.to_owned(),
        key: key.to_owned(),
        body: vec![1],
        written: Some(timestamp(START_MS)),
        keep_days,
    };
    let entries = vec![
        entry("kept", "spacing", 0),
        entry("kept", "weights", 90),
        entry("never stored", "spacing", 0),
        entry("", "look", 90),
    ];
    store.put_state(entries).await.unwrap();
    let token = CancellationToken::new();
    let left_after = async |age_ms| {
        let now_ms = START_MS + age_ms;
        pass(&store, &RetentionOptions::default(), now_ms, &token)
            .await
            .unwrap();
        let mut left = Vec::new();
        for (objective, key) in [
            ("kept", "spacing"),
            ("kept", "weights"),
            ("never stored", "spacing"),
            ("", "look"),
        ] {
            let (found, _) = store.state(objective, &[key.to_owned()]).await.unwrap();
            left.extend(found.iter().map(|_| format!("{objective}/{key}")));
        }
        left
    };
    let young = ["kept/spacing", "kept/weights", "never stored/spacing", "/look"];
    assert_eq!(left_after(MINUTE_MS).await, young, "its set may be on its way");
    assert_eq!(left_after(89 * DAY_MS).await, ["kept/spacing", "kept/weights", "/look"]);
    assert_eq!(left_after(91 * DAY_MS).await, ["kept/spacing"]);
    assert_eq!(left_after(4_000 * DAY_MS).await, ["kept/spacing"]);
    store.close().await;
}

#[tokio::test]
async fn the_file_stays_below_its_limit_by_dropping_the_oldest() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), 2, Arc::new(ManualClock::at(START_MS))).unwrap();
    let times: Vec<i64> = (0..40).map(|n| START_MS + n * MINUTE_MS).collect();
    for &at_ms in &times {
        run_at(&store, at_ms, 100).await;
    }
    let before = store.space().await.unwrap();
    let token = CancellationToken::new();
    let unlimited = RetentionOptions::default();
    assert_eq!(
        pass(&store, &unlimited, times[39], &token).await.unwrap(),
        Retired::default()
    );
    let options = RetentionOptions {
        max_bytes: before.used_bytes * 2 / 3,
        ..RetentionOptions::default()
    };
    let retired = pass(&store, &options, times[39], &token).await.unwrap();
    assert!(retired.over_size > 0 && !retired.still_over_size, "{retired:?}");
    let after = store.space().await.unwrap();
    assert!(after.file_bytes <= options.max_bytes, "{after:?} was {before:?}");
    let kept = kept(&store, &times).await;
    assert!(
        !kept.contains_key(&times[0]) && kept.contains_key(&times[39]),
        "the oldest went"
    );
    let impossible = RetentionOptions {
        max_bytes: 1,
        ..RetentionOptions::default()
    };
    assert!(
        pass(&store, &impossible, times[39], &token)
            .await
            .unwrap()
            .still_over_size
    );
    assert_eq!(
        store.latest(&[series_id(0)]).await.unwrap().len(),
        1,
        "the newest results are not history"
    );
    store.close().await;
}

/// A clock that stands decades ahead at a start is not believed, however often the instance starts; once it is right, or has gone on
/// for long enough, retention goes on.
#[tokio::test]
async fn a_clock_that_leapt_deletes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = SqliteStore::open(directory.path(), 2, Arc::clone(&clock) as _).unwrap();
    run_at(&store, START_MS, SERIES).await;
    store.close().await;
    let started = async |proven_after| {
        let mut options = StorageOptions::in_dir(directory.path());
        options.retention.every = Duration::from_millis(5);
        options.retention.proven_after = proven_after;
        let parts = Parts {
            peer: Peer::late().0,
            clock: clock.clone(),
            pool: CpuPool::new(1),
            shutdown: Shutdown::new(),
            metrics: sla_runtime::Metrics::default(),
        };
        let shutdown = parts.shutdown.clone();
        (StorageService::start(options, parts).await.unwrap(), shutdown)
    };
    let ended = async |(service, shutdown): (StorageService, Shutdown)| {
        assert!(shutdown.drain(Duration::from_secs(5)).await);
        service.close().await;
    };
    let leapt_ms = START_MS + 74 * 365 * DAY_MS;
    let hour = Duration::from_hours(1);
    for start in 0..2 {
        clock.set(leapt_ms);
        let (service, shutdown) = started(hour).await;
        run_at(service.store(), leapt_ms + start, SERIES).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(kept(service.store(), &[START_MS]).await.len(), 1, "start {start}");
        assert_eq!(service.metrics().retired_rows.get(), 0);
        ended((service, shutdown)).await;
    }
    clock.set(START_MS + HOUR_MS);
    let (service, shutdown) = started(hour).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(service.store().row_count("run").await.unwrap(), 3);
    ended((service, shutdown)).await;
    // Off for long: the clock goes on where it stands, and is believed in the end.
    clock.set(START_MS + 500 * DAY_MS);
    let (service, shutdown) = started(Duration::from_millis(300)).await;
    tokio::time::timeout(Duration::from_secs(20), async {
        while !kept(service.store(), &[START_MS]).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("what is too old goes in the end");
    ended((service, shutdown)).await;
}

/// A mark that a wrong clock left in the future hides nothing.
#[tokio::test]
async fn a_mark_in_the_future_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), 2, Arc::new(ManualClock::at(START_MS))).unwrap();
    let token = CancellationToken::new();
    let options = RetentionOptions::default();
    pass(&store, &options, START_MS + 74 * 365 * DAY_MS, &token)
        .await
        .unwrap();
    let times: Vec<i64> = (0..6).map(|n| START_MS + n * 10 * MINUTE_MS).collect();
    for &at_ms in &times {
        run_at(&store, at_ms, SERIES).await;
    }
    pass(&store, &options, START_MS + 3 * DAY_MS, &token).await.unwrap();
    assert_eq!(kept(&store, &times).await.len(), 1, "one an hour");
    store.close().await;
}

#[tokio::test]
async fn the_background_task_works_and_ends() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let shutdown = Shutdown::new();
    let mut options = StorageOptions::in_dir(directory.path());
    options.retention.every = Duration::from_millis(20);
    options.retention.proven_after = Duration::from_millis(200);
    let parts = Parts {
        peer: Peer::late().0,
        clock: clock.clone(),
        pool: CpuPool::new(1),
        shutdown: shutdown.clone(),
        metrics: sla_runtime::Metrics::default(),
    };
    let service = StorageService::start(options, parts).await.unwrap();
    run_at(service.store(), START_MS, SERIES).await;
    clock.advance(400 * DAY_MS);
    tokio::time::timeout(Duration::from_secs(20), async {
        while !kept(service.store(), &[START_MS]).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the task deletes what is too old");
    assert!(
        shutdown.drain(Duration::from_secs(5)).await,
        "the task ends with the token"
    );
    assert!(service.metrics().retired_rows.get() > 0);
    service.close().await;
}
