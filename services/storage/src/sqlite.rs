//! The SQLite adapter: one file, one connection that writes, a few that read.

pub mod backup;
mod connections;
mod error;
mod migration;
mod opening;
mod pages;
mod place;
#[cfg(feature = "test-support")]
mod probe;
mod statements;
mod written;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sla_domain::Clock;

use crate::error::StoreError;
use crate::store::SqlStore;
use crate::transaction::{Database, Space, Subject, Transaction};
use crate::trouble::Trouble;
use connections::Connections;
use statements::SqliteTransaction;

/// One SQLite file. Cheap to clone.
#[derive(Clone)]
pub struct Sqlite {
    connections: Arc<Connections>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sqlite").field(&self.connections).finish()
    }
}

/// All stores in one SQLite file.
pub type SqliteStore = SqlStore<Sqlite>;

impl Sqlite {
    /// Opens or makes the database in `data_dir`, migrates it, and takes the lock that keeps other processes out.
    /// Blocks for as long as migrations take.
    pub fn open(data_dir: &Path, readers: usize, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let opened = opening::open(data_dir, clock.now_ms())?;
        let connections = Connections::start(opened, readers, Trouble::new(clock.clone()));
        Ok(Self {
            connections: Arc::new(connections),
            clock,
        })
    }
}

impl SqliteStore {
    /// All stores in the database in `data_dir`; see [`Sqlite::open`].
    pub fn open(data_dir: &Path, readers: usize, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Ok(Self::over(Sqlite::open(data_dir, readers, Arc::clone(&clock))?, clock))
    }
}

#[async_trait]
impl Database for Sqlite {
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        let (clock, written) = (Arc::clone(&self.clock), self.connections.written().clone());
        self.connections
            .write(move |tx| work(&mut SqliteTransaction(tx, &*clock, &written)))
            .await
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        let (clock, written) = (Arc::clone(&self.clock), self.connections.written().clone());
        self.connections
            .read(move |tx| work(&mut SqliteTransaction(tx, &*clock, &written)))
            .await
    }

    fn written(&self, subject: Subject) -> Option<u64> {
        Some(self.connections.written().times(subject))
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        self.connections
            // The number in the file's header is not used; setting it writes a page.
            .write(|tx| Ok(tx.pragma_update(None, "user_version", 0)?))
            .await
    }

    async fn space(&self) -> Result<Space, StoreError> {
        self.connections.read(|tx| pages::space(tx)).await
    }

    async fn give_back(&self, max_bytes: u64) -> Result<bool, StoreError> {
        self.connections
            .on_writer(move |connection| pages::give_back(connection, max_bytes))
            .await
    }

    fn trouble(&self) -> &Trouble {
        self.connections.trouble()
    }

    async fn close(&self) {
        self.connections.close().await;
    }
}
