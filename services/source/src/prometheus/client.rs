//! Requests to one server: credentials, budget, retries, caps, and answers told apart from other things.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Method, StatusCode, Url};
use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use tokio::time::Instant;

use super::budget::Budget;
use super::{json, tls};
use crate::error::{SourceError, excerpt};
use crate::options::{Credentials, Secret, SourceOptions, redact_url};
use crate::port::Call;

/// Most times one request is sent.
pub(crate) const MAX_ATTEMPTS: u32 = 4;
/// First wait before a repetition; doubles each time, with jitter of ± 50 %.
const FIRST_RETRY_WAIT: Duration = Duration::from_millis(200);
/// Longest wait a server may ask for with Retry-After; if it wants more, the error is reported at once.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);
/// Most of an error body that is looked at, in bytes.
const MAX_ERROR_BODY_BYTES: usize = 64 << 10;

/// One question: how it is sent.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// Parameters, as a form by POST; by GET on servers that refuse POST.
    Form {
        /// Path below the base URL, for example `api/v1/query`.
        path: &'static str,
        /// Name and value.
        parameters: Vec<(&'static str, String)>,
    },
    /// Parameters in the URL.
    Get {
        /// Path below the base URL.
        path: &'static str,
        /// Name and value.
        parameters: Vec<(&'static str, String)>,
    },
    /// A remote read.
    RemoteRead {
        /// Snappy-compressed protobuf.
        body: Bytes,
    },
}

impl Question {
    fn path(&self) -> &'static str {
        match self {
            Self::Form { path, .. } | Self::Get { path, .. } => path,
            Self::RemoteRead { .. } => "api/v1/read",
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body, decompressed.
    pub(crate) body: Vec<u8>,
    /// What was asked, for errors.
    pub(crate) tried: String,
}

/// An answer whose body is still coming. Holds its place in the budget until dropped.
pub(crate) struct Stream {
    response: reqwest::Response,
    _permit: Option<OwnedSemaphorePermit>,
    /// What was asked, for errors.
    pub(crate) tried: String,
    /// Lower-case content type, possibly empty.
    pub(crate) content_type: String,
    /// Bytes of the body so far.
    pub(crate) received: u64,
    cap: u64,
    budget: Arc<Budget>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.budget.spent(self.received, Instant::now());
    }
}

impl Stream {
    /// The next piece of the body; `None` at its end. More than the cap is an error.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self.response.chunk().await {
            Ok(Some(piece)) => {
                self.received += piece.len() as u64;
                if self.received > self.cap {
                    return Err(SourceError::TooLarge {
                        tried: self.tried.clone(),
                        limit_bytes: self.cap,
                    });
                }
                Ok(Some(piece))
            }
            Ok(None) => Ok(None),
            Err(cause) => Err(transport_error(&self.tried, cause)),
        }
    }

    /// All of the body.
    pub(crate) async fn whole(mut self) -> Result<Answer, SourceError> {
        if self.response.content_length().is_some_and(|length| length > self.cap) {
            return Err(SourceError::TooLarge {
                tried: self.tried.clone(),
                limit_bytes: self.cap,
            });
        }
        let mut body = Vec::new();
        while let Some(piece) = self.next().await? {
            body.extend_from_slice(&piece);
        }
        Ok(Answer {
            body,
            tried: self.tried.clone(),
        })
    }
}

struct Transport {
    http: reqwest::Client,
    target: Url,
    host: Option<HeaderValue>,
}

/// The way to one server.
pub(crate) struct Client {
    pub(crate) options: SourceOptions,
    base: Url,
    user_info: Option<(String, String)>,
    transport: OnceCell<Transport>,
    budget: Arc<Budget>,
    refuses_post: AtomicBool,
}

impl Client {
    /// Checks the URL; nothing is sent or read yet.
    pub(crate) fn new(options: SourceOptions) -> Result<Self, SourceError> {
        let (base, user_info) = options.base()?;
        Ok(Self {
            budget: Arc::new(Budget::new(options.concurrency, options.bytes_per_s)),
            options,
            base,
            user_info,
            transport: OnceCell::new(),
            refuses_post: AtomicBool::new(false),
        })
    }

    /// The base URL, fit for screens.
    pub(crate) fn shown_url(&self) -> String {
        redact_url(self.base.as_str())
    }

    /// Sends `question` and reads the whole answer; repeats what is worth repeating.
    pub(crate) async fn ask(&self, question: &Question, call: &Call) -> Result<Answer, SourceError> {
        self.exchange(question, call, |stream| Box::pin(stream.whole())).await
    }

