//! The way of calls, between roles and from consoles: some are lost, some answers are.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use sla_proto::peer::{BoxError, PeerService};
use sla_proto::storage::v1::{GetStateResponse, PutViolationsResponse};
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt as _;
use tower_service::Service;

use crate::bug::Bug;
use crate::weather::{Fate, Weather};

/// The keys that one question may name; the planted answer says that all were looked up.
const ALL_KEYS: u32 = 1_000;

/// A service behind such a way.
#[derive(Clone)]
pub(crate) struct Wire<S> {
    inner: S,
    weather: Arc<Weather>,
    bug: Option<Bug>,
}

impl<S> Wire<S> {
    pub(crate) fn new(inner: S, weather: Arc<Weather>, bug: Option<Bug>) -> Self {
        Self { inner, weather, bug }
    }
}

impl<S: PeerService> Service<http::Request<Body>> for Wire<S>
where
    S::Error: Into<BoxError>,
{
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let (inner, fate, bug) = (self.inner.clone(), self.weather.fate(&path), self.bug);
        Box::pin(async move {
            if fate == Fate::Lost {
                return Err(lost());
            }
            if bug == Some(Bug::SpacingForgotten) && path.ends_with("StateStoreService/GetState") {
                let none = GetStateResponse {
                    looked_up: ALL_KEYS,
                    ..GetStateResponse::default()
                };
                return Ok(answer(&none));
            }
            let outcome = inner.oneshot(request).await.map_err(Into::into);
            if bug == Some(Bug::LedgerSwallowed) && path.ends_with("LedgerStoreService/PutViolations") {
                return Ok(answer(&PutViolationsResponse::default()));
            }
            if fate == Fate::AnswerLost { Err(lost()) } else { outcome }
        })
    }
}

fn lost() -> BoxError {
    BoxError::from(Status::unavailable("lost on the way"))
}

/// A unary answer.
fn answer(message: &impl prost::Message) -> http::Response<Body> {
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.encoded_len() as u32).to_be_bytes());
    frame.extend(message.encode_to_vec());
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(frame)).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = http::Response::new(Body::new(body));
    let kind = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}
