//! Questions to a provider by HTTP: paced, limited in time and bytes, and without the key in any error.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{StatusCode, Url};
use sla_domain::{Clock, SafeText, Secrets};
use sla_runtime::status::chain;
use tokio::sync::OnceCell;

use super::key::Key;
use crate::error::ProviderError;
use crate::options::{MAX_AT_ONCE, MAX_BODY_BYTES, TIMEOUT};
use crate::pace::Pace;

/// Who we are.
const USER_AGENT: &str = concat!("sla-console/", env!("CARGO_PKG_VERSION"));
/// Characters of an answer that an error shows.
const MAX_EXCERPT: usize = 160;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The way to one host of a provider.
pub(super) struct Http {
    base: Url,
    key: Option<Key>,
    pace: Arc<Pace>,
    clock: Arc<dyn Clock>,
    client: OnceCell<reqwest::Client>,
}

/// What a question is made of; the key is put where the provider wants it.
pub(super) struct Question<'a> {
    pub(super) path: &'a str,
    pub(super) parameters: &'a [(&'a str, String)],
    /// The parameter that the key goes into.
    pub(super) key_parameter: &'a str,
}

impl Http {
    pub(super) fn new(
        base: &str,
        key: Option<Key>,
        pace: Arc<Pace>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ProviderError> {
        let url = Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let base = url.ok_or_else(|| {
            let words = "the address must begin with https://, or http:// for a server of this host";
            ProviderError::Unreachable(SafeText::new(words))
        })?;
        Ok(Self {
            base,
            key,
            pace,
            clock,
            client: OnceCell::new(),
        })
    }

    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// The body of the answer, as JSON.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<serde_json::Value, ProviderError> {
        let key = match &self.key {
            Some(key) => Some(key.read().await),
            None => None,
        };
        let key = match key.transpose() {
            Ok(key) => key,
            Err(error) => {
                let outcome = Err(error);
                self.pace.told(&outcome, self.clock.now_ms());
                return outcome;
            }
        };
        self.pace.enter(self.clock.now_ms()).await?;
        let outcome = match tokio::time::timeout(TIMEOUT, self.send(question, key.as_deref())).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ProviderError::Slow(TIMEOUT)),
        };
        self.pace.told(&outcome, self.clock.now_ms());
        let body = outcome?;
        serde_json::from_slice(&body).map_err(|error| ProviderError::Garbled(Arc::new(error)))
    }

    async fn send(&self, question: &Question<'_>, key: Option<&str>) -> Result<Vec<u8>, ProviderError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), question.path));
        url.query_pairs_mut().extend_pairs(question.parameters);
        if let Some(key) = key {
            url.query_pairs_mut().append_pair(question.key_parameter, key);
        }
        let client = self.client.get_or_try_init(|| std::future::ready(client())).await?;
        let mut response = client.get(url).send().await.map_err(unreachable)?;
        let status = response.status();
        let wait_ms = retry_after_ms(response.headers(), self.clock.now_ms());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(piece)) if body.len() + piece.len() > MAX_BODY_BYTES => {
                    return Err(ProviderError::TooLarge(MAX_BODY_BYTES));
                }
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break,
                // The status says more than a body that broke off.
                Err(_) if !status.is_success() => break,
                Err(error) => return Err(ProviderError::Cut(words(error))),
            }
        }
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal(status, &body, wait_ms, key))
    }
}

fn client() -> Result<reqwest::Client, ProviderError> {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        // A key does not travel on to wherever an answer points.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(MAX_AT_ONCE)
        .gzip(true)
        .build()
        .map_err(unreachable)
}

/// An error without the address: the key may be part of it.
fn words(error: reqwest::Error) -> SafeText {
    SafeText::new(&chain(&error.without_url()))
}

fn unreachable(error: reqwest::Error) -> ProviderError {
    ProviderError::Unreachable(words(error))
}

/// What a status that is none of success means.
fn refusal(status: StatusCode, body: &[u8], wait_ms: Option<i64>, key: Option<&str>) -> ProviderError {
    let told: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let told = told
        .as_ref()
        .and_then(|told| told.get("reason").or_else(|| told.get("message"))?.as_str());
    let mut text = told.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    if let Some(key) = key {
        // A proxy's page may show the address.
        let mut secrets = Secrets::default();
        secrets.add(key);
        text = secrets.take_out(&text);
    }
    let words = SafeText::with_limit(text.trim(), MAX_EXCERPT);
    match status.as_u16() {
        status @ (401 | 403) => ProviderError::Key { status, words },
        429 => ProviderError::TooMany { wait_ms },
        status => ProviderError::Failed { status, words },
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), milliseconds from now.
fn retry_after_ms(headers: &reqwest::header::HeaderMap, now_ms: i64) -> Option<i64> {
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * 1_000);
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((date.as_millis() as i64).saturating_sub(now_ms).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_seconds_or_as_a_date() {
        let of = |text: &str| {
            let mut headers = reqwest::header::HeaderMap::new();
            headers.insert(reqwest::header::RETRY_AFTER, text.parse().unwrap());
            retry_after_ms(&headers, 1_780_000_000_000)
        };
        assert_eq!(of("120"), Some(120_000));
        assert_eq!(of("soon"), None);
        let date = std::time::UNIX_EPOCH + Duration::from_secs(1_780_000_090);
        assert_eq!(of(&httpdate::fmt_http_date(date)), Some(90_000));
        assert_eq!(of("Thu, 01 Jan 1970 00:00:10 GMT"), Some(0));
    }

    #[test]
    fn a_key_that_an_answer_repeats_is_not_told() {
        let error = refusal(
            StatusCode::UNAUTHORIZED,
            b"GET /x?appid=s3cret is not allowed",
            None,
            Some("s3cret"),
        );
        assert!(!error.to_string().contains("s3cret"), "{error}");
        let error = refusal(
            StatusCode::BAD_REQUEST,
            br#"{"error":true,"reason":"no such place"}"#,
            None,
            None,
        );
        assert!(error.to_string().ends_with("status 400: no such place"), "{error}");
    }
}
