//! Promise 2: killed at any moment and at each failpoint, nothing acknowledged is lost and the file is sound: 60 deaths. The
//! writer is this test binary itself, started again as a child.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sla_domain::ManualClock;
use sla_proto::convert::timestamp;
use sla_proto::violation::v1::Violation;
use sla_storage::failpoint;
use sla_storage::port::{Batch, Fence, LOCAL_SOURCE, Page, RawRecord, ViolationFilter};
use sla_storage::specimen::{USUAL, body, result, series};
use sla_storage::{LedgerStore, ResultStore, SqliteStore};

const NOW_MS: i64 = 1_700_000_000_000;
/// Kills while the child writes, and while it makes a new database.
const KILLS: u64 = 25;
const KILLS_OF_NEW: u64 = 15;
/// Each failpoint is passed this often before it kills, and once more with each further number.
const PASSES: [u32; 4] = [0, 1, 7, 30];
/// The same for a new database, which passes through nine migrations.
const MIGRATIONS: u32 = 8;
/// Of the signal of a child that ended itself.
const SIGABRT: i32 = 6;
/// Series of a run: the run of record n is n / SERIES.
const SERIES: u64 = 40;

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, 1, Arc::new(ManualClock::at(NOW_MS))).unwrap()
}

fn record(offset: u64) -> RawRecord {
    let run = offset / SERIES;
    let at_ms = NOW_MS + run as i64 * 300_000;
    RawRecord {
        offset,
        body: body(result(&format!("run-{run}"), offset % SERIES, at_ms, USUAL)),
    }
}

/// The child: writes until it is killed and says what was acknowledged. Its directory comes by stdin, and on a second line
/// the failpoint at which it dies and how often that is passed before.
#[test]
#[ignore = "the child of the tests below"]
fn child_writer() {
    let mut directory = String::new();
    std::io::stdin().read_line(&mut directory).unwrap();
    let mut death = String::new();
    std::io::stdin().read_line(&mut death).unwrap();
    if let Some((place, passes)) = death.trim().split_once(' ') {
        failpoint::arm(place, passes.parse().unwrap());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = open(Path::new(directory.trim()));
        println!("\nopen");
        let mut offset = store.position(LOCAL_SOURCE, 0).await.unwrap();
        loop {
            let records = (offset..offset + 1 + offset % 17).map(record).collect();
            let batch = Batch {
                source: LOCAL_SOURCE.to_owned(),
                partition: 0,
                after: offset,
                records,
            };
            offset = store.apply(batch).await.unwrap().next_offset;
            println!("applied {offset}");
            let violation = Violation {
                objective_id: "o".to_owned(),
                series: Some(series(0)),
                start: Some(timestamp(offset as i64)),
                ..Violation::default()
            };
            store.put_violations(Fence::NONE, vec![violation]).await.unwrap();
            println!("violation {offset}");
            std::io::stdout().flush().unwrap();
        }
    });
}

fn spawn(directory: &Path, death: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_writer", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}\n{death}", directory.display()).unwrap();
    child
}

/// Kills `child` with SIGKILL and gives the lines that it had written.
fn kill(mut child: Child) -> Vec<String> {
    child.kill().unwrap();
    let lines = said(&mut child);
    child.wait().unwrap();
    lines
}

fn said(child: &mut Child) -> Vec<String> {
    let out = BufReader::new(child.stdout.take().unwrap());
    out.lines().map_while(Result::ok).collect()
}

/// Waits for the failpoint and gives the lines written before it.
fn die(mut child: Child) -> Vec<String> {
    let lines = said(&mut child);
    assert_eq!(
        child.wait().unwrap().signal(),
        Some(SIGABRT),
        "it died at its failpoint: {lines:?}"
    );
    lines
}

fn newest(lines: &[String], word: &str) -> u64 {
    lines
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
        .unwrap_or(0)
}

fn random(state: &mut u64, below: u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// Opens what a dead writer left: sound, with all that was acknowledged, nothing of it twice.
async fn is_sound(directory: &Path, acknowledged: u64, violation: u64, after: &str) {
    let store = open(directory);
    assert_eq!(store.integrity().await.unwrap(), "ok", "{after}");
    let position = store.position(LOCAL_SOURCE, 0).await.unwrap();
    assert!(
        position >= acknowledged,
        "{after}: {acknowledged} was acknowledged, {position} is there"
    );
    // Two parts a record: not one lost, not one doubled, none without its position.
    assert_eq!(store.row_count("result").await.unwrap(), 2 * position, "{after}");
    let mut done = 0;
    for run in 0..=position / SERIES {
        let progress = store.progress(&format!("run-{run}")).await.unwrap();
        done += progress.map_or(0, |progress| progress.done);
    }
    assert_eq!(u64::from(done), position, "{after}: the counters agree with the rows");
    let newest = store
        .list_violations(&ViolationFilter::default(), Page::first(1))
        .await
        .unwrap()
        .rows;
    let newest = newest
        .first()
        .and_then(|row| row.start)
        .map_or(0, |start| sla_proto::convert::millis(&start));
    assert!(newest as u64 >= violation, "{after}");
    store.close().await;
}

#[test]
fn dead_at_each_failpoint() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for place in failpoint::OF_WRITES {
        for passes in PASSES {
            let death = format!("{place} {passes}");
            let lines = die(spawn(directory.path(), &death));
            acknowledged = acknowledged.max(newest(&lines, "applied "));
            let violation = newest(&lines, "violation ");
            runtime.block_on(is_sound(directory.path(), acknowledged, violation, &death));
        }
    }
    assert!(acknowledged > 0, "something was written in between");
    for passes in 0..MIGRATIONS {
        let directory = tempfile::tempdir().unwrap();
        let death = format!("{} {passes}", failpoint::MIGRATED);
        die(spawn(directory.path(), &death));
        runtime.block_on(is_sound(directory.path(), 0, 0, &death));
    }
}

#[test]
fn killed_while_writing() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut seed = 20_231_114;
    let mut acknowledged = 0;
    for round in 0..KILLS {
        let child = spawn(directory.path(), "");
        std::thread::sleep(Duration::from_millis(20 + random(&mut seed, 150)));
        let lines = kill(child);
        acknowledged = acknowledged.max(newest(&lines, "applied "));
        let violation = newest(&lines, "violation ");
        runtime.block_on(is_sound(
            directory.path(),
            acknowledged,
            violation,
            &format!("round {round}"),
        ));
    }
    assert!(acknowledged > KILLS, "the child has written something: {acknowledged}");
}

/// Killed while the schema is made: the next start finishes the work.
#[test]
fn killed_while_migrating() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut seed = 7;
    let mut in_the_middle = 0;
    for round in 0..KILLS_OF_NEW {
        let directory = tempfile::tempdir().unwrap();
        let child = spawn(directory.path(), "");
        // Until the file is there; then up to the time that the migrations take.
        while !directory.path().join("sla.db").exists() {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(random(&mut seed, 25_000)));
        let lines = kill(child);
        in_the_middle += u64::from(!lines.iter().any(|line| line == "open"));
        runtime.block_on(async {
            let store = open(directory.path());
            assert_eq!(store.integrity().await.unwrap(), "ok", "round {round}");
            assert_eq!(store.row_count("schema_version").await.unwrap(), 13, "round {round}");
            assert_eq!(store.row_count("retention_mark").await.unwrap(), 0);
            store.close().await;
        });
    }
    assert!(in_the_middle > 0, "not one kill came before the database was open");
}
