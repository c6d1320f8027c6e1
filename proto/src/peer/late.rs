//! Roles of one process need a client of each other before any of them exists: a slot that is filled once all are made.

use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tonic::Status;
use tonic::body::Body;

use super::channel::{BoxError, PeerChannel, PeerService};

type Slot = OnceLock<PeerChannel>;

/// Owns the services behind a late peer. Dropping it unties the knot of roles that hold peers of each other.
#[derive(Debug)]
pub struct LateRoutes(Arc<Slot>);

impl LateRoutes {
    /// Puts the services in; a second call changes nothing and answers `false`.
    pub fn fill(&self, service: impl PeerService) -> bool {
        self.0.set(PeerChannel::undated(service)).is_ok()
    }
}

/// The client's end of the slot.
#[derive(Debug, Clone)]
pub(super) struct LateService(Weak<Slot>);

pub(super) fn pair() -> (LateRoutes, LateService) {
    let slot = Arc::new(Slot::new());
    let weak = Arc::downgrade(&slot);
    (LateRoutes(slot), LateService(weak))
}

impl tower_service::Service<http::Request<Body>> for LateService {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let filled = self.0.upgrade().and_then(|slot| slot.get().cloned());
        Box::pin(async move {
            let Some(mut channel) = filled else {
                return Err(BoxError::from(Status::unavailable(
                    "the roles of this process are not running",
                )));
            };
            channel.call(request).await
        })
    }
}
