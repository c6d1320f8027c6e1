//! Empties the outbox at least once: takes what is due for a while, sends it, writes what became of it. A process that dies with
//! a message in hand sends it again under the same id.

use std::sync::Arc;
use std::time::Duration;

use sla_proto::convert::{millis, timestamp};
use sla_proto::notify::v1::{Channel, DeliveryState, Notice, NoticeKind};
use sla_proto::storage::v1::{ChangeChannelsRequest, ClaimMessagesRequest, DueNotice, Message, SettleMessageRequest};
use sla_runtime::status::chain;
use tokio::sync::Semaphore;

use crate::backoff::{self, GIVEN_UP_AFTER_MS};
use crate::book::FRESH;
use crate::channel::{Outcome, Parcel};
use crate::core::Core;
use crate::error::NotifyError;
use crate::handle::notice_id;
use crate::wording;

/// Messages under way at most.
const MAX_UNDER_WAY: usize = 16;
/// How long a message is ours: longer than [`MAX_PACE_MS`], an attempt and the writing of what became of it.
const HOLD_MS: i64 = 30_000;
/// A message that would have to wait longer for its turn goes back, milliseconds.
const MAX_PACE_MS: i64 = 10_000;
/// How often the outbox is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The pause after the storage did not answer.
const AWAY_PAUSE: Duration = Duration::from_secs(2);

/// Sends until shutdown.
pub(crate) async fn run(core: Arc<Core>) {
    let token = core.shutdown.token().clone();
    let under_way = Arc::new(Semaphore::new(MAX_UNDER_WAY));
    let mut pause = LOOK_EVERY;
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            () = core.posted.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
        let free = under_way.available_permits();
        if free == 0 {
            continue;
        }
        let claimed = match claim(&core, free).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::debug!(error = chain(&error), "the outbox cannot be read");
                pause = AWAY_PAUSE;
                continue;
            }
        };
        // More may wait where all that was asked for came.
        pause = if claimed.len() == free {
            Duration::from_millis(20)
        } else {
            LOOK_EVERY
        };
        for message in claimed {
            let Ok(permit) = under_way.clone().acquire_owned().await else {
                return;
            };
            let core = core.clone();
            core.clone().shutdown.spawn("message", async move {
                if let Err(error) = deliver(&core, &message).await {
                    let (id, error) = (&message.id, chain(&error));
                    tracing::warn!(
                        id,
                        error,
                        "what became of a message cannot be written; it is sent again"
                    );
                }
                drop(permit);
            });
        }
    }
}

async fn claim(core: &Core, most: usize) -> Result<Vec<Message>, NotifyError> {
    let request = ClaimMessagesRequest {
        now: Some(timestamp(core.now_ms())),
        hold_ms: HOLD_MS,
        max_messages: most as u32,
    };
    let answer = core.peer.notify_store().claim_messages(request).await;
    let answer = answer.map_err(|status| NotifyError::upstream("taking messages", status))?;
    Ok(answer.into_inner().messages)
}

/// What is to be written about an attempt.
struct Settled {
    state: DeliveryState,
    time_ms: i64,
    problem: String,
}

async fn deliver(core: &Core, message: &Message) -> Result<(), NotifyError> {
    let pages = core.book.pages(&core.peer, FRESH).await?;
    let known = pages.channel(&message.channel_id).cloned();
    // Made since the pages were read.
    let channel = match known {
        Some(channel) => Some(channel),
        None => core.book.read(&core.peer).await?.channel(&message.channel_id).cloned(),
    };
    let settled = match channel {
        None => given_up(core, "its channel was removed"),
        Some(channel) if channel.disabled => given_up(core, "its channel is disabled"),
        Some(_) if is_old(message, core.now_ms()) => given_up(core, "it is older than 24 h"),
        Some(channel) => attempt(core, &channel, message).await?,
    };
    match settled.state {
        DeliveryState::Sent => core.metrics.sent.inc(),
        DeliveryState::GivenUp => core.metrics.given_up.inc(),
        DeliveryState::Due | DeliveryState::Unspecified => core.metrics.retries.inc(),
    };
    if !settled.problem.is_empty() {
        let (channel, attempts, problem) = (&message.channel_id, message.attempts, &settled.problem);
        if settled.state == DeliveryState::GivenUp {
            tracing::warn!(id = message.id, channel, attempts, problem, "a message was given up");
        } else {
            tracing::info!(id = message.id, channel, attempts, problem, "a message is tried again");
        }
    }
    let request = SettleMessageRequest {
        id: message.id.clone(),
        attempts: message.attempts,
        state: settled.state.into(),
        time: Some(timestamp(settled.time_ms)),
        problem: settled.problem,
    };
    let answer = core.peer.notify_store().settle_message(request).await;
    answer.map_err(|status| NotifyError::upstream("writing what became of a message", status))?;
    Ok(())
}

