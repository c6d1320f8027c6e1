//! The far end of `--connect`: its address, and whom it is trusted to be.

use color_eyre::eyre::Report;
use sla_proto::peer::Trust;

use crate::cli::Global;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::instance;

/// Where to connect and whom to trust there, where something is asked for. A scheme that is left out is https where certificates
/// are given, else http.
pub(super) fn far_end(global: &Global, config: &Config) -> Result<Option<(String, Trust)>, Report> {
    let Some(given) = &global.connect else {
        return Ok(None);
    };
    let authority = global.ca.as_deref().or(config.tls.ca_file.as_deref());
    let address = match given.contains("://") {
        true => given.clone(),
        false if authority.is_some() => format!("https://{given}"),
        false => format!("http://{given}"),
    };
    let has_place = |uri: &http::Uri| {
        let with_port = uri.authority().is_some_and(|authority| authority.port().is_some());
        with_port || uri.scheme_str() == Some("https")
    };
    let is_address = address.parse::<http::Uri>().is_ok_and(|uri| has_place(&uri));
    if !is_address {
        let words = format!("--connect {given}: is no address; write it like 127.0.0.1:7000 or https://host:7000");
        return Err(Failure::new(Exit::USAGE, words).into());
    }
    if !global.insecure && !instance::is_covered(&address) {
        let words = "--connect to another host over http is neither encrypted nor sure of who answers: use https://, a tunnel \
                     (ssh -L), or say --insecure";
        return Err(Failure::new(Exit::USAGE, words).into());
    }
    let identity = global.cert.as_deref().zip(global.key.as_deref());
    Ok(Some((address, instance::trust(authority, identity)?)))
}
