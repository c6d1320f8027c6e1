//! Promise 4 on servers: whatever comes three times and in any order leaves the same content, and the same as SQLite has.

use std::sync::Arc;

use sla_storage::port::{Batch, RawRecord};
use sla_storage::specimen::{ALL, USUAL, body, failure, finished, result};
use sla_storage::{ResultStore, SqliteStore, StoreError};

use crate::servers::{NOW_MS, clock, drop_database, servers};

/// Three runs over nine series, of all kinds, and some garbage.
fn bodies() -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for run in 0..3 {
        let (run_id, at_ms) = (format!("run-{run}"), NOW_MS + run * 300_000);
        for n in 0..9 {
            bodies.push(match n % 4 {
                0 => body(result(&run_id, n, at_ms, ALL)),
                1 => body(failure(&run_id, n, at_ms)),
                2 => body(result(&run_id, n, at_ms, USUAL))[..20].to_vec(),
                _ => body(result(&run_id, n, at_ms, USUAL)),
            });
        }
        bodies.push(finished(&run_id, 9, at_ms + 1));
    }
    bodies
}

fn batches(bodies: &[Vec<u8>], size: usize) -> Vec<Batch> {
    let records: Vec<RawRecord> = (0..)
        .zip(bodies)
        .map(|(offset, body)| RawRecord {
            offset,
            body: body.clone(),
        })
        .collect();
    let batch = |records: &[RawRecord]| Batch {
        source: "topic".to_owned(),
        partition: 0,
        after: records[0].offset,
        records: records.to_vec(),
    };
    records.chunks(size).map(batch).collect()
}

fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..3 * count).map(|at| at % count).collect();
    let mut state = seed | 1;
    for at in (1..order.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, (state >> 33) as usize % (at + 1));
    }
    order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn three_times_and_shuffled_is_once_and_as_in_sqlite() {
    let bodies = bodies();
    let directory = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(directory.path(), 1, clock()).unwrap();
    for batch in batches(&bodies, 500) {
        sqlite.apply(batch).await.unwrap();
    }
    let once = sqlite.content_hash().await.unwrap();
    sqlite.close().await;
    for server in servers() {
        for (round, size) in [(1_u64, 4), (2, 11), (3, 500)] {
            let store = Arc::new(server.store("hash").await);
            // A producer that sends everything three times, anywhere in the stream.
            let resent: Vec<Vec<u8>> = shuffled(bodies.len(), round)
                .into_iter()
                .map(|at| bodies[at].clone())
                .collect();
            let batches = batches(&resent, size);
            // A broker that delivers everything three times, anyhow, to two readers at once.
            let deliver = |order: Vec<usize>| {
                let (store, batches) = (Arc::clone(&store), batches.clone());
                async move {
                    let mut waiting = order;
                    while !waiting.is_empty() {
                        let mut refused = Vec::new();
                        for at in waiting {
                            match store.apply(batches[at].clone()).await {
                                Ok(_) => {}
                                Err(StoreError::Gap { .. } | StoreError::Zombie { .. }) => refused.push(at),
                                Err(error) => panic!("{error}"),
                            }
                        }
                        waiting = refused;
                    }
                }
            };
            // The first batch of a topic may begin anywhere: it comes first.
            store.apply(batches[0].clone()).await.unwrap();
            let count = batches.len();
            tokio::join!(
                deliver(shuffled(count, round + 10)),
                deliver(shuffled(count, round + 20))
            );
            let hash = store.content_hash().await.unwrap();
            assert_eq!(hash, once, "{}, round {round}", server.name);
            drop_database(Arc::into_inner(store).unwrap()).await;
        }
    }
}
