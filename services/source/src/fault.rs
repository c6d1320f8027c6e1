//! At which layer the way to a source ends: the word that stands in JSON as `cause`, and what to do about each.

/// The layer that failed, from the name of the host up to the content of the answer. Each has a page in
/// `docs/errors/source/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The host's name cannot be resolved.
    Name,
    /// There is no way to the host: network or host unreachable.
    Route,
    /// The host answers, but nothing listens on the port.
    Refused,
    /// No answer in time.
    Timeout,
    /// The connection broke before the answer was whole.
    Lost,
    /// The server's certificate is not trusted, not valid now, or not for this name.
    TlsUntrusted,
    /// One side speaks TLS and the other does not, or they agree on no version of it.
    TlsMismatch,
    /// The server wants a client certificate, or refuses ours.
    TlsClient,
    /// The proxy between cannot be used.
    Proxy,
    /// 401 or 403.
    Credentials,
    /// The server answers with an error of its own.
    Http,
    /// The answer is not what the Prometheus API answers.
    Content,
    /// The address has moved.
    Redirect,
}

impl Fault {
    /// All of them, for the documentation test.
    pub const ALL: [Self; 13] = [
        Self::Name,
        Self::Route,
        Self::Refused,
        Self::Timeout,
        Self::Lost,
        Self::TlsUntrusted,
        Self::TlsMismatch,
        Self::TlsClient,
        Self::Proxy,
        Self::Credentials,
        Self::Http,
        Self::Content,
        Self::Redirect,
    ];

    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Route => "route",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::TlsUntrusted => "tls_untrusted",
            Self::TlsMismatch => "tls_mismatch",
            Self::TlsClient => "tls_client",
            Self::Proxy => "proxy",
            Self::Credentials => "credentials",
            Self::Http => "http",
            Self::Content => "content",
            Self::Redirect => "redirect",
        }
    }

    /// What the reader can do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Name => "check the spelling of the host in the URL, and the name server of this machine",
            Self::Route => "check the network, VPN and firewall between this machine and the host",
            Self::Refused => "check that the server runs, and the port of its URL",
            Self::Timeout => {
                "the server is slow, or a firewall drops packets; narrow the selector, or raise source.timeout"
            }
            Self::Lost => "the server or a proxy closed the connection; see its log",
            Self::TlsUntrusted => {
                "give the authority (or the certificate itself) as source.ca_file; source.server_name where the certificate has another name"
            }
            Self::TlsMismatch => "try the URL with the other scheme: https:// instead of http://, or the reverse",
            Self::TlsClient => {
                "give source.cert_file and source.key_file, signed by an authority that the server trusts"
            }
            Self::Proxy => {
                "check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY; list hosts that need no proxy in NO_PROXY (host, host:port, network or *)"
            }
            Self::Credentials => "check user, password or token of the source, and its tenant header if it has one",
            Self::Http => "see the server's own log",
            Self::Content => {
                "the URL must be that of a Prometheus-compatible API, with its path prefix; a login page or another program answered"
            }
            Self::Redirect => "use the address it has moved to, if it is the right one",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_page_of_its_own() {
        let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/source"));
        for fault in Fault::ALL {
            let page = std::fs::read_to_string(folder.join(format!("{}.md", fault.word()))).unwrap_or_default();
            assert!(
                page.contains("**What to do.**"),
                "docs/errors/source/{}.md",
                fault.word()
            );
        }
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), Fault::ALL.len());
    }
}
