//! A group of three loses its primary again and again while records come in: how long nothing is written, and whether anything
//! is lost or doubled. Started by `dev/mysql/lose-primary`, which makes the group.
//!
//! `lose_primary FOLDER URL PASSWORD ROUNDS`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of dev/mysql/lose-primary, which hands the group over"
)]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sla_domain::ManualClock;
use sla_storage::port::{Batch, RawRecord};
use sla_storage::server_place::{Password, ServerPlace};
use sla_storage::specimen::{USUAL, body, result};
use sla_storage::{MysqlStore, ResultStore};

const NOW_MS: i64 = 1_700_000_000_000;
const SERIES: u64 = 50;
/// After the loss of a primary there must be no lag after so long.
const LIMIT: Duration = Duration::from_mins(1);
const SCRIPT: &str = "dev/mysql/mysql-group.sh";

fn script(arguments: &[&str]) -> String {
    let done = Command::new(SCRIPT).args(arguments).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Port of the primary, as the members see it.
fn primary(folder: &str) -> Option<u16> {
    let members = script(&["members", folder]);
    let line = members
        .lines()
        .find(|line| line.contains("ONLINE") && line.contains("PRIMARY"))?;
    line.split_whitespace().next()?.parse().ok()
}

async fn write(store: MysqlStore, acknowledged: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> u64 {
    let (mut at, mut refused) = (0, 0);
    while !stop.load(Ordering::SeqCst) {
        let records = (at..at + 20).map(|offset| RawRecord {
            offset,
            body: body(result(
                &format!("run-{}", offset / SERIES),
                offset % SERIES,
                NOW_MS,
                USUAL,
            )),
        });
        let batch = Batch {
            source: "topic".to_owned(),
            partition: 0,
            after: at,
            records: records.collect(),
        };
        match store.apply(batch).await {
            Ok(applied) => {
                at = applied.next_offset;
                acknowledged.store(at, Ordering::SeqCst);
            }
            Err(error) => {
                if refused == 0 {
                    println!("the first refusal: {error}");
                }
                refused += 1;
            }
        }
    }
    refused
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, url, password, rounds] = &arguments[..] else {
        panic!("lose_primary FOLDER URL PASSWORD ROUNDS")
    };
    let mut place = ServerPlace::new(url.parse().unwrap());
    place.password = Password::Given(password.clone());
    let first = place.url.nodes[0].port;
    let store = MysqlStore::open(place, 2, Arc::new(ManualClock::at(NOW_MS)))
        .await
        .unwrap();
    let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    // On a thread of its own: the script blocks this one.
    let writing = tokio::task::spawn_blocking({
        let (store, acknowledged, stop) = (store.clone(), Arc::clone(&acknowledged), Arc::clone(&stop));
        let runtime = tokio::runtime::Handle::current();
        move || runtime.block_on(write(store, acknowledged, stop))
    });
    for round in 1..=rounds.parse().unwrap() {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let port = primary(folder).unwrap();
        let node = ((port - first) / 2 + 1).to_string();
        let before = acknowledged.load(Ordering::SeqCst);
        script(&["kill", folder, &node]);
        let killed = Instant::now();
        // What was on its way when it died may still be counted.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let at = acknowledged.load(Ordering::SeqCst);
        while acknowledged.load(Ordering::SeqCst) == at {
            assert!(
                killed.elapsed() < LIMIT,
                "round {round}: nothing was written for {LIMIT:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!(
            "round {round}: primary {port} killed after {before} records; writing again after {:.1} s, primary {:?}",
            killed.elapsed().as_secs_f64(),
            primary(folder)
        );
        script(&["rejoin", folder, &node]);
    }
    stop.store(true, Ordering::SeqCst);
    let refused = writing.await.unwrap();
    let position = store.position("topic", 0).await.unwrap();
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    assert!(position >= acknowledged);
    assert_eq!(
        store.row_count("result").await.unwrap(),
        2 * position,
        "two parts a record"
    );
    let mut done = 0;
    for run in 0..=position / SERIES {
        done += store
            .progress(&format!("run-{run}"))
            .await
            .unwrap()
            .map_or(0, |progress| u64::from(progress.done));
    }
    assert_eq!(done, position);
    println!(
        "{acknowledged} records acknowledged, {position} stored: 0 lost, 0 doubled; {refused} writes refused meanwhile"
    );
    store.close().await;
}
