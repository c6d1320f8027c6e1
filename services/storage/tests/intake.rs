//! The loop from the bus to the store, on the stream in memory: holes, garbage, a reader that dies, a stream that was cut.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use sla_bus::memory::MemoryBus;
use sla_bus::{FeedError, ResultStream as _};
use sla_domain::ManualClock;
use sla_proto::result::v1::Record;
use sla_storage::intake::{self, IntakeError};
use sla_storage::specimen::{USUAL, body, finished, result};
use sla_storage::{ResultStore as _, SqliteStore, StoreError};
use tokio_util::sync::CancellationToken;

const NOW_MS: i64 = 1_700_000_000_000;
const SERIES: u64 = 120;
const PARTITIONS: usize = 3;

fn records(run: &str) -> Vec<Record> {
    let bodies = (0..SERIES).map(|n| body(result(run, n, NOW_MS, USUAL)));
    let all = bodies.chain([finished(run, SERIES as u32, NOW_MS)]);
    all.map(|body| Record::decode(body.as_slice()).unwrap()).collect()
}

async fn is_done(store: &SqliteStore, run: &str) {
    let patience = Duration::from_secs(30);
    let wait = async {
        while !store
            .progress(run)
            .await
            .unwrap()
            .is_some_and(|progress| progress.is_complete())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(patience, wait).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_dies_is_followed_by_one_that_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), 2, Arc::new(ManualClock::at(NOW_MS))).unwrap();
    let bus = MemoryBus::of(PARTITIONS);
    bus.garbage(1, vec![0xff; 40]);
    for run in ["one", "two", "three"] {
        bus.publish(&records(run)).await.unwrap();
        let token = CancellationToken::new();
        // Each reader begins with a feed of its own, which knows no position.
        let (mut feed, until) = (bus.feed(), token.clone());
        let mut readers = tokio::task::JoinSet::new();
        readers.spawn({
            let store = store.clone();
            async move { intake::run(&mut feed, &store, &until).await }
        });
        is_done(&store, run).await;
        token.cancel();
        readers.join_next().await.unwrap().unwrap().unwrap();
        // A producer that was told nothing sends all of it again.
        bus.publish(&records(run)).await.unwrap();
    }
    assert_eq!(
        store.row_count("result").await.unwrap(),
        3 * 2 * SERIES,
        "two parts a record, each once"
    );
    assert_eq!(store.row_count("dead_letter").await.unwrap(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_stream_that_was_cut_stops_the_reader() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), 2, Arc::new(ManualClock::at(NOW_MS))).unwrap();
    let bus = MemoryBus::of(1);
    bus.publish(&records("one")).await.unwrap();
    let token = CancellationToken::new();
    let (mut feed, until) = (bus.feed(), token.clone());
    tokio::join!(async { intake::run(&mut feed, &store, &until).await.unwrap() }, async {
        is_done(&store, "one").await;
        token.cancel();
    });
    let position = store.position("memory", 0).await.unwrap();
    bus.truncate(0, position + 10);
    let error = intake::run(&mut bus.feed(), &store, &CancellationToken::new())
        .await
        .unwrap_err();
    assert!(
        matches!(error, IntakeError::Feed(FeedError::Lost { position: at, .. }) if at == position),
        "{error:?}"
    );
    store.close().await;
}

#[tokio::test]
async fn a_reader_that_was_overtaken_stops() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), 2, Arc::new(ManualClock::at(NOW_MS))).unwrap();
    let bus = MemoryBus::of(1);
    bus.publish(&records("one")).await.unwrap();
    store.close().await;
    let error = intake::run(&mut bus.feed(), &store, &CancellationToken::new())
        .await
        .unwrap_err();
    assert!(matches!(error, IntakeError::Store(StoreError::Closed)), "{error:?}");
}
