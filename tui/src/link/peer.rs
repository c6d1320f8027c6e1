//! The real wire: calls on a peer, which puts the deadline of the contract on each.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use sla_proto::Peer;
use sla_proto::etl::v1 as etl;
use sla_proto::violation::v1::{WatchViolationsRequest, WatchViolationsResponse};

use super::{Wire, problem};
use crate::context::request::{Answer, Problem, Request, calls};

/// A peer.
#[derive(Debug, Clone)]
pub(crate) struct PeerWire(pub(crate) Peer);

impl Wire for PeerWire {
    async fn call(&self, request: Request) -> Answer {
        macro_rules! carry {
            ($($name:ident $client:ident $rpc:ident: $ask:ty => $told:ty,)*) => {
                match request {
                    $(Request::$name(message) => self.0.$client().$rpc(message).await.map(|r| r.into_inner().into()),)*
                }
            };
        }
        calls!(carry).map_err(|status| problem::of_status(&status))
    }

    async fn watch(&self) -> Result<BoxStream<'static, Result<WatchViolationsResponse, Problem>>, Problem> {
        let request = WatchViolationsRequest { set: String::new() };
        let stream = self
            .0
            .violations()
            .watch_violations(request)
            .await
            .map_err(|s| problem::of_status(&s))?;
        Ok(stream
            .into_inner()
            .map(|item| item.map_err(|s| problem::of_status(&s)))
            .boxed())
    }

    async fn watch_run(
        &self,
        run_id: String,
        after_sequence: u64,
    ) -> Result<BoxStream<'static, Result<etl::WatchRunResponse, Problem>>, Problem> {
        let request = etl::WatchRunRequest { run_id, after_sequence };
        let stream = self
            .0
            .runs()
            .watch_run(request)
            .await
            .map_err(|s| problem::of_status(&s))?;
        Ok(stream
            .into_inner()
            .map(|item| item.map_err(|s| problem::of_status(&s)))
            .boxed())
    }
}
