//! TLS at the client's end: whom a peer trusts, what it shows of itself, and in which words it is refused.

use std::error::Error;
use std::fmt;

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// Whom a peer trusts when it connects to `https://…`, and the certificate it shows.
#[derive(Clone, Default)]
pub struct Trust {
    authority: Option<Certificate>,
    identity: Option<Identity>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The identity holds a private key.
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

impl Trust {
    /// Trusts what this authority signs (PEM) instead of what the system trusts.
    #[must_use]
    pub fn in_authority(mut self, pem: &[u8]) -> Self {
        self.authority = Some(Certificate::from_pem(pem));
        self
    }

    /// Shows this certificate (PEM, the leaf first), whose key is `key` (PEM).
    #[must_use]
    pub fn showing(mut self, certificate: &[u8], key: &[u8]) -> Self {
        self.identity = Some(Identity::from_pem(certificate, key));
        self
    }

    pub(super) fn config(&self) -> ClientTlsConfig {
        let config = match &self.authority {
            Some(authority) => ClientTlsConfig::new().ca_certificate(authority.clone()),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match &self.identity {
            Some(identity) => config.identity(identity.clone()),
            None => config,
        }
    }
}

/// Why TLS failed and what to do, where that is what went wrong somewhere down the chain of `error`.
pub fn tls_fault(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(fault) = cause.downcast_ref::<TlsError>() {
            return Some(words(fault));
        }
        if cause.to_string() == NO_HTTP2 {
            let told = "what answers there speaks TLS but no HTTP/2, which gRPC needs: is the port right? A proxy before an instance \
                        has to pass HTTP/2 on";
            return Some(told.to_owned());
        }
        // HTTP/2 keeps only the words of what TLS told it.
        if let Some(alert) = ALERTS
            .iter()
            .find(|alert| cause.to_string().contains(&format!("fatal alert: {alert:?}")))
        {
            return Some(words(&TlsError::AlertReceived(*alert)));
        }
        // An io::Error hides what it carries from `source`, which asks that one for its own.
        next = match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}

/// How the transport, which has no type for it, says that the other end did not choose HTTP/2.
const NO_HTTP2: &str = "HTTP/2 was not negotiated.";

/// What a server says of our certificate, or of its absence.
const ALERTS: [AlertDescription; 7] = [
    AlertDescription::CertificateRequired,
    AlertDescription::UnknownCA,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::DecryptError,
    AlertDescription::AccessDenied,
];

fn words(fault: &TlsError) -> String {
    let told = match fault {
        TlsError::InvalidCertificate(reason) => match reason {
            CertificateError::UnknownIssuer => {
                "its certificate is signed by nobody who is trusted here: name the authority that signed it (--ca FILE)"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired: have it renewed there, and look at the clocks of both"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet: look at the clocks of both"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name: connect by a name that the certificate carries"
            }
            _ => return format!("its certificate cannot be used ({fault})"),
        },
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            "it asks for a certificate of ours: give one that its authority signed (--cert FILE --key FILE)"
        }
        TlsError::AlertReceived(alert) if ALERTS.contains(alert) => {
            "it does not take our certificate: give one that its authority signed and that has not expired"
        }
        TlsError::InvalidMessage(_) => {
            "what answers there does not speak TLS: is the port right, is TLS switched on there?"
        }
        _ => return format!("no TLS connection could be made ({fault})"),
    };
    told.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_found_however_deep_it_lies() {
        let fault = TlsError::InvalidCertificate(CertificateError::Expired);
        let buried = std::io::Error::other(std::io::Error::other(fault));
        assert!(tls_fault(&buried).unwrap().contains("has expired"));
        assert_eq!(
            tls_fault(&std::io::Error::from(std::io::ErrorKind::ConnectionRefused)),
            None
        );
    }

    #[test]
    fn a_key_is_never_shown() {
        let trust = Trust::default().showing(b"certificate", b"canary");
        assert!(!format!("{trust:?}").contains("canary"));
    }
}
