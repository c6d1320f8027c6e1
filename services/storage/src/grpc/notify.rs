//! `NotifyStoreService`.

use sla_proto::storage::v1::notify_store_service_server::NotifyStoreService;
use sla_proto::storage::v1::{
    ApplyNoticesRequest, ApplyNoticesResponse, ChangeChannelsRequest, ChangeChannelsResponse, ChangeMarksRequest,
    ChangeMarksResponse, ClaimMessagesRequest, ClaimMessagesResponse, GetNotifyProgressRequest,
    GetNotifyProgressResponse, ListStoredChannelsRequest, ListStoredChannelsResponse, ListStoredDeliveriesRequest,
    ListStoredDeliveriesResponse, ListStoredMarksRequest, ListStoredMarksResponse, ListStoriesRequest,
    ListStoriesResponse, SettleMessageRequest, SettleMessageResponse,
};
use tonic::{Request, Response, Status};

use super::{StorageGrpc, token, wanted};
use crate::port::Store;

#[tonic::async_trait]
impl<S> NotifyStoreService for StorageGrpc<S>
where
    S: Store + Clone,
{
    async fn list_stored_channels(
        &self,
        request: Request<ListStoredChannelsRequest>,
    ) -> Result<Response<ListStoredChannelsResponse>, Status> {
        let request = request.into_inner();
        let page = wanted(request.page_size, &request.page_token, "channels")?;
        let found = self.store.channels(page).await?;
        Ok(Response::new(ListStoredChannelsResponse {
            channels: found.rows,
            next_page_token: token(found.next, "channels"),
        }))
    }

    async fn change_channels(
        &self,
        request: Request<ChangeChannelsRequest>,
    ) -> Result<Response<ChangeChannelsResponse>, Status> {
        let channels = self.store.change_channels(request.into_inner()).await?;
        Ok(Response::new(ChangeChannelsResponse { channels }))
    }

    async fn list_stored_marks(
        &self,
        request: Request<ListStoredMarksRequest>,
    ) -> Result<Response<ListStoredMarksResponse>, Status> {
        let request = request.into_inner();
        let page = wanted(request.page_size, &request.page_token, "marks")?;
        let found = self.store.marks(page).await?;
        Ok(Response::new(ListStoredMarksResponse {
            marks: found.rows,
            next_page_token: token(found.next, "marks"),
        }))
    }

    async fn change_marks(
        &self,
        request: Request<ChangeMarksRequest>,
    ) -> Result<Response<ChangeMarksResponse>, Status> {
        self.store.change_marks(request.into_inner()).await?;
        Ok(Response::new(ChangeMarksResponse {}))
    }

    async fn get_notify_progress(
        &self,
        _: Request<GetNotifyProgressRequest>,
    ) -> Result<Response<GetNotifyProgressResponse>, Status> {
        let progress = self.store.notify_progress().await?;
        Ok(Response::new(GetNotifyProgressResponse {
            revision: progress.revision,
            position: progress.position,
        }))
    }

    async fn list_stories(
        &self,
        request: Request<ListStoriesRequest>,
    ) -> Result<Response<ListStoriesResponse>, Status> {
        let request = request.into_inner();
        let page = wanted(request.page_size, &request.page_token, "stories")?;
        let found = self.store.stories(page).await?;
        Ok(Response::new(ListStoriesResponse {
            stories: found.rows,
            next_page_token: token(found.next, "stories"),
        }))
    }

    async fn apply_notices(
        &self,
        request: Request<ApplyNoticesRequest>,
    ) -> Result<Response<ApplyNoticesResponse>, Status> {
        let revision = self.store.apply_notices(request.into_inner()).await?;
        Ok(Response::new(ApplyNoticesResponse { revision }))
    }

    async fn claim_messages(
        &self,
        request: Request<ClaimMessagesRequest>,
    ) -> Result<Response<ClaimMessagesResponse>, Status> {
        let messages = self.store.claim_messages(request.into_inner()).await?;
        Ok(Response::new(ClaimMessagesResponse { messages }))
    }

    async fn settle_message(
        &self,
        request: Request<SettleMessageRequest>,
    ) -> Result<Response<SettleMessageResponse>, Status> {
        self.store.settle_message(request.into_inner()).await?;
        Ok(Response::new(SettleMessageResponse {}))
    }

    async fn list_stored_deliveries(
        &self,
        request: Request<ListStoredDeliveriesRequest>,
    ) -> Result<Response<ListStoredDeliveriesResponse>, Status> {
        let request = request.into_inner();
        let filter = format!("deliveries/{}", request.channel_ids.join("/"));
        let page = wanted(request.page_size, &request.page_token, &filter)?;
        let found = self.store.deliveries(request.channel_ids, page).await?;
        Ok(Response::new(ListStoredDeliveriesResponse {
            deliveries: found.rows,
            next_page_token: token(found.next, &filter),
        }))
    }
}
