//! `SetStoreService`.

use sla_proto::storage::v1::set_store_service_server::SetStoreService;
use sla_proto::storage::v1::{
    DeleteStoredSetRequest, DeleteStoredSetResponse, GetStoredSetRequest, GetStoredSetResponse, ListStoredSetsRequest,
    ListStoredSetsResponse, PutStoredSetRequest, PutStoredSetResponse, PutStoredSetsRequest, PutStoredSetsResponse,
};
use tonic::{Request, Response, Status};

use super::{StorageGrpc, missing, token, wanted};
use crate::port::{SetDelete, SetPut, Store};

fn put(request: PutStoredSetRequest) -> Result<SetPut, Status> {
    let PutStoredSetRequest { set, expected_version } = request;
    Ok(SetPut {
        set: set.ok_or_else(|| missing("set"))?,
        expected_version,
    })
}

fn delete(request: DeleteStoredSetRequest) -> SetDelete {
    let DeleteStoredSetRequest {
        id,
        expected_version,
        author,
    } = request;
    SetDelete {
        id,
        expected_version,
        author,
    }
}

#[tonic::async_trait]
impl<S> SetStoreService for StorageGrpc<S>
where
    S: Store + Clone,
{
    async fn list_stored_sets(
        &self,
        request: Request<ListStoredSetsRequest>,
    ) -> Result<Response<ListStoredSetsResponse>, Status> {
        let request = request.into_inner();
        let filter = format!("sets after {}", request.changed_after);
        let page = wanted(request.page_size, &request.page_token, &filter)?;
        let found = self.store.changed_sets(request.changed_after, page).await?;
        Ok(Response::new(ListStoredSetsResponse {
            sets: found.sets.rows,
            next_page_token: token(found.sets.next, &filter),
            revision: found.revision,
            total: found.total,
        }))
    }

    async fn get_stored_set(
        &self,
        request: Request<GetStoredSetRequest>,
    ) -> Result<Response<GetStoredSetResponse>, Status> {
        let set = self.store.set(&request.into_inner().id).await?;
        Ok(Response::new(GetStoredSetResponse { set: Some(set) }))
    }

    async fn put_stored_set(
        &self,
        request: Request<PutStoredSetRequest>,
    ) -> Result<Response<PutStoredSetResponse>, Status> {
        let put = put(request.into_inner())?;
        let mut sets = self.store.put_sets(vec![put], Vec::new()).await?;
        Ok(Response::new(PutStoredSetResponse { set: sets.pop() }))
    }

    async fn put_stored_sets(
        &self,
        request: Request<PutStoredSetsRequest>,
    ) -> Result<Response<PutStoredSetsResponse>, Status> {
        let PutStoredSetsRequest { puts, deletes } = request.into_inner();
        let puts = puts.into_iter().map(put).collect::<Result<_, _>>()?;
        let deletes: Vec<SetDelete> = deletes.into_iter().map(delete).collect();
        let deleted = deletes.len() as u32;
        let sets = self.store.put_sets(puts, deletes).await?;
        Ok(Response::new(PutStoredSetsResponse { sets, deleted }))
    }

    async fn delete_stored_set(
        &self,
        request: Request<DeleteStoredSetRequest>,
    ) -> Result<Response<DeleteStoredSetResponse>, Status> {
        self.store.delete_set(delete(request.into_inner())).await?;
        Ok(Response::new(DeleteStoredSetResponse {}))
    }
}
