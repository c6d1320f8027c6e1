//! The binary as a process of its own: one instance for one test.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long a start is waited for: a debug binary on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(10);

/// `sla` for this home folder, without a trace of who runs the test.
///
/// # Panics
/// Outside the integration tests of the crate that builds the binary.
pub fn sla(home: &Path) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells integration tests where the binary is"
    )]
    let binary = std::env::var_os("CARGO_BIN_EXE_sla").expect("cargo sets CARGO_BIN_EXE_sla for tests of the launcher");
    let mut command = Command::new(binary);
    command
        .env("HOME", home)
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("XDG_CONFIG_HOME");
    command
}

/// An instance of its own, stopped at the end.
pub struct Instance {
    /// Its data folder, and its home.
    pub folder: TempDir,
    /// Its source.
    pub url: String,
}

impl Instance {
    /// A fresh one that reads this address.
    pub fn on(url: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            url: url.to_owned(),
        }
    }

    /// `sla` in the folder of this instance, on its source.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = sla(self.folder.path());
        command.arg("--data-dir").arg(self.folder.path());
        command.args(["--prometheus", &self.url]).args(arguments);
        command
    }

    /// Runs it to its end.
    pub fn sla(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("sla runs")
    }

    /// What it prints, as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.sla(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {complaint}"))
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("run/default.sock")
    }

    /// `sla serve` with these variables, once its socket answers: who asks before would start another one.
    pub fn serve(&self, variables: &[(&str, &str)]) -> Served {
        let mut command = self.command(&["serve"]);
        command.envs(variables.iter().copied());
        let mut served = Served::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()));
        served.wait_until("its socket answers", || UnixStream::connect(self.socket()).is_ok());
        served
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.sla(&["stop"]);
    }
}

/// The library that gives a process another clock (`LD_PRELOAD`, `FAKETIME`).
///
/// # Panics
/// Where `dev/test` has not said where it is.
#[expect(clippy::disallowed_methods, reason = "dev/test says where the library is")]
pub fn faketime() -> String {
    std::env::var("SLA_TEST_FAKETIME").expect("dev/test exports SLA_TEST_FAKETIME")
}

/// An address of this host at which nobody listened a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A process, killed at the end if it still runs.
pub struct Served(Child);

impl Served {
    /// Starts it.
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().expect("sla serve"))
    }

    /// Waits for what a start brings.
    ///
    /// # Panics
    /// When it does not come, or the process has ended.
    pub fn wait_until(&mut self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(self.is_running(), "the process ended before {what}");
            assert!(
                begun.elapsed() < START_LIMIT,
                "it is not so after {START_LIMIT:?}: {what}"
            );
            std::thread::sleep(POLL);
        }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Ends it so that it cannot write a word any more.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.id() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end: how, and after how long.
    ///
    /// # Panics
    /// When it does not end within `limit`.
    pub fn ended(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return (status, asked.elapsed());
            }
            assert!(asked.elapsed() < limit, "it does not end within {limit:?}");
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
