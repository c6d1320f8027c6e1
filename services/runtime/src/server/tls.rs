//! TLS of a door: its certificate, and the authority whose certificates it asks its callers for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

/// The protocols of a door: gRPC and JSON over HTTP/2, JSON over HTTP/1.1.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("cannot use {key} {path}: {rule}")]
    File {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it must be.
        rule: &'static str,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate and its key do not fit together.
    #[error("tls.cert_file {cert} and tls.key_file {key} cannot be used together")]
    Pair {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The authority of the callers cannot be used.
    #[error("tls.client_ca_file {path} holds no certificate of an authority that can be used")]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No provider of cryptography was chosen for the process.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// The TLS of a door.
#[derive(Clone)]
pub struct DoorTls {
    pub(super) config: Arc<ServerConfig>,
    /// Whether each caller shows a certificate.
    pub(super) asks: bool,
}

impl std::fmt::Debug for DoorTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DoorTls")
            .field("asks", &self.asks)
            .finish_non_exhaustive()
    }
}

impl DoorTls {
    /// Shows the certificate of `cert` (PEM, the leaf first) with the key of `key` (PEM). With `client_ca` (PEM) only callers
    /// whose certificate one of its authorities signed come in.
    pub fn read(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, TlsError> {
        let chain = certificates("tls.cert_file", cert)?;
        let private = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::File {
            key: "tls.key_file",
            path: key.to_owned(),
            rule: "give a PEM file with a private key without a password that this user may read",
            source,
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let builder = match client_ca {
            Some(path) => builder.with_client_cert_verifier(verifier(path, provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, private)
            .map_err(|source| TlsError::Pair {
                cert: cert.to_owned(),
                key: key.to_owned(),
                source,
            })?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self {
            config: Arc::new(config),
            asks: client_ca.is_some(),
        })
    }
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::File {
        key,
        path: path.to_owned(),
        rule: "give a PEM file with certificates that this user may read",
        source,
    };
    let list = CertificateDer::pem_file_iter(path)
        .map_err(failed)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    if list.is_empty() {
        return Err(failed(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(list)
}

fn verifier(
    path: &Path,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| TlsError::Authority {
        path: path.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("tls.client_ca_file", path)? {
        roots.add(certificate).map_err(|error| failed(error.into()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| failed(error.into()))
}

/// Tag and length of "common name" in a subject, DER (X.520: 2.5.4.3).
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];

/// Whom a certificate is for: its common name, else the first of its DNS names. It was verified before.
pub(super) fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    let subject = parsed.subject();
    let found = subject
        .windows(COMMON_NAME.len())
        .position(|bytes| bytes == COMMON_NAME);
    let name = found.and_then(|at| {
        // The type of text, its length in one byte (names have at most 64 characters), the text.
        let [_, length, text @ ..] = subject.get(at + COMMON_NAME.len()..)? else {
            return None;
        };
        String::from_utf8(text.get(..usize::from(*length))?.to_vec()).ok()
    });
    name.or_else(|| parsed.valid_dns_names().next().map(str::to_owned))
}
