//! One peer for roles in several processes: the channel of a call is chosen by its service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tonic::body::Body;

use super::channel::{BoxError, PeerChannel, TO_ROLE};

/// The roles, and the packages of which each serves all services.
const PACKAGES: &[(&str, &[&str])] = &[
    ("storage", &["sla.storage.v1"]),
    ("account", &["sla.account.v1"]),
    ("etl", &["sla.etl.v1"]),
    ("sla", &["sla.set.v1", "sla.violation.v1"]),
    ("retrieval", &["sla.retrieval.v1"]),
    ("notify", &["sla.notify.v1"]),
    ("weather", &["sla.weather.v1"]),
];

/// The role that serves the rpc at `path` (`/package.Service/Method`); `None` for what every process serves.
pub fn role_of(path: &str) -> Option<&'static str> {
    let service = path.strip_prefix('/')?.split('/').next()?;
    let (package, _) = service.rsplit_once('.')?;
    PACKAGES
        .iter()
        .find(|(_, packages)| packages.contains(&package))
        .map(|(role, _)| *role)
}

/// Sends each call to the process of its role.
#[derive(Debug, Clone)]
pub(super) struct Routed {
    elsewhere: Arc<BTreeMap<String, PeerChannel>>,
    here: PeerChannel,
}

impl Routed {
    pub(super) fn new(elsewhere: BTreeMap<String, PeerChannel>, here: PeerChannel) -> Self {
        Self {
            elsewhere: Arc::new(elsewhere),
            here,
        }
    }
}

impl tower_service::Service<http::Request<Body>> for Routed {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let meant = request.headers_mut().remove(TO_ROLE);
        let meant = meant.as_ref().and_then(|role| role.to_str().ok());
        let role = role_of(request.uri().path()).or(meant);
        let elsewhere = role.and_then(|role| self.elsewhere.get(role));
        elsewhere.unwrap_or(&self.here).clone().call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::contract::rpcs;

    #[test]
    fn every_service_but_that_of_the_process_belongs_to_a_role() {
        for rpc in rpcs() {
            let of_process = rpc.path.starts_with("/sla.server.v1.");
            assert_eq!(role_of(&rpc.path).is_none(), of_process, "{}", rpc.path);
        }
        assert_eq!(role_of("/sla.set.v1.SetService/GetSet"), Some("sla"));
        assert_eq!(role_of("/grpc.health.v1.Health/Check"), None);
        assert_eq!(role_of("nonsense"), None);
    }
}
