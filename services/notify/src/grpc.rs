//! `sla.notify.v1.NotifyService`: messages in, messages out.

use std::sync::Arc;

use sla_proto::convert::timestamp;
use sla_proto::notify::v1::notify_service_server::NotifyService;
use sla_proto::notify::v1::{self as pb, Channel, Notice, NoticeKind};
use sla_proto::storage::v1::ListStoredDeliveriesRequest;
use tonic::{Request, Response, Status};

use crate::asker::Asker;
use crate::book::Pages;
use crate::changing::shown;
use crate::channel::Outcome;
use crate::core::Core;
use crate::error::{NotifyError, refuse};
use crate::{changing, linker, marking, sender};

/// Channels that a list of deliveries names to the storage at most.
const MAX_LISTED: usize = 100;

/// The calls.
#[derive(Debug, Clone)]
pub(crate) struct NotifyGrpc(pub(crate) Arc<Core>);

/// The channel named so among those of the asker; an admin's own goes before another's of the same name.
fn find<'a>(pages: &'a Pages, asker: &Asker, name: &str) -> Result<&'a Channel, NotifyError> {
    let fits = |channel: &&Channel| {
        asker.has(channel) && (channel.id == name || channel.name.eq_ignore_ascii_case(name.trim()))
    };
    let found = pages.channels.iter().filter(fits);
    found
        .min_by_key(|channel| channel.owner != asker.owner())
        .ok_or_else(|| NotifyError::not_found("channel", name))
}

impl NotifyGrpc {
    async fn list(&self, asker: &Asker) -> Result<Vec<Channel>, NotifyError> {
        let pages = self.0.book.read(&self.0.peer).await?;
        let own = pages.channels.iter().filter(|channel| asker.has(channel));
        let mut list: Vec<Channel> = own.map(shown).collect();
        list.sort_by(|a, b| (&a.owner, &a.name).cmp(&(&b.owner, &b.name)));
        Ok(list)
    }

    async fn add(&self, asker: &Asker, wanted: Option<Channel>) -> Result<Channel, NotifyError> {
        let channel = changing::checked(&self.0, asker, wanted.unwrap_or_default()).await?;
        changing::write(&self.0, asker, "notify.add", channel).await
    }

    async fn link(&self, asker: &Asker, wanted: Option<Channel>) -> Result<pb::LinkTelegramResponse, NotifyError> {
        let (code, link) = linker::begin(&self.0, asker, wanted).await?;
        Ok(pb::LinkTelegramResponse { code, link: Some(link) })
    }

    async fn remove(&self, asker: &Asker, name: &str) -> Result<Channel, NotifyError> {
        let pages = self.0.book.read(&self.0.peer).await?;
        let channel = find(&pages, asker, name)?;
        changing::change(&self.0, asker, "notify.remove", None, Some(channel)).await?;
        Ok(shown(channel))
    }

    async fn enable(&self, asker: &Asker, name: &str) -> Result<Channel, NotifyError> {
        let pages = self.0.book.read(&self.0.peer).await?;
        let channel = find(&pages, asker, name)?;
        if !channel.disabled {
            return Ok(shown(channel));
        }
        let enabled = Channel {
            disabled: false,
            disabled_why: String::new(),
            ..channel.clone()
        };
        let written = changing::change(&self.0, asker, "notify.enable", Some(enabled), None).await?;
        Ok(shown(&written))
    }

    async fn test(&self, asker: &Asker, name: &str) -> Result<pb::TestChannelResponse, NotifyError> {
        let core = &self.0;
        let pages = core.book.read(&core.peer).await?;
        let channel = find(&pages, asker, name)?;
        let wait_ms = core.pace.reserve(channel, core.now_ms());
        if wait_ms > 1_000 {
            return Err(NotifyError::Refused {
                words: format!("too many messages wait for {}", channel.name),
                hint: "wait a moment",
            });
        }
        let now_ms = core.now_ms();
        let notice = Notice {
            channel_id: channel.id.clone(),
            kind: NoticeKind::Test.into(),
            count: 1,
            text: format!("TEST of channel {} by {}: all is well", channel.name, asker.name()),
            made: Some(timestamp(now_ms)),
            ..Notice::default()
        };
        let id = crate::handle::notice_id(&format!("{}/test", channel.id), 0, now_ms);
        let problem = match sender::send(core, channel, &id, &[notice]).await {
            Outcome::Sent => String::new(),
            Outcome::Again(_, words) | Outcome::Refused(words) | Outcome::Gone(words) => words,
        };
        Ok(pb::TestChannelResponse {
            sent: problem.is_empty(),
            problem,
        })
    }

