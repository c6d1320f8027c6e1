//! `/metrics` over HTTP, for Prometheus: a listener of its own, that serves nothing else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Metrics;
use crate::server::ServerError;
use crate::shutdown::Shutdown;

/// Scrapes at once; others wait in the queue of the operating system.
const MAX_CONNECTIONS: usize = 8;
/// How long one scrape may take, from its first byte to the last one taken.
const SCRAPE_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait when a connection cannot be accepted: the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Headers of one request.
const MAX_HEADERS: usize = 64;
/// What Prometheus asks for (OpenMetrics 1.0.0, "Text format").
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What everybody reads (Prometheus, "Exposition formats").
const PLAIN_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A bound port that nobody serves yet.
#[derive(Debug)]
pub struct MetricsDoor {
    listener: TcpListener,
    limit: Duration,
    /// Where it listens; the port is known even when 0 was asked for.
    pub address: SocketAddr,
}

impl MetricsDoor {
    /// Binds `address`; one that other hosts reach only when `open`: metrics name what is watched.
    ///
    /// # Errors
    /// [`ServerError::Open`], [`ServerError::Port`].
    pub async fn bind(address: SocketAddr, open: bool) -> Result<Self, ServerError> {
        if !open && !address.ip().is_loopback() {
            return Err(ServerError::MetricsOpen { address });
        }
        let failed = |source| ServerError::Port { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            limit: SCRAPE_LIMIT,
            address,
        })
    }

    /// Serves until the shutdown begins.
    pub async fn serve(self, metrics: Metrics, shutdown: Shutdown) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let end = shutdown.token().clone();
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await.ok()?;
                Some((self.listener.accept().await, place))
            };
            let (accepted, place) = tokio::select! {
                next = next => match next {
                    Some(next) => next,
                    None => return,
                },
                () = end.cancelled() => return,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a scrape could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (metrics, end, limit) = (metrics.clone(), end.clone(), self.limit);
            shutdown.spawn("scrape", async move {
                tokio::select! {
                    () = scrape(stream, metrics, limit) => {}
                    () = end.cancelled() => {}
                }
                drop(place);
            });
        }
    }
}

/// One connection, one request: a scraper comes every few seconds, and idle ones would hold the places of others.
async fn scrape(stream: TcpStream, metrics: Metrics, limit: Duration) {
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&request, &metrics))));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .max_headers(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(limit, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a scrape ended early"),
        Err(_) => tracing::debug!("a scrape took too long"),
    }
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<String> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") if asks_for_open_metrics(request) => {
            (StatusCode::OK, OPEN_METRICS, metrics.text())
        }
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, PLAIN_TEXT, metrics.plain_text()),
        (&Method::GET | &Method::HEAD, _) => {
            let words = "the metrics are at /metrics\n".to_owned();
            (StatusCode::NOT_FOUND, "text/plain", words)
        }
        _ => {
            let words = "only GET is served here\n".to_owned();
            (StatusCode::METHOD_NOT_ALLOWED, "text/plain", words)
        }
    };
    let mut answer = Response::new(text);
    *answer.status_mut() = status;
    let kind = header::HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

fn asks_for_open_metrics(request: &Request<Incoming>) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT);
    accepted
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/openmetrics-text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn only_metrics_are_served_and_the_idle_keep_nobody_out() {
        let shutdown = Shutdown::new();
        let metrics = Metrics::default();
        metrics.gauge("sla_test", "A test", || super::super::single(1.5));
        let mut door = MetricsDoor::bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
        door.limit = Duration::from_millis(500);
        let address = door.address;
        shutdown.spawn("metrics", door.serve(metrics, shutdown.clone()));
        let told = ask(address, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        assert!(told.contains(PLAIN_TEXT) && told.ends_with("sla_test 1.5\n"), "{told}");
        let accept = "accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
        let told = ask(
            address,
            &format!("GET /metrics HTTP/1.1\r\nhost: x\r\n{accept}\r\n\r\n"),
        )
        .await;
        assert!(
            told.contains(OPEN_METRICS) && told.ends_with("sla_test 1.5\n# EOF\n"),
            "{told}"
        );
        assert!(
            ask(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .contains("at /metrics")
        );
        let posted = ask(
            address,
            "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        )
        .await;
        assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
        assert!(ask(address, "nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));

        let mut idle = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        let begun = std::time::Instant::now();
        let told = ask(address, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(
            shutdown.drain(Duration::from_secs(2)).await,
            "idle connections hold nothing back"
        );
    }

    #[tokio::test]
    async fn other_hosts_are_let_in_only_when_that_is_said() {
        let everywhere = "0.0.0.0:0".parse().unwrap();
        let refused = MetricsDoor::bind(everywhere, false).await.unwrap_err().to_string();
        assert!(refused.contains("[metrics] open = true"), "{refused}");
        MetricsDoor::bind(everywhere, true).await.unwrap();
    }
}
