//! The role `gateway`, put together.

use std::collections::BTreeSet;

use sla_proto::PeerChannel;
use sla_proto::peer::{contract, role_of};
use sla_runtime::{Parts, Role};
use tonic::service::Routes;

use crate::fan::Fan;
use crate::forward::Forward;
use crate::options::GatewayOptions;

/// The role `gateway` of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GatewayService {
    options: GatewayOptions,
    channel: PeerChannel,
    forward: Forward,
}

impl GatewayService {
    /// Starts the role; the peer reaches all others.
    pub fn start(options: GatewayOptions, parts: Parts) -> Self {
        let fan = Fan::new(parts.peer.clone(), parts.shutdown);
        let channel = parts.peer.into_channel();
        Self {
            options,
            forward: Forward::new(channel.clone(), fan),
            channel,
        }
    }

    /// The services of roles that are reached elsewhere.
    fn elsewhere(&self) -> BTreeSet<String> {
        let rpcs = contract::rpcs().into_iter().map(|rpc| rpc.path);
        rpcs.filter(|path| role_of(path).is_some_and(|role| self.options.beyond.iter().any(|word| word == role)))
            .filter_map(|path| Some(path.trim_start_matches('/').split_once('/')?.0.to_owned()))
            .collect()
    }
}

impl Role for GatewayService {
    fn name(&self) -> &'static str {
        "gateway"
    }

    fn routes(&self, routes: Routes) -> Routes {
        let mut router = routes.into_axum_router().merge(crate::http::router(&self.channel));
        for service in self.elsewhere() {
            router = router.route_service(&format!("/{service}/{{rpc}}"), self.forward.clone());
        }
        Routes::from(router)
    }
}
