//! `AccountStoreService`.

use sla_proto::storage::v1::account_store_service_server::AccountStoreService;
use sla_proto::storage::v1::{
    ChangeAccountsRequest, ChangeAccountsResponse, ListStoredAccountsRequest, ListStoredAccountsResponse,
    ListStoredAuditRequest, ListStoredAuditResponse, ListStoredTokensRequest, ListStoredTokensResponse,
};
use tonic::{Request, Response, Status};

use super::{StorageGrpc, token, wanted};
use crate::port::Store;

#[tonic::async_trait]
impl<S> AccountStoreService for StorageGrpc<S>
where
    S: Store + Clone,
{
    async fn list_stored_accounts(
        &self,
        request: Request<ListStoredAccountsRequest>,
    ) -> Result<Response<ListStoredAccountsResponse>, Status> {
        let request = request.into_inner();
        let page = wanted(request.page_size, &request.page_token, "accounts")?;
        let found = self.store.accounts(page).await?;
        Ok(Response::new(ListStoredAccountsResponse {
            accounts: found.rows,
            next_page_token: token(found.next, "accounts"),
        }))
    }

    async fn list_stored_tokens(
        &self,
        request: Request<ListStoredTokensRequest>,
    ) -> Result<Response<ListStoredTokensResponse>, Status> {
        let request = request.into_inner();
        let page = wanted(request.page_size, &request.page_token, "tokens")?;
        let found = self.store.tokens(page).await?;
        Ok(Response::new(ListStoredTokensResponse {
            tokens: found.rows,
            next_page_token: token(found.next, "tokens"),
        }))
    }

    async fn change_accounts(
        &self,
        request: Request<ChangeAccountsRequest>,
    ) -> Result<Response<ChangeAccountsResponse>, Status> {
        let accounts = self.store.change_accounts(request.into_inner()).await?;
        Ok(Response::new(ChangeAccountsResponse { accounts }))
    }

    async fn list_stored_audit(
        &self,
        request: Request<ListStoredAuditRequest>,
    ) -> Result<Response<ListStoredAuditResponse>, Status> {
        let request = request.into_inner();
        let page = wanted(request.page_size, &request.page_token, "audit")?;
        let found = self.store.audit(page).await?;
        Ok(Response::new(ListStoredAuditResponse {
            entries: found.rows,
            next_page_token: token(found.next, "audit"),
        }))
    }
}
