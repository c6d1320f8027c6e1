//! The stores, written once above [`crate::transaction`]: what is kept, by which key, and what supersedes what.

mod accounts;
mod apply;
mod audit;
mod channels;
mod counter;
mod facts;
mod forecasts;
mod history;
mod leases;
mod ledger;
mod listing;
mod looks;
mod notices;
mod outbox;
mod placements;
mod position;
#[cfg(feature = "test-support")]
mod probe;
mod renewals;
mod results;
mod runs;
mod sets;
mod state;
mod status;
pub(crate) mod thinning;
mod violations;

use std::sync::Arc;

use sla_domain::Clock;

use self::looks::Looks;
use self::renewals::Renewals;
use crate::timed::{Timed, Transactions};
use crate::transaction::{Database, Subject};

/// All stores in one database. Cheap to clone; the database is closed by [`SqlStore::close`] or with the last clone.
#[derive(Clone)]
pub struct SqlStore<D> {
    pub(crate) database: Timed<D>,
    pub(crate) clock: Arc<dyn Clock>,
    looks: Arc<Looks>,
    renewals: Arc<Renewals>,
}

impl<D> std::fmt::Debug for SqlStore<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlStore").finish_non_exhaustive()
    }
}

impl<D: Database> SqlStore<D> {
    /// The stores in `database`, whose schema is up to date.
    pub fn over(database: D, clock: Arc<dyn Clock>) -> Self {
        Self {
            database: Timed::new(database),
            clock,
            looks: Arc::default(),
            renewals: Arc::default(),
        }
    }

    /// What its transactions took.
    pub fn transactions(&self) -> &Transactions {
        &self.database.transactions
    }

    /// Whether no other process writes to this database.
    fn is_alone(&self) -> bool {
        self.database.written(Subject::Sets).is_some()
    }

    /// Ends the database after the writes that wait. Later calls give [`crate::StoreError::Closed`].
    pub async fn close(&self) {
        self.database.close().await;
    }
}