    /// Sends `question` and lets `consume` read the answer; repeats both, from the start, where that may help.
    pub(crate) async fn exchange<T: Send>(
        &self,
        question: &Question,
        call: &Call,
        consume: impl Fn(Stream) -> BoxFuture<'static, Result<T, SourceError>> + Send + Sync,
    ) -> Result<T, SourceError> {
        let tried = self.tried(question);
        let mut attempt = 1;
        loop {
            // Waiting for a place is limited by the call alone; the request itself by the timeout of the source too.
            let permit = call
                .guard(&tried, call.remaining(), async { Ok(self.budget.enter().await) })
                .await?;
            let mut asked_wait = None;
            let outcome = call
                .guard(&tried, self.options.timeout, async {
                    let stream = self.send(question, &tried, permit, &mut asked_wait).await?;
                    consume(stream).await
                })
                .await;
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let attempts = match &error {
                SourceError::Server {
                    status: 429 | 502 | 503 | 504,
                    ..
                } => MAX_ATTEMPTS,
                // A kept-alive connection that the server has just closed looks like this.
                SourceError::Unreachable { .. } => 2,
                _ => 1,
            };
            let wait = asked_wait.unwrap_or_else(|| jittered(FIRST_RETRY_WAIT * 2_u32.pow(attempt - 1)));
            if attempt >= attempts || wait > MAX_RETRY_AFTER || wait >= call.remaining() {
                return Err(error);
            }
            tracing::debug!(%error, attempt, wait_ms = wait.as_millis() as u64, "source: trying again");
            call.guard(&tried, call.remaining(), async {
                tokio::time::sleep(wait).await;
                Ok(())
            })
            .await?;
            attempt += 1;
        }
    }

    async fn transport(&self) -> Result<&Transport, SourceError> {
        self.transport
            .get_or_try_init(|| async {
                let (http, target, host) = tls::http_client(&self.options, &self.base).await?;
                let host = host.and_then(|host| HeaderValue::from_str(&host).ok());
                Ok(Transport { http, target, host })
            })
            .await
    }

    /// Sends once (twice when the server refuses POST); an error status is an error here.
    async fn send(
        &self,
        question: &Question,
        tried: &str,
        permit: Option<OwnedSemaphorePermit>,
        asked_wait: &mut Option<Duration>,
    ) -> Result<Stream, SourceError> {
        let by_get = self.refuses_post.load(Ordering::Relaxed);
        let mut response = self.send_once(question, tried, by_get).await?;
        if response.status() == StatusCode::METHOD_NOT_ALLOWED && !by_get && matches!(question, Question::Form { .. }) {
            self.refuses_post.store(true, Ordering::Relaxed);
            response = self.send_once(question, tried, true).await?;
        }
        let status = response.status();
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
            .to_ascii_lowercase();
        if !status.is_success() {
            *asked_wait = retry_after(response.headers());
            return Err(self.refusal(response, question, tried, &content_type).await);
        }
        if content_type.starts_with("text/html") {
            return Err(SourceError::NotPrometheus {
                tried: tried.to_owned(),
                saw: "a web page (text/html)".into(),
            });
        }
        Ok(Stream {
            response,
            _permit: permit,
            tried: tried.to_owned(),
            content_type,
            received: 0,
            cap: self.options.body_cap_bytes,
            budget: self.budget.clone(),
        })
    }

    async fn send_once(
        &self,
        question: &Question,
        tried: &str,
        by_get: bool,
    ) -> Result<reqwest::Response, SourceError> {
        let transport = self.transport().await?;
        let mut url = transport.target.clone();
        url.set_path(&format!("{}/{}", url.path().trim_end_matches('/'), question.path()));
        let request = match question {
            Question::Form { parameters, .. } if !by_get => {
                let mut form = url.clone();
                form.query_pairs_mut().extend_pairs(parameters);
                transport
                    .http
                    .post(url)
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .header(ACCEPT, "application/json")
                    .body(form.query().unwrap_or("").to_owned())
            }
            Question::Form { parameters, .. } | Question::Get { parameters, .. } => {
                if !parameters.is_empty() {
                    url.query_pairs_mut().extend_pairs(parameters);
                }
                transport
                    .http
                    .request(Method::GET, url)
                    .header(ACCEPT, "application/json")
            }
            Question::RemoteRead { body } => transport
                .http
                .post(url)
                .header(CONTENT_TYPE, "application/x-protobuf")
                .header("content-encoding", "snappy")
                .header("x-prometheus-remote-read-version", "0.1.0")
                .body(body.clone()),
        };
        let request = self.authorised(request, transport).await?;
        let started = Instant::now();
        let response = request.send().await.map_err(|cause| transport_error(tried, cause))?;
        self.budget.observe(started.elapsed());
        Ok(response)
    }

