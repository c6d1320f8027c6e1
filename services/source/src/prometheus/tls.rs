//! The HTTP client: TLS, proxy, compression and the server's name, as the options say.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Identity, Url};

use crate::error::{Cause, SourceError};
use crate::options::{SourceOptions, read_small_file};

/// How we introduce ourselves.
const USER_AGENT: &str = concat!("sla-console/", env!("CARGO_PKG_VERSION"));
/// Idle connections kept to one server.
const MAX_IDLE_CONNECTIONS: usize = 4;
/// Limit of connecting alone; the request's own limit covers it too.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Answers every name with the addresses of one host: how a certificate of another name than the URL's host is checked.
struct FixedHost {
    host: String,
    port: u16,
}

impl Resolve for FixedHost {
    fn resolve(&self, _name: Name) -> Resolving {
        let (host, port) = (self.host.clone(), self.port);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Builds the client; returns it with the URL to send to (its host is the server name when one is set) and the value
/// of the `Host` header when that differs.
pub(super) async fn http_client(
    options: &SourceOptions,
    base: &Url,
) -> Result<(reqwest::Client, Url, Option<String>), SourceError> {
    let tls = &options.tls;
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT.min(options.timeout))
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .gzip(options.compression)
        .deflate(options.compression)
        .tcp_nodelay(true);
    if !options.system_proxy {
        builder = builder.no_proxy();
    }
    if let Some(path) = &tls.ca_file {
        let pem = read_small_file("tls.ca_file", path).await?;
        let authorities = Certificate::from_pem_bundle(&pem)
            .map_err(|cause| bad_file("tls.ca_file", path, "must hold PEM certificates", Some(cause)))?;
        if authorities.is_empty() {
            return Err(bad_file(
                "tls.ca_file",
                path,
                "must hold at least one PEM certificate",
                None,
            ));
        }
        builder = builder.tls_certs_only(authorities);
    }
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => {
            let mut pem = read_small_file("tls.cert_file", cert).await?;
            pem.push(b'\n');
            pem.extend(read_small_file("tls.key_file", key).await?);
            let identity = Identity::from_pem(&pem).map_err(|cause| {
                bad_file(
                    "tls.cert_file",
                    cert,
                    "certificate and key must be PEM and belong together",
                    Some(cause),
                )
            })?;
            builder = builder.identity(identity);
        }
        (None, None) => {}
        (Some(path), None) => return Err(bad_file("tls.cert_file", path, "needs tls.key_file beside it", None)),
        (None, Some(path)) => return Err(bad_file("tls.key_file", path, "needs tls.cert_file beside it", None)),
    }
    if tls.insecure_skip_verify {
        tracing::warn!(source = %options.id.0, "TLS certificates of this source are NOT checked (insecure_skip_verify)");
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    let mut target = base.clone();
    let mut host_header = None;
    if let Some(name) = &tls.server_name
        && base.scheme() == "https"
        && let (Some(host), Some(port)) = (base.host_str(), base.port_or_known_default())
    {
        builder = builder.http1_only().dns_resolver(FixedHost {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
        });
        host_header = Some(match base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        });
        if target.set_host(Some(name)).is_err() || target.domain().is_none() {
            return Err(SourceError::BadOption {
                field: "tls.server_name",
                value: crate::error::excerpt(name),
                rule: "must be the DNS name in the server's certificate".into(),
                cause: None,
            });
        }
    }
    let client = builder.build().map_err(|cause| SourceError::BadOption {
        field: "tls",
        value: crate::options::redact_url(&options.url),
        rule: "no HTTP client can be built from these options".into(),
        cause: Some(Arc::new(cause.without_url())),
    })?;
    Ok((client, target, host_header))
}

fn bad_file(field: &'static str, path: &Path, rule: &str, cause: Option<reqwest::Error>) -> SourceError {
    SourceError::BadOption {
        field,
        value: path.display().to_string(),
        rule: rule.to_owned(),
        cause: cause.map(|cause| Arc::new(cause.without_url()) as Cause),
    }
}
