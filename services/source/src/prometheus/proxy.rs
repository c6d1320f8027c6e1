//! Which proxy stands between, by the variables of the environment: as curl reads them.
//! Source: curl's manual, ENVIRONMENT and `--noproxy`; entries `host:port` as Go's `httpproxy` takes them.

use std::net::IpAddr;

use reqwest::Url;

use crate::options::redact_url;

/// The proxy variables, each by its lower-case name first.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    pub(super) http: Option<String>,
    pub(super) https: Option<String>,
    pub(super) all: Option<String>,
    pub(super) no: Option<String>,
}

/// What the variables say about one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// Straight to it.
    Direct,
    /// Through this proxy.
    Through(Url),
    /// A proxy is named that we cannot use: its value without secrets.
    Unusable(String),
}

impl Variables {
    /// Those of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "proxy variables are a convention of the host, not configuration of ours"
    )]
    pub(super) fn of_process() -> Self {
        let read = |lower: &str, upper: &str| {
            [lower, upper]
                .into_iter()
                .filter_map(|name| std::env::var(name).ok())
                .map(|value| value.trim().to_owned())
                .find(|value| !value.is_empty())
        };
        Self {
            http: read("http_proxy", "HTTP_PROXY"),
            https: read("https_proxy", "HTTPS_PROXY"),
            all: read("all_proxy", "ALL_PROXY"),
            no: read("no_proxy", "NO_PROXY"),
        }
    }

    /// How `server` is reached.
    pub(super) fn route(&self, server: &Url) -> Route {
        let own = if server.scheme() == "https" {
            &self.https
        } else {
            &self.http
        };
        let Some(value) = own.as_ref().or(self.all.as_ref()) else {
            return Route::Direct;
        };
        let (host, port) = (server.host_str().unwrap_or(""), server.port_or_known_default());
        if self.no.as_ref().is_some_and(|list| bypasses(list, host, port)) {
            return Route::Direct;
        }
        // curl takes a bare `host:port` as http.
        let text = if value.contains("://") {
            value.clone()
        } else {
            format!("http://{value}")
        };
        match Url::parse(&text) {
            Ok(proxy) if matches!(proxy.scheme(), "http" | "https") && proxy.has_host() => Route::Through(proxy),
            _ => Route::Unusable(redact_url(&text)),
        }
    }
}

/// Whether `list` (entries separated by commas or blanks) names `host`: `*`, a name with all its subdomains, an address,
/// a network `10.0.0.0/8`; each but `*` and a network may carry a port.
fn bypasses(list: &str, host: &str, port: Option<u16>) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    let address: Option<IpAddr> = host.parse().ok();
    list.split([',', ' ', '\t'])
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" {
                return true;
            }
            if let (Some(address), Some((network, length))) = (address, entry.split_once('/')) {
                return within(address, network, length).unwrap_or(false);
            }
            let (name, wanted_port) = with_port(entry);
            if wanted_port.is_some() && wanted_port != port {
                return false;
            }
            match address {
                Some(address) => name.parse() == Ok(address),
                None => is_below(host, name.trim_start_matches('.').trim_end_matches('.')),
            }
        })
}

/// An entry's name or address, and its port when it has one.
fn with_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[') {
        let (address, after) = rest.split_once(']').unwrap_or((rest, ""));
        return (address, after.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        // More colons than one: an IPv6 address without brackets.
        _ => (entry, None),
    }
}

/// Whether `host` is `domain` or lies below it.
fn is_below(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    !domain.is_empty()
        && host
            .strip_suffix(&domain)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// Whether `address` lies in `network`/`length`; `None` when that is no network of its kind.
fn within(address: IpAddr, network: &str, length: &str) -> Option<bool> {
    let length: u32 = length.parse().ok()?;
    let (have, want, bits): (u128, u128, u32) = match (address, network.trim_matches(['[', ']']).parse().ok()?) {
        (IpAddr::V4(have), IpAddr::V4(want)) => (u128::from(have.to_bits()), u128::from(want.to_bits()), 32),
        (IpAddr::V6(have), IpAddr::V6(want)) => (have.to_bits(), want.to_bits(), 128),
        _ => return None,
    };
    let free = bits.checked_sub(length).filter(|_| length <= bits)?;
    Some(have.checked_shr(free).unwrap_or(0) == want.checked_shr(free).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(no: &str, url: &str) -> bool {
        let variables = Variables {
            all: Some("http://proxy:3128".into()),
            no: Some(no.into()),
            ..Variables::default()
        };
        variables.route(&Url::parse(url).unwrap()) == Route::Direct
    }

    #[test]
    fn no_proxy_names_hosts_addresses_networks_and_ports() {
        for (no, url, expected) in [
            ("*", "http://127.0.0.1:9090", true),
            ("*", "https://prometheus.example.com", true),
            ("a.org, *", "http://[::1]:9090", true),
            ("127.0.0.1", "http://127.0.0.1:9090", true),
            ("127.0.0.1:9090", "http://127.0.0.1:9090", true),
            ("127.0.0.1:9091", "http://127.0.0.1:9090", false),
            ("127.0.0.2", "http://127.0.0.1:9090", false),
            ("127.0.0.0/8", "http://127.9.9.9:9090", true),
            ("10.0.0.0/8 192.168.0.0/16", "http://192.168.3.4", true),
            ("10.0.0.0/33", "http://10.0.0.1", false),
            ("0.0.0.0/0", "http://10.0.0.1", true),
            ("fd00::/8", "http://[fd12::1]:9090", true),
            ("::1", "http://[::1]:9090", true),
            ("[::1]:9090", "http://[::1]:9090", true),
            ("[::1]:9091", "http://[::1]:9090", false),
            ("example.com", "https://prometheus.EXAMPLE.com", true),
            (".example.com", "https://example.com", true),
            ("example.com.", "https://example.com", true),
            ("example.com:443", "https://p.example.com", true),
            ("example.com:80", "https://p.example.com", false),
            ("ample.com", "https://example.com", false),
            ("", "https://example.com", false),
            ("localhost", "http://127.0.0.1", false),
        ] {
            assert_eq!(direct(no, url), expected, "NO_PROXY={no} {url}");
        }
    }

    #[test]
    fn the_scheme_chooses_the_variable() {
        let variables = Variables {
            http: Some("p:1".into()),
            https: Some("https://u:CANARY@q:2".into()),
            ..Variables::default()
        };
        let route = |url| variables.route(&Url::parse(url).unwrap());
        assert_eq!(route("http://h"), Route::Through(Url::parse("http://p:1").unwrap()));
        assert_eq!(
            route("https://h"),
            Route::Through(Url::parse("https://u:CANARY@q:2").unwrap())
        );
        let socks = Variables {
            all: Some("socks5://u:CANARY@p:1".into()),
            ..Variables::default()
        };
        assert_eq!(
            socks.route(&Url::parse("http://h").unwrap()),
            Route::Unusable("socks5://p:1".into())
        );
        assert_eq!(
            Variables::default().route(&Url::parse("http://h").unwrap()),
            Route::Direct
        );
    }
}
