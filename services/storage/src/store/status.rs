//! What is told about the store itself.

use sla_proto::storage::v1::StoreStatus;

use super::{SqlStore, results};
use crate::error::StoreError;
use crate::transaction::{Database, Space};

impl<D: Database> SqlStore<D> {
    /// Whether the last write failed because of the database itself.
    pub fn is_in_trouble(&self) -> bool {
        self.database.trouble().is_there()
    }

    /// How the disk is used.
    pub async fn space(&self) -> Result<Space, StoreError> {
        self.database.space().await
    }

    /// Writes nothing new, but writes: ends the trouble when it is over.
    pub async fn try_write(&self) -> Result<(), StoreError> {
        self.database.try_write().await
    }

    /// What the banner says, and what is counted beside it.
    pub async fn status(&self) -> Result<StoreStatus, StoreError> {
        let dead_letters = self.database.read(results::total).await?;
        let mut status = StoreStatus {
            dead_letters,
            file_bytes: self.database.space().await?.file_bytes,
            ..StoreStatus::default()
        };
        self.database.trouble().tell(&mut status);
        Ok(status)
    }
}
