//! `StateStoreService`.

use sla_proto::storage::v1::state_store_service_server::StateStoreService;
use sla_proto::storage::v1::{GetStateRequest, GetStateResponse, PutStateRequest, PutStateResponse};
use tonic::{Request, Response, Status};

use super::StorageGrpc;
use crate::port::Store;

#[tonic::async_trait]
impl<S> StateStoreService for StorageGrpc<S>
where
    S: Store + Clone,
{
    async fn put_state(&self, request: Request<PutStateRequest>) -> Result<Response<PutStateResponse>, Status> {
        self.store.put_state(request.into_inner().entries).await?;
        Ok(Response::new(PutStateResponse {}))
    }

    async fn get_state(&self, request: Request<GetStateRequest>) -> Result<Response<GetStateResponse>, Status> {
        let GetStateRequest { objective_id, keys } = request.into_inner();
        let (entries, looked_up) = self.store.state(&objective_id, &keys).await?;
        Ok(Response::new(GetStateResponse {
            entries,
            looked_up: looked_up as u32,
        }))
    }
}
