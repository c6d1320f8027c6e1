//! What every adapter of the store ports must do, as suites that panic where it does not. Give each suite a fresh store,
//! or one store to all of them: they use ids of their own.

#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

mod accounts;
mod leases;
mod ledger;
mod notify;
mod placements;
mod refusals;
mod results;
mod runs;
mod sets;
mod state;

use crate::port::Store;

pub use accounts::accounts;
pub use leases::leases;
pub use ledger::ledger;
pub use notify::notify;
pub use placements::placements;
pub use results::results;
pub use runs::runs;
pub use sets::sets;
pub use state::state;

/// All suites, one after the other.
pub async fn everything(store: &dyn Store) {
    results(store).await;
    runs(store).await;
    sets(store).await;
    ledger(store).await;
    state(store).await;
    accounts(store).await;
    notify(store).await;
    placements(store).await;
    // Last: from now on the ledger is written under a lease.
    leases(store).await;
}
