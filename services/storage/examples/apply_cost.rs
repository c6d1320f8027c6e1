//! What it costs to apply 10,000 records in batches of 500 to SQLite and to the servers of `SLA_TEST_DATABASES`
//! (`NAME URL PASSWORD CA;…`): records a second, and CPU seconds of this process. The servers' own CPU is measured by
//! `dev/bench-machines records`, which knows their processes.
//!
//! `cargo run --release -p sla-storage --example apply_cost -- sqlite|NAME`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of dev/bench, which hands the servers over"
)]

use std::sync::Arc;
use std::time::Instant;

use sla_domain::ManualClock;
use sla_storage::port::{Batch, RawRecord};
use sla_storage::server_place::{Password, ServerPlace};
use sla_storage::specimen::{USUAL, body, result};
use sla_storage::{MysqlStore, ResultStore, SqliteStore};

const RECORDS: u64 = 10_000;
const BATCH: usize = 500;
/// Series of one run: each run writes each series once.
const SERIES: u64 = 2_000;
const NOW_MS: i64 = 1_700_000_000_000;

fn batches() -> Vec<Batch> {
    let records: Vec<RawRecord> = (0..RECORDS)
        .map(|offset| {
            let run = offset / SERIES;
            let at_ms = NOW_MS + run as i64 * 300_000;
            RawRecord {
                offset,
                body: body(result(&format!("run-{run}"), offset % SERIES, at_ms, USUAL)),
            }
        })
        .collect();
    let batch = |records: &[RawRecord]| Batch {
        source: "bench".to_owned(),
        partition: 0,
        after: records[0].offset,
        records: records.to_vec(),
    };
    records.chunks(BATCH).map(batch).collect()
}

/// CPU seconds of this process so far: user and system, in ticks of 10 ms.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

async fn measure(name: &str, store: &dyn ResultStore) {
    let batches = batches();
    let (begun, before) = (Instant::now(), cpu_s());
    for batch in batches {
        store.apply(batch).await.unwrap();
    }
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_s() - before);
    println!(
        "{name}: {RECORDS} records of two parts in {wall:.2} s = {:.0} records/s; {cpu:.2} s CPU of this process",
        RECORDS as f64 / wall
    );
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let which = std::env::args().nth(1).unwrap_or_else(|| "sqlite".to_owned());
    let clock = Arc::new(ManualClock::at(NOW_MS));
    if which == "sqlite" {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), 1, clock).unwrap();
        measure("SQLite", &store).await;
        store.close().await;
        return;
    }
    let list = std::env::var("SLA_TEST_DATABASES").unwrap();
    let server = list
        .split(';')
        .find(|server| server.trim().starts_with(&which))
        .unwrap();
    let fields: Vec<&str> = server.split_whitespace().collect();
    let mut place = ServerPlace::new(fields[1].parse().unwrap());
    if fields[2] != "-" {
        place.password = Password::Given(fields[2].to_owned());
    }
    if fields[3] != "-" {
        place.ca_file = Some(fields[3].into());
    }
    let store = MysqlStore::open(place, 2, clock).await.unwrap();
    measure(&which, &store).await;
    store.close().await;
}
