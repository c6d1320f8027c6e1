//! The ledger: natural keys, what supersedes what, pages, overlaps.

use sla_proto::convert::timestamp;
use sla_proto::objective::v1::{Objective, SlaSet};
use sla_proto::storage::v1::ScoredForecast;
use sla_proto::violation::v1::Violation;
use sla_runtime::reason;
use tonic::Code;

use super::refusals::refused;
use crate::port::{ChangeLimits, Fence, ForecastFilter, Page, SetDelete, SetPut, Store, ViolationFilter, Written};
use crate::specimen::{series, series_id};

fn violation(objective: &str, n: u64, start_ms: i64, end_ms: Option<i64>, duration_ms: i64) -> Violation {
    Violation {
        set_id: "set-a".to_owned(),
        objective_id: objective.to_owned(),
        generation: 1,
        series: Some(series(n)),
        start: Some(timestamp(start_ms)),
        end: end_ms.map(timestamp),
        samples: (duration_ms / 15).cast_unsigned(),
        duration_ms,
        worst: 95.0,
        ..Violation::default()
    }
}

async fn listed(store: &dyn Store, filter: &ViolationFilter) -> Vec<Violation> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = store.list_violations(filter, Page { size: 2, after }).await.unwrap();
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

fn starts(violations: &[Violation]) -> Vec<i64> {
    violations
        .iter()
        .map(|violation| violation.start.as_ref().map_or(-1, sla_proto::convert::millis))
        .collect()
}

/// The suite of [`crate::port::LedgerStore`].
pub async fn ledger(store: &dyn Store) {
    supersedes(store).await;
    lists(store).await;
    forecasts(store).await;
    changes(store).await;
    changes_of_many_writers(store).await;
}

async fn supersedes(store: &dyn Store) {
    let only = ViolationFilter {
        objective_id: "one".to_owned(),
        ..ViolationFilter::default()
    };
    let inserted = Written {
        inserted: 1,
        updated: 0,
    };
    let updated = Written {
        inserted: 0,
        updated: 1,
    };
    let nothing = Written::default();
    // In the order of arrival: (end, duration) and what it must do.
    let open = |duration_ms| violation("one", 1, 1_000, None, duration_ms);
    let closed = |end_ms| violation("one", 1, 1_000, Some(end_ms), end_ms - 1_000);
    for (step, (message, effect)) in [
        (open(500), inserted),
        (open(500), nothing),
        (open(900), updated),
        (open(600), nothing),
        (closed(1_800), updated),
        (closed(1_800), nothing),
        (open(700), nothing),
        (closed(1_500), nothing),
        (open(2_000), updated),
        (closed(3_000), updated),
        (closed(4_000), updated),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            store.put_violations(Fence::NONE, vec![message]).await.unwrap(),
            effect,
            "step {step}"
        );
    }
    let rows = listed(store, &only).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0], closed(4_000));
    // Judgements that say when they were made: the later one counts, whatever it says.
    let judged = |judged_ms, row: Violation| Violation {
        judged: Some(timestamp(judged_ms)),
        ..row
    };
    for (step, (message, effect)) in [
        (judged(5_000, closed(5_000)), updated),
        (judged(6_000, closed(4_500)), updated),
        (judged(5_500, closed(5_000)), nothing),
        (judged(7_000, open(6_000)), updated),
        (judged(8_000, closed(4_000)), updated),
    ]
    .into_iter()
    .enumerate()
    {
        let written = store.put_violations(Fence::NONE, vec![message]).await.unwrap();
        assert_eq!(written, effect, "judged step {step}");
    }
    assert_eq!(listed(store, &only).await[0], judged(8_000, closed(4_000)));
    // Another generation is another violation.
    let next = Violation {
        generation: 2,
        ..closed(4_000)
    };
    assert_eq!(
        store
            .put_violations(Fence::NONE, vec![next.clone(), next])
            .await
            .unwrap(),
        inserted
    );
    assert_eq!(listed(store, &only).await.len(), 2);
    let bad = |result| refused(result, Code::InvalidArgument, reason::INVALID_FIELD);
    bad(store
        .put_violations(Fence::NONE, vec![violation("", 1, 1_000, None, 5)])
        .await);
    bad(store
        .put_violations(
            Fence::NONE,
            vec![Violation {
                series: None,
                ..open(1)
            }],
        )
        .await);
    bad(store
        .put_violations(Fence::NONE, vec![Violation { start: None, ..open(1) }])
        .await);
    bad(store.put_violations(Fence::NONE, vec![closed(999)]).await);
    bad(store
        .put_violations(Fence::NONE, vec![open(1); crate::port::MAX_LEDGER_ROWS + 1])
        .await);
}

