//! Two storages at one database: numbers of changes in the order of the commits, no batch lost or doubled, deadlocks and lock
//! waits made good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sla_proto::convert::timestamp;
use sla_proto::violation::v1::Violation;
use sla_storage::port::{Batch, ChangeLimits, Fence, RawRecord};
use sla_storage::specimen::{USUAL, body, result, series};
use sla_storage::{LedgerStore, MysqlStore, ResultStore, StateStore, StoreError};

use crate::servers::{NOW_MS, clock, drop_database, servers};

const WRITES: i64 = 40;

fn violation(writer: u64, n: i64) -> Violation {
    Violation {
        objective_id: format!("writer-{writer}"),
        generation: 1,
        series: Some(series(writer)),
        start: Some(timestamp(1_000 + n)),
        ..Violation::default()
    }
}

/// A reader that goes forward only sees every change of two writers in two processes: a smaller number never appears after a
/// larger one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn numbers_of_the_ledger_follow_the_commits() {
    for server in servers() {
        let place = server.fresh("numbers").await;
        let one = MysqlStore::open(place.clone(), 2, clock()).await.unwrap();
        let two = MysqlStore::open(place.clone(), 2, clock()).await.unwrap();
        let reader = MysqlStore::open(place, 2, clock()).await.unwrap();
        let write = |store: MysqlStore, writer| async move {
            for n in 0..WRITES {
                // A row that both want, so that they meet.
                let rows = vec![violation(writer, n), violation(0, n)];
                store.put_violations(Fence::NONE, rows).await.unwrap();
            }
        };
        let read = async {
            let limits = ChangeLimits {
                count: 5,
                bytes: usize::MAX,
            };
            let (mut last, mut seen) = (0, std::collections::BTreeSet::new());
            while seen.len() < 3 * WRITES as usize {
                let (changes, newest) = reader.changes(last, limits).await.unwrap();
                for change in changes {
                    assert!(change.sequence > last && change.sequence <= newest);
                    last = change.sequence;
                    let row = change.violation.unwrap();
                    seen.insert((row.objective_id, row.start.map(|start| start.nanos)));
                }
            }
        };
        let all = async { tokio::join!(write(one.clone(), 1), write(two.clone(), 2), read) };
        let done = tokio::time::timeout(Duration::from_mins(1), all).await;
        assert!(
            done.is_ok(),
            "{}: a reader that goes forward only has missed a change",
            server.name
        );
        one.close().await;
        two.close().await;
        drop_database(reader).await;
    }
}

/// Two transactions that take the same two rows the other way round, again and again: the server ends one with 1213, and its
/// store runs it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "real server: dev/test"]
async fn deadlocks_are_made_good() {
    for server in servers() {
        let store = server.store("deadlocks").await;
        let entry = |key: &str, written_ms| sla_proto::storage::v1::StateEntry {
            key: key.to_owned(),
            body: vec![1],
            written: Some(timestamp(written_ms)),
            keep_days: 1,
            ..Default::default()
        };
        store.put_state(vec![entry("a", 1), entry("b", 1)]).await.unwrap();
        let before = store
            .ask(vec!["SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'".to_owned()])
            .await
            .unwrap();
        let begun = NOW_MS;
        let both = |order: [&'static str; 2]| {
            let store = store.clone();
            async move {
                for n in 0..150 {
                    let rows = order.map(|key| entry(key, begun + n)).to_vec();
                    store.put_state(rows).await.unwrap();
                }
            }
        };
        tokio::join!(both(["a", "b"]), both(["b", "a"]), both(["a", "b"]), both(["b", "a"]));
        let after = store
            .ask(vec!["SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'".to_owned()])
            .await
            .unwrap();
        println!("{}: deadlocks before {before:?}, after {after:?}", server.name);
        let keys = ["a".to_owned(), "b".to_owned()];
        let (entries, _) = store.state("", &keys).await.unwrap();
        let last = Some(timestamp(begun + 149));
        assert!(entries.len() == 2 && entries.iter().all(|entry| entry.written == last));
        provoked(&store).await;
        drop_database(store).await;
    }
}

/// A deadlock made by hand, so that there is one on every server: a foreign session holds `b` and then wants `a`.
async fn provoked(store: &MysqlStore) {
    use sla_proto::storage::v1::StateEntry;
    let foreign = store.clone();
    let took = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&took);
    let other = async move {
        let statements = [
            "START TRANSACTION",
            "UPDATE state SET body = 'x' WHERE item = 'b'",
            // More changed rows: the server ends the transaction that has changed fewer.
            "INSERT INTO retention_mark (tier, until_ms) VALUES ('x1', 1), ('x2', 1), ('x3', 1), ('x4', 1), ('x5', 1)",
            "SELECT SLEEP(1)",
            "UPDATE state SET body = 'x' WHERE item = 'a'",
            "COMMIT",
        ];
        let said = foreign.ask(statements.map(str::to_owned).to_vec()).await;
        flag.store(true, Ordering::SeqCst);
        said
    };
    let ours = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let entry = |key: &str| StateEntry {
            key: key.to_owned(),
            body: vec![9],
            written: Some(timestamp(NOW_MS + 1_000)),
            keep_days: 1,
            ..StateEntry::default()
        };
        store.put_state(vec![entry("a"), entry("b")]).await
    };
    let (foreign, ours) = tokio::join!(other, ours);
    ours.unwrap();
    // Whichever of the two the server ended: ours is there.
    drop(foreign);
    assert!(took.load(Ordering::SeqCst));
    let keys = ["a".to_owned(), "b".to_owned()];
    let (entries, _) = store.state("", &keys).await.unwrap();
    assert!(entries.iter().all(|entry| entry.body == [9]), "{entries:?}");
}

/// Two readers of one stream: each record once, and the slower one hears that it is a zombie or finds its records there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "real server: dev/test"]
async fn two_readers_of_a_stream_double_nothing() {
    for server in servers() {
        let place = server.fresh("readers").await;
        let one = MysqlStore::open(place.clone(), 2, clock()).await.unwrap();
        let two = MysqlStore::open(place, 2, clock()).await.unwrap();
        let read = |store: MysqlStore| async move {
            let mut fenced = 0;
            loop {
                let at = store.position("topic", 3).await.unwrap();
                if at >= 200 {
                    return fenced;
                }
                let records = (at..at + 10).map(|offset| RawRecord {
                    offset,
                    body: body(result("run-z", offset, NOW_MS, USUAL)),
                });
                let batch = Batch {
                    source: "topic".to_owned(),
                    partition: 3,
                    after: at,
                    records: records.collect(),
                };
                match store.apply(batch).await {
                    Ok(_) => {}
                    Err(StoreError::Zombie { .. }) => fenced += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let (a, b) = tokio::join!(read(one.clone()), read(two.clone()));
        println!("{}: {} batches were fenced", server.name, a + b);
        let progress = one.progress("run-z").await.unwrap().unwrap();
        let rows = one.row_count("result").await.unwrap();
        assert_eq!(u64::from(progress.done) * 2, rows, "two parts a record, none twice");
        assert_eq!(u64::from(progress.done), one.position("topic", 3).await.unwrap());
        two.close().await;
        drop_database(one).await;
    }
}
