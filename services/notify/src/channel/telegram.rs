//! A chat of Telegram: `sendMessage` of the Bot API (<https://core.telegram.org/bots/api#making-requests>). The token stands in the
//! path, so no URL of it is ever said.

use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use sla_domain::Secrets;
use sla_proto::notify::v1::Channel;

use super::outcome::{Outcome, Parcel};
use super::post::{Answer, MAX_ANSWER_BYTES, base_url, post};
use crate::options::Telegram;
use crate::{secret, wording};

/// What is asked.
#[derive(Debug, Serialize)]
struct SendMessage<'a> {
    chat_id: &'a str,
    text: String,
    link_preview_options: NoPreview,
}

#[derive(Debug, Serialize)]
struct NoPreview {
    is_disabled: bool,
}

/// What is answered; on failure too.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    pub(super) ok: bool,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    retry_after: Option<u32>,
    migrate_to_chat_id: Option<i64>,
}

/// One attempt.
pub(super) async fn send(
    http: &Client,
    bot: &Telegram,
    instance: &str,
    channel: &Channel,
    parcel: &Parcel<'_>,
) -> Outcome {
    let request = SendMessage {
        chat_id: &channel.address,
        text: wording::text(instance, parcel.notices, parcel.id, parcel.now_ms),
        link_preview_options: NoPreview { is_disabled: true },
    };
    match call(http, bot, "sendMessage", &request, MAX_ANSWER_BYTES).await {
        Ok(answer) => verdict(&answer),
        Err(outcome) => outcome,
    }
}

/// Calls a method.
pub(super) async fn call(
    http: &Client,
    bot: &Telegram,
    name: &str,
    request: &impl Serialize,
    max_bytes: usize,
) -> Result<Answer, Outcome> {
    let token = secret::read(&bot.token_file).map_err(|words| Outcome::Again(None, words))?;
    let url = method(&bot.url, &token, name).ok_or_else(|| {
        let words = "notify.telegram_url or the token is not what it should be";
        Outcome::Again(None, words.to_owned())
    })?;
    let body = serde_json::to_vec(request).map_err(|error| Outcome::Refused(error.to_string()))?;
    let mut secrets = Secrets::default();
    secrets.add(&token);
    post(http, url, body, None, max_bytes, secrets).await
}

/// The address of a method: a token has letters, digits, and `:_-` only.
fn method(base: &str, token: &str, name: &str) -> Option<Url> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
    if !token.chars().all(plain) {
        return None;
    }
    let mut url = base_url(base)?;
    url.set_path(&format!("{}/bot{token}/{name}", url.path().trim_end_matches('/')));
    Some(url)
}

/// What an answer means: `error_code` is the status of HTTP.
pub(super) fn verdict(answer: &Answer) -> Outcome {
    let Ok(told) = serde_json::from_slice::<Said>(&answer.body) else {
        let words = if answer.cut_off {
            "the answer was cut off".to_owned()
        } else {
            answer.words()
        };
        // Without its word nobody knows whether it was taken: the id in the text tells a second copy.
        return match answer.status.as_u16() {
            300..=399 => answer.verdict(),
            _ => Outcome::Again(answer.retry_after_ms, words),
        };
    };
    if told.ok {
        return Outcome::Sent;
    }
    let words = format!(
        "Telegram {}: {}",
        answer.status.as_u16(),
        answer.said(&told.description)
    );
    let asked_ms = told.parameters.retry_after.map(|seconds| i64::from(seconds) * 1_000);
    match answer.status.as_u16() {
        400 => match told.parameters.migrate_to_chat_id {
            Some(id) => Outcome::Gone(format!("{words}; the chat has the id {id} now")),
            None if told.description.contains("chat not found") => Outcome::Gone(words),
            None => Outcome::Refused(words),
        },
        // Blocked by the user, kicked from the group.
        403 => Outcome::Gone(words),
        // A wrong token is nobody's chat's fault: somebody may mend it while the message is still of use.
        _ => Outcome::Again(asked_ms.or(answer.retry_after_ms), words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_answer_means() {
        let of = |status: u16, body: &str| {
            verdict(&Answer {
                status: reqwest::StatusCode::from_u16(status).unwrap(),
                retry_after_ms: None,
                body: body.as_bytes().to_vec(),
                cut_off: false,
                secrets: Secrets::default(),
            })
        };
        assert_eq!(of(200, r#"{"ok":true,"result":{"message_id":1}}"#), Outcome::Sent);
        let slow = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}"#;
        assert!(matches!(of(429, slow), Outcome::Again(Some(35_000), _)));
        let blocked = r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#;
        assert!(matches!(of(403, blocked), Outcome::Gone(words) if words.contains("blocked by the user")));
        let moved = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded","parameters":{"migrate_to_chat_id":-1001}}"#;
        assert!(matches!(of(400, moved), Outcome::Gone(words) if words.contains("-1001")));
        let unknown = r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#;
        assert!(matches!(of(400, unknown), Outcome::Gone(_)));
        let long = r#"{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}"#;
        assert!(matches!(of(400, long), Outcome::Refused(_)));
        for (status, body) in [
            (401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#),
            (404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#),
            (502, "<html>Bad Gateway</html>"),
            (200, r#"{"ok":tr"#),
            (200, r#"{"okay":1}"#),
        ] {
            assert!(matches!(of(status, body), Outcome::Again(None, _)), "{status} {body}");
        }
    }

    #[test]
    fn a_token_that_is_none_makes_no_address() {
        assert!(
            method("https://api.telegram.org", "123:AB-c_d", "sendMessage")
                .unwrap()
                .path()
                .ends_with("/bot123:AB-c_d/sendMessage")
        );
        for token in ["../x", "a b", "a/b", "a?b"] {
            assert!(method("https://api.telegram.org", token, "getUpdates").is_none());
        }
    }
}
