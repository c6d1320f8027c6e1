//! Promise 5: the server is killed again and again while records come in. Nothing acknowledged is lost, nothing is doubled,
//! and the storage goes on by itself. The server is one of its own, started by `dev/mysql/mariadb.sh`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sla_storage::port::{Batch, RawRecord};
use sla_storage::server_place::ServerPlace;
use sla_storage::specimen::{USUAL, body, result};
use sla_storage::{MysqlStore, ResultStore, StoreError};

use crate::servers::{NOW_MS, clock};

/// Deaths of the server.
const KILLS: u32 = 20;
/// Series of a run.
const SERIES: u64 = 50;

/// A MariaDB of this test alone; it is stopped with it.
struct OwnServer {
    folder: tempfile::TempDir,
    port: u16,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/mysql/mariadb.sh")
}

impl OwnServer {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = Self {
            folder: tempfile::tempdir().unwrap(),
            port,
        };
        server.run("start");
        server
    }

    fn run(&self, command: &str) {
        let status = Command::new(script())
            .arg(command)
            .arg(self.folder.path())
            .arg(self.port.to_string())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "mariadb.sh {command}");
    }

    fn place(&self) -> ServerPlace {
        ServerPlace::new(format!("mysql://root@127.0.0.1:{}/sla", self.port).parse().unwrap())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = Command::new(script()).arg("kill").arg(self.folder.path()).status();
    }
}

/// As the intake does it: the same batch until it is taken.
async fn writes(store: MysqlStore, acknowledged: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> (u64, Duration) {
    let (mut refusals, mut longest, mut last) = (0, Duration::ZERO, Instant::now());
    let mut at = 0;
    while !stop.load(Ordering::SeqCst) {
        let records = (at..at + 1 + at % 13).map(|offset| RawRecord {
            offset,
            body: body(result(
                &format!("run-{}", offset / SERIES),
                offset % SERIES,
                NOW_MS + offset as i64,
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
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            Err(StoreError::Unreachable { .. } | StoreError::Busy { .. } | StoreError::Overtaken) => refusals += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    (refusals, longest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn killed_again_and_again_it_loses_nothing() {
    let server = OwnServer::start();
    let store = MysqlStore::open(server.place(), 2, clock()).await.unwrap();
    let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = tokio::task::spawn_blocking({
        let (store, acknowledged, stop) = (store.clone(), Arc::clone(&acknowledged), Arc::clone(&stop));
        let runtime = tokio::runtime::Handle::current();
        move || runtime.block_on(writes(store, acknowledged, stop))
    });
    let (mut random, begun) = (0x5eed_u64, Instant::now());
    for kill in 0..KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        tokio::time::sleep(Duration::from_millis(100 + (random >> 33) % 500)).await;
        let before = acknowledged.load(Ordering::SeqCst);
        let (folder, port) = (server.folder.path().to_owned(), server.port);
        tokio::task::spawn_blocking(move || {
            for command in ["kill", "start"] {
                let mut script = Command::new(script());
                script
                    .arg(command)
                    .arg(&folder)
                    .arg(port.to_string())
                    .stdout(std::process::Stdio::null());
                assert!(script.status().unwrap().success());
            }
        })
        .await
        .unwrap();
        // It goes on by itself.
        let until = Instant::now() + Duration::from_secs(30);
        while acknowledged.load(Ordering::SeqCst) <= before {
            assert!(Instant::now() < until, "kill {kill}: nothing was written within 30 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    stop.store(true, Ordering::SeqCst);
    let (refusals, longest) = writer.await.unwrap();
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    let position = store.position("topic", 0).await.unwrap();
    assert!(
        position >= acknowledged,
        "{acknowledged} were acknowledged, {position} are there"
    );
    assert_eq!(
        store.row_count("result").await.unwrap(),
        2 * position,
        "two parts a record, none lost, none doubled"
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
    assert_eq!(store.row_count("dead_letter").await.unwrap(), 0);
    println!(
        "{KILLS} kills in {:.0} s: {position} records, 0 lost, 0 doubled; {refusals} refusals, longest gap {} ms",
        begun.elapsed().as_secs_f64(),
        longest.as_millis()
    );
    store.close().await;
}
