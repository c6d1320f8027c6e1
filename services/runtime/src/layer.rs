//! The layers every call passes through, over a socket or inside the process: who calls, how much it may make us read, how long
//! it may take, what happens on a panic, how much runs at once.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use sla_proto::peer::{Access, Bearer, Claims, Presented, access, deadline_class, is_known};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::{Code, Status};
use tower_service::Service;

use crate::caller::{Caller, Connection, End, Rights, Way};
use crate::foreign;
use crate::gate::Gate;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::metrics::rpc::Rpcs;
use crate::pool::panic_text;
use crate::refusal;
use crate::status::{Problem, reason};

/// Calls that may run at once in a process; more are refused with RESOURCE_EXHAUSTED. Streams count only until they
/// have started.
pub const MAX_CALLS: usize = 512;
/// What the server grants on top of the deadline of the rpc's class.
const GRACE: Duration = Duration::from_secs(1);

/// The rpc (`package.Service/Method`) that a request of HTTP stands for, where it stands for one.
pub type StandingFor = fn(&http::Method, &str) -> Option<&'static str>;

/// Wraps the services of a process with [`Guarded`].
#[derive(Debug, Clone)]
pub struct GuardLayer {
    calls: Arc<Semaphore>,
    intake: Intake,
    secret: Option<Arc<str>>,
    gate: Option<Gate>,
    rpcs: Rpcs,
    standing_for: Option<StandingFor>,
}

impl GuardLayer {
    /// For one process: its services share the limit of calls.
    pub fn new(max_calls: usize) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(max_calls)),
            intake: Intake::default(),
            secret: None,
            gate: None,
            rpcs: Rpcs::default(),
            standing_for: None,
        }
    }

    /// Takes whoever knows `secret` for a role of this estate, whatever way it comes.
    #[must_use]
    pub fn trusting(mut self, secret: Option<Arc<str>>) -> Self {
        self.secret = secret;
        self
    }

    /// Asks `gate` who makes each call that comes through a door. Without one nobody is asked.
    #[must_use]
    pub fn asking(mut self, gate: Option<Gate>) -> Self {
        self.gate = gate;
        self
    }

    /// Takes requests that are none of gRPC for the rpcs that they stand for: the same ranks, deadlines and figures.
    #[must_use]
    pub fn standing_for(mut self, rpc: StandingFor) -> Self {
        self.standing_for = Some(rpc);
        self
    }

    /// Counts and times the calls, told by `metrics`.
    #[must_use]
    pub fn measured(mut self, metrics: &Metrics) -> Self {
        self.rpcs = Rpcs::registered(metrics);
        self
    }
}

impl Default for GuardLayer {
    fn default() -> Self {
        Self::new(MAX_CALLS)
    }
}

impl<S> tower_layer::Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded {
            inner,
            calls: self.calls.clone(),
            intake: self.intake.clone(),
            secret: self.secret.clone(),
            gate: self.gate.clone(),
            rpcs: self.rpcs.clone(),
            standing_for: self.standing_for,
        }
    }
}

/// A service behind the layers.
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    inner: S,
    calls: Arc<Semaphore>,
    intake: Intake,
    secret: Option<Arc<str>>,
    gate: Option<Gate>,
    rpcs: Rpcs,
    standing_for: Option<StandingFor>,
}

