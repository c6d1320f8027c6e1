//! Requests to one server: credentials, budget, repetitions, caps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use sla_domain::Secrets;
use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use tokio::time::Instant;

use super::answer::Answer;
use super::budget::Budget;
use super::diagnosis::{speaks_the_other_scheme, transport_error};
use super::packing::{Body, Broken};
use super::proxy::Route;
use super::question::Question;
use super::refusal::{refusal, retry_after};
use super::transport::Transport;
use crate::error::{SourceError, excerpt};
use crate::fault::Fault;
use crate::options::{Credentials, Secret, SourceOptions, redact_url};
use crate::port::Call;
use crate::server_time::ServerTimes;

/// Most times one request is sent.
pub(crate) const MAX_ATTEMPTS: u32 = 4;
/// First wait before a repetition; doubles each time, with jitter of ± 50 %.
const FIRST_RETRY_WAIT: Duration = Duration::from_millis(200);
/// Longest wait a server may ask for with Retry-After; if it wants more, the error is reported at once.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// An answer whose body is still coming. Holds its place in the budget until dropped.
pub(crate) struct Stream {
    body: Body,
    route: Route,
    /// What the server may repeat and is not said again.
    pub(crate) secrets: Secrets,
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
        match self.body.next().await {
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
            Err(Broken::Transport(cause)) => Err(transport_error(&self.tried, &self.route, cause)),
            Err(Broken::Packing(cause)) => Err(SourceError::Decode {
                tried: self.tried.clone(),
                what: "its compressed body cannot be unpacked".into(),
                cause: Some(Arc::new(cause)),
            }),
        }
    }

    /// All of the body.
    pub(crate) async fn whole(mut self) -> Result<Answer, SourceError> {
        if self.body.announced().is_some_and(|length| length > self.cap) {
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
            secrets: std::mem::take(&mut self.secrets),
        })
    }
}

/// The way to one server.
pub(crate) struct Client {
    pub(crate) options: SourceOptions,
    base: Url,
    user_info: Option<(String, String)>,
    transport: OnceCell<Transport>,
    budget: Arc<Budget>,
    refuses_post: AtomicBool,
    /// What the server's clock showed.
    pub(crate) server_times: ServerTimes,
}

