//! `PlacementStoreService`.

use sla_proto::storage::v1::placement_store_service_server::PlacementStoreService;
use sla_proto::storage::v1::{
    ClaimPartitionsRequest, ClaimPartitionsResponse, ClaimedPartition, ListPlacementsRequest, ListPlacementsResponse,
    PartitionClaim,
};
use tonic::{Request, Response, Status};

use super::StorageGrpc;
use crate::port::{Claim, Store};

#[tonic::async_trait]
impl<S> PlacementStoreService for StorageGrpc<S>
where
    S: Store + Clone,
{
    async fn claim_partitions(
        &self,
        request: Request<ClaimPartitionsRequest>,
    ) -> Result<Response<ClaimPartitionsResponse>, Status> {
        let ClaimPartitionsRequest { address, claims } = request.into_inner();
        let claims = claims.into_iter().map(
            |PartitionClaim {
                 partition,
                 expected_epoch,
             }| Claim {
                partition,
                expected_epoch,
            },
        );
        let claimed = self.store.claim(&address, claims.collect()).await?;
        let partitions = claimed.into_iter().map(|(placement, won)| ClaimedPartition {
            placement: Some(placement),
            won,
        });
        Ok(Response::new(ClaimPartitionsResponse {
            partitions: partitions.collect(),
        }))
    }

    async fn list_placements(
        &self,
        _request: Request<ListPlacementsRequest>,
    ) -> Result<Response<ListPlacementsResponse>, Status> {
        let placements = self.store.placements().await?;
        Ok(Response::new(ListPlacementsResponse { placements }))
    }
}
