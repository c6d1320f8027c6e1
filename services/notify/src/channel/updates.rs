//! Messages to the bot, by `getUpdates` (<https://core.telegram.org/bots/api#getupdates>), and short answers to their chats.

use reqwest::Client;
use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use super::post::Answer;
use super::telegram::{Said, call};
use crate::options::Telegram;

/// Updates of one answer: a message with all that it quotes has some 60 KiB at most.
const MAX_UPDATES: u8 = 10;
/// Bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// How long the other end may wait for a message, seconds: less than an attempt may take.
const WAIT_S: u8 = 5;
/// Characters of a message that are looked at: no code is longer.
const MAX_TEXT_CHARS: usize = 100;

/// One message of a chat.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) chat: i64,
    /// Unix milliseconds.
    pub(crate) sent_ms: i64,
    /// Its beginning.
    pub(crate) text: String,
}

/// What was heard.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    pub(crate) messages: Vec<Message>,
    /// Where to go on; `None` when there was nothing.
    pub(crate) next: Option<i64>,
}

/// Why nothing could be heard, without a byte of the token.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) words: String,
    /// As the other end asks, milliseconds.
    pub(crate) wait_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct GetUpdates {
    offset: i64,
    limit: u8,
    timeout: u8,
    allowed_updates: [&'static str; 1],
}

#[derive(Debug, Serialize)]
struct Say<'a> {
    chat_id: i64,
    text: &'a str,
}

#[derive(Debug, Deserialize)]
struct Updates {
    result: Vec<Update>,
}

#[derive(Debug, Deserialize)]
struct Update {
    update_id: i64,
    message: Option<Told>,
}

#[derive(Debug, Deserialize)]
struct Told {
    date: i64,
    chat: Chat,
    #[serde(default)]
    text: String,
}

#[derive(Debug, Deserialize)]
struct Chat {
    id: i64,
}

/// Messages from `offset` on; `waits` for one when there is none.
pub(super) async fn messages(http: &Client, bot: &Telegram, offset: i64, waits: bool) -> Result<Messages, Trouble> {
    let request = GetUpdates {
        offset,
        limit: MAX_UPDATES,
        timeout: if waits { WAIT_S } else { 0 },
        allowed_updates: ["message"],
    };
    let answer = call(http, bot, "getUpdates", &request, MAX_ANSWER_BYTES).await;
    answer.and_then(|answer| heard(&answer)).map_err(trouble)
}

/// Says something short.
pub(super) async fn say(http: &Client, bot: &Telegram, chat: i64, text: &str) -> Result<(), String> {
    let request = Say { chat_id: chat, text };
    let answer = call(http, bot, "sendMessage", &request, MAX_ANSWER_BYTES).await;
    match answer.map_or_else(|outcome| outcome, |answer| super::telegram::verdict(&answer)) {
        Outcome::Sent => Ok(()),
        outcome => Err(trouble(outcome).words),
    }
}

fn trouble(outcome: Outcome) -> Trouble {
    let (wait_ms, words) = match outcome {
        Outcome::Sent => (None, String::new()),
        Outcome::Again(wait_ms, words) => (wait_ms, words),
        Outcome::Refused(words) | Outcome::Gone(words) => (None, words),
    };
    Trouble { words, wait_ms }
}

/// What an answer holds.
fn heard(answer: &Answer) -> Result<Messages, Outcome> {
    let told: Result<Said, _> = serde_json::from_slice(&answer.body);
    if told.is_ok_and(|told| told.ok) {
        let updates: Updates = serde_json::from_slice(&answer.body).map_err(|error| {
            Outcome::Again(
                None,
                format!("Telegram answers in another form: {}", answer.said(&error.to_string())),
            )
        })?;
        let next = updates.result.iter().map(|update| update.update_id).max();
        let messages = updates.result.into_iter().filter_map(|update| {
            let told = update.message?;
            Some(Message {
                chat: told.chat.id,
                sent_ms: told.date.saturating_mul(1_000),
                text: told.text.chars().take(MAX_TEXT_CHARS).collect(),
            })
        });
        return Ok(Messages {
            messages: messages.collect(),
            next: next.map(|newest| newest.saturating_add(1)),
        });
    }
    let outcome = super::telegram::verdict(answer);
    // Another process reads, or a webhook is set: Telegram gives its messages to one reader.
    let outcome = match outcome {
        Outcome::Again(wait, words) if answer.status.as_u16() == 409 => Outcome::Again(
            wait,
            format!("{words}; one reader may ask a bot: end the other one, or its webhook"),
        ),
        Outcome::Sent => Outcome::Again(None, "Telegram answers in another form".to_owned()),
        other => other,
    };
    Err(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str, cut_off: bool) -> Answer {
        let mut secrets = sla_domain::Secrets::default();
        secrets.add("SECRET");
        Answer {
            secrets,
            status: reqwest::StatusCode::from_u16(status).unwrap(),
            retry_after_ms: None,
            body: body.as_bytes().to_vec(),
            cut_off,
        }
    }

    #[test]
    fn messages_are_read_and_all_else_is_passed_over() {
        let body = r#"{"ok":true,"result":[
            {"update_id":10,"message":{"message_id":1,"date":1441645532,"from":{"id":7,"is_bot":false},
                "chat":{"id":-1001,"type":"supergroup","title":"x"},"text":"7KQ2-M9XD"}},
            {"update_id":11,"edited_message":{"message_id":1}},
            {"update_id":12,"message":{"message_id":2,"date":1441645533,"chat":{"id":7,"type":"private"},"photo":[]}}]}"#;
        let heard = heard(&answer(200, body, false)).unwrap();
        assert_eq!((heard.messages.len(), heard.next), (2, Some(13)));
        let first = &heard.messages[0];
        assert_eq!(
            (first.chat, first.sent_ms, first.text.as_str()),
            (-1001, 1_441_645_532_000, "7KQ2-M9XD")
        );
        let none = super::heard(&answer(200, r#"{"ok":true,"result":[]}"#, false)).unwrap();
        assert_eq!((none.messages.len(), none.next), (0, None));
    }

    #[test]
    fn what_went_wrong_is_said_in_words() {
        let words = |status: u16, body: &str, cut_off: bool| {
            let outcome = heard(&answer(status, body, cut_off)).unwrap_err();
            trouble(outcome)
        };
        let conflict =
            r#"{"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request"}"#;
        assert!(words(409, conflict, false).words.contains("one reader may ask a bot"));
        let unauthorized = r#"{"ok":false,"error_code":401,"description":"Unauthorized SECRET"}"#;
        let told = words(401, unauthorized, false).words;
        assert!(told.contains("401") && !told.contains("SECRET"), "{told}");
        let slow = r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":3}}"#;
        assert_eq!(words(429, slow, false).wait_ms, Some(3_000));
        assert!(
            words(200, r#"{"ok":true,"result":[{"up"#, true)
                .words
                .contains("cut off")
        );
        assert!(
            words(200, r#"{"ok":true,"result":[{"id":1}]}"#, false)
                .words
                .contains("another form")
        );
    }
}
