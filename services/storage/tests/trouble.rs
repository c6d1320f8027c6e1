//! What happens when the file or the disk is not as it should be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use sla_domain::ManualClock;
use sla_proto::Peer;
use sla_proto::storage::v1::{ApplyBatchRequest, StreamRecord};
use sla_runtime::{CpuPool, Parts, Role as _, Shutdown, ToStatus as _, reason};
use sla_storage::port::{Batch, LOCAL_SOURCE, RawRecord};
use sla_storage::specimen::{ALL, USUAL, body, result};
use sla_storage::{ResultStore, SqliteStore, StorageOptions, StorageService, StoreError};
use tonic::Code;
use tonic::service::Routes;
use tonic_types::StatusExt as _;

const NOW_MS: i64 = 1_700_000_000_000;

fn open(directory: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(directory, 1, Arc::new(ManualClock::at(NOW_MS)))
}

fn batch(offset: u64, records: u64) -> Batch {
    let records = (offset..offset + records)
        .map(|offset| RawRecord {
            offset,
            body: body(result("run", offset, NOW_MS, ALL)),
        })
        .collect();
    Batch {
        source: LOCAL_SOURCE.to_owned(),
        partition: 0,
        after: offset,
        records,
    }
}

#[tokio::test]
async fn only_the_owner_may_look_inside() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("data").join("default");
    let store = open(&directory).unwrap();
    store.apply(batch(0, 1)).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for file in ["sla.db", "sla.db-wal", "sla.db-shm", "sla.db.lock"] {
        assert_eq!(mode(&directory.join(file)), 0o600, "{file}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_second_process_is_told_who_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }));
    assert!(
        error.to_string().contains(&format!("(pid {})", std::process::id())),
        "{error}"
    );
    store.close().await;
    let store = open(directory.path()).expect("the lock goes with the store");
    drop(store);
    // Without a close the writer ends with the last handle, a moment later.
    for _ in 0..200 {
        if open(directory.path()).is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the lock outlives the store");
}

#[tokio::test]
async fn damage_is_found_after_an_unclean_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    for at in 0..20 {
        store.apply(batch(at * 20, 20)).await.unwrap();
    }
    store.close().await;
    let file = directory.path().join("sla.db");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0x5a);
    fs::write(&file, &bytes).unwrap();
    // As a crash leaves it: a write-ahead log that was not folded in.
    fs::write(directory.path().join("sla.db-wal"), [0; 100]).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    fs::write(&file, "this is no database, it is a letter to my mother").unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

fn code_and_reason(error: &tonic::Status) -> (Code, String) {
    (
        error.code(),
        error
            .get_details_error_info()
            .map(|info| info.reason)
            .unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    let directory = tempfile::tempdir().unwrap();
    let options = StorageOptions::in_dir(directory.path());
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let parts = Parts {
        peer: Peer::late().0,
        clock,
        pool: CpuPool::new(1),
        shutdown: Shutdown::new(),
        metrics: sla_runtime::Metrics::default(),
    };
    let service = StorageService::start(options, parts).await.unwrap();
    let peer = Peer::local(service.routes(Routes::default()).prepare());
    let store = service.store();
    store.apply(batch(0, 20)).await.unwrap();
    let pages = store.space().await.unwrap().file_bytes / 4_096;
    store.limit_pages(pages as u32 + 3).await.unwrap();
    let mut results = peer.results();
    let request = |first: u64| ApplyBatchRequest {
        source: LOCAL_SOURCE.to_owned(),
        partition: 0,
        after: first,
        records: batch(first, 50)
            .records
            .into_iter()
            .map(|record| StreamRecord {
                offset: record.offset,
                body: record.body,
            })
            .collect(),
    };
    let full = results.apply_batch(request(20)).await.unwrap_err();
    assert_eq!(
        code_and_reason(&full),
        (Code::ResourceExhausted, reason::STORAGE_READ_ONLY.to_owned()),
        "{full}"
    );
    // Reading goes on; nothing of the batch is there.
    assert_eq!(store.position(LOCAL_SOURCE, 0).await.unwrap(), 20);
    assert_eq!(store.progress("run").await.unwrap().unwrap().done, 20);
    store.limit_pages(u32::MAX - 1).await.unwrap();
    let applied = results.apply_batch(request(20)).await.unwrap().into_inner();
    assert_eq!(
        (applied.inserted, applied.next_offset),
        (50, 70),
        "and goes on once there is room"
    );

    store.make_read_only(true).await.unwrap();
    let refused = results.apply_batch(request(70)).await.unwrap_err();
    assert_eq!(
        code_and_reason(&refused),
        (Code::FailedPrecondition, reason::STORAGE_READ_ONLY.to_owned())
    );
    store.make_read_only(false).await.unwrap();
    results.apply_batch(request(70)).await.unwrap();
    assert_eq!(store.integrity().await.unwrap(), "ok");
    service.close().await;
    let closed = results.apply_batch(request(120)).await.unwrap_err();
    assert_eq!(closed.code(), Code::Unavailable);
}

/// A deleted or unmounted file takes writes without a word; nothing may be acknowledged then.
#[tokio::test]
async fn a_data_directory_that_has_gone_is_told() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, away) = (parent.path().join("data"), parent.path().join("away"));
    let store = open(&directory).unwrap();
    store.apply(batch(0, 5)).await.unwrap();
    fs::rename(&directory, &away).unwrap();
    let gone = store.apply(batch(5, 5)).await.unwrap_err();
    assert!(
        matches!(&gone, StoreError::Gone { path } if *path == directory.join("sla.db")),
        "{gone}"
    );
    assert_eq!(gone.to_status().code(), Code::Unavailable);
    assert!(store.is_in_trouble());
    // Another file in its place is not ours either.
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("sla.db"), "").unwrap();
    assert!(matches!(store.try_write().await, Err(StoreError::Gone { .. })));
    fs::remove_dir_all(&directory).unwrap();
    fs::rename(&away, &directory).unwrap();
    store.try_write().await.unwrap();
    assert!(!store.is_in_trouble());
    store.close().await;
}

