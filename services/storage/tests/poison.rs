//! Promise 7: garbage among good records is kept apart, and never holds anything up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message as _;
use sla_domain::ManualClock;
use sla_proto::etl::v1::Run;
use sla_proto::result::v1::series_result::Outcome;
use sla_storage::port::{Batch, LOCAL_SOURCE, MAX_BATCH_BYTES, Page, RawRecord};
use sla_storage::specimen::{USUAL, body, finished, result};
use sla_storage::{ResultStore as _, SqliteStore};

const NOW_MS: i64 = 1_700_000_000_000;
const RECORDS: u64 = 2_000;
/// One in so many records is garbage.
const GARBAGE_EACH: u64 = 100;

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, 1, Arc::new(ManualClock::at(NOW_MS))).unwrap()
}

fn good(n: u64) -> Vec<u8> {
    body(result(&format!("run-{}", n / 500), n % 500, NOW_MS + n as i64, USUAL))
}

/// Garbage of each kind in turn, and the word for it.
fn garbage(n: u64) -> (Vec<u8>, &'static str) {
    let not_a_number = |value| {
        let mut result = result("run-0", n, NOW_MS, USUAL);
        if let Some(Outcome::Analysis(analysis)) = &mut result.outcome {
            analysis.windows[0].mean = Some(value);
        }
        body(result)
    };
    let whole = good(n);
    match n / GARBAGE_EACH % 8 {
        0 => (whole[..whole.len() - 7].to_vec(), "undecodable"),
        1 => (
            Run {
                id: "not a record".repeat(3),
                ..Run::default()
            }
            .encode_to_vec(),
            "undecodable",
        ),
        2 => (vec![1; (10 << 20) + n as usize], "oversize"),
        3 => (not_a_number(f64::NAN), "non_finite"),
        4 => (not_a_number(f64::INFINITY), "non_finite"),
        5 => (Vec::new(), "empty"),
        6 => ([&[0x08, 0x02], &whole[2..]].concat(), "unknown_schema"),
        _ => (finished("", 1, NOW_MS + n as i64), "bad_run_id"),
    }
}

/// As a reader cuts a stream: a record above the limit comes alone.
fn batches(bodies: Vec<Vec<u8>>) -> Vec<Batch> {
    let mut out: Vec<Vec<RawRecord>> = vec![Vec::new()];
    let mut bytes = 0;
    for (offset, body) in (0..).zip(bodies) {
        let last = out.last().unwrap();
        if !last.is_empty() && (bytes + body.len() > MAX_BATCH_BYTES || last.len() == 500) {
            out.push(Vec::new());
            bytes = 0;
        }
        bytes += body.len();
        out.last_mut().unwrap().push(RawRecord { offset, body });
    }
    let batch = |records: Vec<RawRecord>| Batch {
        source: LOCAL_SOURCE.to_owned(),
        partition: 0,
        after: records[0].offset,
        records,
    };
    out.into_iter().map(batch).collect()
}

async fn apply(store: &SqliteStore, bodies: Vec<Vec<u8>>) -> (u32, u32, Duration) {
    let batches = batches(bodies);
    let begun = Instant::now();
    let (mut inserted, mut dead) = (0, 0);
    for batch in batches {
        let applied = store.apply(batch).await.unwrap();
        inserted += applied.inserted;
        dead += applied.dead_letters;
    }
    (inserted, dead, begun.elapsed())
}

#[tokio::test]
async fn one_percent_of_garbage_is_kept_and_holds_nothing_up() {
    let mut words: BTreeMap<&str, u32> = BTreeMap::new();
    let mixed = (0..RECORDS).map(|n| {
        if n % GARBAGE_EACH == GARBAGE_EACH - 1 {
            let (body, word) = garbage(n);
            *words.entry(word).or_default() += 1;
            body
        } else {
            good(n)
        }
    });
    let mixed: Vec<Vec<u8>> = mixed.collect();
    let (clean_directory, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clean = open(clean_directory.path());
    let (_, _, clean_time) = apply(&clean, (0..RECORDS).map(good).collect()).await;
    clean.close().await;

    let store = open(directory.path());
    let poison = (RECORDS / GARBAGE_EACH) as u32;
    let (inserted, dead, time) = apply(&store, mixed).await;
    assert_eq!((inserted, dead), (RECORDS as u32 - poison, poison));
    assert_eq!(store.position(LOCAL_SOURCE, 0).await.unwrap(), RECORDS);
    let (letters, total) = store.dead_letters(Page::first(1000)).await.unwrap();
    let mut kept: BTreeMap<&str, u32> = BTreeMap::new();
    for letter in &letters.rows {
        *kept.entry(letter.reason.as_str()).or_default() += letter.count;
    }
    assert_eq!(kept, words, "each with its reason");
    assert!(total <= poison && letters.rows.len() as u32 == total);
    // Not asserted, machines differ: the goal is 5 %, of which writing 10 MiB letters is the larger part.
    println!("{RECORDS} records: {clean_time:?} clean, {time:?} with 1 % of garbage");
    store.close().await;
}
