//! `LeaseStoreService`.

use prost_types::Duration;
use sla_proto::convert;
use sla_proto::storage::v1::lease_store_service_server::LeaseStoreService;
use sla_proto::storage::v1::{
    AcquireLeaseRequest, AcquireLeaseResponse, GetLeaseRequest, GetLeaseResponse, ReleaseLeaseRequest,
    ReleaseLeaseResponse, RenewLeaseRequest, RenewLeaseResponse,
};
use tonic::{Request, Response, Status};

use super::StorageGrpc;
use crate::port::Store;

/// No time is no time: the store refuses it by its rule.
fn millis(keep: Option<Duration>) -> i64 {
    keep.as_ref().map_or(0, convert::duration_ms)
}

#[tonic::async_trait]
impl<S> LeaseStoreService for StorageGrpc<S>
where
    S: Store + Clone,
{
    async fn acquire_lease(
        &self,
        request: Request<AcquireLeaseRequest>,
    ) -> Result<Response<AcquireLeaseResponse>, Status> {
        let AcquireLeaseRequest { name, holder, keep } = request.into_inner();
        let acquired = self.store.acquire_lease(&name, &holder, millis(keep)).await;
        let (lease, acquired) = acquired?;
        Ok(Response::new(AcquireLeaseResponse {
            lease: Some(lease),
            acquired,
        }))
    }

    async fn renew_lease(&self, request: Request<RenewLeaseRequest>) -> Result<Response<RenewLeaseResponse>, Status> {
        let RenewLeaseRequest { name, token, keep } = request.into_inner();
        let renewed = self.store.renew_lease(&name, token, millis(keep)).await;
        let (lease, held) = renewed?;
        Ok(Response::new(RenewLeaseResponse {
            lease: Some(lease),
            held,
        }))
    }

    async fn release_lease(
        &self,
        request: Request<ReleaseLeaseRequest>,
    ) -> Result<Response<ReleaseLeaseResponse>, Status> {
        let ReleaseLeaseRequest { name, token } = request.into_inner();
        self.store.release_lease(&name, token).await?;
        Ok(Response::new(ReleaseLeaseResponse {}))
    }

    async fn get_lease(&self, request: Request<GetLeaseRequest>) -> Result<Response<GetLeaseResponse>, Status> {
        let lease = self.store.lease(&request.into_inner().name).await?;
        Ok(Response::new(GetLeaseResponse { lease: Some(lease) }))
    }
}
