//! The processes of an estate as one of them sees them: each is asked what it is and whether it serves. What did not answer is
//! unknown, never fine.

use std::time::{Duration, Instant};

use futures::future::join_all;
use sla_domain::SafeText;
use sla_proto::server::v1::{GetOwnMetricsRequest, GetServerInfoRequest, Process};
use sla_proto::{Peer, convert};
use tonic::Request;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

/// How long one process may take: all are asked at once, and the answer as a whole has 2 s.
pub(crate) const ASK_LIMIT: Duration = Duration::from_millis(1_500);
/// Longest problem that is told, characters.
const MAX_PROBLEM: usize = 300;

/// Another process, by its address.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// As it is configured.
    pub address: String,
    /// The roles that it is called for.
    pub roles: Vec<String>,
    /// The way there.
    pub peer: Peer,
}

impl Neighbour {
    /// What it counts about itself, as OpenMetrics text; `None` when it does not answer within `limit`.
    pub async fn own_metrics(&self, limit: Duration) -> Option<String> {
        let mut request = Request::new(GetOwnMetricsRequest {});
        request.set_timeout(limit);
        let mut server = self.peer.server();
        let asked = tokio::time::timeout(limit, server.get_own_metrics(request)).await;
        match asked {
            Ok(Ok(answer)) => Some(answer.into_inner().text),
            Ok(Err(status)) => {
                tracing::debug!(address = self.address, %status, "own metrics are not told");
                None
            }
            Err(_) => None,
        }
    }

    async fn process(&self) -> Process {
        let mut process = Process {
            address: self.address.clone(),
            roles: self.roles.clone(),
            ..Process::default()
        };
        let begun = Instant::now();
        let mut server = self.peer.server();
        let mut health = self.peer.health();
        let both = async {
            tokio::join!(
                server.get_server_info(GetServerInfoRequest {}),
                health.check(HealthCheckRequest::default()),
            )
        };
        match tokio::time::timeout(ASK_LIMIT, both).await {
            Ok((info, serving)) => {
                process.took = Some(convert::duration(begun.elapsed().as_millis() as i64));
                match info {
                    Ok(info) => process.info = Some(info.into_inner()),
                    Err(status) => process.problem = words(status.message()),
                }
                process.serving = serving
                    .ok()
                    .map(|answer| answer.into_inner().status() == ServingStatus::Serving);
            }
            Err(_) => process.problem = format!("no answer within {} ms", ASK_LIMIT.as_millis()),
        }
        process
    }
}

fn words(text: &str) -> String {
    SafeText::with_limit(text, MAX_PROBLEM).into_string()
}

/// All of them, asked at once, by address.
pub(crate) async fn ask(neighbours: &[Neighbour]) -> Vec<Process> {
    let mut processes = join_all(neighbours.iter().map(Neighbour::process)).await;
    processes.sort_by(|a, b| a.address.cmp(&b.address));
    processes
}
