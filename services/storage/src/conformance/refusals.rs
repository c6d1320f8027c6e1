//! What a caller hears of an error.

use sla_proto::objective::v1::SlaSet;
use sla_runtime::ToStatus as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::error::StoreError;

/// What a caller hears. A store that is itself behind the wire has the status that it heard as its cause.
pub(super) fn told(error: &StoreError) -> Status {
    match error {
        StoreError::Database(cause) => cause
            .downcast_ref::<Status>()
            .map_or_else(|| error.to_status(), Clone::clone),
        _ => error.to_status(),
    }
}

/// Code and reason word that a caller sees.
pub(super) fn refusal(error: &StoreError) -> (Code, String) {
    let status = told(error);
    let reason = status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default();
    (status.code(), reason)
}

pub(super) fn refused<T>(result: Result<T, StoreError>, code: Code, reason: &str) {
    match result {
        Ok(_) => panic!("was accepted; {reason} was expected"),
        Err(error) => assert_eq!(refusal(&error), (code, reason.to_owned()), "{error}"),
    }
}

/// The stored set that a conflict carries.
pub(super) fn conflict(error: &StoreError) -> Option<SlaSet> {
    sla_proto::conflict::stored(&told(error))
}
