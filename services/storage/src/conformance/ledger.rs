//! The ledger: natural keys, what supersedes what, pages, overlaps.

use sla_proto::convert::timestamp;
use sla_proto::storage::v1::{Model, ScoredForecast};
use sla_proto::violation::v1::Violation;
use sla_runtime::reason;
use tonic::Code;

use super::refused;
use crate::port::{ForecastFilter, Page, Store, ViolationFilter, Written};
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
    models(store).await;
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
            store.put_violations(vec![message]).await.unwrap(),
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
        let written = store.put_violations(vec![message]).await.unwrap();
        assert_eq!(written, effect, "judged step {step}");
    }
    assert_eq!(listed(store, &only).await[0], judged(8_000, closed(4_000)));
    // Another generation is another violation.
    let next = Violation {
        generation: 2,
        ..closed(4_000)
    };
    assert_eq!(store.put_violations(vec![next.clone(), next]).await.unwrap(), inserted);
    assert_eq!(listed(store, &only).await.len(), 2);
    let bad = |result| refused(result, Code::InvalidArgument, reason::INVALID_FIELD);
    bad(store.put_violations(vec![violation("", 1, 1_000, None, 5)]).await);
    bad(store
        .put_violations(vec![Violation {
            series: None,
            ..open(1)
        }])
        .await);
    bad(store.put_violations(vec![Violation { start: None, ..open(1) }]).await);
    bad(store.put_violations(vec![closed(999)]).await);
    bad(store
        .put_violations(vec![open(1); crate::port::MAX_LEDGER_ROWS + 1])
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
    store.put_violations(rows).await.unwrap();
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
    store.retire_objectives("set-a", &["two".to_owned()]).await.unwrap();
    store.retire_objectives("set-b", &["three".to_owned()]).await.unwrap();
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
        .put_violations(vec![violation("two", 2, 60_000, Some(90_000), 30_000)])
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
    assert_eq!(store.put_forecasts(made).await.unwrap(), 3);
    assert_eq!(
        store.put_forecasts(vec![forecast(0, 0.9, None)]).await.unwrap(),
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
    assert_eq!(store.score_forecasts(vec![outcome.clone(), unknown]).await.unwrap(), 1);
    assert_eq!(store.score_forecasts(vec![outcome]).await.unwrap(), 0, "scored once");
    assert_eq!(
        list(&scored).await,
        [0.7, 0.5],
        "the probability is the one that was given"
    );
    let rows = store.list_forecasts(&scored, Page::first(10)).await.unwrap().rows;
    assert_eq!((rows[1].left, rows[1].value), (Some(false), Some(3.5)));
    let bad = store.score_forecasts(vec![forecast(1_000, 0.6, None)]).await;
    refused(bad, Code::InvalidArgument, reason::INVALID_FIELD);
}

async fn models(store: &dyn Store) {
    let model = |n, learned_ms, number| Model {
        kind: "pool/x/1".to_owned(),
        series_id: series_id(n).0.to_vec(),
        numbers: vec![number, -0.0, 1e300],
        learned: Some(timestamp(learned_ms)),
    };
    store
        .put_models(vec![model(1, 100, 1.0), model(2, 100, 2.0)])
        .await
        .unwrap();
    store
        .put_models(vec![model(1, 50, 9.0), model(2, 200, 3.0)])
        .await
        .unwrap();
    let found = store
        .models("pool/x/1", &[series_id(2), series_id(3), series_id(1)])
        .await
        .unwrap();
    assert_eq!(
        found,
        [model(2, 200, 3.0), model(1, 100, 1.0)],
        "the newest, in the order asked"
    );
    assert!(store.models("other", &[series_id(1)]).await.unwrap().is_empty());
    let large = Model {
        numbers: vec![0.0; crate::port::MAX_MODEL_NUMBERS + 1],
        ..model(1, 1, 1.0)
    };
    refused(
        store.put_models(vec![large]).await,
        Code::InvalidArgument,
        reason::INVALID_FIELD,
    );
}