fn is_old(message: &Message, now_ms: i64) -> bool {
    let made_ms = message.made.as_ref().map_or(now_ms, millis);
    now_ms - made_ms > GIVEN_UP_AFTER_MS
}

fn given_up(core: &Core, why: &str) -> Settled {
    Settled {
        state: DeliveryState::GivenUp,
        time_ms: core.now_ms(),
        problem: why.to_owned(),
    }
}

async fn attempt(core: &Core, channel: &Channel, message: &Message) -> Result<Settled, NotifyError> {
    let wait_ms = core.pace.reserve(channel, core.now_ms());
    if wait_ms > MAX_PACE_MS {
        return Ok(Settled {
            state: DeliveryState::Due,
            time_ms: core.now_ms() + wait_ms,
            problem: "too many messages at once; this one waits for its turn".to_owned(),
        });
    }
    tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())).await;
    let outcome = send(core, channel, &message.id, &message.notices).await;
    let now_ms = core.now_ms();
    Ok(match outcome {
        Outcome::Sent => Settled {
            state: DeliveryState::Sent,
            time_ms: now_ms,
            problem: String::new(),
        },
        Outcome::Again(asked_ms, problem) => Settled {
            state: DeliveryState::Due,
            time_ms: now_ms + backoff::pause_ms(message.attempts, asked_ms),
            problem,
        },
        Outcome::Refused(problem) => given_up(core, &problem),
        Outcome::Gone(problem) => {
            disable(core, channel, &problem).await?;
            given_up(core, &problem)
        }
    })
}

/// One attempt, without a word in the outbox.
pub(crate) async fn send(core: &Core, channel: &Channel, id: &str, notices: &[Notice]) -> Outcome {
    let notices = wording::newest(notices);
    let parcel = Parcel {
        id,
        notices: &notices,
        now_ms: core.now_ms(),
    };
    core.carrier.carry(channel, &parcel).await
}

/// Takes a channel out of use, and tells its owner on his other ones. Whoever was faster has done the same.
async fn disable(core: &Core, channel: &Channel, why: &str) -> Result<(), NotifyError> {
    let pages = core.book.read(&core.peer).await?;
    let Some(channel) = pages.channel(&channel.id).filter(|channel| !channel.disabled) else {
        return Ok(());
    };
    let now_ms = core.now_ms();
    let disabled = Channel {
        disabled: true,
        disabled_why: why.to_owned(),
        ..channel.clone()
    };
    let others = pages
        .channels
        .iter()
        .filter(|other| other.owner == channel.owner && other.id != channel.id && !other.disabled);
    let notices = others.map(|other| DueNotice {
        notice: Some(Notice {
            id: notice_id(
                &format!("{}/{}/disabled", other.id, channel.id),
                channel.version as u32,
                0,
            ),
            channel_id: other.id.clone(),
            kind: NoticeKind::Disabled.into(),
            count: 1,
            text: format!(
                "CHANNEL DISABLED {}: {why}\nsla notify enable {}",
                channel.name, channel.name
            ),
            made: Some(timestamp(now_ms)),
            ..Notice::default()
        }),
        due: Some(timestamp(now_ms)),
    });
    let request = ChangeChannelsRequest {
        puts: vec![disabled],
        notices: notices.collect(),
        ..ChangeChannelsRequest::default()
    };
    let answer = core.peer.notify_store().change_channels(request).await;
    core.book.is_old();
    core.posted.notify_one();
    answer.map_err(|status| NotifyError::upstream("disabling a channel", status))?;
    core.metrics.disabled.inc();
    let (name, owner) = (&channel.name, &channel.owner);
    tracing::warn!(
        name,
        owner,
        why,
        "a channel was disabled: the other end takes nothing more"
    );
    Ok(())
}
