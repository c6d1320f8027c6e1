//! Roles in processes of their own, on the demo's generated source.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use sla_testkit::Served;
use sla_testkit::instance::sla;

/// What these processes know each other by.
pub(crate) const SECRET: &str = "a secret of this test alone";
const ROLES: [&str; 5] = ["storage", "account", "etl", "sla", "retrieval"];

/// The processes; killed when they are not stopped.
pub(crate) struct Estate {
    _place: tempfile::TempDir,
    processes: Vec<(&'static str, SocketAddr, Served)>,
}

impl Estate {
    /// All of them, the ones that need others first: any order will do. `bus` is what each is told of it.
    pub(crate) fn start(bus: &[(&str, String)]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let secret = place.path().join("secret");
        std::fs::write(&secret, SECRET).unwrap();
        let ports: Vec<(&str, SocketAddr)> = ROLES.into_iter().map(|role| (role, free_port())).collect();
        let mut processes = Vec::new();
        for &(role, address) in ports.iter().rev() {
            let mut command = sla(place.path());
            command
                .args(["serve", "--roles", role, "--listen", &address.to_string(), "--demo-dir"])
                .arg(place.path().join(role))
                .env("SLA_PEERS__SECRET_FILE", &secret)
                .envs(bus.iter().cloned())
                .envs(bus.iter().cloned())
                .stdout(Stdio::null())
                .stderr(Stdio::inherit());
            for (other, address) in ports.iter().filter(|(other, _)| *other != role) {
                command.env(
                    format!("SLA_PEERS__{}", other.to_uppercase()),
                    format!("http://{address}"),
                );
            }
            processes.push((role, address, Served::spawn(&mut command)));
        }
        for (role, address, process) in &mut processes {
            let address = *address;
            process.wait_until(&format!("{role} answers"), || TcpStream::connect(address).is_ok());
        }
        Self {
            _place: place,
            processes,
        }
    }

    /// Role and address.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&'static str, String)> {
        let address = |process: &(&'static str, SocketAddr, Served)| (process.0, format!("http://{}", process.1));
        self.processes.iter().map(address)
    }

    /// Asks each to end, the last started first; whether all did so well within `limit`.
    pub(crate) fn stop(mut self, limit: Duration) -> bool {
        self.processes.iter_mut().rev().all(|(_, _, process)| {
            process.terminate();
            process.ended(limit).0.success()
        })
    }
}

/// A port that was free a moment ago.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
