//! What carries a call: any gRPC transport, with the deadline of the rpc's class put on it.

use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::HeaderValue;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use super::bearer::Bearer;
use super::claim::Claims;
use super::deadline::{DeadlineClass, deadline_class};
use super::stranger;
use super::trust::tls_fault;

/// Header of a call that belongs to every process: the role whose process is meant. It goes no further than the choice.
pub(super) const TO_ROLE: &str = "sla-to-role";

/// Any error on the way.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the server is given on top of the client's deadline, so that the client's own timer fires first and the
/// answer has one meaning.
const SERVER_GRACE: Duration = Duration::from_secs(1);

/// A service that carries gRPC requests: a transport channel, or the layered roles of this process.
pub trait PeerService:
    Service<http::Request<Body>, Response = http::Response<Body>, Error: Into<BoxError>, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> PeerService for S
where
    S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
}

/// The transport below every client of a [`super::Peer`].
#[derive(Clone)]
pub struct PeerChannel {
    inner: BoxCloneSyncService<http::Request<Body>, http::Response<Body>, BoxError>,
    dated: bool,
    claims: Claims,
    bearer: Bearer,
    role: Option<HeaderValue>,
}

impl fmt::Debug for PeerChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerChannel").finish_non_exhaustive()
    }
}

impl PeerChannel {
    pub(super) fn new(service: impl PeerService) -> Self {
        Self {
            inner: BoxCloneSyncService::new(service.map_err(Into::into)),
            dated: true,
            claims: Claims::default(),
            bearer: Bearer::default(),
            role: None,
        }
    }

    /// With these claims on each call.
    pub(super) fn claiming(self, claims: Claims) -> Self {
        Self { claims, ..self }
    }

    /// With this token on each call.
    pub(super) fn bearing(self, bearer: Bearer) -> Self {
        Self { bearer, ..self }
    }

    /// To the process of the role `word`, where a call belongs to every process.
    pub(super) fn of_role(self, word: &str) -> Self {
        Self {
            role: HeaderValue::from_str(word).ok(),
            ..self
        }
    }

    /// Without deadlines of its own: below a channel that has set them already.
    pub(super) fn undated(service: impl PeerService) -> Self {
        Self {
            dated: false,
            ..Self::new(service)
        }
    }
}

impl Service<http::Request<Body>> for PeerChannel {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Readiness is awaited by `oneshot` inside the call, under the same deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let inner = self.inner.clone();
        self.claims.put(request.headers_mut());
        if let Err(refused) = self.bearer.put(request.headers_mut()) {
            return Box::pin(async move { Err(BoxError::from(refused)) });
        }
        if let Some(role) = &self.role {
            request.headers_mut().insert(TO_ROLE, role.clone());
        }
        let limit = if self.dated {
            deadline_class(request.uri().path()).limit()
        } else {
            None
        };
        Box::pin(async move {
            let Some(limit) = limit else {
                return inner.oneshot(request).await.map_err(told);
            };
            if let Ok(value) = HeaderValue::from_str(&format!("{}m", (limit + SERVER_GRACE).as_millis())) {
                request.headers_mut().entry("grpc-timeout").or_insert(value);
            }
            let Ok(answer) = tokio::time::timeout(limit, inner.oneshot(request)).await else {
                let words = format!("no answer within {} s", limit.as_secs());
                return Err(BoxError::from(Status::deadline_exceeded(words)));
            };
            answer.map(expired_is_deadline_exceeded).map_err(told)
        })
    }
}

/// How the words of such a failure begin.
pub(super) const DISTRUST: &str = "no trusted connection: ";

/// A connection that failed by TLS says so in words.
fn told(error: BoxError) -> BoxError {
    match tls_fault(&*error) {
        Some(fault) => BoxError::from(Status::unavailable(format!("{DISTRUST}{fault}"))),
        None => error,
    }
}

/// Whether a call that failed on its way never reached anybody: there was no connection to send it on.
pub(super) fn never_arrived(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut links = std::iter::successors(Some(error), |link| link.source());
    links.any(<dyn std::error::Error + 'static>::is::<tonic::ConnectError>)
}

/// Whether the other end did not keep to HTTP/2: it went, or said what is no frame.
fn breaks_off(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut links = std::iter::successors(Some(error), |link| link.source());
    // HTTP/2 below the transport has types that are not ours to name.
    links.any(|link| link.to_string().contains("http2 error"))
}

/// Where nobody could be reached, and why: in a chain of processes it is not always the one that was called.
pub(super) async fn unreached(address: &str, error: tonic::transport::Error) -> BoxError {
    if !never_arrived(&error) {
        // Who does not speak HTTP/2 breaks off at its first words.
        let found = if breaks_off(&error) {
            stranger::found(address).await
        } else {
            None
        };
        return found.map_or_else(|| error.into(), |found| Status::unavailable(found).into());
    }
    let links = std::iter::successors(Some(&error as &(dyn std::error::Error + 'static)), |link| link.source());
    let reason = links.last().map(ToString::to_string).unwrap_or_default();
    let mut status = Status::unavailable(format!("{address} cannot be reached: {reason}"));
    status.set_source(std::sync::Arc::new(error));
    status.into()
}

/// tonic's server answers an expired `grpc-timeout` with CANCELLED; callers shall see one code for one thing.
fn expired_is_deadline_exceeded(mut answer: http::Response<Body>) -> http::Response<Body> {
    let cancelled = answer
        .headers()
        .get("grpc-status")
        .is_some_and(|code| code.as_bytes() == b"1");
    let expired = answer
        .headers()
        .get("grpc-message")
        .is_some_and(|text| text.as_bytes().starts_with(b"Timeout"));
    if cancelled && expired {
        let code = HeaderValue::from(Code::DeadlineExceeded as i32);
        answer.headers_mut().insert("grpc-status", code);
    }
    answer
}

impl DeadlineClass {
    /// The time a call of this class may take; `None`: it lives by its heartbeat.
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::Stored => Some(Duration::from_secs(2)),
            Self::Write => Some(Duration::from_secs(10)),
            Self::Source => Some(Duration::from_secs(15)),
            Self::Stream => None,
        }
    }
}
