//! What stands behind the roles: an Apache Kafka and a MySQL 9.7 of this test alone, which are killed and started again.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server in a folder of its own, moved by one of the scripts in `dev/`.
pub(crate) struct Backing {
    script: PathBuf,
    place: PathBuf,
    pub(crate) port: u16,
    variables: Vec<(&'static str, String)>,
}

impl Backing {
    /// A broker.
    pub(crate) fn kafka(place: &Path) -> Self {
        let port = free_ports();
        let variables = vec![
            ("KLIBS", named("SLA_TEST_KAFKA_LIBS")),
            ("PORT", port.to_string()),
            ("KVER", "4.4.0".to_owned()),
        ];
        Self::begun("kafka/kafka.sh", place.join("kafka"), port, variables)
    }

    /// A database: user `sla`, password `sla`.
    pub(crate) fn mysql(place: &Path) -> Self {
        let variables = vec![("MYSQL_ROOT", named("SLA_TEST_MYSQL_ROOT"))];
        Self::begun("mysql/mysql97.sh", place.join("mysql"), free_ports(), variables)
    }

    fn begun(script: &str, place: PathBuf, port: u16, variables: Vec<(&'static str, String)>) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev").join(script);
        let backing = Self {
            script,
            place,
            port,
            variables,
        };
        backing.again();
        backing
    }

    fn call(&self, word: &str) -> bool {
        let status = Command::new(&self.script)
            .arg(word)
            .arg(&self.place)
            .arg(if word == "start" && self.script.ends_with("mysql97.sh") {
                self.port.to_string()
            } else {
                String::new()
            })
            .envs(self.variables.iter().cloned())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        status.success()
    }

    /// Starts it, also after a kill, and waits until it serves.
    pub(crate) fn again(&self) {
        assert!(self.call("start"), "{} start", self.script.display());
    }

    /// Kills it by -9 and waits until it is gone.
    pub(crate) fn kill(&self) {
        assert!(self.call("kill"), "{} kill", self.script.display());
    }

    /// A file of its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.call("kill");
    }
}

fn named(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable}: run by dev/test"))
}

/// Three ports in a row that are free now.
fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let rest = (1..3).filter_map(|more| TcpListener::bind(("127.0.0.1", port.checked_add(more)?)).ok());
        if rest.collect::<Vec<_>>().len() == 2 {
            return port;
        }
    }
}