    async fn deliveries(
        &self,
        asker: &Asker,
        request: pb::ListDeliveriesRequest,
    ) -> Result<pb::ListDeliveriesResponse, NotifyError> {
        let pages = self.0.book.read(&self.0.peer).await?;
        let channel_ids = if !request.channel.is_empty() {
            vec![find(&pages, asker, &request.channel)?.id.clone()]
        } else if asker.sees_all() {
            Vec::new()
        } else {
            let own = pages.channels.iter().filter(|channel| asker.has(channel));
            let own: Vec<String> = own.map(|channel| channel.id.clone()).take(MAX_LISTED).collect();
            if own.is_empty() {
                return Ok(pb::ListDeliveriesResponse::default());
            }
            own
        };
        let request = ListStoredDeliveriesRequest {
            channel_ids,
            page_size: request.page_size,
            page_token: request.page_token,
        };
        let answer = self.0.peer.notify_store().list_stored_deliveries(request).await;
        let answer = answer.map_err(|status| NotifyError::upstream("reading the outbox", status))?;
        let mut answer = answer.into_inner();
        for delivery in &mut answer.deliveries {
            let channel = pages.channel(&delivery.channel);
            delivery.channel = channel.map_or_else(String::new, |channel| channel.name.clone());
        }
        Ok(pb::ListDeliveriesResponse {
            deliveries: answer.deliveries,
            next_page_token: answer.next_page_token,
        })
    }
}

/// An answer, or the status of an error.
fn answer<T>(rpc: &'static str, result: Result<T, NotifyError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|error| refuse(rpc, &error))
}

/// Who asks, and what.
fn asked<T>(request: Request<T>) -> (Asker, T) {
    (Asker::of(request.extensions()), request.into_inner())
}

#[tonic::async_trait]
impl NotifyService for NotifyGrpc {
    async fn list_channels(
        &self,
        request: Request<pb::ListChannelsRequest>,
    ) -> Result<Response<pb::ListChannelsResponse>, Status> {
        let (asker, _) = asked(request);
        let channels = self.list(&asker).await;
        answer(
            "ListChannels",
            channels.map(|channels| pb::ListChannelsResponse { channels }),
        )
    }

    async fn add_channel(
        &self,
        request: Request<pb::AddChannelRequest>,
    ) -> Result<Response<pb::AddChannelResponse>, Status> {
        let (asker, request) = asked(request);
        let channel = self.add(&asker, request.channel).await.map(Some);
        answer("AddChannel", channel.map(|channel| pb::AddChannelResponse { channel }))
    }

    async fn remove_channel(
        &self,
        request: Request<pb::RemoveChannelRequest>,
    ) -> Result<Response<pb::RemoveChannelResponse>, Status> {
        let (asker, request) = asked(request);
        let channel = self.remove(&asker, &request.channel).await.map(Some);
        answer(
            "RemoveChannel",
            channel.map(|channel| pb::RemoveChannelResponse { channel }),
        )
    }

    async fn enable_channel(
        &self,
        request: Request<pb::EnableChannelRequest>,
    ) -> Result<Response<pb::EnableChannelResponse>, Status> {
        let (asker, request) = asked(request);
        let channel = self.enable(&asker, &request.channel).await.map(Some);
        answer(
            "EnableChannel",
            channel.map(|channel| pb::EnableChannelResponse { channel }),
        )
    }

    async fn link_telegram(
        &self,
        request: Request<pb::LinkTelegramRequest>,
    ) -> Result<Response<pb::LinkTelegramResponse>, Status> {
        let (asker, request) = asked(request);
        answer("LinkTelegram", self.link(&asker, request.channel).await)
    }

    async fn get_telegram_link(
        &self,
        request: Request<pb::GetTelegramLinkRequest>,
    ) -> Result<Response<pb::GetTelegramLinkResponse>, Status> {
        let (asker, request) = asked(request);
        let link = linker::told(&self.0, &asker, &request.id).map(Some);
        answer("GetTelegramLink", link.map(|link| pb::GetTelegramLinkResponse { link }))
    }

    async fn test_channel(
        &self,
        request: Request<pb::TestChannelRequest>,
    ) -> Result<Response<pb::TestChannelResponse>, Status> {
        let (asker, request) = asked(request);
        answer("TestChannel", self.test(&asker, &request.channel).await)
    }

    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Result<Response<pb::ListDeliveriesResponse>, Status> {
        let (asker, request) = asked(request);
        answer("ListDeliveries", self.deliveries(&asker, request).await)
    }

    async fn list_marks(
        &self,
        request: Request<pb::ListMarksRequest>,
    ) -> Result<Response<pb::ListMarksResponse>, Status> {
        let (asker, _) = asked(request);
        let marks = marking::listed(&self.0, &asker).await;
        answer("ListMarks", marks.map(|marks| pb::ListMarksResponse { marks }))
    }

    async fn acknowledge(
        &self,
        request: Request<pb::AcknowledgeRequest>,
    ) -> Result<Response<pb::AcknowledgeResponse>, Status> {
        let (asker, request) = asked(request);
        let subject = request.subject.unwrap_or_default();
        let mark = marking::acknowledge(&self.0, &asker, &subject).await.map(Some);
        answer("Acknowledge", mark.map(|mark| pb::AcknowledgeResponse { mark }))
    }

    async fn snooze(&self, request: Request<pb::SnoozeRequest>) -> Result<Response<pb::SnoozeResponse>, Status> {
        let (asker, request) = asked(request);
        let subject = request.subject.unwrap_or_default();
        let mark = marking::snooze(&self.0, &asker, &subject, request.length.as_ref())
            .await
            .map(Some);
        answer("Snooze", mark.map(|mark| pb::SnoozeResponse { mark }))
    }
}
