//! Answers that are refusals: from status, headers and body to a typed error.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use sla_domain::Secrets;

use super::json;
use super::packing::Body;
use super::question::Question;
use crate::error::{SourceError, excerpt};
use crate::fault::Fault;
use crate::options::redact_url;

/// Most of an error body that is looked at, in bytes.
const MAX_ERROR_BODY_BYTES: usize = 64 << 10;
/// What Go's and nginx' servers say in clear text to clear text on their TLS port.
const TLS_EXPECTED: [&str; 2] = [
    "HTTP request to an HTTPS server",
    "plain HTTP request was sent to HTTPS port",
];

/// The typed error of an answer whose status is one.
pub(super) async fn refusal(
    response: reqwest::Response,
    question: &Question,
    tried: &str,
    content_type: &str,
    secrets: &Secrets,
) -> SourceError {
    let tried = tried.to_owned();
    let status = response.status();
    match status.as_u16() {
        401 | 403 => {
            return SourceError::Unauthorized {
                tried,
                status: status.as_u16(),
            };
        }
        407 => {
            return SourceError::Unreachable {
                fault: Fault::Proxy,
                why: "the proxy wants credentials (HTTP 407)".into(),
                cause: std::sync::Arc::new(std::io::Error::other("HTTP 407 Proxy Authentication Required")),
                tried,
            };
        }
        300..=399 => {
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            return SourceError::Redirected {
                to: location
                    .and_then(|location| new_base(response.url(), location, question.path()))
                    .map(|to| secrets.take_out(&to)),
                tried,
            };
        }
        _ => {}
    }
    let mut body = Vec::new();
    if let Ok(mut pieces) = Body::of(response) {
        while body.len() < MAX_ERROR_BODY_BYTES
            && let Ok(Some(piece)) = pieces.next().await
        {
            body.extend_from_slice(&piece[..piece.len().min(MAX_ERROR_BODY_BYTES - body.len())]);
        }
    }
    if let Some(refused) = json::refused(&body) {
        return told(&refused, question, tried, status, secrets);
    }
    // Proxies and frameworks repeat the headers of a request in their errors.
    let text = secrets.take_out(&String::from_utf8_lossy(&body));
    if status == StatusCode::BAD_REQUEST && TLS_EXPECTED.iter().any(|words| text.contains(words)) {
        return SourceError::Unreachable {
            fault: Fault::TlsMismatch,
            why: "the server speaks TLS on this port, but the URL says http".into(),
            cause: std::sync::Arc::new(std::io::Error::other(excerpt(&text))),
            tried,
        };
    }
    if status == StatusCode::NOT_FOUND {
        return SourceError::NotFound { tried };
    }
    if content_type.starts_with("text/html") && status.is_client_error() {
        return SourceError::NotPrometheus {
            tried,
            saw: format!("HTTP {} with a web page", status.as_u16()),
        };
    }
    SourceError::Server {
        tried,
        status: status.as_u16(),
        excerpt: excerpt(&text),
        kind: None,
    }
}

/// An error in the API's own words.
fn told(
    refused: &json::Refused,
    question: &Question,
    tried: String,
    status: StatusCode,
    secrets: &Secrets,
) -> SourceError {
    let excerpt = |text: &str| excerpt(&secrets.take_out(text));
    match (status.as_u16(), refused.kind.as_str()) {
        // A query that cannot be executed is as wrong as one that cannot be parsed, unless it only asks for too much.
        (400 | 422, kind) if kind == "bad_data" || (kind == "execution" && !asks_too_much(&refused.message)) => {
            let query = question.query();
            SourceError::BadQuery {
                position: json::position(&refused.message, &query),
                message: excerpt(&refused.message),
                query,
            }
        }
        (status, _) => SourceError::Server {
            tried,
            status,
            excerpt: excerpt(&refused.message),
            kind: Some(excerpt(&refused.kind)),
        },
    }
}

/// Whether an execution error is about `query.max-samples`: a smaller question may be answered.
fn asks_too_much(message: &str) -> bool {
    message.contains("too many samples")
}

/// The base URL that a redirect of `asked` to `location` means: the new address without the path of the API, user info and
/// query. `None` where it leads elsewhere (a login page has no path of the API) or to no web address.
fn new_base(asked: &Url, location: &str, path: &str) -> Option<String> {
    let mut new = asked.join(location).ok()?;
    if !matches!(new.scheme(), "http" | "https") || !new.has_host() {
        return None;
    }
    let before = new.path().trim_end_matches('/');
    let base = match before.strip_suffix(path) {
        Some(base) => base.trim_end_matches('/').to_owned(),
        // A redirect to the root of another server drops the path.
        None if before.is_empty() => String::new(),
        None => return None,
    };
    new.set_path(&base);
    Some(redact_url(new.as_str()))
}

/// What `Retry-After` asks for: seconds, or an instant, which counts from the server's own `Date` (clocks differ).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?).ok()?;
    Some(until.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_an_instant_of_the_servers_clock() {
        let wait = |asked: &'static str, date: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(asked));
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            retry_after(&headers)
        };
        let now = Some("Fri, 20 Nov 2026 19:00:00 GMT");
        assert_eq!(wait("7", None), Some(Duration::from_secs(7)));
        assert_eq!(wait("Fri, 20 Nov 2026 19:00:09 GMT", now), Some(Duration::from_secs(9)));
        assert_eq!(wait("Fri, 20 Nov 2026 18:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(wait("Fri, 20 Nov 2026 19:00:09 GMT", None), None);
        assert_eq!(wait("soon", now), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_redirect_tells_an_address_that_can_be_configured() {
        let asked = Url::parse("http://old:9090/p/api/v1/query").unwrap();
        for (location, to) in [
            ("https://new/p/api/v1/query", Some("https://new/p")),
            ("https://new/p/api/v1/query/", Some("https://new/p")),
            (
                "/select/0/prometheus/api/v1/query?x=CANARY",
                Some("http://old:9090/select/0/prometheus"),
            ),
            ("https://u:CANARY@new:81/api/v1/query", Some("https://new:81")),
            ("http://new:9091", Some("http://new:9091")),
            ("//new/api/v1/query", Some("http://new")),
            ("/login?next=/api/v1/query", None),
            ("https://sso.example.com/auth?token=CANARY", None),
            ("file:///etc/passwd", None),
            ("gopher://x", None),
        ] {
            let found = new_base(&asked, location, "api/v1/query");
            assert_eq!(found.as_deref(), to, "{location}");
        }
    }
}
