//! What every adapter of the store ports must do, as suites that panic where it does not. Give each suite a fresh store,
//! or one store to all of them: they use ids of their own.

#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

mod ledger;
mod results;
mod runs;
mod sets;

use sla_proto::objective::v1::SlaSet;
use sla_runtime::ToStatus as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::error::StoreError;
use crate::port::Store;

pub use ledger::ledger;
pub use results::results;
pub use runs::runs;
pub use sets::sets;

/// All suites, one after the other.
pub async fn everything(store: &dyn Store) {
    results(store).await;
    runs(store).await;
    sets(store).await;
    ledger(store).await;
}

/// Code and reason word that a caller sees.
fn refusal(error: &StoreError) -> (Code, String) {
    let status = error.to_status();
    let reason = status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default();
    (status.code(), reason)
}

fn refused<T>(result: Result<T, StoreError>, code: Code, reason: &str) {
    match result {
        Ok(_) => panic!("was accepted; {reason} was expected"),
        Err(error) => assert_eq!(refusal(&error), (code, reason.to_owned()), "{error}"),
    }
}

/// The stored set that a conflict carries.
fn conflict(error: &StoreError) -> Option<SlaSet> {
    sla_proto::conflict::stored(&error.to_status())
}
