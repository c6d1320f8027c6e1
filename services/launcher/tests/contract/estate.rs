//! Roles in processes of their own, on the demo's generated source.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What these processes know each other by.
pub(crate) const SECRET: &str = "a secret of this test alone";
/// How long a start is waited for.
const START_LIMIT: Duration = Duration::from_secs(30);
const ROLES: [&str; 4] = ["storage", "etl", "sla", "retrieval"];

/// The processes; killed when they are not stopped.
pub(crate) struct Estate {
    _place: tempfile::TempDir,
    processes: Vec<(&'static str, SocketAddr, Child)>,
}

impl Estate {
    /// All four, the ones that need others first: any order will do. `bus` is what each is told of it.
    pub(crate) async fn start(bus: &[(&str, String)]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let secret = place.path().join("secret");
        std::fs::write(&secret, SECRET).unwrap();
        let ports: Vec<(&str, SocketAddr)> = ROLES.into_iter().map(|role| (role, free_port())).collect();
        let mut processes = Vec::new();
        for &(role, address) in ports.iter().rev() {
            let mut command = Command::new(env!("CARGO_BIN_EXE_sla"));
            command
                .args(["serve", "--roles", role, "--listen", &address.to_string(), "--demo-dir"])
                .arg(place.path().join(role))
                .env("HOME", place.path())
                .env_remove("XDG_RUNTIME_DIR")
                .env_remove("XDG_CONFIG_HOME")
                .env("SLA_PEERS__SECRET_FILE", &secret)
                .envs(bus.iter().cloned())
                .stdout(Stdio::null())
                .stderr(Stdio::inherit());
            for (other, address) in ports.iter().filter(|(other, _)| *other != role) {
                command.env(
                    format!("SLA_PEERS__{}", other.to_uppercase()),
                    format!("http://{address}"),
                );
            }
            processes.push((role, address, command.spawn().expect("sla serve")));
        }
        let begun = Instant::now();
        for (role, address, _) in &processes {
            while TcpStream::connect(address).is_err() {
                assert!(begun.elapsed() < START_LIMIT, "{role} does not answer");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Self {
            _place: place,
            processes,
        }
    }

    /// Role and address.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&'static str, String)> {
        let address = |process: &(&'static str, SocketAddr, Child)| (process.0, format!("http://{}", process.1));
        self.processes.iter().map(address)
    }

    /// Asks each to end, the last started first; whether all did so well within `limit`.
    pub(crate) fn stop(mut self, limit: Duration) -> bool {
        self.processes.iter_mut().rev().all(|(role, _, child)| {
            let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            let begun = Instant::now();
            while begun.elapsed() < limit {
                if let Some(status) = child.try_wait().unwrap() {
                    return status.success();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            panic!("{role} does not end within {limit:?}");
        })
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        for (_, _, child) in &mut self.processes {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