impl<S> Service<http::Request<Body>> for Guarded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let is_grpc = refusal::is_grpc(request.headers());
        // What is gRPC stands for itself.
        let rpc = self
            .standing_for
            .filter(|_| !is_grpc)
            .and_then(|of| of(request.method(), request.uri().path()));
        let path = rpc.map_or_else(|| request.uri().path().to_owned(), |rpc| format!("/{rpc}"));
        let open = self.rpcs.begin(&path);
        let Ok(permit) = self.calls.clone().try_acquire_owned() else {
            let problem = Problem::new(Code::ResourceExhausted, reason::OVERLOADED, "too many calls at once")
                .hint("try again in a moment");
            return Box::pin(async move { Ok(open.answered(refusal::into_http(problem.status(), is_grpc))) });
        };
        let connection = request.extensions().get::<Connection>().cloned();
        // No page can speak gRPC, unless a port takes it in HTTP/1.
        let may_be_a_page = !is_grpc || request.version() < http::Version::HTTP_2;
        if may_be_a_page && let Err(refused) = foreign::check(request.headers(), request.uri(), connection.as_ref()) {
            return Box::pin(async move { Ok(open.answered(refusal::into_http(refused, is_grpc))) });
        }
        let claims = Claims::take(request.headers_mut());
        if let Some(rights) = request.headers().get(AUTHORIZATION).cloned() {
            request.extensions_mut().insert(Rights(rights));
        }
        let presented = Bearer::take(request.headers_mut());
        let is_role = self.secret.as_deref().is_some_and(|secret| claims.knows(secret));
        // A clone is not yet ready; the service that was polled is used and its clone stays behind.
        let fresh = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, fresh);
        let gate = self.gate.clone();
        let limit = time_limit(&path, request.headers());
        let is_stream = deadline_class(&path).limit().is_none();
        let intake = self.intake.clone();
        Box::pin(async move {
            if !is_known(&path) {
                return Ok(open.answered(refusal::into_http(nothing_there(is_grpc), is_grpc)));
            }
            let access = access(&path);
            let caller = match &connection {
                // A role that passes on a user's token calls as that user, and may what he may.
                None if presented == Presented::Nothing => Caller::claimed(&claims),
                Some(_) if is_role && presented == Presented::Nothing => Caller::claimed(&claims),
                connection => match admitted(gate.as_ref(), connection.as_ref(), presented, access).await {
                    Ok(caller) => caller,
                    Err(refused) => return Ok(open.answered(refusal::into_http(refused, is_grpc))),
                },
            };
            // Whoever was asked at a door may behind it what he may there.
            if let (Some(known), Some(least)) = (&caller.known, access.least_rank())
                && known.rank < least
            {
                let refused = crate::gate::outranked(known, least);
                return Ok(open.answered(refusal::into_http(refused, is_grpc)));
            }
            if !caller.may(access) {
                return Ok(open.answered(refusal::into_http(not_allowed(access), is_grpc)));
            }
            // Roles trust each other with more than a door lets in.
            let mut held = None;
            if caller.way != Way::Role && is_grpc {
                let (head, body) = request.into_parts();
                let (body, budget) = intake.sift(&path, body);
                request = http::Request::from_parts(head, body);
                held = Some(budget);
            }
            request.extensions_mut().insert(caller);
            let answer = AssertUnwindSafe(async { ready.call(request).await }).catch_unwind();
            let answer = match limit {
                None => answer.await,
                Some(limit) => match tokio::time::timeout(limit, answer).await {
                    Ok(answer) => answer,
                    Err(_) => return Ok(open.answered(refusal::into_http(too_slow(limit), is_grpc))),
                },
            };
            drop((permit, held));
            let answer = answer.unwrap_or_else(|panic| {
                let text = panic_text(&*panic);
                tracing::error!(rpc = path, panic = text, "a call crashed");
                let words = "this part has crashed; the log has the story";
                let status = Problem::new(Code::Internal, reason::INTERNAL, words).status();
                Ok(refusal::into_http(status, is_grpc))
            });
            Ok(match (open.answered(answer?), connection) {
                (answer, Some(connection)) => answer.map(|body| Body::new(connection.pace().watch(body, is_stream))),
                (answer, None) => answer,
            })
        })
    }
}

/// Who calls through a door, when he may make a call of `access`.
async fn admitted(
    gate: Option<&Gate>,
    connection: Option<&Connection>,
    presented: Presented,
    access: Access,
) -> Result<Caller, Status> {
    let inside = Connection::new(End::Unknown, Way::Network);
    let connection = connection.unwrap_or(&inside);
    let (Some(gate), Some(_)) = (gate, access.least_rank()) else {
        return Ok(connection.caller().await);
    };
    match gate.known(connection.end(), presented).await? {
        None => Ok(connection.caller().await),
        Some(known) => Ok(connection.used_by(known)),
    }
}

/// A path of no rpc. gRPC has a code of its own for it, HTTP says 404.
fn nothing_there(is_grpc: bool) -> Status {
    let (code, reason) = if is_grpc {
        (Code::Unimplemented, reason::NOT_FOUND)
    } else {
        (Code::NotFound, reason::NOT_FOUND)
    };
    Problem::new(code, reason, "there is no such path")
        .hint("the paths are in /v1/openapi.json")
        .status()
}