async fn lists(store: &dyn Store) {
    let rows = vec![
        violation("two", 1, 10_000, Some(20_000), 10_000),
        violation("two", 2, 10_000, Some(30_000), 20_000),
        violation("two", 1, 40_000, Some(50_000), 10_000),
        violation("two", 2, 60_000, None, 5_000),
        violation("three", 2, 70_000, None, 5_000),
    ];
    store.put_violations(Fence::NONE, rows).await.unwrap();
    let two = ViolationFilter {
        objective_id: "two".to_owned(),
        ..ViolationFilter::default()
    };
    assert_eq!(
        starts(&listed(store, &two).await),
        [60_000, 40_000, 10_000, 10_000],
        "newest first, over pages"
    );
    let of_series = ViolationFilter {
        series: series_id(2).0.to_vec(),
        ..two.clone()
    };
    assert_eq!(starts(&listed(store, &of_series).await), [60_000, 10_000]);
    let open = ViolationFilter {
        open_only: true,
        ..two.clone()
    };
    assert_eq!(starts(&listed(store, &open).await), [60_000]);
    for (after_ms, until_ms, expected) in [
        (Some(20_000), None, vec![60_000, 40_000, 10_000]), // one of [10, 20) has ended at 20
        (None, Some(40_000), vec![40_000, 10_000, 10_000]),
        (None, Some(39_999), vec![10_000, 10_000]),
        (Some(30_000), Some(39_999), vec![]),
        (Some(500_000), None, vec![60_000]), // goes on
    ] {
        let filter = ViolationFilter {
            after_ms,
            until_ms,
            ..two.clone()
        };
        assert_eq!(
            starts(&listed(store, &filter).await),
            expected,
            "({after_ms:?}, {until_ms:?}]"
        );
    }
    // A set that has `two` no longer; another set keeps `three`, whatever the first one does.
    let with = |objectives: &[&str], expected_version| {
        let objective = |id: &&str| Objective {
            id: (*id).to_owned(),
            ..Objective::default()
        };
        let set = SlaSet {
            id: "set-a".to_owned(),
            name: "of the ledger".to_owned(),
            objectives: objectives.iter().map(objective).collect(),
            ..SlaSet::default()
        };
        vec![SetPut { set, expected_version }]
    };
    store.put_sets(with(&["two", "three"], 0), vec![]).await.unwrap();
    store.put_sets(with(&["three"], 1), vec![]).await.unwrap();
    assert!(listed(store, &two).await.is_empty(), "retired");
    let kept = listed(
        store,
        &ViolationFilter {
            with_retired: true,
            ..two.clone()
        },
    )
    .await;
    assert_eq!(kept.len(), 4, "but kept");
    assert!(kept.iter().all(|violation| violation.retired));
    // A late word about it does not bring it back.
    store
        .put_violations(Fence::NONE, vec![violation("two", 2, 60_000, Some(90_000), 30_000)])
        .await
        .unwrap();
    assert!(listed(store, &two).await.is_empty());
    let three = ViolationFilter {
        objective_id: "three".to_owned(),
        ..ViolationFilter::default()
    };
    assert_eq!(listed(store, &three).await.len(), 1, "of another set");
    refused(
        store
            .list_violations(
                &two,
                Page {
                    size: 2,
                    after: Some("00".repeat(20)),
                },
            )
            .await,
        Code::InvalidArgument,
        reason::BAD_PAGE_TOKEN,
    );
}

