//! From an error of the transport to the layer it belongs to: an operator has to know whether the name, the port, the
//! certificate or the proxy is the matter.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls::{AlertDescription, CertificateError};

use super::proxy::Route;
use crate::error::SourceError;
use crate::fault::Fault;
use crate::options::redact_url;

/// How long the second look at a server may take.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// A finding: the layer, and what it says.
type Finding = (Fault, String);

/// A transport error as ours, its URL (which may carry secrets) removed.
pub(super) fn transport_error(tried: &str, route: &Route, cause: reqwest::Error) -> SourceError {
    let (fault, why) = through(route, &cause).unwrap_or_else(|| layer(&cause));
    SourceError::Unreachable {
        tried: tried.to_owned(),
        fault,
        why,
        cause: Arc::new(cause.without_url()),
    }
}

/// The proxy's own faults: for clear text every connection is one to the proxy, for TLS the tunnel is built first.
fn through(route: &Route, cause: &reqwest::Error) -> Option<Finding> {
    let Route::Through(proxy) = route else {
        return None;
    };
    let at_proxy = cause.is_connect() && links(cause).all(|link| tls(link).is_none())
        || links(cause).any(|link| link.to_string().contains("tunnel"));
    at_proxy.then(|| {
        let (_, why) = layer(cause);
        (Fault::Proxy, format!("the proxy {}: {why}", redact_url(proxy.as_str())))
    })
}

fn layer(cause: &reqwest::Error) -> Finding {
    if let Some(found) = links(cause).find_map(tls) {
        return found;
    }
    // The resolver's error has no type of its own: hyper-util's connector marks it by this word.
    let unresolved = links(cause).any(|link| link.to_string() == "dns error");
    if cause.is_dns() || unresolved {
        return (Fault::Name, "its host name cannot be resolved".into());
    }
    if cause.is_timeout() {
        return (Fault::Timeout, "no connection in time".into());
    }
    let kind = links(cause).find_map(|link| link.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
    match kind {
        Some(ErrorKind::ConnectionRefused) => (Fault::Refused, "the port refuses connections".into()),
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable) => {
            (Fault::Route, "there is no route to its host".into())
        }
        Some(ErrorKind::NetworkDown | ErrorKind::PermissionDenied) => (
            Fault::Route,
            "this machine's network does not let the connection out".into(),
        ),
        _ if links(cause).any(|link| link.to_string().contains("invalid HTTP version")) => {
            (Fault::Lost, "what answers there does not speak HTTP".into())
        }
        _ => (Fault::Lost, "the connection broke before the answer was whole".into()),
    }
}

/// The error and its causes. An `io::Error` hides the error it carries from `source`, so it is opened here.
fn links<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |link| next(*link))
}

fn next<'a>(link: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match link.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => link.source(),
    }
}

fn tls(link: &(dyn Error + 'static)) -> Option<Finding> {
    Some(match link.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(fault) => (Fault::TlsUntrusted, certificate(fault)),
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => (
            Fault::TlsClient,
            "the server wants another client certificate than it was shown".into(),
        ),
        rustls::Error::InvalidMessage(_) => (
            Fault::TlsMismatch,
            "the server does not speak TLS on this port, but the URL says https".into(),
        ),
        other => (
            Fault::TlsMismatch,
            format!(
                "no TLS connection can be agreed on ({})",
                crate::error::excerpt(&other.to_string())
            ),
        ),
    })
}

fn certificate(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet (is this machine's clock right?)".into()
        }
        CertificateError::NotValidForName => "the server's certificate is for another name".into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let shown: Vec<String> = presented
                .iter()
                .take(3)
                .map(|name| crate::error::excerpt(name))
                .collect();
            format!(
                "the server's certificate is for {}, not for {}",
                if shown.is_empty() {
                    "no name at all".to_owned()
                } else {
                    shown.join(", ")
                },
                expected.to_str()
            )
        }
        CertificateError::UnknownIssuer => {
            "the server's certificate is signed by an authority that is not trusted here".into()
        }
        CertificateError::Revoked => "the server's certificate has been revoked".into(),
        other => format!(
            "the server's certificate is not trusted ({})",
            crate::error::excerpt(&other.to_string())
        ),
    }
}

/// Whether the server at `target` speaks the other of http and https, asked where a connection broke without a word:
/// servers that get clear text on a TLS port, or the reverse, mostly just close it.
pub(super) async fn speaks_the_other_scheme(target: &Url) -> bool {
    let mut other = target.clone();
    let (scheme, port) = match target.scheme() {
        "http" => ("https", target.port_or_known_default()),
        _ => ("http", target.port_or_known_default()),
    };
    if other.set_scheme(scheme).is_err() || other.set_port(port).is_err() {
        return false;
    }
    // No credentials go out and nothing that comes back is read: any certificate will do.
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(true)
        .timeout(SECOND_LOOK)
        .build();
    let Ok(client) = client else {
        return false;
    };
    match client.head(other).send().await {
        Ok(_) => true,
        // An alert is TLS, too: such a server wants a client certificate or another version.
        Err(error) => links(&error).any(|link| matches!(link.downcast_ref(), Some(rustls::Error::AlertReceived(_)))),
    }
}
