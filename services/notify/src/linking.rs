//! Codes by which a chat of Telegram becomes a channel: each is good for one chat, once, and not for long. In memory alone: whoever
//! restarts the role asks for another one.

use std::collections::HashMap;

use sla_domain::duration::format_short_ms;
use sla_proto::convert::timestamp;
use sla_proto::notify::v1::{Channel, LinkState, TelegramLink};

use crate::asker::Asker;
use crate::error::NotifyError;

/// How long a code may be sent, milliseconds.
const LIFE_MS: i64 = 600_000;
/// How long is remembered what became of it, milliseconds.
const REMEMBERED_MS: i64 = 86_400_000;
/// Codes that may be open at once, of all and of each owner.
const MAX_OPEN: usize = 100;
const MAX_OPEN_EACH: usize = 3;
/// Links remembered at most.
const MAX_LINKS: usize = 1_000;
/// Characters of a code: 40 bits, which within ten minutes nobody finds by trying.
const CODE_CHARS: usize = 8;
/// Without those that look like others.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Refusals that one chat is told within the life of a code; then there is silence.
const MAX_REFUSALS: u32 = 5;
/// Chats whose refusals are counted.
const MAX_CHATS: usize = 1_000;

/// One link.
struct Link {
    id: String,
    code: String,
    asker: Asker,
    channel: Channel,
    made_ms: i64,
    state: LinkState,
    linked: Option<Channel>,
    problem: String,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Links {
    all: Vec<Link>,
    refusals: HashMap<i64, (u32, i64)>,
    /// Why the bot cannot be asked.
    problem: String,
}

/// What a message of a chat is.
#[derive(Debug)]
pub(crate) enum Heard {
    /// No code at all.
    Nothing,
    /// The code of this link, which is taken now.
    Code {
        id: String,
        asker: Asker,
        channel: Box<Channel>,
    },
    /// A code that is worth nothing, and why.
    Refused(&'static str),
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links")
            .field("links", &self.all.len())
            .finish_non_exhaustive()
    }
}

/// Random bytes.
fn random<const N: usize>() -> Result<[u8; N], NotifyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NotifyError::Refused {
        words: format!("the system gives no randomness: {error}"),
        hint: "try again",
    })?;
    Ok(bytes)
}

/// `7KQ2-M9XD`.
fn shown(code: &str) -> String {
    let (left, right) = code.split_at(CODE_CHARS / 2);
    format!("{left}-{right}")
}

