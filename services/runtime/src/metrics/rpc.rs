//! Calls, counted and timed by service, method and code; a stream counts when it ends. Calls inside the process pass the same
//! layers and count too.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Instant;

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use prometheus_client::encoding::EncodeLabelSet;
use sla_proto::peer::contract;
use tonic::Code;

use super::{Durations, Family, Gauge, Metrics};

/// Whose names calls are told by. Others come from outside, without end: one name is enough for them.
static KNOWN: LazyLock<BTreeMap<String, (String, String)>> = LazyLock::new(|| {
    let beside = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];
    let ours = contract::rpcs().into_iter().map(|rpc| rpc.path);
    ours.chain(beside.map(str::to_owned))
        .filter_map(|path| {
            let (service, method) = path.strip_prefix('/')?.split_once('/')?;
            let names = (service.to_owned(), method.to_owned());
            Some((path, names))
        })
        .collect()
});

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    service: &'static str,
    method: &'static str,
    code: &'static str,
}

/// The calls of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Rpcs {
    ended: Family<Ended, Durations>,
    open: Gauge,
}

impl Rpcs {
    /// New ones, told by `metrics`.
    pub fn registered(metrics: &Metrics) -> Self {
        let new = Self::default();
        metrics.register(
            "sla_rpc_duration_seconds",
            "How long calls took, by service, method and code; streams until their end",
            new.ended.clone(),
        );
        metrics.register(
            "sla_rpc_open",
            "Calls that have not ended, streams among them",
            new.open.clone(),
        );
        new
    }

    /// A call to `path` begins.
    pub(crate) fn begin(&self, path: &str) -> OpenCall {
        self.open.inc();
        let names = KNOWN.get(path);
        OpenCall {
            rpcs: self.clone(),
            begun: Instant::now(),
            service: names.map_or("other", |(service, _)| service),
            method: names.map_or("other", |(_, method)| method),
            code: Code::Cancelled,
        }
    }
}

/// A call that has not ended; it ends when this is dropped, cancelled unless it was told how.
#[derive(Debug)]
pub(crate) struct OpenCall {
    rpcs: Rpcs,
    begun: Instant,
    service: &'static str,
    method: &'static str,
    code: Code,
}

impl OpenCall {
    /// How it ended, where these headers or trailers say so.
    fn learn(&mut self, headers: &HeaderMap) -> bool {
        let Some(status) = headers.get("grpc-status") else {
            return false;
        };
        self.code = Code::from_bytes(status.as_bytes());
        true
    }

    /// It was answered: the end is in the headers, or comes with the body.
    pub(crate) fn answered(mut self, answer: http::Response<tonic::body::Body>) -> http::Response<tonic::body::Body> {
        if self.learn(answer.headers()) {
            return answer;
        }
        answer.map(|body| tonic::body::Body::new(Metered { body, call: Some(self) }))
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let ended = Ended {
            service: self.service,
            method: self.method,
            code: name_of(self.code),
        };
        self.rpcs.ended.get_or_create(&ended).observe(self.begun.elapsed());
        self.rpcs.open.dec();
    }
}

/// A body that knows whose answer it is.
#[derive(Debug)]
struct Metered {
    body: tonic::body::Body,
    call: Option<OpenCall>,
}

impl Body for Metered {
    type Data = <tonic::body::Body as Body>::Data;
    type Error = <tonic::body::Body as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref()
                    && let Some(mut call) = self.call.take()
                {
                    call.learn(trailers);
                }
            }
            Poll::Ready(Some(Err(_)) | None) => {
                if let Some(mut call) = self.call.take() {
                    call.code = Code::Unknown;
                }
            }
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The name of a code as the protocol writes it (gRPC, "Status codes and their use").
fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Status;

    #[test]
    fn names_from_outside_do_not_grow_the_registry() {
        let metrics = Metrics::default();
        let rpcs = Rpcs::registered(&metrics);
        for at in 0..100 {
            let answer = Status::unimplemented("no").into_http();
            drop(rpcs.begin(&format!("/evil.v1.Service/Method{at}")).answered(answer));
        }
        drop(rpcs.begin("/sla.server.v1.ServerService/GetServerInfo"));
        let text = metrics.text();
        let counts: Vec<&str> = text.lines().filter(|line| line.contains("_seconds_count{")).collect();
        assert_eq!(counts.len(), 2, "{counts:?}");
        let line = "sla_rpc_duration_seconds_count{service=\"other\",method=\"other\",code=\"UNIMPLEMENTED\"} 100";
        assert!(counts.contains(&line), "{counts:?}");
        assert!(
            counts
                .iter()
                .any(|line| line.contains("GetServerInfo\",code=\"CANCELLED\"} 1"))
        );
        assert!(text.contains("\nsla_rpc_open 0\n"));
    }
}