    async fn authorised(
        &self,
        mut request: reqwest::RequestBuilder,
        transport: &Transport,
    ) -> Result<reqwest::RequestBuilder, SourceError> {
        if let Some(host) = &transport.host {
            request = request.header(HOST, host.clone());
        }
        request = match (&self.options.credentials, &self.user_info) {
            (Credentials::Basic { user, password }, _) => {
                request.basic_auth(user, Some(password.read("basic_auth.password").await?))
            }
            (Credentials::Bearer(token), _) => {
                let token = token.read("bearer_token").await?;
                let value = secret_value("bearer_token", &format!("Bearer {token}"))?;
                request.header(AUTHORIZATION, value)
            }
            (Credentials::None, Some((user, password))) => request.basic_auth(user, Some(password)),
            (Credentials::None, None) => request,
        };
        for (name, value) in &self.options.headers {
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|cause| SourceError::BadOption {
                field: "headers",
                value: excerpt(name),
                rule: "must be the name of an HTTP header".into(),
                cause: Some(Arc::new(cause)),
            })?;
            let text: String = Secret::read(value, "headers").await?;
            request = request.header(header, secret_value("headers", &text)?);
        }
        Ok(request)
    }

    /// The typed error of an answer whose status is one.
    async fn refusal(
        &self,
        mut response: reqwest::Response,
        question: &Question,
        tried: &str,
        content_type: &str,
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
            300..=399 => {
                let to = response
                    .headers()
                    .get(reqwest::header::LOCATION)
                    .and_then(|value| value.to_str().ok());
                return SourceError::NotPrometheus {
                    tried,
                    saw: format!(
                        "a redirect to {}; use that address if it is the right one",
                        redact_url(to.unwrap_or("nowhere"))
                    ),
                };
            }
            _ => {}
        }
        let mut body = Vec::new();
        while body.len() < MAX_ERROR_BODY_BYTES
            && let Ok(Some(piece)) = response.chunk().await
        {
            body.extend_from_slice(&piece[..piece.len().min(MAX_ERROR_BODY_BYTES - body.len())]);
        }
        if let Some(refused) = json::refused(&body) {
            return match (status.as_u16(), refused.kind.as_str()) {
                // A query that cannot be executed is as wrong as one that cannot be parsed, unless it only asks for too much.
                (400 | 422, kind)
                    if kind == "bad_data" || (kind == "execution" && !asks_too_much(&refused.message)) =>
                {
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
            };
        }
        let text = String::from_utf8_lossy(&body);
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

    fn tried(&self, question: &Question) -> String {
        let method = match question {
            Question::Get { .. } => "GET",
            Question::Form { .. } if self.refuses_post.load(Ordering::Relaxed) => "GET",
            _ => "POST",
        };
        format!("{method} {}/{}", self.shown_url(), question.path())
    }
}

impl Question {
    /// The query among the parameters, for errors.
    fn query(&self) -> String {
        match self {
            Self::Form { parameters, .. } | Self::Get { parameters, .. } => parameters
                .iter()
                .find(|(name, _)| matches!(*name, "query" | "match[]"))
                .map(|(_, value)| value.clone())
                .unwrap_or_default(),
            Self::RemoteRead { .. } => String::new(),
        }
    }
}

fn secret_value(field: &'static str, text: &str) -> Result<HeaderValue, SourceError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| SourceError::BadOption {
        field,
        value: "…".into(),
        rule: "must be one line of visible ASCII".into(),
        cause: None,
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A transport error as ours, its URL (which may carry secrets) removed.
fn transport_error(tried: &str, cause: reqwest::Error) -> SourceError {
    SourceError::Unreachable {
        tried: tried.to_owned(),
        cause: Arc::new(cause.without_url()),
    }
}

/// What `Retry-After` asks for: seconds, or an instant, which counts from the server's own `Date` (clocks differ).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?).ok()?;
    Some(until.duration_since(now).unwrap_or(Duration::ZERO))
}

/// `wait` ± 50 %, so that many consoles do not come back at the same moment.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0_u8) >> 11;
    wait.mul_f64(0.5 + random as f64 / (1_u64 << 53) as f64)
}

/// Whether an execution error is about `query.max-samples`: a smaller question may be answered.
fn asks_too_much(message: &str) -> bool {
    message.contains("too many samples")
}

#[cfg(test)]
mod tests {
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
}
