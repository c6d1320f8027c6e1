//! Promise 4: whatever comes three times and in any order leaves the same database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use proptest::prelude::*;
use sla_domain::ManualClock;
use sla_proto::objective::v1::SlaSet;
use sla_storage::port::{Batch, LOCAL_SOURCE, RawRecord, SetPut};
use sla_storage::specimen::{ALL, USUAL, body, failure, finished, result};
use sla_storage::{ResultStore, SetStore, SqliteStore, StoreError};

const NOW_MS: i64 = 1_700_000_000_000;

/// What happens to one series in one run.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Usual,
    All,
    Failed,
    Garbage,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Usual),
        1 => Just(Happening::All),
        1 => Just(Happening::Failed),
        1 => Just(Happening::Garbage),
    ]
}

/// Three runs over the same series, each with its closing word.
fn bodies(happenings: &[Happening]) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for run in 0..3 {
        let (run_id, at_ms) = (format!("run-{run}"), NOW_MS + run * 300_000);
        for (n, happening) in (0..).zip(happenings) {
            bodies.push(match happening {
                Happening::Usual => body(result(&run_id, n, at_ms, USUAL)),
                Happening::All => body(result(&run_id, n, at_ms, ALL)),
                Happening::Failed => body(failure(&run_id, n, at_ms)),
                Happening::Garbage => {
                    let whole = body(result(&run_id, n, at_ms, USUAL));
                    whole[..whole.len() / 3].to_vec()
                }
            });
        }
        bodies.push(finished(&run_id, happenings.len() as u32, at_ms + 1));
    }
    bodies
}

/// The stream of `bodies`, cut into batches of `size` records.
fn stream(bodies: &[Vec<u8>], size: usize) -> Vec<Batch> {
    let records: Vec<RawRecord> = bodies
        .iter()
        .zip(0..)
        .map(|(body, offset)| RawRecord {
            offset,
            body: body.clone(),
        })
        .collect();
    records
        .chunks(size)
        .map(|records| Batch {
            source: LOCAL_SOURCE.to_owned(),
            partition: 0,
            after: records[0].offset,
            records: records.to_vec(),
        })
        .collect()
}

fn open(directory: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(directory.path(), 1, Arc::new(ManualClock::at(NOW_MS))).unwrap()
}

async fn hash_of(batches: Vec<Batch>) -> u128 {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let records: usize = batches.iter().map(|batch| batch.records.len()).sum();
    for batch in batches {
        store.apply(batch).await.unwrap();
    }
    assert_eq!(store.position(LOCAL_SOURCE, 0).await.unwrap(), records as u64);
    let hash = store.content_hash().await.unwrap();
    store.close().await;
    hash
}

/// The batches in any order, each three times, to a store that refuses what comes too early; a reader that is refused
/// comes back with it.
async fn hash_of_redelivery(batches: &[Batch], mut deliveries: Vec<usize>) -> u128 {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let mut inserted = 0;
    while !deliveries.is_empty() {
        let mut refused = Vec::new();
        for at in deliveries {
            match store.apply(batches[at].clone()).await {
                Ok(applied) => inserted += applied.inserted + applied.dead_letters,
                Err(StoreError::Gap { .. }) => refused.push(at),
                Err(error) => panic!("{error}"),
            }
        }
        deliveries = refused;
    }
    let records: usize = batches.iter().map(|batch| batch.records.len()).sum();
    assert_eq!(inserted as usize, records, "each record had its effect once");
    let hash = store.content_hash().await.unwrap();
    store.close().await;
    hash
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn three_times_and_shuffled_is_once_and_in_order(
        happenings in prop::collection::vec(happening(), 1..12),
        size in 1_usize..40,
        seed in any::<u64>(),
    ) {
        let bodies = bodies(&happenings);
        let shuffled = |count: usize| {
            let mut order: Vec<usize> = (0..3 * count).map(|at| at % count).collect();
            let mut state = seed | 1;
            for at in (1..order.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                order.swap(at, (state >> 33) as usize % (at + 1));
            }
            order
        };
        let resent: Vec<Vec<u8>> = shuffled(bodies.len()).into_iter().map(|at| bodies[at].clone()).collect();
        let batches = stream(&bodies, size);
        runtime().block_on(async {
            let once = hash_of(stream(&bodies, 500)).await;
            assert_eq!(hash_of(stream(&resent, size)).await, once, "a producer that sends everything again, anywhere");
            let redelivered = hash_of_redelivery(&batches, shuffled(batches.len())).await;
            assert_eq!(redelivered, once, "a broker that delivers everything again, anyhow");
        });
    }
}

#[test]
fn the_hash_sees_a_difference() {
    runtime().block_on(async {
        let whole = bodies(&[Happening::Usual, Happening::Failed]);
        let once = hash_of(stream(&whole, 500)).await;
        assert_ne!(hash_of(stream(&whole[1..], 500)).await, once, "a lost record");
        assert_ne!(
            hash_of(stream(&bodies(&[Happening::Usual, Happening::All]), 500)).await,
            once,
            "another record"
        );
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_of_one_version_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let put = |author: String, expected_version| SetPut {
        set: SlaSet {
            id: "s".to_owned(),
            name: "web".to_owned(),
            author,
            ..SlaSet::default()
        },
        expected_version,
    };
    store.put_sets(vec![put("first".to_owned(), 0)], vec![]).await.unwrap();
    for version in 1..=5 {
        let mut writers = tokio::task::JoinSet::new();
        for n in 0..8 {
            let (store, put) = (store.clone(), put(format!("writer {n}"), version));
            writers.spawn(async move {
                let author = put.set.author.clone();
                store.put_sets(vec![put], vec![]).await.map(|_| author)
            });
        }
        let mut winners = Vec::new();
        while let Some(written) = writers.join_next().await {
            match written.unwrap() {
                Ok(author) => winners.push(author),
                Err(StoreError::StaleVersion { stored, .. }) => assert_eq!(stored.unwrap().version, version + 1),
                Err(error) => panic!("{error}"),
            }
        }
        let stored = store.set("s").await.unwrap();
        assert_eq!((winners, stored.version), (vec![stored.author], version + 1));
    }
    store.close().await;
}
