//! Whom we trust: the authorities of `ca_file`, and the certificates in it themselves, as curl does.
//!
//! The certificate that plain `openssl req -x509` makes is an authority that serves its own name, and a leaf is often the
//! only file an operator has. Path building refuses both; a server that presents exactly a certificate which the operator
//! has given is the one the operator means, so here only its dates and its name are left to check.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::Cause;

/// Why certificates cannot be used: a rule in words, and the library's error.
pub(super) type Unfit = (&'static str, Option<Cause>);

/// A TLS configuration that trusts the certificates of `ca_pem` and nobody else; with our own certificate and key when
/// `identity_pem` holds them.
pub(super) fn client_config(ca_pem: &[u8], identity_pem: Option<&[u8]>) -> Result<ClientConfig, Unfit> {
    let given: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(ca_pem)
        .collect::<Result<_, _>>()
        .map_err(|cause| ("must hold PEM certificates", Some(Arc::new(cause) as Cause)))?;
    if given.is_empty() {
        return Err((
            "must hold at least one PEM certificate (-----BEGIN CERTIFICATE-----); a file in DER is converted by `openssl x509 -inform der`",
            None,
        ));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &given {
        roots.add(certificate.clone()).map_err(|cause| {
            (
                "holds a certificate that cannot be read",
                Some(Arc::new(cause) as Cause),
            )
        })?;
    }
    let authorities = WebPkiServerVerifier::builder(Arc::new(roots))
        .build()
        .map_err(|cause| ("no certificate in it can be trusted", Some(Arc::new(cause) as Cause)))?;
    let builder = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trust { given, authorities }));
    let Some(pem) = identity_pem else {
        return Ok(builder.with_no_client_auth());
    };
    let unfit = "certificate and key must be PEM and belong together";
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|cause| (unfit, Some(Arc::new(cause) as Cause)))?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|cause| (unfit, Some(Arc::new(cause) as Cause)))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|cause| (unfit, Some(Arc::new(cause) as Cause)))
}

#[derive(Debug)]
struct Trust {
    given: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let refused =
            match self
                .authorities
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            {
                Ok(verified) => return Ok(verified),
                Err(refused) => refused,
            };
        // Both complaints are about the path only, and come after the certificate's dates were found right.
        let path_only = match &refused {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
            // An authority used as a server's certificate has no variant of its own.
            rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
                other.to_string().contains("CaUsedAsEndEntity")
            }
            _ => false,
        };
        if path_only && self.given.iter().any(|given| given == end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
