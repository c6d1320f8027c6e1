//! Roles in processes of their own, on the demo's generated source.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use sla_testkit::Served;
use sla_testkit::instance::sla;

use crate::authority::{Authority, Pair};

/// What these processes know each other by.
pub(crate) const SECRET: &str = "a secret of this test alone";
const ROLES: [&str; 5] = ["storage", "account", "etl", "sla", "retrieval"];

/// One process.
struct Process {
    role: &'static str,
    address: SocketAddr,
    served: Option<Served>,
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
        let mut estate = Self::planned(&ROLES, false);
        estate.bus = bus.to_vec();
        for role in ROLES.iter().rev() {
            estate.begin(role);
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
        let processes = roles.iter().map(|&role| Process {
            role,
            address: free_port(),
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

    /// Starts the process of `role`, whatever the others do.
    pub(crate) fn begin(&mut self, role: &str) {
        let address = self.process(role).address.to_string();
        let mut command = sla(self.place.path());
        command
            .args(["serve", "--roles", role, "--listen", &address, "--demo-dir"])
            .arg(self.place.path().join(role))
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
        for other in &self.processes {
            if other.role != role && other.role != "gateway" {
                let key = format!("SLA_PEERS__{}", other.role.to_uppercase());
                command.env(key, format!("{}://{}", self.scheme(), other.address));
            }
        }
        self.process(role).served = Some(Served::spawn(&mut command));
    }

    fn process(&mut self, role: &str) -> &mut Process {
        self.processes.iter_mut().find(|process| process.role == role).unwrap()
    }

    /// Waits until each process that was started answers.
    pub(crate) fn answer(&mut self) {
        for Process { role, address, served } in &mut self.processes {
            if let Some(served) = served {
                served.wait_until(&format!("{role} answers"), || TcpStream::connect(*address).is_ok());
            }
        }
    }

    /// The authority of all, where they speak TLS.
    pub(crate) fn authority(&self) -> Vec<u8> {
        std::fs::read(&self.tls.as_ref().unwrap().0).unwrap()
    }

    /// Role and address.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&'static str, String)> {
        let address = |process: &Process| (process.role, format!("{}://{}", self.scheme(), process.address));
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
        let roles: Vec<&str> = self.processes.iter().rev().map(|process| process.role).collect();
        roles.into_iter().all(|role| self.end(role, limit).1)
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