/// What a way does not allow.
fn not_allowed(access: Access) -> Status {
    let (words, hint) = match access {
        Access::Host(_) => (
            "an instance can be stopped from its own host only",
            "run `sla stop` there",
        ),
        Access::Somebody => (
            "nobody knows who you are: that is for those who are somebody",
            "log in, show a certificate (--cert FILE --key FILE), or work on the host of the instance",
        ),
        Access::Anyone | Access::User(_) => (
            "who comes over the network without a certificate may look, not change",
            "show one that the gateway's authority signed (--cert FILE --key FILE), or work on its own host",
        ),
        Access::Roles => (
            "only the roles of an instance may do that among themselves",
            "use the services of sets, runs and violations",
        ),
    };
    Problem::new(Code::PermissionDenied, reason::NOT_ALLOWED, words)
        .hint(hint)
        .status()
}

fn too_slow(limit: Duration) -> Status {
    let words = format!("not done within {} s", limit.as_secs());
    Problem::new(Code::DeadlineExceeded, reason::TOO_SLOW, words).status()
}

/// The shorter of what the caller grants (`grpc-timeout`) and what the class of the rpc allows.
fn time_limit(path: &str, headers: &http::HeaderMap) -> Option<Duration> {
    let class = deadline_class(path).limit().map(|limit| limit + GRACE);
    let asked = headers
        .get("grpc-timeout")
        .and_then(|value| parse_timeout(value.to_str().ok()?));
    match (class, asked) {
        (Some(class), Some(asked)) => Some(class.min(asked)),
        (class, asked) => class.or(asked),
    }
}