/// The code in what was typed: with or without its hyphen, in any case, alone or behind `/start`.
fn code_in(text: &str) -> Option<String> {
    let text = text.trim();
    let text = match text.strip_prefix("/start") {
        // `/start@name_of_bot CODE` in a group.
        Some(rest) => rest.split_once(' ').map_or("", |(_, code)| code),
        None => text,
    };
    let code: String = text
        .chars()
        .filter(|c| !matches!(c, '-' | ' '))
        .take(CODE_CHARS + 1)
        .collect();
    let code = code.to_ascii_uppercase();
    (code.len() == CODE_CHARS && code.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(code)
}

impl Links {
    /// A new code for a channel that has no address yet.
    pub(crate) fn open(
        &mut self,
        asker: &Asker,
        channel: Channel,
        now_ms: i64,
    ) -> Result<(String, TelegramLink), NotifyError> {
        self.sweep(now_ms);
        let open = || self.all.iter().filter(|link| link.state == LinkState::Waiting);
        let own = open().filter(|link| link.channel.owner == channel.owner).count();
        if own >= MAX_OPEN_EACH || open().count() >= MAX_OPEN {
            return Err(NotifyError::Refused {
                words: "too many codes are open".to_owned(),
                hint: "use one of them, or wait until they have expired",
            });
        }
        let code: String = random::<CODE_CHARS>()?
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
            .collect();
        let id = random::<8>()?
            .iter()
            .fold(String::new(), |id, byte| format!("{id}{byte:02x}"));
        let link = Link {
            id,
            code: code.clone(),
            asker: asker.clone(),
            channel,
            made_ms: now_ms,
            state: LinkState::Waiting,
            linked: None,
            problem: String::new(),
        };
        let told = self.told(&link);
        self.all.push(link);
        let over = self.all.len().saturating_sub(MAX_LINKS);
        self.all.drain(..over);
        Ok((shown(&code), told))
    }

    fn told(&self, link: &Link) -> TelegramLink {
        let problem = match link.state {
            LinkState::Waiting => &self.problem,
            _ => &link.problem,
        };
        TelegramLink {
            id: link.id.clone(),
            state: link.state.into(),
            expires: Some(timestamp(link.made_ms + LIFE_MS)),
            channel: link.linked.clone(),
            problem: problem.clone(),
        }
    }

    /// What has become of a link, as far as it is the asker's.
    pub(crate) fn get(&mut self, asker: &Asker, id: &str, now_ms: i64) -> Option<TelegramLink> {
        self.sweep(now_ms);
        let mut links = self.all.iter();
        let link = links.find(|link| link.id == id && asker.has(&link.channel))?;
        Some(self.told(link))
    }

    /// Lets time pass. When the oldest open code was made; `None` when none is open.
    pub(crate) fn sweep(&mut self, now_ms: i64) -> Option<i64> {
        for link in &mut self.all {
            if link.state == LinkState::Waiting && now_ms - link.made_ms >= LIFE_MS {
                link.state = LinkState::Expired;
                link.problem = format!("nobody sent the code within {}", format_short_ms(LIFE_MS));
            }
        }
        self.all.retain(|link| now_ms - link.made_ms < REMEMBERED_MS);
        self.refusals.retain(|_, (_, since_ms)| now_ms - *since_ms < LIFE_MS);
        let open = self.all.iter().filter(|link| link.state == LinkState::Waiting);
        open.map(|link| link.made_ms).min()
    }

    /// Why the bot cannot be asked; empty when it can.
    pub(crate) fn note_problem(&mut self, words: String) {
        self.problem = words;
    }

    /// A message of a chat.
    pub(crate) fn hear(&mut self, text: &str, now_ms: i64) -> Heard {
        self.sweep(now_ms);
        let Some(code) = code_in(text) else {
            return Heard::Nothing;
        };
        let Some(link) = self.all.iter_mut().find(|link| link.code == code) else {
            return Heard::Refused("This code is not one of this instance. `sla notify link NAME` prints one.");
        };
        match link.state {
            LinkState::Waiting => {
                // Taken before it is stored: a second chat that sends it in the same moment is too late.
                link.state = LinkState::Failed;
                Heard::Code {
                    id: link.id.clone(),
                    asker: link.asker.clone(),
                    channel: Box::new(link.channel.clone()),
                }
            }
            LinkState::Expired => Heard::Refused("This code has expired. `sla notify link NAME` prints another one."),
            _ => Heard::Refused("This code was used already: each is good for one chat, once."),
        }
    }

    /// What became of the channel of a code that was heard.
    pub(crate) fn settle(&mut self, id: &str, outcome: Result<Channel, String>) {
        if let Some(link) = self.all.iter_mut().find(|link| link.id == id) {
            match outcome {
                Ok(channel) => {
                    link.state = LinkState::Linked;
                    link.linked = Some(channel);
                }
                Err(words) => link.problem = words,
            }
        }
    }

    /// Whether a chat is told once more that its code is worth nothing.
    pub(crate) fn may_refuse(&mut self, chat: i64, now_ms: i64) -> bool {
        if self.refusals.len() >= MAX_CHATS && !self.refusals.contains_key(&chat) {
            return false;
        }
        let (count, _) = self.refusals.entry(chat).or_insert((0, now_ms));
        *count += 1;
        *count <= MAX_REFUSALS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker() -> Asker {
        Asker::of(&tonic::Extensions::new())
    }

    fn open(links: &mut Links, now_ms: i64) -> (String, String) {
        let channel = Channel {
            name: "phone".to_owned(),
            ..Channel::default()
        };
        let (code, link) = links.open(&asker(), channel, now_ms).unwrap();
        (code, link.id)
    }

    #[test]
    fn a_code_is_good_once_and_not_for_long() {
        let mut links = Links::default();
        let (code, id) = open(&mut links, 0);
        assert_eq!((code.len(), &code[4..5]), (9, "-"));
        assert!(matches!(links.hear("hello", 1), Heard::Nothing));
        let foreign = if code.starts_with('2') {
            "3333-3333"
        } else {
            "2222-2222"
        };
        assert!(matches!(links.hear(foreign, 1), Heard::Refused(words) if words.contains("not one of this instance")));
        let typed = format!(" /start@the_bot {} ", code.to_lowercase().replace('-', ""));
        assert!(matches!(links.hear(&typed, LIFE_MS - 1), Heard::Code { .. }));
        assert!(matches!(links.hear(&code, LIFE_MS - 1), Heard::Refused(words) if words.contains("used already")));
        links.settle(&id, Ok(Channel::default()));
        assert_eq!(links.get(&asker(), &id, LIFE_MS).unwrap().state(), LinkState::Linked);
        let (late, id) = open(&mut links, 0);
        assert!(matches!(links.hear(&late, LIFE_MS), Heard::Refused(words) if words.contains("has expired")));
        assert_eq!(links.get(&asker(), &id, LIFE_MS).unwrap().state(), LinkState::Expired);
        assert_eq!(links.sweep(LIFE_MS), None, "nothing is open, so nobody is asked");
        assert!(links.get(&asker(), &id, REMEMBERED_MS).is_none());
    }

    #[test]
    fn few_are_open_and_a_chat_is_refused_so_often() {
        let mut links = Links::default();
        for _ in 0..MAX_OPEN_EACH {
            open(&mut links, 0);
        }
        assert!(links.open(&asker(), Channel::default(), 1).is_err());
        assert!(
            links.open(&asker(), Channel::default(), LIFE_MS).is_ok(),
            "the old ones have expired"
        );
        let refused = (0..10).filter(|_| links.may_refuse(7, 0)).count();
        assert_eq!(refused, MAX_REFUSALS as usize);
        assert!(links.may_refuse(8, 0));
    }

    #[test]
    fn what_is_typed_is_understood_or_no_code() {
        for text in ["7KQ2-M9XD", "7kq2m9xd", "/start 7KQ2-M9XD", "/start@bot 7KQ2 M9XD"] {
            assert_eq!(code_in(text).as_deref(), Some("7KQ2M9XD"), "{text}");
        }
        for text in ["", "/start", "7KQ2-M9X", "7KQ2-M9XDE", "hello you", "7KQ2-M9X1", "ÄÖÜß"] {
            assert_eq!(code_in(text), None, "{text}");
        }
    }
}