fn forecast(made_ms: i64, probability: f64, left: Option<bool>) -> ScoredForecast {
    ScoredForecast {
        objective_id: "f".to_owned(),
        generation: 1,
        series_id: series_id(5).0.to_vec(),
        made: Some(timestamp(made_ms)),
        horizon_ms: 600_000,
        probability,
        left,
        method: "Holt-Winters residuals".to_owned(),
        ..ScoredForecast::default()
    }
}

async fn forecasts(store: &dyn Store) {
    let made = vec![
        forecast(0, 0.5, None),
        forecast(1_000, 0.6, None),
        forecast(2_000, 0.7, Some(true)),
    ];
    assert_eq!(store.put_forecasts(Fence::NONE, made).await.unwrap(), 3);
    assert_eq!(
        store
            .put_forecasts(Fence::NONE, vec![forecast(0, 0.9, None)])
            .await
            .unwrap(),
        0,
        "the first word stands"
    );
    let all = ForecastFilter {
        objective_id: "f".to_owned(),
        ..ForecastFilter::default()
    };
    let list = async |filter: &ForecastFilter| -> Vec<f64> {
        let rows = store.list_forecasts(filter, Page::first(10)).await.unwrap().rows;
        rows.iter().map(|forecast| forecast.probability).collect()
    };
    assert_eq!(list(&all).await, [0.7, 0.6, 0.5]);
    let due = ForecastFilter {
        due_before_ms: Some(601_000),
        ..all.clone()
    };
    assert_eq!(list(&due).await, [0.5], "due strictly before, without an outcome");
    let scored = ForecastFilter {
        scored_only: true,
        ..all.clone()
    };
    assert_eq!(list(&scored).await, [0.7]);
    let outcome = ScoredForecast {
        value: Some(3.5),
        ..forecast(0, 0.0, Some(false))
    };
    let unknown = forecast(77, 0.0, Some(true));
    assert_eq!(
        store
            .score_forecasts(Fence::NONE, vec![outcome.clone(), unknown])
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        store.score_forecasts(Fence::NONE, vec![outcome]).await.unwrap(),
        0,
        "scored once"
    );
    assert_eq!(
        list(&scored).await,
        [0.7, 0.5],
        "the probability is the one that was given"
    );
    let rows = store.list_forecasts(&scored, Page::first(10)).await.unwrap().rows;
    assert_eq!((rows[1].left, rows[1].value), (Some(false), Some(3.5)));
    let bad = store
        .score_forecasts(Fence::NONE, vec![forecast(1_000, 0.6, None)])
        .await;
    refused(bad, Code::InvalidArgument, reason::INVALID_FIELD);
}

/// Writers meet; a reader that follows the numbers misses nothing, because a smaller number never appears after a larger one.
async fn changes_of_many_writers(store: &dyn Store) {
    const WRITES: i64 = 25;
    let limits = ChangeLimits {
        count: 7,
        bytes: usize::MAX,
    };
    let (_, begin) = store.changes(0, limits).await.unwrap();
    let write = async |writer: u64| {
        for n in 0..WRITES {
            let rows = vec![
                violation(&format!("writer-{writer}"), writer, 1_000 + n, None, 10),
                violation("shared", 1, 2_000 + n, None, 10 + writer as i64),
            ];
            store.put_violations(Fence::NONE, rows).await.unwrap();
        }
    };
    let read = async {
        let (mut last, mut seen) = (begin, std::collections::BTreeSet::new());
        while seen.len() < 4 * WRITES as usize {
            let (changes, _) = store.changes(last, limits).await.unwrap();
            for change in changes {
                assert!(change.sequence > last, "numbers rise");
                last = change.sequence;
                let row = change.violation.unwrap();
                seen.insert((
                    row.objective_id,
                    row.start.map(|start| sla_proto::convert::millis(&start)),
                ));
            }
            tokio::task::yield_now().await;
        }
        seen
    };
    let patience = std::time::Duration::from_mins(1);
    let ((), (), (), seen) = tokio::join!(write(1), write(2), write(3), tokio::time::timeout(patience, read));
    let Ok(seen) = seen else {
        panic!("a reader that goes forward only has missed a change")
    };
    assert!(seen.contains(&("shared".to_owned(), Some(2_000 + WRITES - 1))));
}