/// Reads a `grpc-timeout` header: at most eight digits and a unit (gRPC over HTTP/2, "Requests").
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::Peer;
    use sla_proto::peer::Rank;
    use sla_proto::server::v1::server_service_server::{ServerService, ServerServiceServer};
    use sla_proto::server::v1::{GetServerInfoRequest, GetServerInfoResponse, StopServerRequest, StopServerResponse};
    use tonic::{Request, Response};
    use tower_layer::Layer as _;

    struct Clumsy;

    #[tonic::async_trait]
    impl ServerService for Clumsy {
        async fn get_server_info(
            &self,
            request: Request<GetServerInfoRequest>,
        ) -> Result<Response<GetServerInfoResponse>, Status> {
            assert_eq!(crate::caller::user(request.extensions()), crate::caller::SYSTEM);
            panic!("clumsy");
        }

        async fn stop_server(&self, _: Request<StopServerRequest>) -> Result<Response<StopServerResponse>, Status> {
            std::future::pending().await
        }

        async fn get_own_metrics(
            &self,
            _: Request<sla_proto::server::v1::GetOwnMetricsRequest>,
        ) -> Result<Response<sla_proto::server::v1::GetOwnMetricsResponse>, Status> {
            Err(Status::unimplemented("not asked here"))
        }

        async fn list_processes(
            &self,
            _: Request<sla_proto::server::v1::ListProcessesRequest>,
        ) -> Result<Response<sla_proto::server::v1::ListProcessesResponse>, Status> {
            Err(Status::unimplemented("not asked here"))
        }
    }

    fn peer(max_calls: usize) -> Peer {
        let routes = tonic::service::Routes::new(ServerServiceServer::new(Clumsy));
        Peer::local(GuardLayer::new(max_calls).layer(routes))
    }

    #[tokio::test]
    async fn a_panic_becomes_internal_and_the_caller_lives() {
        let status = peer(4)
            .server()
            .get_server_info(GetServerInfoRequest {})
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Internal);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_ends_at_its_deadline() {
        let status = peer(4)
            .server()
            .stop_server(StopServerRequest::default())
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    }

    #[tokio::test]
    async fn more_calls_than_the_limit_are_refused() {
        let status = peer(0)
            .server()
            .get_server_info(GetServerInfoRequest {})
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
    }

    /// Answers with its caller, as a refusal.
    struct Mirror;

    #[tonic::async_trait]
    impl ServerService for Mirror {
        async fn get_server_info(
            &self,
            request: Request<GetServerInfoRequest>,
        ) -> Result<Response<GetServerInfoResponse>, Status> {
            let keys = request.metadata().keys().map(|key| format!("{key:?}"));
            assert!(
                !keys.into_iter().any(|key| key.contains("sla-")),
                "claims end at the door"
            );
            let caller = request.extensions().get::<Caller>().unwrap();
            let rank = caller.known.as_ref().map_or("", |known| known.rank.word());
            Err(Status::unknown(format!("{} by {:?} {rank}", caller.user, caller.way)))
        }

        async fn stop_server(&self, _: Request<StopServerRequest>) -> Result<Response<StopServerResponse>, Status> {
            Ok(Response::new(StopServerResponse {}))
        }

        async fn get_own_metrics(
            &self,
            _: Request<sla_proto::server::v1::GetOwnMetricsRequest>,
        ) -> Result<Response<sla_proto::server::v1::GetOwnMetricsResponse>, Status> {
            Err(Status::unimplemented("not asked here"))
        }

        async fn list_processes(
            &self,
            _: Request<sla_proto::server::v1::ListProcessesRequest>,
        ) -> Result<Response<sla_proto::server::v1::ListProcessesResponse>, Status> {
            Err(Status::unimplemented("not asked here"))
        }
    }

    /// A peer whose calls come over this connection, where there is one.
    fn over(connection: Option<&Connection>) -> Peer {
        let routes = tonic::service::Routes::new(ServerServiceServer::new(Mirror));
        let guarded = GuardLayer::default().trusting(Some("sesame".into())).layer(routes);
        let connection = connection.cloned();
        Peer::local(tower::service_fn(move |mut request: http::Request<Body>| {
            if let Some(connection) = connection.clone() {
                request.extensions_mut().insert(connection);
            }
            guarded.clone().call(request)
        }))
    }

    #[tokio::test]
    async fn claims_are_believed_from_roles_alone() {
        let address = "127.0.0.1:5".parse().unwrap();
        let network = Connection::new(End::Address(address), Way::Network);
        let socket = Connection::new(End::User(0), Way::Socket);
        let zoe = || Claims::default().on_behalf_of("zoe");
        let cases = [
            (None, Claims::default(), "system by Role "),
            (None, zoe(), "zoe by Role "),
            (None, zoe().proven("7", Rank::Viewer), "zoe by Role viewer"),
            (
                Some(&network),
                zoe().proven("7", Rank::Admin),
                "127.0.0.1:5 by Network ",
            ),
            (Some(&network), zoe().with_secret("Sesame"), "127.0.0.1:5 by Network "),
            (Some(&network), zoe().with_secret("sesame"), "zoe by Role "),
            (Some(&socket), zoe().proven("7", Rank::Admin), "root by Socket "),
        ];
        for (connection, claims, expected) in cases {
            let peer = over(connection).claiming(claims);
            let seen = peer
                .server()
                .get_server_info(GetServerInfoRequest {})
                .await
                .unwrap_err();
            assert_eq!(seen.message(), expected);
        }
        let stop = async |connection| {
            over(connection)
                .server()
                .stop_server(StopServerRequest::default())
                .await
        };
        assert_eq!(stop(Some(&network)).await.unwrap_err().code(), Code::PermissionDenied);
        stop(Some(&socket)).await.unwrap();
        let viewer = over(None).claiming(zoe().proven("7", Rank::Viewer));
        let run = viewer
            .runs()
            .start_run(sla_proto::etl::v1::StartRunRequest::default())
            .await
            .unwrap_err();
        assert_eq!(run.code(), Code::PermissionDenied, "a viewer stays one behind a door");
        let put = sla_proto::storage::v1::PutViolationsRequest::default();
        let refused = over(Some(&socket)).ledger().put_violations(put).await.unwrap_err();
        assert_eq!(
            refused.code(),
            Code::PermissionDenied,
            "consoles do not write the ledger"
        );
    }

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("3S"), Some(Duration::from_secs(3)));
        for garbage in ["", "S", "123456789S", "5x", "ü", "-1S"] {
            assert_eq!(parse_timeout(garbage), None, "{garbage}");
        }
    }
}
