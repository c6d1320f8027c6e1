//! The roles that run in other processes: their addresses, and the secret by which roles know each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use color_eyre::eyre::{Report, WrapErr as _};
use sla_proto::Peer;
use sla_proto::peer::{Claims, Dial, Trust};
use sla_runtime::processes::Neighbour;
use sla_source::redact_url;

use super::cover::{self, is_covered};
use super::plan::Serve;
use crate::config::{ConfigError, PeersConfig, TlsConfig};

/// A shorter secret can be guessed.
const MIN_SECRET_CHARS: usize = 16;

/// The secret of this estate, from its file.
pub(super) fn secret(config: &PeersConfig) -> Result<Option<Arc<str>>, Report> {
    config.secret_file.as_deref().map(read).transpose()
}

fn read(path: &Path) -> Result<Arc<str>, Report> {
    let text =
        std::fs::read_to_string(path).wrap_err_with(|| format!("cannot read peers.secret_file {}", path.display()))?;
    let secret = text.trim();
    if secret.chars().count() < MIN_SECRET_CHARS {
        let rule = ConfigError::Rule {
            key: "peers.secret_file",
            value: path.display().to_string(),
            rule: format!("its secret has fewer than {MIN_SECRET_CHARS} characters"),
            fix: "make one with `head -c 32 /dev/urandom | base64`".to_owned(),
        };
        return Err(rule.into());
    }
    Ok(secret.into())
}

/// Whom this process trusts where it calls others, and the certificate that it shows them.
pub(super) fn trust(tls: &TlsConfig) -> Result<Trust, Report> {
    let identity = tls.cert_file.as_deref().zip(tls.key_file.as_deref());
    cover::trust(tls.ca_file.as_deref(), identity)
}

/// A process of a role.
#[derive(Debug, Clone)]
pub(super) struct Process {
    address: String,
    peer: Peer,
}

/// The processes of each role that does not run here.
pub(super) type Elsewhere = BTreeMap<String, Vec<Process>>;

/// Peers of the roles that do not run here, as far as they have an address. They are dialled when they are first used.
pub(super) fn elsewhere(
    config: &PeersConfig,
    run: &Serve,
    secret: Option<&str>,
    trust: &Trust,
) -> Result<Elsewhere, Report> {
    let mut peers = BTreeMap::new();
    for (role, addresses) in config.addresses() {
        if !run.has(role) {
            let processes = each(addresses).map(|address| process(role, address, run, secret, trust));
            let processes = processes.collect::<Result<Vec<Process>, Report>>()?;
            if !processes.is_empty() {
                peers.insert(role.to_owned(), processes);
            }
        }
    }
    Ok(peers)
}

fn process(role: &str, address: &str, run: &Serve, secret: Option<&str>, trust: &Trust) -> Result<Process, Report> {
    if !run.insecure && !is_covered(address) {
        return Err(in_the_clear(role, address).into());
    }
    let claims = secret.map_or_else(Claims::default, |secret| Claims::default().with_secret(secret));
    Ok(Process {
        address: address.to_owned(),
        peer: Peer::lazy_tcp(address, trust)?.claiming(claims),
    })
}

/// The other workers, where this process is one of those that `[peers]` names: it is reached at `own`. They are watched, never
/// called for work that can be done here.
pub(super) fn fellow_workers(
    config: &PeersConfig,
    own: &str,
    run: &Serve,
    secret: Option<&str>,
    trust: &Trust,
) -> Result<Vec<Neighbour>, Report> {
    let others = each(&config.etl).filter(|address| run.has("etl") && !own.is_empty() && *address != own);
    let neighbour = |address| {
        let Process { address, peer } = process("etl", address, run, secret, trust)?;
        Ok(Neighbour {
            address,
            roles: vec!["etl".to_owned()],
            peer,
        })
    };
    others.map(neighbour).collect()
}

/// The addresses of one role.
fn each(addresses: &str) -> impl Iterator<Item = &str> {
    addresses
        .split(',')
        .map(str::trim)
        .filter(|address| !address.is_empty())
}