async fn changes(store: &dyn Store) {
    let read = async |after, count, bytes| store.changes(after, ChangeLimits { count, bytes }).await.unwrap();
    let (_, before) = read(0, 1, usize::MAX).await;
    let one = violation("feed", 1, 1_000, None, 500);
    let two = violation("feed", 2, 1_000, None, 500);
    store
        .put_violations(Fence::NONE, vec![one.clone(), two.clone()])
        .await
        .unwrap();
    store.put_violations(Fence::NONE, vec![one.clone()]).await.unwrap();
    let (changes, newest) = read(before, 10, usize::MAX).await;
    let told: Vec<_> = changes.iter().map(|change| change.violation.clone().unwrap()).collect();
    assert_eq!(told, [one, two.clone()], "what says nothing new is no change");
    assert!(before < changes[0].sequence && changes[0].sequence < changes[1].sequence);
    assert_eq!(changes[1].sequence, newest);
    assert_eq!(read(newest, 10, usize::MAX).await, (vec![], newest), "read to the end");
    // Closed: it comes again, and only it; a reader that had stopped in the middle sees both as they are now.
    let closed = violation("feed", 1, 1_000, Some(3_000), 2_000);
    store.put_violations(Fence::NONE, vec![closed.clone()]).await.unwrap();
    let (again, _) = read(newest, 10, usize::MAX).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].violation.as_ref(), Some(&closed));
    let (all, newest) = read(before, 10, usize::MAX).await;
    assert_eq!(
        (all[0].violation.as_ref(), all[1].violation.as_ref()),
        (Some(&two), Some(&closed))
    );
    // Cut by count and by bytes; a first change comes however large it is.
    for (count, bytes) in [(1, usize::MAX), (10, 1)] {
        let (first, all_newest) = read(before, count, bytes).await;
        assert_eq!((&first[..], all_newest), (&all[..1], newest));
    }
    // Deleting its set retires each, with a number of its own.
    let set = SlaSet {
        id: "set-a".to_owned(),
        name: "of the feed".to_owned(),
        objectives: vec![Objective {
            id: "feed".to_owned(),
            ..Objective::default()
        }],
        ..SlaSet::default()
    };
    let there = store.set("set-a").await.map_or(0, |set| set.version);
    let expected_version = there;
    let put = store
        .put_sets(vec![SetPut { set, expected_version }], vec![])
        .await
        .unwrap();
    let (_, before) = read(0, 1, usize::MAX).await;
    let gone = SetDelete {
        id: "set-a".to_owned(),
        expected_version: put[0].version,
        author: String::new(),
    };
    store.delete_set(gone).await.unwrap();
    let (retired, newest) = read(before, 10, usize::MAX).await;
    assert_eq!(retired.len(), 2);
    assert!(retired.iter().all(|change| change.violation.as_ref().unwrap().retired));
    assert!(retired[0].sequence < retired[1].sequence && retired[1].sequence <= newest);
    // One row that is too large is refused by its place and takes nothing else with it when it is left out.
    let mut large = violation("feed", 3, 1_000, None, 500);
    if let Some(series) = &mut large.series {
        series.expression = "x".repeat(crate::port::MAX_ROW_BYTES);
    }
    let fine = violation("feed", 4, 1_000, None, 500);
    let error = store
        .put_violations(Fence::NONE, vec![fine.clone(), large])
        .await
        .unwrap_err();
    assert!(
        super::refusals::told(&error).message().contains("violations[1]"),
        "{error}"
    );
    refused(Err::<(), _>(error), Code::InvalidArgument, reason::INVALID_FIELD);
    assert_eq!(store.put_violations(Fence::NONE, vec![fine]).await.unwrap().inserted, 1);
}
