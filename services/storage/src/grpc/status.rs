//! `StoreStatusService`.

use sla_proto::storage::v1::store_status_service_server::StoreStatusService;
use sla_proto::storage::v1::{GetStoreStatusRequest, GetStoreStatusResponse};
use tonic::{Request, Response, Status};

use crate::follow::Following;
use crate::store::SqlStore;
use crate::transaction::Database;

/// The service.
#[derive(Debug)]
pub(crate) struct StatusGrpc<D>(pub(crate) SqlStore<D>, pub(crate) Following);

#[tonic::async_trait]
impl<D: Database> StoreStatusService for StatusGrpc<D> {
    async fn get_store_status(
        &self,
        _request: Request<GetStoreStatusRequest>,
    ) -> Result<Response<GetStoreStatusResponse>, Status> {
        let mut status = self.0.status().await?;
        self.1.tell(&mut status);
        Ok(Response::new(GetStoreStatusResponse { status: Some(status) }))
    }
}
