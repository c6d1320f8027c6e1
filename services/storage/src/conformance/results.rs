//! Results: applied exactly once, dead letters, newest parts, pages.

use sla_proto::convert;
use sla_proto::etl::v1::{Run, RunState};
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{ReadShare, SeriesResult};
use sla_runtime::reason;
use tonic::Code;

use super::refusals::refused;
use crate::port::{Applied, Batch, MAX_BATCH_RECORDS, Page, Progress, RawRecord, Store};
use crate::specimen::{ALL, USUAL, body, failure, finished, result, series_id};

/// Monday 2023-11-13, a moment.
const NOW_MS: i64 = 1_699_900_000_000;

fn batch(source: &str, first_offset: u64, bodies: Vec<Vec<u8>>) -> Batch {
    let records = bodies
        .into_iter()
        .zip(first_offset..)
        .map(|(body, offset)| RawRecord { offset, body })
        .collect();
    Batch {
        source: source.to_owned(),
        partition: 3,
        after: first_offset,
        records,
    }
}

/// The suite of [`crate::port::ResultStore`].
pub async fn results(store: &dyn Store) {
    applies_once(store).await;
    keeps_poison(store).await;
    refuses_bad_batches(store).await;
    takes_streams_with_holes(store).await;
    goes_on_where_it_is_told(store).await;
    newest_part_of_each_kind(store).await;
    pages_of_a_run(store).await;
    history_of_a_series(store).await;
}

/// A record of which it is told what was read for it.
fn read_of(result: SeriesResult, samples: u64, bytes: u64) -> Vec<u8> {
    body(SeriesResult {
        read: Some(ReadShare { samples, bytes }),
        ..result
    })
}

async fn applies_once(store: &dyn Store) {
    let run = Run {
        id: "once".to_owned(),
        state: RunState::Running.into(),
        ..Run::default()
    };
    store.create_run("once-request", run).await.unwrap();
    assert_eq!(store.position("once", 3).await.unwrap(), 0);
    let bodies = vec![
        read_of(result("once", 0, NOW_MS, USUAL), 2_880, 13_000),
        read_of(failure("once", 1, NOW_MS), 20, 7),
        finished("once", 3, NOW_MS + 5_000),
    ];
    let first = batch("once", 7, bodies);
    let applied = store.apply(first.clone()).await.unwrap();
    assert_eq!(
        applied,
        Applied {
            inserted: 3,
            duplicates: 0,
            dead_letters: 0,
            next_offset: 10
        }
    );
    assert_eq!(store.position("once", 3).await.unwrap(), 10);
    assert_eq!(
        store.position("once", 4).await.unwrap(),
        0,
        "another partition is another stream"
    );
    // The same batch again: all of it lies below the position.
    let again = store.apply(first).await.unwrap();
    assert_eq!(
        again,
        Applied {
            inserted: 0,
            duplicates: 3,
            dead_letters: 0,
            next_offset: 10
        }
    );
    // The producer sends everything anew, in other places of the stream; the last one is new.
    let resent = vec![
        finished("once", 3, NOW_MS + 5_000),
        read_of(failure("once", 1, NOW_MS), 30, 9),
        read_of(result("once", 0, NOW_MS, USUAL), 2_880, 400),
    ];
    let applied = store.apply(batch("once", 10, resent)).await.unwrap();
    assert_eq!(
        applied,
        Applied {
            inserted: 0,
            duplicates: 3,
            dead_letters: 0,
            next_offset: 13
        }
    );
    let progress = store.progress("once").await.unwrap().unwrap();
    assert_eq!(
        progress,
        Progress {
            done: 2,
            failed: 1,
            expected: Some(3),
            read: Some(ReadShare {
                samples: 2_900,
                bytes: 13_007
            })
        },
        "what was read counts once, as its record does"
    );
    assert!(!progress.is_complete(), "one record is missing");
    // A batch that overlaps what was applied: only its end is new.
    let overlapping = vec![
        body(result("once", 0, NOW_MS, USUAL)),
        body(result("once", 2, NOW_MS, USUAL)),
    ];
    let applied = store.apply(batch("once", 12, overlapping)).await.unwrap();
    assert_eq!(
        applied,
        Applied {
            inserted: 1,
            duplicates: 1,
            dead_letters: 0,
            next_offset: 14
        }
    );
    let progress = store.progress("once").await.unwrap().unwrap();
    assert!(progress.is_complete());
    assert_eq!(progress.read, None, "one record does not tell what was read for it");
}

