//! The address of `--connect`, and what must not pass unencrypted.

use std::net::IpAddr;

use color_eyre::eyre::Report;

use crate::cli::Global;
use crate::exit::{Exit, Failure};

/// Where to connect, where something is asked for; with the scheme that people leave out.
pub(super) fn address(global: &Global) -> Result<Option<String>, Report> {
    let Some(given) = &global.connect else {
        return Ok(None);
    };
    let address = if given.contains("://") {
        given.clone()
    } else {
        format!("http://{given}")
    };
    if address.starts_with("https://") || global.insecure || is_this_host(&address) {
        return Ok(Some(address));
    }
    let words = "--connect to another host over http is neither encrypted nor sure of who answers: use https://, a tunnel \
                 (ssh -L), or say --insecure";
    Err(Failure::new(Exit::USAGE, words).into())
}

/// Whether what passes stays on this host. A name other than `localhost` may lead anywhere.
fn is_this_host(address: &str) -> bool {
    let authority = address
        .parse::<http::Uri>()
        .ok()
        .and_then(|uri| uri.authority().cloned());
    authority.is_some_and(|authority| {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_talked_to_in_the_clear() {
        for (address, stays) in [
            ("http://127.0.0.1:7000", true),
            ("http://[::1]:7000", true),
            ("http://localhost:7000/", true),
            ("http://127.0.0.1.example.org:7000", false),
            ("http://localhost@example.org:7000", false),
            ("http://10.0.0.1:7000", false),
            ("http://[::]:7000", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_this_host(address), stays, "{address}");
        }
    }
}
