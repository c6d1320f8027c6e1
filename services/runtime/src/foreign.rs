//! Pages of other places: a browser on this host may be sent to a port of it by any page that it shows. Such a page names itself
//! in `Origin`, or has had its own name point here (DNS rebinding), so that it stands in `Host`. What is asked in HTTP/2 without
//! TLS no page can ask, and where TLS is spoken no page has the certificate.

use http::header::{HOST, HeaderMap, ORIGIN};
use http::uri::Authority;
use http::{HeaderValue, Uri};
use sla_domain::SafeText;
use tonic::{Code, Status};

use crate::caller::Connection;
use crate::status::{Problem, reason};

/// How much of a name is told.
const TOLD_CHARS: usize = 80;

/// Refuses a request in plain HTTP that the page of another place has sent, over `connection` where it came from outside.
pub(crate) fn check(headers: &HeaderMap, uri: &Uri, connection: Option<&Connection>) -> Result<(), Status> {
    let Some(connection) = connection else { return Ok(()) };
    let host = headers.get(HOST).map_or_else(
        || uri.authority().cloned(),
        |host| Authority::try_from(host.as_bytes()).ok(),
    );
    if let Some(origin) = headers.get(ORIGIN)
        && !is_of(origin, host.as_ref())
    {
        let words = format!("{} is the page of another place", told(origin.as_bytes()));
        return Err(refused(words, "ask from a program, without the header Origin"));
    }
    if connection.is_nameless()
        && let Some(host) = host.filter(|host| !is_of_this_host(host))
    {
        let words = format!("{} is no name of this port", told(host.as_str().as_bytes()));
        let fix = "call it localhost or by its address, or give it a certificate";
        return Err(refused(words, fix));
    }
    Ok(())
}

/// Whether a page at `origin` was served by `host` itself.
fn is_of(origin: &HeaderValue, host: Option<&Authority>) -> bool {
    let origin = origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok());
    match (origin.as_ref().and_then(Uri::authority), host) {
        (Some(origin), Some(host)) => origin == host,
        _ => false,
    }
}

/// Whether no name server was asked for it.
fn is_of_this_host(host: &Authority) -> bool {
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    let is_localhost = |name: &str| name.eq_ignore_ascii_case("localhost");
    is_localhost(name)
        || name.rsplit_once('.').is_some_and(|(_, last)| is_localhost(last))
        || name.parse::<std::net::IpAddr>().is_ok()
}

fn told(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown: String = text.chars().take(TOLD_CHARS).collect();
    SafeText::new(&shown).into_string()
}

fn refused(words: String, fix: &str) -> Status {
    Problem::new(Code::PermissionDenied, reason::NOT_ALLOWED, words)
        .hint(fix)
        .status()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::{End, Way};

    #[test]
    fn only_what_a_page_of_another_place_asks_is_refused() {
        let covered = Connection::new(End::Address("127.0.0.1:5".parse().unwrap()), Way::Network);
        let far = Connection::new(End::Address("192.0.2.1:5".parse().unwrap()), Way::Guest);
        let near = covered.clone().nameless(true);
        let ask = |host: &str, origin: &str, connection: Option<&Connection>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
            if !origin.is_empty() {
                headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
            }
            check(&headers, &Uri::from_static("/v1/sets"), connection).is_ok()
        };
        for host in [
            "localhost:8080",
            "LOCALHOST",
            "box.localhost:1",
            "127.0.0.1:8080",
            "[::1]:8080",
            "10.0.0.7",
        ] {
            assert!(ask(host, "", Some(&near)), "{host}");
            assert!(ask(host, &format!("http://{host}"), Some(&near)), "{host}");
        }
        for host in [
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil",
        ] {
            assert!(!ask(host, "", Some(&near)), "{host}");
            assert!(!ask(host, &format!("http://{host}"), Some(&near)), "{host}");
            // A certificate, or a name server of one's own, stands for the name.
            assert!(
                ask(host, "", Some(&covered)) && ask(host, "", Some(&far)) && ask(host, "", None),
                "{host}"
            );
        }
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:9",
            "é",
            "http://localhost.evil.example:8080",
        ] {
            let asks = [&near, &far, &covered].map(|door| ask("localhost:8080", origin, Some(door)));
            assert_eq!(asks, [false; 3], "{origin}");
        }
    }
}
