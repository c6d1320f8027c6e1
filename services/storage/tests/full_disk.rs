//! Promise 6: a disk that is really full, a small tmpfs that is then made larger. Needs root to mount; says so and fails
//! without, because CI has it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use sla_domain::ManualClock;
use sla_proto::Peer;
use sla_proto::server::v1::GetServerInfoRequest;
use sla_proto::storage::v1::{ApplyBatchRequest, ApplyBatchResponse, ListRunResultsRequest, StoreStatus, StreamRecord};
use sla_runtime::server_info::{ServerFacts, ServerInfo};
use sla_runtime::{CpuPool, Parts, Role as _, Shutdown, reason};
use sla_storage::specimen::{ALL, body, result};
use sla_storage::{ResultStore as _, SqliteStore, StorageOptions, StorageService};
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const NOW_MS: i64 = 1_700_000_000_000;
/// Records of a batch.
const RECORDS: u64 = 25;
/// Batches that are tried at most: many times the small disk.
const MOST_BATCHES: u64 = 400;

/// A disk of its own; unmounted at the end.
struct Disk {
    at: tempfile::TempDir,
}

fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(
        done.status.success(),
        "{program} {arguments:?} failed; this test needs root and the right to mount: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

impl Disk {
    fn of(size: &str) -> Self {
        let at = tempfile::tempdir().unwrap();
        run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", path(at.path())],
        );
        Self { at }
    }

    fn grow(&self, size: &str) {
        run("mount", &["-o", &format!("remount,size={size}"), path(self.at.path())]);
    }

    fn data(&self) -> PathBuf {
        self.at.path().join("data")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["--lazy", path(self.at.path())]);
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The role behind its services, and the word that a console gets about it.
struct Role {
    service: StorageService,
    peer: Peer,
    _late: sla_proto::LateRoutes,
}

impl Role {
    async fn on(disk: &Disk) -> Self {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let options = StorageOptions::in_dir(disk.data());
        let shutdown = Shutdown::new();
        let (peer, late) = Peer::late();
        let parts = Parts {
            peer: peer.clone(),
            clock: clock.clone(),
            pool: CpuPool::new(1),
            shutdown: shutdown.clone(),
            metrics: sla_runtime::Metrics::default(),
        };
        let service = StorageService::start(options, parts).await.unwrap();
        let info = ServerInfo::server(ServerFacts::default(), peer.clone(), clock, shutdown);
        assert!(late.fill(service.routes(Routes::new(info)).prepare()));
        Self {
            service,
            peer,
            _late: late,
        }
    }

    async fn apply(&self, first: u64) -> Result<ApplyBatchResponse, Status> {
        let records = (first..first + RECORDS).map(|offset| StreamRecord {
            offset,
            body: body(result("run", offset, NOW_MS, ALL)),
        });
        let request = ApplyBatchRequest {
            source: "local".to_owned(),
            partition: 0,
            after: first,
            records: records.collect(),
        };
        Ok(self.peer.results().apply_batch(request).await?.into_inner())
    }

    /// What the banner of a console says.
    async fn banner(&self) -> StoreStatus {
        let info = self
            .peer
            .server()
            .get_server_info(GetServerInfoRequest {})
            .await
            .unwrap();
        info.into_inner().store.unwrap()
    }

    /// Applies until the disk is full: what was acknowledged, and the refusal.
    async fn fill(&self, mut acknowledged: u64) -> (u64, Status) {
        for _ in 0..MOST_BATCHES {
            match self.apply(acknowledged).await {
                Ok(applied) => acknowledged = applied.next_offset,
                Err(refused) => return (acknowledged, refused),
            }
        }
        panic!("the disk does not fill up: {acknowledged} records");
    }
}

fn is_read_only(refused: &Status) {
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(
        (refused.code(), info.reason.as_str()),
        (Code::ResourceExhausted, reason::STORAGE_READ_ONLY),
        "{refused:?}"
    );
    assert!(info.metadata["hint"].contains("free space"), "{info:?}");
}

/// All that was acknowledged is there once, and the file is sound.
async fn has_all(store: &SqliteStore, acknowledged: u64) {
    assert_eq!(store.position("local", 0).await.unwrap(), acknowledged);
    let done = store.progress("run").await.unwrap().map_or(0, |progress| progress.done);
    assert_eq!(u64::from(done), acknowledged);
    assert_eq!(store.integrity().await.unwrap(), "ok");
}

#[tokio::test]
async fn a_full_disk_is_told_and_forgotten_when_there_is_room() {
    let disk = Disk::of("3m");
    let role = Role::on(&disk).await;
    assert_eq!(role.banner().await.problem, "");
    let (acknowledged, refused) = role.fill(0).await;
    assert!(acknowledged > 0, "a little fits");
    is_read_only(&refused);
    let banner = role.banner().await;
    assert_eq!(banner.problem_reason, reason::STORAGE_READ_ONLY);
    assert!(
        banner.problem.contains("disk is full") && banner.hint.contains("free space"),
        "{banner:?}"
    );
    assert!(banner.failing_since.is_some() && banner.next_attempt.is_some());

    // Reading goes on; nothing of the refused batch is there.
    let request = ListRunResultsRequest {
        run_id: "run".to_owned(),
        page_size: 10,
        ..ListRunResultsRequest::default()
    };
    let page = role
        .peer
        .results()
        .list_run_results(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(page.results.len() as u64, acknowledged.min(10));
    has_all(role.service.store(), acknowledged).await;

    // Room: the same batch is taken, and the banner goes.
    disk.grow("64m");
    role.service.store().try_write().await.unwrap();
    assert_eq!(role.banner().await.problem, "", "without anybody writing results");
    let applied = role.apply(acknowledged).await.unwrap();
    assert_eq!(
        (u64::from(applied.inserted), applied.next_offset),
        (RECORDS, acknowledged + RECORDS)
    );
    has_all(role.service.store(), acknowledged + RECORDS).await;
    role.service.close().await;
}

#[tokio::test]
async fn a_process_that_started_on_a_full_disk_writes_when_there_is_room() {
    let disk = Disk::of("4m");
    let role = Role::on(&disk).await;
    let applied = role.apply(0).await.unwrap().next_offset;
    role.service.close().await;
    drop(role);
    let filler = disk.at.path().join("filler");
    let fill = format!("cat /dev/zero > {} 2>/dev/null; true", path(&filler));
    run("sh", &["-c", &fill]);

    let role = Role::on(&disk).await;
    for _ in 0..2 {
        is_read_only(&role.apply(applied).await.unwrap_err());
        let banner = role.banner().await;
        assert!(banner.problem.contains("disk is full"), "{banner:?}");
        has_all(role.service.store(), applied).await;
    }
    std::fs::remove_file(&filler).unwrap();
    role.service.store().try_write().await.unwrap();
    assert_eq!(role.banner().await.problem, "");
    let next = role.apply(applied).await.unwrap().next_offset;
    has_all(role.service.store(), next).await;
    role.service.close().await;
    drop(role);
    let role = Role::on(&disk).await;
    has_all(role.service.store(), next).await;
    role.service.close().await;
}

#[tokio::test]
async fn a_process_that_starts_on_a_full_disk_says_so_or_reads_and_loses_nothing() {
    let disk = Disk::of("3m");
    let role = Role::on(&disk).await;
    let (acknowledged, _) = role.fill(0).await;
    // As a crash leaves it: the write-ahead log is not folded in, and the rest of the disk is somebody else's.
    let copy = Disk::of("3m");
    run("cp", &["-r", path(&disk.data()), path(copy.at.path())]);
    let filler = copy.at.path().join("filler");
    run(
        "sh",
        &[
            "-c",
            &format!("head -c 10m /dev/zero > {} 2>/dev/null; true", path(&filler)),
        ],
    );
    let clock = Arc::new(ManualClock::at(NOW_MS));
    match SqliteStore::open(&copy.data(), 1, clock.clone()) {
        Ok(store) => {
            has_all(&store, acknowledged).await;
            store.close().await;
        }
        Err(error) => assert!(error.to_string().contains("disk is full"), "{error}"),
    }
    std::fs::remove_file(filler).unwrap();
    copy.grow("64m");
    let store = SqliteStore::open(&copy.data(), 1, clock).unwrap();
    has_all(&store, acknowledged).await;
    store.close().await;
    role.service.close().await;
}
