//! What every adapter must do, as suites that panic where it does not.

#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use prost::Message as _;
use sla_proto::result::v1::{Record, RunFinished, SeriesResult, record::Fact};
use sla_proto::series::v1::Series;

use crate::batch::{MAX_BATCH_BYTES, MAX_BATCH_RECORDS};
use crate::error::{FeedError, StreamError};
use crate::feed::{Batch, FeedEvent, ResultFeed};
use crate::stream::{ResultStream, record_key};

/// How long a suite waits for what was published.
const PATIENCE: Duration = Duration::from_mins(1);
const KEYS: u8 = 20;

/// `count` records: the n-th about series n mod 20 in run "`run`-n", with `padding` bytes.
pub fn records(run: &str, count: usize, padding: usize) -> Vec<Record> {
    let record = |n: usize| Record {
        schema: 1,
        fact: Some(Fact::SeriesResult(SeriesResult {
            run_id: format!("{run}-{n}"),
            series: Some(Series {
                id: vec![n as u8 % KEYS; 16],
                expression: "x".repeat(padding),
                ..Series::default()
            }),
            ..SeriesResult::default()
        })),
    };
    (0..count).map(record).collect()
}

fn by_key(records: &[Record]) -> BTreeMap<Vec<u8>, Vec<Record>> {
    let mut keyed: BTreeMap<Vec<u8>, Vec<Record>> = BTreeMap::new();
    for record in records {
        keyed
            .entry(record_key(record).to_vec())
            .or_default()
            .push(record.clone());
    }
    keyed
}

/// The suite of [`ResultStream`]; `arrived` gives everything that was published, in order of arrival.
pub async fn stream(stream: &dyn ResultStream, arrived: impl AsyncFn() -> Vec<Record>) {
    assert_eq!(stream.publish(&[]).await.unwrap().records, 0, "nothing is nothing");
    // More than one message holds, by count and by bytes.
    let mut sent = records("many", 2 * MAX_BATCH_RECORDS + 7, 10);
    sent.extend(records("large", 40, MAX_BATCH_BYTES / 15));
    let receipt = stream.publish(&sent).await.unwrap();
    let bytes: usize = sent.iter().map(Record::encoded_len).sum();
    assert_eq!((receipt.records, receipt.bytes), (sent.len(), bytes));
    assert_eq!(
        by_key(&arrived().await),
        by_key(&sent),
        "all of it, each key in its order"
    );
    // One that no message holds is named, and nothing of its batch was sent.
    let large = records("too large", 1, MAX_BATCH_BYTES);
    let error = stream
        .publish(&[records("fine", 1, 1), large].concat())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            StreamError::RecordTooLarge {
                limit: MAX_BATCH_BYTES,
                ..
            }
        ),
        "{error}"
    );
    // Several at once.
    let one = records("one", 50, 5);
    let two = records("two", 50, 5);
    let (first, second) = tokio::join!(stream.publish(&one), stream.publish(&two));
    assert_eq!((first.unwrap().records, second.unwrap().records), (50, 50));
    let finished = Record {
        schema: 1,
        fact: Some(Fact::RunFinished(RunFinished {
            run_id: "one".to_owned(),
            expected: 50,
            ..RunFinished::default()
        })),
    };
    stream.publish(std::slice::from_ref(&finished)).await.unwrap();
    let arrived = arrived().await;
    assert_eq!(arrived.len(), sent.len() + 101, "published once, arrived once");
    for part in [&one, &two] {
        let only: Vec<Record> = arrived.iter().filter(|record| part.contains(record)).cloned().collect();
        assert_eq!(by_key(&only), by_key(part));
    }
    assert!(arrived.contains(&finished));
}

