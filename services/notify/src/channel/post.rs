//! One POST: no redirects, a small answer, and never a URL in what is said about it.

use std::error::Error as _;

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url, redirect};
use sla_domain::Secrets;

use super::outcome::{Outcome, said};

/// How we introduce ourselves.
const USER_AGENT: &str = concat!("sla-console/", env!("CARGO_PKG_VERSION"));
/// Bytes of an answer that are read.
pub(super) const MAX_ANSWER_BYTES: usize = 64 << 10;

/// The client of all channels; how long an attempt may take is the caller's. A redirect is not followed: a message goes where its owner said, or nowhere.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .build()
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// As the other end asks, milliseconds.
    pub(super) retry_after_ms: Option<i64>,
    /// Its beginning.
    pub(super) body: Vec<u8>,
    /// The connection ended before the answer did.
    pub(super) cut_off: bool,
    /// What the other end may repeat and is not said again.
    pub(super) secrets: Secrets,
}

/// What may be secret in an address: who may log in, its path, what is asked, and the parts of these.
pub(super) fn secrets(url: &Url) -> Secrets {
    let mut secrets = Secrets::default();
    match url.password() {
        Some(password) => secrets.add_login(url.username(), password),
        None => secrets.add(url.username()),
    }
    let query = url.query().unwrap_or_default();
    let values = query.split('&').filter_map(|pair| pair.split('=').nth(1));
    for part in [url.path(), query]
        .into_iter()
        .chain(url.path().split('/'))
        .chain(values)
    {
        secrets.add(part);
    }
    secrets
}

/// Posts JSON; of the answer `max_bytes` and a little are read.
pub(super) async fn post(
    http: &Client,
    url: Url,
    body: Vec<u8>,
    header: Option<(HeaderName, &str)>,
    max_bytes: usize,
    secrets: Secrets,
) -> Result<Answer, Outcome> {
    let mut request = http.post(url).header(CONTENT_TYPE, "application/json").body(body);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let mut response = request.send().await.map_err(|error| failed(error, &secrets))?;
    let status = response.status();
    let retry_after_ms = retry_after_ms(response.headers());
    let (mut body, mut cut_off) = (Vec::new(), false);
    while body.len() < max_bytes {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => break,
            Err(_) => {
                cut_off = true;
                break;
            }
        }
    }
    Ok(Answer {
        status,
        retry_after_ms,
        body,
        cut_off,
        secrets,
    })
}

impl Answer {
    /// Words of the other end, without what it was told in confidence.
    pub(super) fn said(&self, text: &str) -> String {
        said(&self.secrets.take_out(text))
    }

    /// `HTTP 503: words`.
    pub(super) fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.lines().next().unwrap_or_default();
        if line.trim().is_empty() {
            format!("HTTP {}", self.status.as_u16())
        } else {
            format!("HTTP {}: {}", self.status.as_u16(), self.said(line))
        }
    }

    /// What a status means that needs no words of its own: the table of all that speak plain HTTP.
    pub(super) fn verdict(&self) -> Outcome {
        match self.status.as_u16() {
            200..=299 => Outcome::Sent,
            300..=399 => Outcome::Again(
                self.retry_after_ms,
                format!(
                    "HTTP {}: it wants to be asked elsewhere, which is not followed; name that address",
                    self.status.as_u16()
                ),
            ),
            403 | 410 => Outcome::Gone(self.words()),
            // About this very message: the same again is no better.
            400 | 413 | 415 | 422 => Outcome::Refused(self.words()),
            // A proxy before a receiver that is being rolled out says 404; credentials and addresses may be mended, too, while the
            // message is still of use.
            _ => Outcome::Again(self.retry_after_ms, self.words()),
        }
    }
}

/// Why there is no answer: causes only, since the error itself names the URL.
fn failed(error: reqwest::Error, secrets: &Secrets) -> Outcome {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        words = next.to_string();
        cause = next.source();
    }
    Outcome::Again(None, said(&secrets.take_out(&words)))
}

/// What `Retry-After` asks for, milliseconds; an instant counts by the clock of who said it.
fn retry_after_ms(headers: &HeaderMap) -> Option<i64> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse::<u32>() {
        return Some(i64::from(seconds) * 1_000);
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?).ok()?;
    Some(until.duration_since(now).map_or(0, |wait| wait.as_millis() as i64))
}

/// An address of HTTP, understood.
pub(crate) fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// An address without what may be secret in it: scheme, host and port; the rest of a webhook's URL is often its password.
pub(crate) fn redacted(text: &str) -> String {
    let Some(url) = base_url(text) else {
        return "…".to_owned();
    };
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    let rest = if url.path().len() > 1 || url.query().is_some() {
        "/…"
    } else {
        ""
    };
    format!("{}://{}{port}{rest}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after_ms: Some(7_000),
            body: b"because\nmore".to_vec(),
            cut_off: false,
            secrets: Secrets::default(),
        }
    }

    #[test]
    fn what_each_status_means() {
        for status in [200, 202, 204] {
            assert_eq!(answer(status).verdict(), Outcome::Sent);
        }
        for status in [401, 404, 405, 408, 421, 429, 500, 502, 503, 504] {
            let words = format!("HTTP {status}: because");
            assert_eq!(answer(status).verdict(), Outcome::Again(Some(7_000), words));
        }
        for status in [403, 410] {
            assert_eq!(
                answer(status).verdict(),
                Outcome::Gone(format!("HTTP {status}: because"))
            );
        }
        for status in [301, 302, 307] {
            let outcome = answer(status).verdict();
            assert!(
                matches!(&outcome, Outcome::Again(Some(7_000), words) if words.contains("elsewhere")),
                "{outcome:?}"
            );
        }
        for status in [400, 413, 415, 422] {
            assert!(matches!(answer(status).verdict(), Outcome::Refused(_)), "{status}");
        }
    }

    #[test]
    fn what_is_secret_in_an_address_is_not_said_again() {
        let url = "http://ada:BASIC%21CANARY@h/services/T0/PATHCANARY?token=QUERYCANARY&x=1";
        let url = base_url(url).unwrap();
        for (echo, left) in [
            ("no /services/T0/PATHCANARY?token=QUERYCANARY", "no …?token=…"),
            (r#"{"path":"\/services\/T0\/PATHCANARY"}"#, r#"{"path":"\/…\/T0\/…"}"#),
            ("token QUERYCANARY is none", "token … is none"),
            ("BASIC%21CANARY or BASIC!CANARY", "… or …"),
            ("Basic YWRhOkJBU0lDIUNBTkFSWQ==", "Basic …=="),
        ] {
            let answer = Answer {
                body: echo.as_bytes().to_vec(),
                secrets: secrets(&url),
                ..answer(403)
            };
            assert_eq!(answer.verdict(), Outcome::Gone(format!("HTTP 403: {left}")));
        }
    }

    #[test]
    fn addresses_are_shown_without_their_secrets() {
        for (given, shown) in [
            (
                "https://hooks.example.org/services/T0/CANARY",
                "https://hooks.example.org/…",
            ),
            ("https://u:CANARY@h:9093", "https://h:9093"),
            ("http://h/?token=CANARY", "http://h/…"),
            ("ftp://CANARY", "…"),
            ("CANARY", "…"),
        ] {
            assert_eq!(redacted(given), shown);
        }
        assert!(base_url("https:///x").is_none() || base_url("https:///x").unwrap().has_host());
        assert!(base_url("file:///etc/passwd").is_none());
    }
}
