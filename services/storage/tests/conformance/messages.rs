//! The port of messages over gRPC, as the others in `remote.rs`.

use async_trait::async_trait;
use sla_proto::notify::v1::{Channel, Delivery, Mark};
use sla_proto::storage::v1::{
    ApplyNoticesRequest, ChangeChannelsRequest, ChangeMarksRequest, ClaimMessagesRequest, GetNotifyProgressRequest,
    ListStoredChannelsRequest, ListStoredDeliveriesRequest, ListStoredMarksRequest, ListStoriesRequest, Message,
    SettleMessageRequest, Story,
};
use sla_storage::StoreError;
use sla_storage::port::{NotifyProgress, NotifyStore, Page, Paged};

use crate::remote::{RemoteStore, paged, remote};

#[async_trait]
impl NotifyStore for RemoteStore {
    async fn channels(&self, page: Page) -> Result<Paged<Channel>, StoreError> {
        let request = ListStoredChannelsRequest {
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self.0.notify_store().list_stored_channels(request).await;
        let answer = answer.map_err(remote)?.into_inner();
        Ok(paged(answer.channels, answer.next_page_token))
    }

    async fn change_channels(&self, change: ChangeChannelsRequest) -> Result<Vec<Channel>, StoreError> {
        let answer = self.0.notify_store().change_channels(change).await.map_err(remote)?;
        Ok(answer.into_inner().channels)
    }

    async fn marks(&self, page: Page) -> Result<Paged<Mark>, StoreError> {
        let request = ListStoredMarksRequest {
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self.0.notify_store().list_stored_marks(request).await;
        let answer = answer.map_err(remote)?.into_inner();
        Ok(paged(answer.marks, answer.next_page_token))
    }

    async fn change_marks(&self, change: ChangeMarksRequest) -> Result<(), StoreError> {
        let answer = self.0.notify_store().change_marks(change).await;
        answer.map(|_| ()).map_err(remote)
    }

    async fn notify_progress(&self) -> Result<NotifyProgress, StoreError> {
        let answer = self
            .0
            .notify_store()
            .get_notify_progress(GetNotifyProgressRequest {})
            .await;
        let answer = answer.map_err(remote)?.into_inner();
        Ok(NotifyProgress {
            revision: answer.revision,
            position: answer.position,
        })
    }

    async fn stories(&self, page: Page) -> Result<Paged<Story>, StoreError> {
        let request = ListStoriesRequest {
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self.0.notify_store().list_stories(request).await;
        let answer = answer.map_err(remote)?.into_inner();
        Ok(paged(answer.stories, answer.next_page_token))
    }

    async fn apply_notices(&self, told: ApplyNoticesRequest) -> Result<u64, StoreError> {
        let answer = self.0.notify_store().apply_notices(told).await.map_err(remote)?;
        Ok(answer.into_inner().revision)
    }

    async fn claim_messages(&self, wanted: ClaimMessagesRequest) -> Result<Vec<Message>, StoreError> {
        let answer = self.0.notify_store().claim_messages(wanted).await.map_err(remote)?;
        Ok(answer.into_inner().messages)
    }

    async fn settle_message(&self, settled: SettleMessageRequest) -> Result<(), StoreError> {
        let answer = self.0.notify_store().settle_message(settled).await;
        answer.map(|_| ()).map_err(remote)
    }

    async fn deliveries(&self, channel_ids: Vec<String>, page: Page) -> Result<Paged<Delivery>, StoreError> {
        let request = ListStoredDeliveriesRequest {
            channel_ids,
            page_size: page.size as u32,
            page_token: page.after.unwrap_or_default(),
        };
        let answer = self.0.notify_store().list_stored_deliveries(request).await;
        let answer = answer.map_err(remote)?.into_inner();
        Ok(paged(answer.deliveries, answer.next_page_token))
    }
}
