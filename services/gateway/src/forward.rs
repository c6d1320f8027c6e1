//! Passing calls on as they come: nothing is decoded on the way but the filters of streams that many share.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use sla_proto::PeerChannel;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use crate::fan::Fan;
use crate::passing;

/// The services of all roles elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    channel: PeerChannel,
    fan: Fan,
}

impl Forward {
    pub(crate) fn new(channel: PeerChannel, fan: Fan) -> Self {
        Self { channel, fan }
    }
}

impl Service<http::Request<axum::body::Body>> for Forward {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<axum::body::Body>) -> Self::Future {
        let mut me = self.clone();
        let mut request = request.map(Body::new);
        Box::pin(async move {
            if Fan::shares(request.uri().path()) {
                return Ok(me.fan.join(request).await.unwrap_or_else(Status::into_http));
            }
            let extensions = request.extensions().clone();
            passing::put(&extensions, request.headers_mut());
            let answer = me.channel.call(request).await;
            Ok(answer.unwrap_or_else(|error| Status::from_error(error).into_http()))
        })
    }
}