impl Client {
    /// Checks the URL; nothing is sent or read yet.
    pub(crate) fn new(options: SourceOptions) -> Result<Self, SourceError> {
        let (base, user_info) = options.base()?;
        check_headers(&options.headers)?;
        Ok(Self {
            budget: Arc::new(Budget::new(options.concurrency, options.bytes_per_s)),
            options,
            base,
            user_info,
            transport: OnceCell::new(),
            refuses_post: AtomicBool::new(false),
            server_times: ServerTimes::default(),
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
                return Err(self.looked_at_again(error, call).await);
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
            .get_or_try_init(|| Transport::new(&self.options, &self.base))
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
        let (mut response, mut secrets) = self.send_once(question, tried, by_get).await?;
        if refuses_post(response.status()) && !by_get && matches!(question, Question::Form { .. }) {
            // Read-only roles and the API server's service proxy let GET pass where they refuse POST.
            let (second, told) = self.send_once(question, tried, true).await?;
            if second.status().is_success() || response.status() == StatusCode::METHOD_NOT_ALLOWED {
                self.refuses_post.store(true, Ordering::Relaxed);
                (response, secrets) = (second, told);
            }
        }
        let status = response.status();
        let content_type = lower_case(response.headers(), CONTENT_TYPE);
        if !status.is_success() {
            *asked_wait = retry_after(response.headers());
            return Err(refusal(response, question, tried, &content_type, &secrets).await);
        }
        let body = Body::of(response).map_err(|packing| SourceError::NotPrometheus {
            tried: tried.to_owned(),
            saw: format!(
                "a body in the encoding `{}`, which was not asked for; let the server or the proxy before it send it plain",
                excerpt(&secrets.take_out(&packing))
            ),
        })?;
        if content_type.starts_with("text/html") {
            return Err(SourceError::NotPrometheus {
                tried: tried.to_owned(),
                saw: "a web page (text/html)".into(),
            });
        }
        Ok(Stream {
            body,
            route: self.transport().await?.route.clone(),
            secrets,
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
    ) -> Result<(reqwest::Response, Secrets), SourceError> {
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
        let (request, secrets) = self.authorised(request, transport).await?;
        let started = Instant::now();
        let response = request.send().await;
        let response = response.map_err(|cause| transport_error(tried, &transport.route, cause))?;
        self.budget.observe(started.elapsed());
        self.server_times.note(response.headers(), started);
        Ok((response, secrets))
    }

    /// A connection that broke without a word is often one of TLS and clear text: looks whether it is.
    async fn looked_at_again(&self, error: SourceError, call: &Call) -> SourceError {
        let SourceError::Unreachable {
            tried,
            fault: Fault::Lost,
            cause,
            ..
        } = &error
        else {
            return error;
        };
        let direct = self
            .transport
            .get()
            .is_some_and(|transport| transport.route == Route::Direct);
        let look = async { Ok(direct && speaks_the_other_scheme(&self.base).await) };
        if !call.guard(tried, call.remaining(), look).await.unwrap_or(false) {
            return error;
        }
        let why = if self.base.scheme() == "http" {
            "the server speaks TLS on this port, but the URL says http"
        } else {
            "the server does not speak TLS on this port, but the URL says https"
        };
        SourceError::Unreachable {
            tried: tried.clone(),
            fault: Fault::TlsMismatch,
            why: why.into(),
            cause: cause.clone(),
        }
    }

    async fn authorised(
        &self,
        mut request: reqwest::RequestBuilder,
        transport: &Transport,
    ) -> Result<(reqwest::RequestBuilder, Secrets), SourceError> {
        let mut secrets = Secrets::default();
        if let Some(host) = &transport.host {
            request = request.header(HOST, host.clone());
        }
        request = match (&self.options.credentials, &self.user_info) {
            (Credentials::Basic { user, password }, _) => {
                let password = password.read("basic_auth.password").await?;
                secrets.add_login(user, &password);
                request.basic_auth(user, Some(password))
            }
            (Credentials::Bearer(token), _) => {
                let token = token.read("bearer_token").await?;
                secrets.add(&token);
                let value = secret_value("bearer_token", &format!("Bearer {token}"))?;
                request.header(AUTHORIZATION, value)
            }
            (Credentials::None, Some((user, password))) => {
                if password.is_empty() {
                    // A token in the place of a user.
                    secrets.add(user);
                }
                secrets.add_login(user, password);
                request.basic_auth(user, Some(password))
            }
            (Credentials::None, None) => request,
        };
        for (name, value) in &self.options.headers {
            let text: String = Secret::read(value, "headers").await?;
            secrets.add(&text);
            request = request.header(header_name(name)?, secret_value("headers", &text)?);
        }
        Ok((request, secrets))
    }

    fn tried(&self, question: &Question) -> String {
        let method = match question {
            Question::Get { .. } => "GET",
            Question::Form { .. } if self.refuses_post.load(Ordering::Relaxed) => "GET",
            _ => "POST",
        };
        let proxy = match self.transport.get().map(|transport| &transport.route) {
            Some(Route::Through(proxy)) => format!(" through the proxy {}", redact_url(proxy.as_str())),
            _ => String::new(),
        };
        format!("{method} {}/{}{proxy}", self.shown_url(), question.path())
    }
}

/// Whether a status may be about the method alone.
fn refuses_post(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::FORBIDDEN | StatusCode::NOT_IMPLEMENTED
    )
}

fn lower_case(headers: &HeaderMap, name: HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or("").to_ascii_lowercase()
}

fn header_name(name: &str) -> Result<HeaderName, SourceError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|cause| SourceError::BadOption {
        field: "headers",
        value: excerpt(name),
        rule: "must be the name of an HTTP header".into(),
        cause: Some(Arc::new(cause)),
    })
}

/// Refuses headers that no request could carry; what stands in files is read when it is sent.
fn check_headers(headers: &[(String, Secret)]) -> Result<(), SourceError> {
    for (name, value) in headers {
        header_name(name)?;
        if let Secret::Text(text) = value {
            secret_value("headers", text)?;
        }
    }
    Ok(())
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

/// `wait` ± 50 %, so that many consoles do not come back at the same moment.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0_u8) >> 11;
    wait.mul_f64(0.5 + random as f64 / (1_u64 << 53) as f64)
}