/// One peer a role. Reads of samples find their owner among the workers: whom the storage names, `here` where it runs here.
pub(super) fn joined(
    elsewhere: &Elsewhere,
    here: &Peer,
    (run, secret, trust): (&Serve, Option<&str>, &Trust),
) -> BTreeMap<String, Peer> {
    let mut joined: BTreeMap<String, Peer> = BTreeMap::new();
    for (role, processes) in elsewhere {
        let peer = match processes.as_slice() {
            [one] => one.peer.clone(),
            many => Peer::any_of(many.iter().map(|one| one.peer.clone()).collect()),
        };
        joined.insert(role.clone(), peer);
    }
    if let Some(workers) = joined.remove("etl") {
        let placements = joined.get("storage").unwrap_or(here).clone();
        let claims = secret.map_or_else(Claims::default, |secret| Claims::default().with_secret(secret));
        let (insecure, trust) = (run.insecure, trust.clone());
        let dial: Dial = Arc::new(move |address| {
            let may = insecure || is_covered(address);
            let peer = may.then(|| Peer::lazy_tcp(address, &trust).ok()).flatten();
            peer.map(|peer| peer.claiming(claims.clone()).into_channel())
        });
        joined.insert("etl".to_owned(), workers.owned(placements, dial));
    }
    joined
}

/// The keys of the addresses.
const KEYS: [(&str, &str); 7] = [
    ("account", "peers.account"),
    ("etl", "peers.etl"),
    ("storage", "peers.storage"),
    ("sla", "peers.sla"),
    ("retrieval", "peers.retrieval"),
    ("notify", "peers.notify"),
    ("weather", "peers.weather"),
];

fn in_the_clear(role: &str, address: &str) -> ConfigError {
    ConfigError::Rule {
        key: KEYS
            .iter()
            .find(|(word, _)| *word == role)
            .map_or("peers", |(_, key)| key),
        value: redact_url(address),
        rule: "what passes to another host, the secret of the roles too, must be encrypted".to_owned(),
        fix: "use https:// with certificates there ([tls]), or say --insecure".to_owned(),
    }
}

/// The processes behind these peers, each once, with the roles it is called for.
pub(super) fn neighbours(config: &PeersConfig, elsewhere: &Elsewhere) -> Vec<Neighbour> {
    let mut neighbours: Vec<Neighbour> = Vec::new();
    // In the order of the configuration.
    for (role, _) in config.addresses() {
        for process in elsewhere.get(role).into_iter().flatten() {
            match neighbours.iter_mut().find(|one| one.address == process.address) {
                Some(known) => known.roles.push(role.to_owned()),
                None => neighbours.push(Neighbour {
                    address: process.address.clone(),
                    roles: vec![role.to_owned()],
                    peer: process.peer.clone(),
                }),
            }
        }
    }
    neighbours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_can_be_guessed_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("secret");
        let config = PeersConfig {
            secret_file: Some(file.clone()),
            ..PeersConfig::default()
        };
        assert!(secret(&config).unwrap_err().to_string().contains("secret"));
        std::fs::write(&file, "short\n").unwrap();
        assert!(secret(&config).unwrap_err().to_string().contains("fewer than 16"));
        std::fs::write(&file, "0123456789abcdef\n").unwrap();
        assert_eq!(secret(&config).unwrap().as_deref(), Some("0123456789abcdef"));
        assert_eq!(secret(&PeersConfig::default()).unwrap(), None);
    }

    #[tokio::test]
    async fn what_runs_here_is_not_sought_elsewhere() {
        let config = PeersConfig {
            storage: "http://127.0.0.1:9, http://127.0.0.1:10".to_owned(),
            etl: "http://127.0.0.1:9".to_owned(),
            ..PeersConfig::default()
        };
        let run = Serve {
            roles: vec!["etl".to_owned()],
            ..Serve::default()
        };
        let trust = Trust::default();
        let peers = elsewhere(&config, &run, None, &trust).unwrap();
        assert_eq!(peers.keys().collect::<Vec<_>>(), ["storage"]);
        let neighbours = neighbours(&config, &peers);
        assert_eq!(neighbours.len(), 2, "each process of a role");
        assert_eq!(neighbours[0].roles, ["storage"]);
        let own = "http://127.0.0.1:9";
        let both = PeersConfig {
            etl: format!("{own},http://127.0.0.1:11"),
            ..PeersConfig::default()
        };
        let fellows = |config, own| fellow_workers(config, own, &run, None, &trust).unwrap();
        let addresses: Vec<String> = fellows(&both, own).into_iter().map(|one| one.address).collect();
        assert_eq!(addresses, ["http://127.0.0.1:11"], "itself it knows without a call");
        assert!(fellows(&both, "").is_empty(), "which of them it is was not said");
        for address in ["not an address", "http://10.0.0.1:7000"] {
            let wrong = PeersConfig {
                sla: address.to_owned(),
                ..PeersConfig::default()
            };
            let error = elsewhere(&wrong, &run, None, &trust).unwrap_err().to_string();
            assert!(error.contains("peers.sla") && error.contains(address), "{error}");
        }
    }
}
