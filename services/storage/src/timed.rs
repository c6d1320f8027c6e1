//! A database whose transactions are counted and timed, whichever database it is.

use std::time::Instant;

use async_trait::async_trait;
use sla_runtime::metrics::{Counter, Durations, Family, Gauge, Metrics};

use crate::error::StoreError;
use crate::transaction::{Database, Space, Subject, Transaction};
use crate::trouble::Trouble;

type Kind = [(&'static str, &'static str); 1];

const READ: Kind = [("kind", "read")];
const WRITE: Kind = [("kind", "write")];

/// What was measured. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Transactions {
    durations: Family<Kind, Durations>,
    failures: Family<Kind, Counter>,
    open: Family<Kind, Gauge>,
}

impl Transactions {
    pub(crate) fn register(&self, metrics: &Metrics) {
        metrics.register(
            "sla_storage_transaction_duration_seconds",
            "How long transactions took, by kind (read, write), waiting for their turn included",
            self.durations.clone(),
        );
        metrics.register(
            "sla_storage_transaction_failures",
            "Transactions that failed, by kind, refusals of the rules among them",
            self.failures.clone(),
        );
        metrics.register(
            "sla_storage_transactions_open",
            "Transactions that wait or run, by kind",
            self.open.clone(),
        );
        for kind in [READ, WRITE] {
            // A family is told once it has a member: what did not happen yet is a zero, not a gap.
            drop(self.durations.get_or_create(&kind));
            drop(self.failures.get_or_create(&kind));
            drop(self.open.get_or_create(&kind));
        }
    }

    async fn measured<T>(
        &self,
        kind: Kind,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let _open = Open::counted(self.open.get_or_create_owned(&kind));
        let begun = Instant::now();
        let outcome = work.await;
        self.durations.get_or_create(&kind).observe(begun.elapsed());
        if outcome.is_err() {
            self.failures.get_or_create(&kind).inc();
        }
        outcome
    }
}

/// One transaction that has not ended; also where its caller goes away.
struct Open(Gauge);

impl Open {
    fn counted(open: Gauge) -> Self {
        open.inc();
        Self(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The database and its measures.
#[derive(Debug, Clone)]
pub(crate) struct Timed<D> {
    database: D,
    pub(crate) transactions: Transactions,
}

impl<D> Timed<D> {
    pub(crate) fn new(database: D) -> Self {
        Self {
            database,
            transactions: Transactions::default(),
        }
    }

    /// The database itself.
    #[cfg(feature = "test-support")]
    pub(crate) fn inner(&self) -> &D {
        &self.database
    }
}

#[async_trait]
impl<D: Database> Database for Timed<D> {
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        self.transactions.measured(WRITE, self.database.write(work)).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        self.transactions.measured(READ, self.database.read(work)).await
    }

    fn written(&self, subject: Subject) -> Option<u64> {
        self.database.written(subject)
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        self.transactions.measured(WRITE, self.database.try_write()).await
    }

    async fn space(&self) -> Result<Space, StoreError> {
        self.database.space().await
    }

    async fn give_back(&self, max_bytes: u64) -> Result<bool, StoreError> {
        self.database.give_back(max_bytes).await
    }

    fn trouble(&self) -> &Trouble {
        self.database.trouble()
    }

    async fn close(&self) {
        self.database.close().await;
    }
}
