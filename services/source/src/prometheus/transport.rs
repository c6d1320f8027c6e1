//! The HTTP client: TLS, proxy, compression and the server's name, as the options say.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{ClientBuilder, Identity, Url};

use super::proxy::{Route, Variables};
use super::trust;
use crate::error::{Cause, SourceError};
use crate::options::{SourceOptions, TlsOptions, read_small_file};

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

/// A client and the way it takes.
pub(super) struct Transport {
    /// The client itself.
    pub(super) http: reqwest::Client,
    /// Where to send: the base URL, its host replaced by the server name where one is set.
    pub(super) target: Url,
    /// The `Host` header, where it differs from the target's.
    pub(super) host: Option<HeaderValue>,
    /// How the server is reached.
    pub(super) route: Route,
}

impl Transport {
    /// For the server at `base`. Reads the certificates; connects to nobody.
    pub(super) async fn new(options: &SourceOptions, base: &Url) -> Result<Self, SourceError> {
        let route = if options.system_proxy {
            Variables::of_process().route(base)
        } else {
            Route::Direct
        };
        let mut builder = builder(options);
        match &route {
            Route::Direct => {}
            Route::Through(proxy) => {
                let proxy = reqwest::Proxy::all(proxy.clone()).map_err(|cause| unusable(options, cause))?;
                builder = builder.proxy(proxy);
            }
            Route::Unusable(proxy) => {
                tracing::warn!(source = %options.id.0, proxy, "the proxy of the environment is not used: only http:// and https:// proxies are");
            }
        }
        builder = with_tls(builder, &options.tls).await?;
        if options.tls.insecure_skip_verify {
            tracing::warn!(source = %options.id.0, "TLS certificates of this source are NOT checked (insecure_skip_verify)");
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        let mut target = base.clone();
        let mut host = None;
        if let Some(name) = &options.tls.server_name
            && base.scheme() == "https"
            && let (Some(own), Some(port)) = (base.host_str(), base.port_or_known_default())
        {
            builder = builder.http1_only().dns_resolver(FixedHost {
                host: own.trim_matches(['[', ']']).to_owned(),
                port,
            });
            let text = base
                .port()
                .map_or_else(|| own.to_owned(), |port| format!("{own}:{port}"));
            host = HeaderValue::from_str(&text).ok();
            if target.set_host(Some(name)).is_err() || target.domain().is_none() {
                return Err(SourceError::BadOption {
                    field: "tls.server_name",
                    value: crate::error::excerpt(name),
                    rule: "must be the DNS name in the server's certificate".into(),
                    cause: None,
                });
            }
        }
        let http = builder.build().map_err(|cause| unusable(options, cause))?;
        Ok(Self {
            http,
            target,
            host,
            route,
        })
    }
}

/// What does not depend on certificates and proxies.
fn builder(options: &SourceOptions) -> ClientBuilder {
    // What comes packed is unpacked in any case (`packing`); asking for it is the operator's choice.
    let mut headers = HeaderMap::new();
    let encodings = if options.compression {
        "gzip, deflate"
    } else {
        "identity"
    };
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encodings));
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT.min(options.timeout))
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .no_gzip()
        // The proxy is chosen by `proxy`, once for the one server this client talks to.
        .no_proxy()
        .tcp_nodelay(true)
}

/// Authorities and our own certificate.
async fn with_tls(builder: ClientBuilder, tls: &TlsOptions) -> Result<ClientBuilder, SourceError> {
    let identity = match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => {
            let mut pem = read_small_file("tls.cert_file", cert).await?;
            pem.push(b'\n');
            pem.extend(read_small_file("tls.key_file", key).await?);
            Some((cert, pem))
        }
        (None, None) => None,
        (Some(path), None) => return Err(bad_file("tls.cert_file", path, "needs tls.key_file beside it", None)),
        (None, Some(path)) => return Err(bad_file("tls.key_file", path, "needs tls.cert_file beside it", None)),
    };
    if let Some(path) = tls.ca_file.as_ref().filter(|_| !tls.insecure_skip_verify) {
        let pem = read_small_file("tls.ca_file", path).await?;
        let config = trust::client_config(&pem, identity.as_ref().map(|(_, pem)| pem.as_slice()));
        let mut config = config.map_err(|(rule, cause)| bad_file("tls.ca_file", path, rule, cause))?;
        // With a server name of its own the client speaks HTTP/1.1 only.
        config.alpn_protocols = if tls.server_name.is_some() {
            vec![b"http/1.1".to_vec()]
        } else {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        };
        return Ok(builder.tls_backend_preconfigured(config));
    }
    let Some((cert, pem)) = identity else {
        return Ok(builder);
    };
    let identity = Identity::from_pem(&pem).map_err(|cause| {
        let rule = "certificate and key must be PEM and belong together";
        bad_file("tls.cert_file", cert, rule, Some(Arc::new(cause.without_url())))
    })?;
    Ok(builder.identity(identity))
}

fn unusable(options: &SourceOptions, cause: reqwest::Error) -> SourceError {
    SourceError::BadOption {
        field: "tls",
        value: crate::options::redact_url(&options.url),
        rule: "no HTTP client can be built from these options".into(),
        cause: Some(Arc::new(cause.without_url())),
    }
}

fn bad_file(field: &'static str, path: &Path, rule: &str, cause: Option<Cause>) -> SourceError {
    SourceError::BadOption {
        field,
        value: path.display().to_string(),
        rule: rule.to_owned(),
        cause,
    }
}
