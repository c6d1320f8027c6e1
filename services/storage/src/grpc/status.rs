//! `StoreStatusService`.

use sla_proto::storage::v1::store_status_service_server::StoreStatusService;
use sla_proto::storage::v1::{GetStoreStatusRequest, GetStoreStatusResponse};
use tonic::{Request, Response, Status};

use super::refuse;
use crate::sqlite::SqliteStore;

/// The service, over the one store that has a file.
#[derive(Debug)]
pub(crate) struct StatusGrpc(pub(crate) SqliteStore);

#[tonic::async_trait]
impl StoreStatusService for StatusGrpc {
    async fn get_store_status(
        &self,
        _request: Request<GetStoreStatusRequest>,
    ) -> Result<Response<GetStoreStatusResponse>, Status> {
        let status = self.0.status().await.map_err(refuse)?;
        Ok(Response::new(GetStoreStatusResponse { status: Some(status) }))
    }
}
