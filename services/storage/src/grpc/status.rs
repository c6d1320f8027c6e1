//! `StoreStatusService`.

use std::time::Duration;

use sla_proto::storage::v1::store_status_service_server::StoreStatusService;
use sla_proto::storage::v1::{GetStoreStatusRequest, GetStoreStatusResponse, StoreStatus};
use sla_runtime::reason;
use sla_runtime::status::chain;
use tonic::{Request, Response, Status};

use crate::error::StoreError;
use crate::follow::Following;
use crate::store::SqlStore;
use crate::transaction::Database;

/// How long the counts may take: who asks has little more, and the rest is known without them.
const COUNT_LIMIT: Duration = Duration::from_secs(1);

/// The service.
#[derive(Debug)]
pub(crate) struct StatusGrpc<D>(pub(crate) SqlStore<D>, pub(crate) Following);

/// A database that does not answer is what this status is about, and no reason to say nothing.
fn away(problem: String) -> StoreStatus {
    StoreStatus {
        problem,
        problem_reason: reason::UNAVAILABLE.to_owned(),
        hint: "what was acknowledged is kept; writing goes on when the database answers".to_owned(),
        ..StoreStatus::default()
    }
}

#[tonic::async_trait]
impl<D: Database> StoreStatusService for StatusGrpc<D> {
    async fn get_store_status(
        &self,
        _request: Request<GetStoreStatusRequest>,
    ) -> Result<Response<GetStoreStatusResponse>, Status> {
        let mut status = match tokio::time::timeout(COUNT_LIMIT, self.0.status()).await {
            Ok(Err(error @ StoreError::Unreachable { .. })) => away(chain(&error)),
            Ok(status) => status?,
            Err(_) => away(format!(
                "the database has not answered for {} ms",
                COUNT_LIMIT.as_millis()
            )),
        };
        self.1.tell(&mut status);
        Ok(Response::new(GetStoreStatusResponse { status: Some(status) }))
    }
}
