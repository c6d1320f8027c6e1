//! The role `storage`: one open database, the services in front of it, and the retention behind it.

use std::sync::Arc;
use std::time::Duration;

use sla_bus::ResultTopic;
use sla_proto::storage::v1::store_status_service_server::StoreStatusServiceServer;
use sla_runtime::metrics::single;
use sla_runtime::{Parts, Role, Shutdown, blocking};
use tonic::service::Routes;

use crate::backups;
use crate::error::StoreError;
use crate::follow::Following;
use crate::gauges;
use crate::grpc::StorageGrpc;
use crate::grpc::status::StatusGrpc;
use crate::metrics::StorageMetrics;
use crate::options::{RetentionOptions, StorageOptions};
use crate::retention::Retention;
use crate::sqlite::{Sqlite, SqliteStore};
use crate::store::SqlStore;
use crate::transaction::Database;
use crate::trouble::TRY_EVERY_MS;

/// The running role. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StorageService<D = Sqlite> {
    store: SqlStore<D>,
    metrics: StorageMetrics,
    following: Following,
    shutdown: Shutdown,
}

/// Tries to write now and then while writes fail: the trouble is over when the disk has room, not when somebody writes next.
async fn rescue<D: Database>(store: &SqlStore<D>) {
    loop {
        tokio::time::sleep(Duration::from_millis(TRY_EVERY_MS.unsigned_abs())).await;
        if store.is_in_trouble() {
            // The trouble itself has taken note of it.
            let _ = store.try_write().await;
        }
    }
}

impl StorageService {
    /// Opens the database (makes and migrates it as needed) and starts retention and daily copies, which end with the process.
    pub async fn start(options: StorageOptions, parts: Parts) -> Result<Self, StoreError> {
        let StorageOptions {
            data_dir,
            readers,
            retention,
        } = options;
        let for_store = Arc::clone(&parts.clock);
        let copied = data_dir.clone();
        let opening = blocking::run(move || SqliteStore::open(&data_dir, readers, for_store));
        let store = opening
            .await
            .map_err(|error| StoreError::Crashed(error.to_string()))??;
        backups::keep_copies(copied, &parts);
        Ok(Self::over(store, retention, parts))
    }
}

#[cfg(feature = "mysql")]
impl StorageService<crate::mysql::Mysql> {
    /// The same over a database on a server; see [`crate::MysqlStore::open`]. `readers` is the number of reads at once.
    pub async fn start_on_server(
        place: crate::server_place::ServerPlace,
        readers: usize,
        retention: RetentionOptions,
        parts: Parts,
    ) -> Result<Self, StoreError> {
        let store = crate::MysqlStore::open(place, readers, Arc::clone(&parts.clock)).await?;
        // Tables of a server do not shrink as their rows go: by size, retention would delete on and on. Age is what counts.
        let retention = RetentionOptions {
            max_bytes: u64::MAX,
            ..retention
        };
        Ok(Self::over(store, retention, parts))
    }
}

impl<D: Database> StorageService<D> {
    /// The role over a store that is open already, whatever is below it. Starts its retention.
    pub fn over(store: SqlStore<D>, retention: RetentionOptions, parts: Parts) -> Self {
        let Parts {
            clock,
            shutdown,
            metrics: told,
            ..
        } = parts;
        let metrics = StorageMetrics::registered(&told);
        store.transactions().register(&told);
        let trouble = store.clone();
        told.gauge(
            "sla_storage_writable",
            "Whether the last write to the database succeeded",
            move || single(if trouble.is_in_trouble() { 0.0 } else { 1.0 }),
        );
        let following = Following::new(Arc::clone(&clock));
        gauges::register(&told, following.lags(), &clock);
        let task = Retention::new(store.clone(), retention, clock, metrics.clone());
        let token = shutdown.token().clone();
        shutdown.spawn("storage-retention", async move { task.run(&token).await });
        let (rescued, token) = (store.clone(), shutdown.token().clone());
        shutdown.spawn("storage-rescue", async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = rescue(&rescued) => {}
            }
        });
        Self {
            store,
            metrics,
            following,
            shutdown,
        }
    }

    /// Reads results from `topic` from now on, as one of its readers.
    pub fn follow(&self, topic: Arc<dyn ResultTopic>) {
        let following =
            self.following
                .clone()
                .run(topic, self.store.clone(), self.metrics.clone(), self.shutdown.clone());
        self.shutdown.spawn("storage-intake", following);
    }

    /// The store itself.
    pub fn store(&self) -> &SqlStore<D> {
        &self.store
    }

    /// The counters.
    pub fn metrics(&self) -> &StorageMetrics {
        &self.metrics
    }
}

#[tonic::async_trait]
impl<D: Database> Role for StorageService<D> {
    fn name(&self) -> &'static str {
        "storage"
    }

    fn routes(&self, routes: Routes) -> Routes {
        let routes = StorageGrpc::new(self.store.clone(), self.metrics.clone()).routes(routes);
        routes.add_service(StoreStatusServiceServer::new(StatusGrpc(
            self.store.clone(),
            self.following.clone(),
        )))
    }

    /// Closes the database after the writes that wait. A process that dies without it loses nothing; the next start checks
    /// the file.
    async fn close(&self) {
        self.store.close().await;
    }
}
