//! An instance of the binary for one test, and the real servers it may read.

use std::process::{Command, Output};

use serde_json::Value;

/// An instance of its own, stopped at the end.
pub(crate) struct Instance {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) url: String,
}

impl Instance {
    /// A fresh one that reads this address.
    pub(crate) fn on(url: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            url: url.to_owned(),
        }
    }

    /// `sla` in the folder of this instance, on its source.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sla"));
        command
            .arg("--data-dir")
            .arg(self.folder.path())
            .args(["--prometheus", &self.url])
            .args(arguments)
            .env("HOME", self.folder.path())
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("XDG_CONFIG_HOME");
        command
    }

    /// Runs it to its end.
    pub(crate) fn sla(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("sla runs")
    }

    /// What it prints, as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.sla(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {complaint}"))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.sla(&["stop"]);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where real servers are"
)]
/// The servers with what their generator wrote down; none when the environment names none, and that is said.
pub(crate) fn servers(test: &str) -> Vec<(String, Value)> {
    let Ok(list) = std::env::var("SLA_TEST_PROMETHEUS") else {
        println!("SKIPPED {test}: SLA_TEST_PROMETHEUS=URL=TRUTH.json[,…] is not set, no real server to test on");
        return Vec::new();
    };
    list.split(',')
        .map(|entry| {
            let (url, truth) = entry.split_once('=').expect("URL=TRUTH.json");
            let truth = std::fs::read_to_string(truth).expect("the truth file");
            (url.to_owned(), serde_json::from_str(&truth).expect("truth"))
        })
        .collect()
}