/// Reads until `count` records have come and gives them in order of arrival, with where each partition stands. Whatever is
/// assigned begins at `from`, or at its first record.
async fn read(
    feed: &mut dyn ResultFeed,
    count: usize,
    from: &BTreeMap<u32, u64>,
    ends: &mut BTreeMap<u32, u64>,
) -> Vec<Record> {
    let begun = Instant::now();
    let mut found = Vec::new();
    while found.len() < count {
        assert!(begun.elapsed() < PATIENCE, "{} of {count} records came", found.len());
        match feed.poll().await {
            Ok(FeedEvent::Assigned(partitions)) => {
                for partition in partitions {
                    feed.start(partition, from.get(&partition).copied()).await.unwrap();
                }
            }
            Ok(FeedEvent::Batch(batch)) => found.extend(checked(feed.source(), &batch, ends)),
            Ok(FeedEvent::Revoked(_) | FeedEvent::Idle) | Err(FeedError::Unavailable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    found
}

/// The records of a batch that keeps the contract.
fn checked(source: &str, batch: &Batch, ends: &mut BTreeMap<u32, u64>) -> Vec<Record> {
    let Batch {
        source: name,
        partition,
        after,
        records,
    } = batch;
    assert_eq!(name, source);
    let bytes: usize = records.iter().map(|record| record.body.len()).sum();
    assert!(records.len() <= MAX_BATCH_RECORDS && (bytes <= MAX_BATCH_BYTES || records.len() == 1));
    let mut below = *after;
    if let Some(&end) = ends.get(partition) {
        assert_eq!(*after, end, "a batch begins where the one before it ended");
    }
    for record in records {
        assert!(record.offset >= below, "offsets rise");
        below = record.offset + 1;
    }
    ends.insert(*partition, below);
    records
        .iter()
        .map(|record| Record::decode(record.body.as_slice()).unwrap())
        .collect()
}

/// Waits until the lag of all partitions together is `as_expected`.
async fn behind(feed: &dyn ResultFeed, as_expected: impl Fn(usize) -> bool) {
    let lags = feed.lags();
    let begun = Instant::now();
    loop {
        let told = lags();
        let behind: Option<u64> = told.iter().map(|lag| lag.behind).sum();
        if behind.is_some_and(|records| as_expected(records as usize)) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{told:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The suite of [`ResultFeed`]: `stream` publishes what `feed`, the only reader, must give. Fresh and empty, both.
pub async fn feed(stream: &dyn ResultStream, feed: &mut dyn ResultFeed) {
    let nowhere = BTreeMap::new();
    let mut ends = BTreeMap::new();
    let first = records("first", 700, 20);
    stream.publish(&first).await.unwrap();
    let found = read(feed, first.len(), &nowhere, &mut ends).await;
    assert_eq!(by_key(&found), by_key(&first), "all of it, each key in its order");
    let middle = ends.clone();
    for (&partition, &end) in &middle {
        feed.applied(partition, end).await.unwrap();
    }
    behind(feed, |records| records == 0).await;
    // It goes on where it was, with pieces cut by bytes.
    let second = records("second", 60, MAX_BATCH_BYTES / 20);
    stream.publish(&second).await.unwrap();
    let found = read(feed, second.len(), &nowhere, &mut ends).await;
    assert_eq!(by_key(&found), by_key(&second));
    // Holes count.
    behind(feed, |records| (second.len()..2 * second.len()).contains(&records)).await;
    // Back: a reader whose transaction failed, and one that begins anew.
    for (places, expected) in [
        (&middle, &second),
        (&nowhere, &[first.clone(), second.clone()].concat()),
    ] {
        let mut again = BTreeMap::new();
        for &partition in middle.keys() {
            feed.start(partition, places.get(&partition).copied()).await.unwrap();
        }
        let found = read(feed, expected.len(), &nowhere, &mut again).await;
        assert_eq!(by_key(&found), by_key(expected));
        assert_eq!(again, ends, "the same offsets");
    }
    // A position beyond the end is not a place to wait at.
    let (&partition, &end) = ends.iter().next().unwrap();
    let begun = Instant::now();
    let mut told = feed.start(partition, Some(end + 1_000)).await.err();
    while told.is_none() {
        assert!(begun.elapsed() < PATIENCE, "a position that is not there was taken");
        told = feed
            .poll()
            .await
            .err()
            .filter(|error| matches!(error, FeedError::Lost { .. }));
    }
    assert!(matches!(told, Some(FeedError::Lost { .. })), "{told:?}");
}
