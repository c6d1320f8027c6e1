//! `StoreStatusService`.

use sla_proto::storage::v1::store_status_service_server::StoreStatusService;
use sla_proto::storage::v1::{GetStoreStatusRequest, GetStoreStatusResponse};
use tonic::{Request, Response, Status};

use super::refusal::refuse;
use crate::store::SqlStore;
use crate::transaction::Database;

/// The service.
#[derive(Debug)]
pub(crate) struct StatusGrpc<D>(pub(crate) SqlStore<D>);

#[tonic::async_trait]
impl<D: Database> StoreStatusService for StatusGrpc<D> {
    async fn get_store_status(
        &self,
        _request: Request<GetStoreStatusRequest>,
    ) -> Result<Response<GetStoreStatusResponse>, Status> {
        let status = self.0.status().await.map_err(refuse)?;
        Ok(Response::new(GetStoreStatusResponse { status: Some(status) }))
    }
}
