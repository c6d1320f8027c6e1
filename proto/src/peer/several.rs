//! Several processes of one role: a call goes to the one that answered last, and to the next when that one cannot take it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use tonic::body::Body;
use tonic::{Code, Status};

use super::channel::{BoxError, PeerChannel, never_arrived};

/// The largest request that is kept to be sent a second time, in bytes: larger ones no role decodes.
const MAX_REQUEST_BYTES: usize = 16 << 20;

/// A call that can be sent more than once.
#[derive(Debug, Clone)]
pub(super) struct Again {
    parts: http::request::Parts,
    body: Bytes,
}

impl Again {
    /// Takes the whole request in: all rpcs have one message.
    pub(super) async fn of(request: http::Request<Body>) -> Result<Self, BoxError> {
        let (parts, body) = request.into_parts();
        let whole = Limited::new(body, MAX_REQUEST_BYTES).collect().await;
        let body = whole.map_err(|error| BoxError::from(Status::resource_exhausted(error.to_string())))?;
        Ok(Self {
            parts,
            body: body.to_bytes(),
        })
    }

    pub(super) fn request(&self) -> http::Request<Body> {
        http::Request::from_parts(self.parts.clone(), Body::new(Full::new(self.body.clone())))
    }

    pub(super) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// The bytes of the request: a frame of gRPC.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

/// Whether an answer says that its process cannot take the call: nothing was done.
pub(super) fn is_refusal(answer: &http::Response<Body>) -> bool {
    let status = answer
        .headers()
        .get(Status::GRPC_STATUS)
        .and_then(|code| code.to_str().ok());
    status.is_some_and(|code| code.parse() == Ok(Code::Unavailable as i32))
}

/// Words with which the names of rpcs begin that change nothing.
const LOOKS: [&str; 8] = ["Get", "List", "Read", "Watch", "Check", "Estimate", "Analyze", "Tail"];

/// Whether the rpc at `path` changes nothing.
fn is_look(path: &str) -> bool {
    let method = path.rsplit('/').next().unwrap_or_default();
    LOOKS.iter().any(|word| method.starts_with(word))
}

/// Who gives up waiting for a process begins with the next one when he comes again.
struct Impatience<'a> {
    at: &'a AtomicUsize,
    next: usize,
    waits: bool,
}

impl Drop for Impatience<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.at.store(self.next, Ordering::Relaxed);
        }
    }
}

/// The processes of a role.
#[derive(Debug, Clone)]
pub(super) struct Several {
    channels: Arc<[PeerChannel]>,
    /// The one that answered last.
    at: Arc<AtomicUsize>,
}

impl Several {
    pub(super) fn of(channels: Vec<PeerChannel>) -> Self {
        Self {
            channels: channels.into(),
            at: Arc::default(),
        }
    }

    async fn send(self, request: http::Request<Body>) -> Result<http::Response<Body>, BoxError> {
        let again = Again::of(request).await?;
        let first = self.at.load(Ordering::Relaxed);
        let count = self.channels.len();
        let mut last: Result<http::Response<Body>, BoxError> =
            Err(BoxError::from(Status::unavailable("there is no process of this role")));
        for step in 0..count {
            let place = (first + step) % count;
            let Some(channel) = self.channels.get(place) else { break };
            let mut impatience = Impatience {
                at: &self.at,
                next: (place + 1) % count,
                waits: true,
            };
            last = tower_service::Service::call(&mut channel.clone(), again.request()).await;
            impatience.waits = false;
            drop(impatience);
            let next_may_do_it = match &last {
                Ok(answer) => is_refusal(answer),
                // What may have been done is done twice only where that changes nothing.
                Err(error) => never_arrived(error.as_ref()) || is_look(again.path()),
            };
            if !next_may_do_it {
                let best = if last.is_ok() { place } else { (place + 1) % count };
                self.at.store(best, Ordering::Relaxed);
                break;
            }
        }
        last
    }
}

impl tower_service::Service<http::Request<Body>> for Several {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::Peer;
    use crate::etl::v1::StartRunRequest;
    use crate::peer::Trust;
    use crate::server::v1::GetServerInfoRequest;

    type Seen = Arc<Mutex<Vec<&'static str>>>;

    /// A process that notes its calls and answers with `outcome`.
    fn process(
        name: &'static str,
        seen: &Seen,
        outcome: impl Fn() -> Result<http::Response<Body>, BoxError> + Clone + Send + Sync + 'static,
    ) -> Peer {
        let seen = seen.clone();
        Peer::local(tower::service_fn(move |_: http::Request<Body>| {
            seen.lock().unwrap().push(name);
            let outcome = outcome();
            async move { outcome }
        }))
    }

    fn standby() -> http::Response<Body> {
        Status::unavailable("stands by").into_http()
    }

    fn answers() -> http::Response<Body> {
        Status::not_found("an answer all the same").into_http()
    }

    fn refuses() -> Result<http::Response<Body>, BoxError> {
        Err(tonic::ConnectError("dns error".into()).into())
    }

    fn breaks() -> Result<http::Response<Body>, BoxError> {
        Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into())
    }

    #[tokio::test]
    async fn the_next_one_is_asked_and_remembered() {
        let seen = Seen::default();
        let peer = Peer::any_of(vec![
            process("a", &seen, || Ok(standby())),
            process("b", &seen, refuses),
            process("c", &seen, || Ok(answers())),
        ]);
        for _ in 0..2 {
            let status = peer
                .server()
                .get_server_info(GetServerInfoRequest {})
                .await
                .unwrap_err();
            assert_eq!(status.code(), Code::NotFound);
        }
        assert_eq!(*seen.lock().unwrap(), ["a", "b", "c", "c"]);
    }

    #[tokio::test]
    async fn what_may_have_been_done_is_not_done_again() {
        let seen = Seen::default();
        let peer = Peer::any_of(vec![process("a", &seen, breaks), process("b", &seen, || Ok(answers()))]);
        peer.runs().start_run(StartRunRequest::default()).await.unwrap_err();
        assert_eq!(*seen.lock().unwrap(), ["a"]);
        let looked = peer.runs().get_run(crate::etl::v1::GetRunRequest::default()).await;
        assert_eq!(looked.unwrap_err().code(), Code::NotFound, "a look may be repeated");
    }

    #[tokio::test]
    async fn who_cannot_be_reached_is_named_and_left_out() {
        let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", door.local_addr().unwrap());
        drop(door);
        let away = Peer::lazy_tcp(&address, &Trust::default()).unwrap();
        let status = away.runs().start_run(StartRunRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        let words = format!("{address} cannot be reached: Connection refused");
        assert!(status.message().starts_with(&words), "{status}");
        let seen = Seen::default();
        let peer = Peer::any_of(vec![away, process("b", &seen, || Ok(answers()))]);
        let status = peer.runs().start_run(StartRunRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "nothing was sent to the first: {status}");
    }

    #[tokio::test]
    async fn nobody_is_the_last_answer() {
        let seen = Seen::default();
        let peer = Peer::any_of(vec![
            process("a", &seen, || Ok(standby())),
            process("b", &seen, || Ok(standby())),
        ]);
        let status = peer
            .server()
            .get_server_info(GetServerInfoRequest {})
            .await
            .unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "stands by"));
    }
}