async fn keeps_poison(store: &dyn Store) {
    let good = body(result("poison", 10, NOW_MS, USUAL));
    let mut future = result("poison", 11, NOW_MS, USUAL);
    if let Some(Outcome::Analysis(analysis)) = &mut future.outcome {
        analysis.windows[0].mean = Some(f64::NAN);
    }
    let poison = vec![
        Vec::new(),
        good[..good.len() / 2].to_vec(),
        vec![0xff; 64],
        vec![0x08, 0x63],
        body(future),
        good.clone(),
        vec![0xff; 64],
    ];
    let applied = store.apply(batch("poison", 0, poison)).await.unwrap();
    assert_eq!(
        applied,
        Applied {
            inserted: 1,
            duplicates: 0,
            dead_letters: 6,
            next_offset: 7
        }
    );
    let large = Batch {
        records: vec![RawRecord {
            offset: 7,
            body: vec![1; 10 << 20],
        }],
        ..batch("poison", 7, vec![])
    };
    assert_eq!(
        store.apply(large).await.unwrap().dead_letters,
        1,
        "10 MiB of poison do not block the stream"
    );
    assert_eq!(store.position("poison", 3).await.unwrap(), 8);
    let mut letters = Vec::new();
    let mut after = None;
    loop {
        let (page, total) = store.dead_letters(Page { size: 2, after }).await.unwrap();
        assert_eq!(total, 6);
        letters.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let seen: Vec<(&str, u64, u32)> = letters
        .iter()
        .map(|letter| (letter.reason.as_str(), letter.offset, letter.count))
        .collect();
    assert_eq!(
        seen,
        [
            ("oversize", 7, 1),
            ("non_finite", 4, 1),
            ("unknown_schema", 3, 1),
            ("undecodable", 2, 2),
            ("undecodable", 1, 1),
            ("empty", 0, 1),
        ]
    );
    assert_eq!(letters[0].size, 10 << 20);
    let replayed = store.replay(&letters[2].body_hash).await.unwrap();
    assert_eq!((replayed.applied, replayed.reason.as_str()), (false, "unknown_schema"));
    assert_eq!(store.dead_letters(Page::first(1)).await.unwrap().1, 6, "it stays");
    refused(store.replay(&[9; 16]).await, Code::NotFound, reason::NOT_FOUND);
}

async fn refuses_bad_batches(store: &dyn Store) {
    let one = || body(failure("bad", 1, NOW_MS));
    let bad = |result| refused(result, Code::InvalidArgument, reason::INVALID_FIELD);
    bad(store.apply(batch("", 0, vec![one()])).await);
    bad(store.apply(batch("bad", 0, vec![one(); MAX_BATCH_RECORDS + 1])).await);
    bad(store.apply(batch("bad", 0, vec![vec![0; 300 << 10]; 2])).await);
    let mut falling = batch("bad", 5, vec![one(), one()]);
    falling.records[1].offset = 5;
    bad(store.apply(falling).await);
    bad(store.apply(batch("bad", u64::MAX - 1, vec![one()])).await);
    let mut early = batch("bad", 5, vec![one()]);
    early.after = 6;
    bad(store.apply(early).await);
    // A hole between the position and the place where the batch was read.
    store.apply(batch("bad", 0, vec![one()])).await.unwrap();
    let gap = |result| refused(result, Code::FailedPrecondition, reason::WRONG_STATE);
    gap(store.apply(batch("bad", 2, vec![one()])).await);
    gap(store.apply(batch(crate::port::LOCAL_SOURCE, 5, vec![one()])).await);
    assert_eq!(
        store.position("bad", 3).await.unwrap(),
        1,
        "a refused batch leaves nothing"
    );
    assert_eq!(
        store.apply(batch("bad", 1, vec![])).await.unwrap().next_offset,
        1,
        "an empty batch is nothing"
    );
}

/// A person may go on elsewhere, in the direction that was meant, and nothing is doubled by it.
async fn goes_on_where_it_is_told(store: &dyn Store) {
    let bodies: Vec<Vec<u8>> = (0..10).map(|n| body(failure("moved", n, NOW_MS))).collect();
    refused(
        store.move_position("moved", 3, 4, false).await,
        Code::NotFound,
        reason::NOT_FOUND,
    );
    store.apply(batch("moved", 0, bodies.clone())).await.unwrap();
    for (to, back) in [(10, false), (10, true), (4, false), (12, true)] {
        let outcome = store.move_position("moved", 3, to, back).await;
        refused(outcome, Code::InvalidArgument, reason::INVALID_FIELD);
    }
    assert_eq!(store.move_position("moved", 3, 4, true).await.unwrap(), 10);
    let again = store.apply(batch("moved", 4, bodies[4..].to_vec())).await.unwrap();
    assert_eq!((again.inserted, again.duplicates, again.next_offset), (0, 6, 10));
    assert_eq!(store.move_position("moved", 3, 25, false).await.unwrap(), 10);
    let beyond = batch("moved", 25, vec![body(failure("moved", 77, NOW_MS))]);
    assert_eq!(store.apply(beyond).await.unwrap().inserted, 1);
}

/// Offsets of a topic have holes: markers, compaction. What was read in one piece is whole all the same.
async fn takes_streams_with_holes(store: &dyn Store) {
    let holed = |after, offsets: &[u64]| Batch {
        after,
        records: offsets
            .iter()
            .map(|&offset| RawRecord {
                offset,
                body: body(failure("holes", offset, NOW_MS)),
            })
            .collect(),
        ..batch("holes", 0, vec![])
    };
    for (after, offsets, inserted, next_offset) in [
        (4, &[4, 7, 11][..], 3, 12),
        (4, &[4, 7, 11], 0, 12),
        (8, &[11, 15], 1, 16),
        (16, &[20], 1, 21),
    ] {
        let applied = store.apply(holed(after, offsets)).await.unwrap();
        let expected = Applied {
            inserted,
            duplicates: offsets.len() as u32 - inserted,
            dead_letters: 0,
            next_offset,
        };
        assert_eq!(applied, expected, "{after}: {offsets:?}");
    }
    let missing = store.apply(holed(22, &[22])).await;
    refused(missing, Code::FailedPrecondition, reason::WRONG_STATE);
}

async fn newest_part_of_each_kind(store: &dyn Store) {
    let later = NOW_MS + 300_000;
    let early = body(result("early", 20, NOW_MS, ALL));
    let late = body(result("late", 20, later, USUAL));
    // The later one arrives first.
    store
        .apply(batch(
            "newest",
            0,
            vec![late, early, body(failure("last", 20, later + 1))],
        ))
        .await
        .unwrap();
    let found = store.latest(&[series_id(21), series_id(20)]).await.unwrap();
    assert_eq!(found.len(), 1, "a series without a result is left out");
    let found = &found[0];
    let merged = found.result.as_ref().unwrap();
    let time = |ms| Some(sla_proto::convert::timestamp(ms));
    assert_eq!((merged.run_id.as_str(), merged.as_of), ("late", time(later)));
    assert_eq!(found.statistics_as_of, time(later));
    assert_eq!(found.forecast_as_of, time(later));
    assert_eq!(found.metadata_as_of, time(NOW_MS));
    let Some(Outcome::Analysis(analysis)) = &merged.outcome else {
        panic!("no analysis")
    };
    let of = |run: &str, at| match result(run, 20, at, ALL).outcome {
        Some(Outcome::Analysis(analysis)) => analysis,
        _ => panic!("no analysis"),
    };
    // Every bit of it, metadata from the early run.
    assert_eq!(analysis.metadata, of("early", NOW_MS).metadata);
    assert_eq!(analysis.forecast, of("late", later).forecast);
    assert_eq!(analysis.windows, of("late", later).windows);
    let ids = vec![series_id(20); crate::port::MAX_READ_SERIES + 1];
    refused(store.latest(&ids).await, Code::InvalidArgument, reason::INVALID_FIELD);
}

async fn history_of_a_series(store: &dyn Store) {
    let (mine, other) = (7_070, 7_071);
    let runs = ["h-0", "h-1", "h-2", "h-3"];
    let at_ms = |run: usize| NOW_MS + 60_000 * run as i64;
    let bodies = runs.iter().enumerate().flat_map(|(at, run)| {
        let of = |series| body(result(run, series, at_ms(at), ALL));
        // The last run does not cover it.
        if at < 3 {
            vec![of(mine), of(other)]
        } else {
            vec![of(other)]
        }
    });
    store.apply(batch("history", 0, bodies.collect())).await.unwrap();
    let all = store
        .history(series_id(mine), i64::MIN, i64::MAX, Page::first(10))
        .await
        .unwrap();
    let seen: Vec<&str> = all.rows.iter().map(|one| one.run_id.as_str()).collect();
    assert_eq!(
        (seen.as_slice(), all.next),
        (["h-2", "h-1", "h-0"].as_slice(), None),
        "newest first"
    );
    for one in &all.rows {
        let Some(Outcome::Analysis(analysis)) = &one.outcome else {
            panic!("{one:?}")
        };
        assert!(!analysis.windows.is_empty() && analysis.metadata.is_some() && analysis.forecast.is_some());
        assert_eq!(convert::series_id(one.series.as_ref().unwrap()), Some(series_id(mine)));
    }
    // Half open, and page by page.
    let some = store
        .history(series_id(mine), at_ms(0), at_ms(2), Page::first(1))
        .await
        .unwrap();
    assert_eq!((some.rows.len(), some.rows[0].run_id.as_str()), (1, "h-2"));
    let page = Page {
        size: 5,
        after: some.next,
    };
    let rest = store.history(series_id(mine), at_ms(0), at_ms(2), page).await.unwrap();
    let seen: Vec<&str> = rest.rows.iter().map(|one| one.run_id.as_str()).collect();
    assert_eq!((seen.as_slice(), rest.next), (["h-1"].as_slice(), None));
    let none = store
        .history(series_id(9_999_999), i64::MIN, i64::MAX, Page::first(1))
        .await
        .unwrap();
    assert!(none.rows.is_empty());

    let (mut page, mut listed) = (Page::first(3), Vec::new());
    loop {
        let found = store.result_series(page).await.unwrap();
        assert!(found.rows.len() <= 3);
        listed.extend(found.rows.iter().filter_map(convert::series_id));
        let Some(next) = found.next else { break };
        page = Page {
            size: 3,
            after: Some(next),
        };
    }
    for wanted in [mine, other] {
        let times = listed.iter().filter(|id| **id == series_id(wanted)).count();
        assert_eq!(times, 1, "each series once");
    }
}

async fn pages_of_a_run(store: &dyn Store) {
    let mut bodies: Vec<Vec<u8>> = (30..37).map(|n| body(result("paged", n, NOW_MS, ALL))).collect();
    bodies.push(body(failure("paged", 40, NOW_MS)));
    bodies.push(body(failure("paged", 41, NOW_MS)));
    store.apply(batch("paged", 0, bodies)).await.unwrap();
    for (failures_only, expected) in [(false, vec![3, 3, 3]), (true, vec![2])] {
        let mut sizes = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut after = None;
        loop {
            let page = store
                .run_results("paged", failures_only, Page { size: 3, after })
                .await
                .unwrap();
            sizes.push(page.rows.len());
            for row in &page.rows {
                assert!(seen.insert(row.series.clone().unwrap().id), "twice");
                assert_eq!(row.run_id, "paged");
                assert_eq!(
                    matches!(row.outcome, Some(Outcome::Failure(_))),
                    failures_only || row.timings.is_empty()
                );
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(sizes, expected);
    }
    // The history may round: figures to 11 digits, forecast lines to 16 bits of their range. Extremes are exact.
    let page = store.run_results("paged", false, Page::first(1)).await.unwrap();
    let (found, sent) = (&page.rows[0], result("paged", 30, NOW_MS, ALL));
    let (Some(Outcome::Analysis(found)), Some(Outcome::Analysis(sent))) = (&found.outcome, &sent.outcome) else {
        panic!("no analysis")
    };
    assert_eq!((&found.last, found.windows.len()), (&sent.last, sent.windows.len()));
    for (found, sent) in found.windows.iter().zip(&sent.windows) {
        assert_eq!((found.n, found.min, found.max), (sent.n, sent.min, sent.max));
        for (found, sent) in [(found.mean, sent.mean), (found.std, sent.std), (found.p99, sent.p99)] {
            let (found, sent) = (found.unwrap(), sent.unwrap());
            assert!((found - sent).abs() <= 1e-11 * sent.abs(), "{found} is not {sent}");
        }
    }
    assert_eq!(found.metadata, sent.metadata);
    let (found, sent) = (found.forecast.as_ref().unwrap(), sent.forecast.as_ref().unwrap());
    assert_eq!(
        (&found.method, found.step_ms, found.n),
        (&sent.method, sent.step_ms, sent.n)
    );
    let (found, sent) = (found.mean.as_ref().unwrap(), sent.mean.as_ref().unwrap());
    assert_eq!(found.points.len(), sent.points.len());
    let low = sent.points.iter().map(|point| point.low).fold(f64::INFINITY, f64::min);
    let high = sent
        .points
        .iter()
        .map(|point| point.high)
        .fold(f64::NEG_INFINITY, f64::max);
    for (found, sent) in found.points.iter().zip(&sent.points) {
        assert_eq!(found.time, sent.time);
        for (found, sent) in [
            (found.value, sent.value),
            (found.low, sent.low),
            (found.high, sent.high),
        ] {
            assert!((found - sent).abs() <= (high - low) / 50_000.0, "{found} is not {sent}");
        }
    }
    assert!(
        store
            .run_results("unknown", false, Page::first(1))
            .await
            .unwrap()
            .rows
            .is_empty()
    );
}
