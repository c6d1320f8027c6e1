//! Who answers at an address where no gRPC is spoken: whoever mistook the port is told what is there.

use std::fmt::Write as _;
use std::time::Duration;

use http::Uri;
use sla_domain::SafeText;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long the look may take.
const LOOK: Duration = Duration::from_secs(2);
/// Most of an answer that is read, bytes.
const MAX_ANSWER: u64 = 16 << 10;
/// Most characters of the other's name that are repeated.
const MAX_NAME_CHARS: usize = 60;
/// What a Prometheus, and whoever takes its place, answers about itself.
const ASKED: &str = "/api/v1/status/buildinfo";

/// What speaks HTTP/1 at `address` (`http://host:port`), in words, and what to do; `None` where that is not the matter.
pub(super) async fn found(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let authority = uri.authority()?;
    let place = format!(
        "{}:{}",
        authority.host().trim_matches(['[', ']']),
        authority.port_u16().unwrap_or(80)
    );
    let asking = async {
        let mut stream = TcpStream::connect(bracketed(&place)).await.ok()?;
        let question = format!("GET {ASKED} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        // What came before the connection broke still says who it is.
        let _ = stream.take(MAX_ANSWER).read_to_end(&mut answer).await;
        Some(answer)
    };
    let answer = tokio::time::timeout(LOOK, asking).await.ok().flatten()?;
    words(address, &answer)
}

/// An address of IPv6 stands in brackets where a port follows.
fn bracketed(place: &str) -> String {
    match place.rsplit_once(':') {
        Some((host, port)) if host.contains(':') => format!("[{host}]:{port}"),
        _ => place.to_owned(),
    }
}

fn words(address: &str, answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    // An instance speaks HTTP/1 too, and says in its refusal whose it is.
    if text.contains("urn:sla:") {
        return None;
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    lines.next()?.strip_prefix("HTTP/1.")?;
    if body.contains("\"status\":\"success\"") && body.contains("\"version\"") {
        return Some(format!(
            "a Prometheus answers at {address}, no instance of sla: name it as the source (--prometheus {address}), and give \
             --connect the address that an instance listens on (sla serve --roles gateway)"
        ));
    }
    let server = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("server").then(|| value.trim())
    });
    let mut told = format!("what answers at {address} speaks HTTP/1");
    if let Some(server) = server {
        let _ = write!(told, " ({})", SafeText::with_limit(server, MAX_NAME_CHARS));
    }
    told.push_str(", not gRPC: is the port right? A proxy before an instance has to pass HTTP/2 on");
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_it_is_is_told() {
        let a = "http://h:9090";
        let build = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"status\":\"success\",\"data\":{\"version\":\"2.42.0\"}}";
        for (answer, wanted) in [
            (build, Some("a Prometheus answers at http://h:9090")),
            (
                "HTTP/1.1 404 Not Found\r\nserver: nginx/1.\u{1b}[31m22\r\n\r\n<html>",
                Some("speaks HTTP/1 (nginx/1.·[31m22), not gRPC"),
            ),
            ("HTTP/1.0 400 Bad Request\r\n\r\n", Some("speaks HTTP/1, not gRPC")),
            ("HTTP/1.1 404 Not Found\r\n\r\n{\"type\":\"urn:sla:NOT_FOUND\"}", None),
            ("SSH-2.0-OpenSSH_9.2\r\n", None),
            ("", None),
        ] {
            let told = words(a, answer.as_bytes());
            match wanted {
                None => assert_eq!(told, None, "{answer}"),
                Some(part) => assert!(told.as_deref().is_some_and(|told| told.contains(part)), "{told:?}"),
            }
        }
        assert_eq!(bracketed("::1:80"), "[::1]:80");
    }

    #[tokio::test]
    async fn the_first_call_says_that_no_grpc_is_spoken_there() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = async {
            // Two peers: each calls, tries again, and looks who is there.
            for _ in 0..64 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 1024];
                let _ = stream.read(&mut asked).await;
                // As Go's server answers the preface of HTTP/2.
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n").await;
            }
        };
        let asking = async {
            let trust = super::super::Trust::default();
            for peer in [
                crate::Peer::lazy_tcp(&address, &trust).unwrap(),
                crate::Peer::connect_tcp(&address, &trust).await.unwrap(),
            ] {
                let mut client = peer.server();
                let asked = client.get_server_info(crate::server::v1::GetServerInfoRequest {});
                let told = asked.await.unwrap_err();
                assert_eq!(told.code(), tonic::Code::Unavailable, "{told:?}");
                assert!(told.message().contains("speaks HTTP/1 (x), not gRPC"), "{told:?}");
            }
        };
        tokio::select! {
            () = serving => {}
            () = asking => {}
        }
    }
}
