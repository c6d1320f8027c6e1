//! The conformance suites, against SQLite directly and through the gRPC services in front of it.

mod messages;
mod remote;
mod sets;

use std::sync::Arc;

use sla_domain::ManualClock;
use sla_proto::Peer;
use sla_runtime::{CpuPool, Parts, Role as _, Shutdown};
use sla_storage::{SqliteStore, StorageOptions, StorageService, conformance};
use tonic::service::Routes;

use remote::RemoteStore;

const NOW_MS: i64 = 1_700_000_000_000;

#[tokio::test]
async fn sqlite_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), 2, Arc::new(ManualClock::at(NOW_MS))).unwrap();
    conformance::everything(&store).await;
    store.close().await;
}

#[tokio::test]
async fn sqlite_behind_grpc_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let options = StorageOptions::in_dir(directory.path());
    let parts = Parts {
        peer: Peer::late().0,
        clock,
        pool: CpuPool::new(1),
        shutdown: Shutdown::new(),
        metrics: sla_runtime::Metrics::default(),
    };
    let service = StorageService::start(options, parts).await.unwrap();
    let peer = Peer::local(service.routes(Routes::default()).prepare());
    conformance::everything(&RemoteStore(peer)).await;
    let counted = service.metrics();
    assert!(
        counted.inserted.get() > 10 && counted.dead_letters.get() == 7 && counted.write_errors.get() > 3,
        "{counted:?}"
    );
    service.close().await;
}
