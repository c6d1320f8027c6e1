//! The port `Channel`, a folder of adapters behind it: each knows the words of one kind of other end, and what its answers mean.

mod alert;
mod alertmanager;
mod email;
mod outcome;
mod post;
mod telegram;
mod updates;
mod webhook;
mod wire;

use sla_proto::notify::v1::{Channel, ChannelKind};

use crate::options::NotifyOptions;
use outcome::SEND_LIMIT;

pub(crate) use email::is_address;
pub use outcome::{Outcome, Parcel};
pub(crate) use post::{base_url, redacted};
pub(crate) use updates::{Message, Messages, Trouble};

/// Whoever brings messages to the other end of a channel.
#[tonic::async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// One attempt, which ends by itself within a moment. Dropped, or without an answer, nobody knows whether it arrived.
    async fn carry(&self, channel: &Channel, parcel: &Parcel<'_>) -> Outcome;
}

/// All kinds of channels.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    options: NotifyOptions,
    http: reqwest::Client,
}

impl Channels {
    /// Connects to nobody.
    pub(crate) fn new(options: NotifyOptions) -> Result<Self, reqwest::Error> {
        Ok(Self {
            options,
            http: post::client()?,
        })
    }

    /// Which kind cannot be used here, and what is to be configured.
    pub(crate) fn lacks(&self, kind: ChannelKind) -> Option<(&'static str, &'static str)> {
        match kind {
            ChannelKind::Telegram if self.options.telegram.is_none() => Some((
                "this instance has no bot",
                "set notify.telegram_token_file to a file with its token, mode 600",
            )),
            ChannelKind::Email if self.options.mail.is_none() => Some((
                "this instance has no mail server",
                "set notify.smtp_host and notify.smtp_from",
            )),
            _ => None,
        }
    }

    /// Messages to the bot from `offset` on; ends within [`SEND_LIMIT`].
    pub(crate) async fn messages(&self, offset: i64, waits: bool) -> Result<Messages, Trouble> {
        let trouble = |words: String| Trouble { words, wait_ms: None };
        let Some(bot) = &self.options.telegram else {
            return Err(trouble("this instance has no bot".to_owned()));
        };
        let asking = updates::messages(&self.http, bot, offset, waits);
        match tokio::time::timeout(SEND_LIMIT, asking).await {
            Ok(heard) => heard,
            Err(_) => Err(trouble(format!("no answer within {} s", SEND_LIMIT.as_secs()))),
        }
    }

    /// Says something short to a chat of the bot.
    pub(crate) async fn say(&self, chat: i64, text: &str) -> Result<(), String> {
        let Some(bot) = &self.options.telegram else {
            return Err("this instance has no bot".to_owned());
        };
        let saying = updates::say(&self.http, bot, chat, text);
        let said = tokio::time::timeout(SEND_LIMIT, saying).await;
        said.unwrap_or_else(|_| Err(format!("no answer within {} s", SEND_LIMIT.as_secs())))
    }
}

#[tonic::async_trait]
impl Carrier for Channels {
    /// Ends within [`SEND_LIMIT`].
    async fn carry(&self, channel: &Channel, parcel: &Parcel<'_>) -> Outcome {
        let attempt = async {
            match channel.kind() {
                ChannelKind::Webhook => webhook::send(&self.http, channel, parcel).await,
                ChannelKind::Alertmanager => alertmanager::send(&self.http, channel, parcel).await,
                ChannelKind::Telegram => match &self.options.telegram {
                    Some(bot) => telegram::send(&self.http, bot, &self.options.instance, channel, parcel).await,
                    None => Outcome::Again(None, "this instance has no bot any more".to_owned()),
                },
                ChannelKind::Email => match &self.options.mail {
                    Some(mail) => email::send(mail, &self.options.instance, channel, parcel).await,
                    None => Outcome::Again(None, "this instance has no mail server any more".to_owned()),
                },
                ChannelKind::Unspecified => Outcome::Refused("the channel has no kind".to_owned()),
            }
        };
        match tokio::time::timeout(SEND_LIMIT, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Again(None, format!("no answer within {} s", SEND_LIMIT.as_secs())),
        }
    }
}
