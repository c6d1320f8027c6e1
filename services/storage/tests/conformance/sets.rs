//! The port of sets over gRPC, as the others in `remote.rs`.

use async_trait::async_trait;
use sla_proto::objective::v1::SlaSet;
use sla_proto::storage::v1::{
    DeleteStoredSetRequest, GetStoredSetRequest, ListStoredSetsRequest, PutStoredSetRequest, PutStoredSetsRequest,
};
use sla_storage::StoreError;
use sla_storage::port::{ChangedSets, Page, SetDelete, SetPut, SetStore};

use crate::remote::{RemoteStore, absent, paged, remote};

#[async_trait]
impl SetStore for RemoteStore {
    async fn changed_sets(&self, after: u64, page: Page) -> Result<ChangedSets, StoreError> {
        let request = ListStoredSetsRequest {
            changed_after: after,
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self
            .0
            .set_store()
            .list_stored_sets(request)
            .await
            .map_err(remote)?
            .into_inner();
        Ok(ChangedSets {
            sets: paged(answer.sets, answer.next_page_token),
            revision: answer.revision,
            total: answer.total,
        })
    }

    async fn set(&self, id: &str) -> Result<SlaSet, StoreError> {
        let request = GetStoredSetRequest { id: id.to_owned() };
        let answer = self.0.set_store().get_stored_set(request).await.map_err(remote)?;
        answer.into_inner().set.ok_or_else(|| absent("set"))
    }

    async fn put_sets(&self, puts: Vec<SetPut>, deletes: Vec<SetDelete>) -> Result<Vec<SlaSet>, StoreError> {
        let puts = puts
            .into_iter()
            .map(|put| PutStoredSetRequest {
                set: Some(put.set),
                expected_version: put.expected_version,
            })
            .collect();
        let deletes = deletes
            .into_iter()
            .map(|delete| DeleteStoredSetRequest {
                id: delete.id,
                expected_version: delete.expected_version,
                author: delete.author,
            })
            .collect();
        let answer = self
            .0
            .set_store()
            .put_stored_sets(PutStoredSetsRequest { puts, deletes })
            .await;
        Ok(answer.map_err(remote)?.into_inner().sets)
    }

    async fn delete_set(&self, gone: SetDelete) -> Result<(), StoreError> {
        let request = DeleteStoredSetRequest {
            id: gone.id,
            expected_version: gone.expected_version,
            author: gone.author,
        };
        self.0.set_store().delete_stored_set(request).await.map_err(remote)?;
        Ok(())
    }
}
