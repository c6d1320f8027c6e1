//! The roles, each in a process of its own: two storages, workers and managers, one of the others, and the gateway before them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use sla_proto::Peer;
use sla_proto::peer::{Claims, Trust};
use sla_testkit::instance::sla;
use sla_testkit::{Served, free_address};

use crate::backing::Backing;

/// What these processes know each other by.
const SECRET: &str = "a secret of this storm alone";
/// Partitions of both topics.
pub(crate) const PARTITIONS: usize = 12;
/// Everybody, the ones that others need first.
pub(crate) const NAMES: [&str; 9] = [
    "storage1",
    "storage2",
    "account",
    "etl1",
    "etl2",
    "sla1",
    "sla2",
    "retrieval",
    "gateway",
];

/// The role that a process of this name runs.
fn role_of(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

struct Actor {
    address: SocketAddr,
    served: Option<Served>,
}

/// The processes; killed when they are not stopped.
pub(crate) struct Cast {
    place: PathBuf,
    variables: Vec<(String, String)>,
    actors: BTreeMap<&'static str, Actor>,
}

impl Cast {
    /// All of them on `source`, results over `kafka` into `mysql`.
    pub(crate) fn start(place: &Path, source: &str, kafka: &Backing, mysql: &Backing) -> Self {
        std::fs::write(place.join("secret"), SECRET).unwrap();
        std::fs::write(place.join("password"), "sla").unwrap();
        let variables = [
            ("SLA_SOURCE__URL", source.to_owned()),
            ("SLA_SOURCE__NAME", "prometheus".to_owned()),
            ("SLA_PEERS__SECRET_FILE", place.join("secret").display().to_string()),
            ("SLA_BUS__BROKERS", format!("127.0.0.1:{}", kafka.port)),
            ("SLA_BUS__PARTITIONS", PARTITIONS.to_string()),
            ("SLA_STORAGE__URL", format!("mysql://sla@127.0.0.1:{}/sla", mysql.port)),
            (
                "SLA_STORAGE__PASSWORD_FILE",
                place.join("password").display().to_string(),
            ),
            ("SLA_STORAGE__CA_FILE", mysql.file("tls/ca.crt").display().to_string()),
        ];
        let actor = |name| {
            (
                name,
                Actor {
                    address: free_address(),
                    served: None,
                },
            )
        };
        let mut cast = Self {
            place: place.to_owned(),
            variables: variables.map(|(key, value)| (key.to_owned(), value)).into(),
            actors: NAMES.map(actor).into(),
        };
        for name in NAMES {
            cast.begin(name);
        }
        for (name, Actor { address, served }) in &mut cast.actors {
            let served = served.as_mut().unwrap();
            served.wait_until(&format!("{name} answers"), || TcpStream::connect(*address).is_ok());
        }
        cast
    }

    /// Starts the process called `name`, whatever the others do.
    pub(crate) fn begin(&mut self, name: &'static str) {
        let role = role_of(name);
        let mut command = sla(&self.place);
        command
            .args([
                "serve",
                "--roles",
                role,
                "--listen",
                &self.actors[name].address.to_string(),
                "--data-dir",
            ])
            .arg(self.place.join(name))
            .envs(self.variables.iter().cloned())
            .env("SLA_ETL__ADDRESS", self.address(name))
            .stdout(Stdio::null())
            .stderr(
                std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(self.place.join(format!("{name}.log")))
                    .unwrap(),
            );
        let mut peers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for other in NAMES {
            if role_of(other) != role && role_of(other) != "gateway" {
                let key = format!("SLA_PEERS__{}", role_of(other).to_uppercase());
                peers.entry(key).or_default().push(self.address(other));
            }
        }
        command.envs(peers.into_iter().map(|(key, addresses)| (key, addresses.join(","))));
        self.actor(name).served = Some(Served::spawn(&mut command));
    }

    fn actor(&mut self, name: &str) -> &mut Actor {
        self.actors.get_mut(name).unwrap()
    }

    /// Ends the process called `name` so that it cannot say a word any more.
    pub(crate) fn kill(&mut self, name: &str) {
        let mut served = self.actor(name).served.take().unwrap();
        assert!(served.is_running(), "{name} has ended by itself");
        served.kill();
    }

    /// The process called `name` stands still, its connections open.
    pub(crate) fn pause(&mut self, name: &str) {
        self.actor(name).served.as_ref().unwrap().signal(Signal::STOP);
    }

    /// It goes on.
    pub(crate) fn resume(&mut self, name: &str) {
        self.actor(name).served.as_ref().unwrap().signal(Signal::CONT);
    }

    /// Where it is reached.
    pub(crate) fn address(&self, name: &str) -> String {
        format!("http://{}", self.actors[name].address)
    }

    /// The way to it, as another role has it.
    pub(crate) fn peer(&self, name: &str) -> Peer {
        let peer = Peer::lazy_tcp(&self.address(name), &Trust::default()).unwrap();
        peer.claiming(Claims::default().with_secret(SECRET))
    }

    /// The way to it, as a console has it.
    pub(crate) fn door(&self) -> Peer {
        Peer::lazy_tcp(&self.address("gateway"), &Trust::default()).unwrap()
    }

    /// Asks each to end; whether all did so well within `limit`.
    pub(crate) fn stop(mut self, limit: Duration) -> bool {
        NAMES.iter().rev().all(|name| {
            let mut served = self.actor(name).served.take().unwrap();
            served.terminate();
            served.ended(limit).0.success()
        })
    }
}

/// One process with all roles, a SQLite and no bus.
pub(crate) struct Alone {
    _served: Served,
    pub(crate) peer: Peer,
}

impl Alone {
    /// On the same source.
    pub(crate) fn start(place: &Path, source: &str) -> Self {
        let address = free_address();
        let mut command = sla(place);
        command
            .args(["serve", "--listen", &address.to_string(), "--data-dir"])
            .arg(place.join("alone"))
            .env("SLA_SOURCE__URL", source)
            .env("SLA_SOURCE__NAME", "prometheus")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(place.join("alone.log")).unwrap());
        let mut served = Served::spawn(&mut command);
        served.wait_until("the process alone answers", || TcpStream::connect(address).is_ok());
        Self {
            _served: served,
            peer: Peer::lazy_tcp(&format!("http://{address}"), &Trust::default()).unwrap(),
        }
    }
}