/// One day of runs every five minutes, scaled down: 1,000 series may take 200 MB.
#[tokio::test]
async fn a_day_of_results_is_small() {
    const SERIES: u64 = 25;
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let mut empty = 0;
    let mut offset = 0;
    for run in 0..288 {
        let at_ms = NOW_MS + run * 300_000;
        let parts = if run % 288 == 0 { ALL } else { USUAL };
        let records = (0..SERIES)
            .map(|n| RawRecord {
                offset: offset + n,
                body: body(result(&format!("run-{run}"), n, at_ms, parts)),
            })
            .collect();
        store
            .apply(Batch {
                source: LOCAL_SOURCE.to_owned(),
                partition: 0,
                after: offset,
                records,
            })
            .await
            .unwrap();
        offset += SERIES;
        if run == 0 {
            empty = store.space().await.unwrap().file_bytes;
        }
    }
    let bytes = (store.space().await.unwrap().file_bytes - empty) * 1000 / SERIES;
    println!(
        "a day of 1,000 series: {} MB, {} B a result",
        bytes / 1_000_000,
        bytes / 288_000
    );
    assert!(bytes <= 200_000_000, "{bytes}");
    store.close().await;
}

#[test]
fn errors_name_what_to_do() {
    let newer = StoreError::NewerSchema { found: 9, known: 5 };
    assert!(
        newer.to_string().contains("schema 9") && newer.to_string().contains("newer sla"),
        "{newer}"
    );
    let status = newer.to_status();
    assert_eq!(
        code_and_reason(&status),
        (Code::Internal, reason::STORAGE_FAILED.to_owned())
    );
}
