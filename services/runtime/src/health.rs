//! `grpc.health.v1` for the roles of a process: SERVING until the end begins, then NOT_SERVING before a door closes, so that
//! whoever balances between processes goes elsewhere in time.

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use sla_proto::{Peer, PeerChannel};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::shutdown::Shutdown;
use crate::status::Problem;

/// The health of the roles that are here. A role is asked for by its word, the whole process by the empty one.
#[derive(Debug)]
pub struct RoleHealth {
    roles: Vec<String>,
    beyond: Option<(Vec<String>, Peer)>,
    shutdown: Shutdown,
}

/// Where a watcher stands.
enum Watch {
    /// It was told nothing yet.
    New,
    /// It knows that all is well.
    Serving,
    /// It was told the last word.
    Told,
}

impl RoleHealth {
    /// For these roles.
    pub fn server(roles: &[String], shutdown: Shutdown) -> Self {
        Self {
            roles: roles.to_vec(),
            beyond: None,
            shutdown,
        }
    }

    /// Asks `peer` on behalf of those who ask for one of `roles`: they run in other processes.
    #[must_use]
    pub fn beyond(self, roles: Vec<String>, peer: Peer) -> Self {
        Self {
            beyond: Some((roles, peer)),
            ..self
        }
    }

    /// The tonic server.
    pub fn into_server(self) -> HealthServer<Self> {
        HealthServer::new(self)
    }

    /// A way to the process of the role `word`, where it is another one that is asked for.
    fn far(&self, word: &str) -> Option<HealthClient<PeerChannel>> {
        let (roles, peer) = self.beyond.as_ref()?;
        roles
            .iter()
            .any(|role| role == word)
            .then(|| peer.clone().of_role(word).health())
    }

    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.roles.iter().any(|role| role == service)
    }

    fn status(&self) -> ServingStatus {
        if self.shutdown.is_noticed() {
            ServingStatus::NotServing
        } else {
            ServingStatus::Serving
        }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for RoleHealth {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if let Some(mut far) = self.far(service) {
            return far.check(request.into_inner()).await;
        }
        if !self.knows(service) {
            return Err(Problem::not_found("role", service)
                .hint(format!("ask for one of {}, or for nothing", self.roles.join(", ")))
                .status());
        }
        self.shutdown.give_notice();
        Ok(Response::new(answer(self.status())))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let shutdown = self.shutdown.clone();
        if let Some(mut far) = self.far(&request.get_ref().service) {
            shutdown.give_notice();
            let told = far.watch(request.into_inner()).await?.into_inner();
            return Ok(Response::new(
                told.take_until(shutdown.token().clone().cancelled_owned()).boxed(),
            ));
        }
        if !self.knows(&request.get_ref().service) {
            // The protocol wants a word and patience, not an error.
            let end = shutdown.token().clone();
            let unknown = stream::once(std::future::ready(Ok(answer(ServingStatus::ServiceUnknown))));
            let words = unknown.chain(stream::pending()).take_until(end.cancelled_owned());
            return Ok(Response::new(words.boxed()));
        }
        shutdown.give_notice();
        let words = stream::unfold(Watch::New, move |watch| {
            let shutdown = shutdown.clone();
            async move {
                match watch {
                    Watch::New if !shutdown.is_noticed() => Some((Ok(answer(ServingStatus::Serving)), Watch::Serving)),
                    Watch::New => Some((Ok(answer(ServingStatus::NotServing)), Watch::Told)),
                    Watch::Serving => {
                        shutdown.noticed().await;
                        Some((Ok(answer(ServingStatus::NotServing)), Watch::Told))
                    }
                    // An endless stream would hold the server back.
                    Watch::Told => None,
                }
            }
        });
        Ok(Response::new(words.boxed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(service: &str) -> Request<HealthCheckRequest> {
        Request::new(HealthCheckRequest {
            service: service.to_owned(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_word_comes_before_the_doors_close() {
        let shutdown = Shutdown::new();
        let health = RoleHealth {
            roles: vec!["etl".to_owned()],
            beyond: None,
            shutdown: shutdown.clone(),
        };
        let status = async |service| {
            health
                .check(ask(service))
                .await
                .map(|answer| answer.into_inner().status())
        };
        assert_eq!(status("").await.unwrap(), ServingStatus::Serving);
        assert_eq!(status("etl").await.unwrap(), ServingStatus::Serving);
        assert_eq!(status("storage").await.unwrap_err().code(), tonic::Code::NotFound);
        let mut watch = health.watch(ask("etl")).await.unwrap().into_inner();
        assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);

        shutdown.begin();
        assert_eq!(status("etl").await.unwrap(), ServingStatus::NotServing);
        assert!(!shutdown.token().is_cancelled(), "the doors are still open");
        assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert!(watch.next().await.is_none());
        shutdown.token().cancelled().await;
    }

    #[tokio::test]
    async fn an_unknown_role_is_told_and_does_not_hold_the_end_back() {
        let shutdown = Shutdown::new();
        let health = RoleHealth {
            roles: Vec::new(),
            beyond: None,
            shutdown: shutdown.clone(),
        };
        let mut watch = health.watch(ask("notify")).await.unwrap().into_inner();
        assert_eq!(
            watch.next().await.unwrap().unwrap().status(),
            ServingStatus::ServiceUnknown
        );
        shutdown.begin();
        assert!(
            shutdown.token().is_cancelled(),
            "nobody asked for health: nobody is waited for"
        );
        assert!(watch.next().await.is_none());
    }
}
