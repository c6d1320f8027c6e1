//! While a code is open the bot is asked for messages; the chat that sends it becomes a channel.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use sla_domain::SafeText;
use sla_proto::notify::v1::{Channel, ChannelKind, TelegramLink};

use crate::asker::Asker;
use crate::channel::Message;
use crate::core::Core;
use crate::error::NotifyError;
use crate::linking::{Heard, Links};
use crate::{changing, rule};

/// The least pause between two questions: who answers at once, without waiting for a message, is not asked on and on.
const LEAST_PAUSE: Duration = Duration::from_millis(500);
/// The longest one after failures, and while the other end asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Messages this much older than the oldest open code were not meant for it, milliseconds: clocks differ.
const OLD_MS: i64 = 60_000;
/// Stands for the chat while none is known, so that all else can be checked before.
const NO_CHAT: &str = "0";

fn links(core: &Core) -> MutexGuard<'_, Links> {
    core.links.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a code, after all but the chat was found right.
pub(crate) async fn begin(
    core: &Core,
    asker: &Asker,
    wanted: Option<Channel>,
) -> Result<(String, TelegramLink), NotifyError> {
    let wanted = Channel {
        kind: ChannelKind::Telegram.into(),
        address: NO_CHAT.to_owned(),
        ..wanted.unwrap_or_default()
    };
    let channel = changing::checked(core, asker, wanted).await?;
    let pages = core.book.read(&core.peer).await?;
    let is_taken = |other: &&Channel| other.owner == channel.owner && other.name.eq_ignore_ascii_case(&channel.name);
    if pages.channels.iter().any(|other| is_taken(&other)) {
        let fix = "choose another one, or remove that channel first";
        return rule::invalid("name", &channel.name, "another channel of yours has it", fix);
    }
    let opened = links(core).open(asker, channel, core.now_ms())?;
    core.linking.notify_one();
    Ok(opened)
}

/// What has become of a link.
pub(crate) fn told(core: &Core, asker: &Asker, id: &str) -> Result<TelegramLink, NotifyError> {
    let found = links(core).get(asker, id, core.now_ms());
    found.ok_or_else(|| NotifyError::not_found("link", id))
}

/// Asks while a code is open, until shutdown.
pub(crate) async fn run(core: Arc<Core>) {
    let token = core.shutdown.token().clone();
    let (mut offset, mut failures) = (0_i64, 0_u32);
    // What was read is given back only by the next question.
    let mut unread = false;
    loop {
        let oldest_ms = links(&core).sweep(core.now_ms());
        if oldest_ms.is_none() && !unread {
            tokio::select! {
                () = token.cancelled() => return,
                () = core.linking.notified() => continue,
            }
        }
        let asked = tokio::select! {
            () = token.cancelled() => return,
            asked = core.channels.messages(offset, oldest_ms.is_some()) => asked,
        };
        let pause = match asked {
            Ok(heard) => {
                failures = 0;
                links(&core).note_problem(String::new());
                unread = heard.next.is_some();
                offset = heard.next.unwrap_or(offset);
                for message in heard.messages {
                    hear(&core, &message, oldest_ms).await;
                }
                LEAST_PAUSE
            }
            Err(trouble) => {
                unread = false;
                failures += 1;
                let asked = trouble.wait_ms.map(|ms| Duration::from_millis(ms.unsigned_abs()));
                links(&core).note_problem(trouble.words);
                let own = LEAST_PAUSE * 2_u32.saturating_pow(failures.min(10));
                asked.unwrap_or(own).clamp(LEAST_PAUSE, LONGEST_PAUSE)
            }
        };
        tokio::select! {
            () = token.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One message.
async fn hear(core: &Arc<Core>, message: &Message, oldest_ms: Option<i64>) {
    let now_ms = core.now_ms();
    if oldest_ms.is_none_or(|oldest_ms| message.sent_ms < oldest_ms - OLD_MS) {
        return;
    }
    let heard = links(core).hear(&message.text, now_ms);
    let answer = match heard {
        Heard::Nothing => return,
        Heard::Refused(words) => {
            if !links(core).may_refuse(message.chat, now_ms) {
                return;
            }
            words.to_owned()
        }
        Heard::Code { id, asker, channel } => {
            let channel = Channel {
                address: message.chat.to_string(),
                ..*channel
            };
            match changing::write(core, &asker, "notify.link", channel).await {
                Ok(written) => {
                    let words = welcome(core, &written);
                    links(core).settle(&id, Ok(written));
                    words
                }
                Err(error) => {
                    let words = error.to_string();
                    links(core).settle(&id, Err(words.clone()));
                    format!("This chat could not be linked: {words}")
                }
            }
        }
    };
    if let Err(words) = core.channels.say(message.chat, &answer).await {
        tracing::debug!(problem = words, "a chat could not be answered");
    }
}

fn welcome(core: &Core, channel: &Channel) -> String {
    let whose = if channel.owner.is_empty() {
        String::new()
    } else {
        format!(" of {}", SafeText::new(&channel.owner))
    };
    format!(
        "This chat is the channel {}{whose} of {} now. `sla notify remove {}` ends it.",
        channel.name,
        SafeText::new(&core.options.instance),
        channel.name
    )
}
