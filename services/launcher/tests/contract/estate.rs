//! Roles in processes of their own, on the demo's generated source.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use sla_testkit::instance::sla;
use sla_testkit::{Served, free_address};

use crate::authority::{Authority, Pair};

/// What these processes know each other by.
pub(crate) const SECRET: &str = "a secret of this test alone";
const ROLES: [&str; 5] = ["storage", "account", "etl", "sla", "retrieval"];

/// One process: a role, and a number where there are several of it.
struct Process {
    name: &'static str,
    address: SocketAddr,
    served: Option<Served>,
}

impl Process {
    fn role(&self) -> &'static str {
        self.name.trim_end_matches(|c: char| c.is_ascii_digit())
    }
}

/// The processes; killed when they are not stopped.
pub(crate) struct Estate {
    place: tempfile::TempDir,
    tls: Option<(PathBuf, Pair)>,
    bus: Vec<(&'static str, String)>,
    processes: Vec<Process>,
}

impl Estate {
    /// All of them, the ones that need others first: any order will do. `bus` is what each is told of it.
    pub(crate) fn start(bus: &[(&'static str, String)]) -> Self {
        Self::of(&ROLES, bus)
    }

    /// These.
    pub(crate) fn of(names: &[&'static str], bus: &[(&'static str, String)]) -> Self {
        let mut estate = Self::planned(names, false);
        estate.bus = bus.to_vec();
        for name in names.iter().rev() {
            estate.begin(name);
        }
        estate.answer();
        estate
    }

    /// All of them behind a gateway, all by TLS, none started yet.
    pub(crate) fn behind_a_gateway() -> Self {
        Self::planned(&["storage", "account", "etl", "sla", "retrieval", "gateway"], true)
    }

    fn planned(roles: &[&'static str], with_tls: bool) -> Self {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("secret"), SECRET).unwrap();
        let tls = with_tls.then(|| {
            let authority = Authority::new(place.path(), "estate");
            (authority.file(), authority.sign("role", &["127.0.0.1"], false))
        });
        let processes = roles.iter().map(|&name| Process {
            name,
            address: free_address(),
            served: None,
        });
        Self {
            processes: processes.collect(),
            place,
            tls,
            bus: Vec::new(),
        }
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Starts the process called `name`, whatever the others do.
    pub(crate) fn begin(&mut self, name: &str) {
        let (address, role) = (self.process(name).address.to_string(), self.process(name).role());
        let mut command = sla(self.place.path());
        command
            .args(["serve", "--roles", role, "--listen", &address, "--demo-dir"])
            .arg(self.place.path().join(name))
            .env("SLA_ETL__ADDRESS", format!("{}://{address}", self.scheme()))
            .env("SLA_PEERS__SECRET_FILE", self.place.path().join("secret"))
            .envs(self.bus.iter().cloned())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        if let Some((authority, pair)) = &self.tls {
            command
                .env("SLA_TLS__CA_FILE", authority)
                .env("SLA_TLS__CERT_FILE", &pair.cert)
                .env("SLA_TLS__KEY_FILE", &pair.key);
        }
        let mut peers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for other in &self.processes {
            if other.role() != role && other.role() != "gateway" {
                let key = format!("SLA_PEERS__{}", other.role().to_uppercase());
                let address = format!("{}://{}", self.scheme(), other.address);
                peers.entry(key).or_default().push(address);
            }
        }
        command.envs(peers.into_iter().map(|(key, addresses)| (key, addresses.join(","))));
        self.process(name).served = Some(Served::spawn(&mut command));
    }

    fn process(&mut self, name: &str) -> &mut Process {
        self.processes.iter_mut().find(|process| process.name == name).unwrap()
    }

    /// Ends the process called `name` so that it cannot say a word any more.
    #[cfg(feature = "kafka")]
    pub(crate) fn kill(&mut self, name: &str) {
        self.process(name).served.take().unwrap().kill();
    }

    /// Waits until each process that was started answers.
    pub(crate) fn answer(&mut self) {
        for Process { name, address, served } in &mut self.processes {
            if let Some(served) = served {
                served.wait_until(&format!("{name} answers"), || TcpStream::connect(*address).is_ok());
            }
        }
    }

    /// The authority of all, where they speak TLS.
    pub(crate) fn authority(&self) -> Vec<u8> {
        std::fs::read(&self.tls.as_ref().unwrap().0).unwrap()
    }

    /// Role and address.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&'static str, String)> {
        let address = |process: &Process| (process.name, format!("{}://{}", self.scheme(), process.address));
        self.processes.iter().map(address)
    }

    /// The address of `role`.
    pub(crate) fn address(&self, role: &str) -> String {
        self.addresses().find(|(other, _)| *other == role).unwrap().1
    }

    /// Asks the process of `role` to end; how long it took, and whether it did so well.
    pub(crate) fn end(&mut self, role: &str, limit: Duration) -> (Duration, bool) {
        let mut served = self.process(role).served.take().unwrap();
        served.terminate();
        let (status, took) = served.ended(limit);
        (took, status.success())
    }

    /// Asks each to end, the last planned first; whether all did so well within `limit`.
    pub(crate) fn stop(mut self, limit: Duration) -> bool {
        let left = self.processes.iter().rev().filter(|process| process.served.is_some());
        let names: Vec<&str> = left.map(|process| process.name).collect();
        names.into_iter().all(|role| self.end(role, limit).1)
    }
}
