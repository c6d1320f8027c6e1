//! What must not pass unencrypted: TLS of this process's port, and whom it trusts elsewhere.

use std::net::IpAddr;
use std::path::Path;

use color_eyre::eyre::{Report, WrapErr as _};
use sla_proto::peer::Trust;
use sla_runtime::server::{Cover, DoorTls};

use crate::config::{ConfigError, TlsConfig};

/// What stands before the port of this process.
pub(super) fn cover(tls: &TlsConfig, insecure: bool) -> Result<Cover, Report> {
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => Ok(Cover::Tls(DoorTls::read(cert, key, tls.client_ca_file.as_deref())?)),
        (None, None) => {
            if let Some(path) = &tls.client_ca_file {
                let rule = "callers can show certificates only where TLS is served";
                return Err(half("tls.client_ca_file", path, rule).into());
            }
            Ok(if insecure { Cover::Bare } else { Cover::Host })
        }
        (Some(cert), None) => Err(half("tls.cert_file", cert, "a certificate needs its key").into()),
        (None, Some(key)) => Err(half("tls.key_file", key, "a key needs its certificate").into()),
    }
}

fn half(key: &'static str, path: &Path, rule: &str) -> ConfigError {
    ConfigError::Rule {
        key,
        value: path.display().to_string(),
        rule: rule.to_owned(),
        fix: "give both tls.cert_file and tls.key_file".to_owned(),
    }
}

/// Whom a caller trusts and what it shows, by these files.
pub(crate) fn trust(authority: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<Trust, Report> {
    let read = |path: &Path| std::fs::read(path).wrap_err_with(|| format!("cannot read {}", path.display()));
    let mut trust = Trust::default();
    if let Some(path) = authority {
        trust = trust.in_authority(&read(path)?);
    }
    if let Some((certificate, key)) = identity {
        trust = trust.showing(&read(certificate)?, &read(key)?);
    }
    Ok(trust)
}

/// Whether what passes to `address` is encrypted, or stays on this host. A name other than `localhost` may lead anywhere.
pub(crate) fn is_covered(address: &str) -> bool {
    let Ok(uri) = address.parse::<http::Uri>() else {
        return false;
    };
    let stays_here = || {
        uri.authority().is_some_and(|authority| {
            let host = authority.host().trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        })
    };
    uri.scheme_str() == Some("https") || stays_here()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_talked_to_in_the_clear() {
        for (address, covered) in [
            ("http://127.0.0.1:7000", true),
            ("http://[::1]:7000", true),
            ("http://localhost:7000/", true),
            ("https://10.0.0.1:7443", true),
            ("http://127.0.0.1.example.org:7000", false),
            ("http://localhost@example.org:7000", false),
            ("http://10.0.0.1:7000", false),
            ("http://[::]:7000", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_covered(address), covered, "{address}");
        }
    }

    #[test]
    fn half_a_pair_is_refused_by_its_key() {
        let of = |cert: Option<&str>, key: Option<&str>, client_ca: Option<&str>| {
            let tls = TlsConfig {
                cert_file: cert.map(Into::into),
                key_file: key.map(Into::into),
                client_ca_file: client_ca.map(Into::into),
                ca_file: None,
            };
            cover(&tls, false).map(|_| ()).unwrap_err().to_string()
        };
        assert!(of(Some("a"), None, None).contains("tls.cert_file"));
        assert!(of(None, Some("b"), None).contains("tls.key_file"));
        assert!(of(None, None, Some("c")).contains("tls.client_ca_file"));
        assert!(of(Some("/no/such"), Some("b"), None).contains("/no/such"));
    }
}
