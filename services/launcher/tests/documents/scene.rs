//! The demo with a clock that stands still, and a shell in which `sla` reads it.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sla_testkit::instance::{self, Served};

/// When the pages were made, as far as their readers can see.
const FROZEN: &str = "2026-03-14T09:30:00Z";
/// How long anything may take: a debug binary on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// A file of samples, as the pages name it.
const SAMPLES: &str = "time,load\n1700000000,1\n1700000015,90\n1700000030,2\n";
/// A task of a bulk forecast, as `docs/reference/json.md` says.
const TASK: &str =
    "{\"id\":\"a\",\"step_s\":60,\"horizons\":[4],\"history\":[1,2,1,2,1,2,1,2,1,2,1,2,1,2,1,2],\"thresholds\":[]}\n";
/// A set file with a mistake.
const MISTAKEN: &str =
    "[[set]]\nname = \"web\"\n\n[[set.objective]]\nname = \"Load\"\nquery = \"node_load1\"\nmax = 4\nmix = 3\n";

pub(crate) struct Scene {
    place: tempfile::TempDir,
    _served: Served,
}

impl Scene {
    /// Ready when both sets are judged, the first run is done and its results are stored.
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let work = place.path().join("work");
        std::fs::create_dir_all(place.path().join("bin")).unwrap();
        std::fs::create_dir_all(&work).unwrap();
        let home = instance::sla(place.path());
        symlink(home.get_program(), place.path().join("bin/sla")).unwrap();
        for (name, text) in [
            ("samples.csv", SAMPLES),
            ("tasks.jsonl", TASK),
            ("values.json", "[1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2]\n"),
            ("mistaken.toml", MISTAKEN),
        ] {
            std::fs::write(work.join(name), text).unwrap();
        }
        let mut serve = instance::sla(place.path());
        serve
            .args(["serve", "--demo-dir"])
            .arg(place.path().join("demo"))
            .arg(format!("--frozen={FROZEN}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let scene = Self {
            _served: Served::spawn(&mut serve),
            place,
        };
        scene.wait_for("sla sets list", |said| {
            said.contains("shop") && said.contains("default")
        });
        scene.wait_for("sla check", |said| said.matches('\n').count() == 10);
        scene.wait_for("sla runs", |said| said.contains("done"));
        scene.wait_for("sla metrics --stored", |said| said.contains("node_load1"));
        scene
    }

    fn wait_for(&self, line: &str, is_so: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let (said, _) = self.shell(line);
            if is_so(&said) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{line}: {said}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Runs a line as a shell would: what it prints, both ways, and its exit code.
    pub(crate) fn shell(&self, line: &str) -> (String, i32) {
        let template = instance::sla(self.place.path());
        let mut shell = Command::new("sh");
        for (name, value) in template.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let output = shell
            .args(["-c", &format!("exec 2>&1; {line}")])
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.place.path().join("bin").display()),
            )
            .env("SLA_INSTANCE__SOCKET", self.place.path().join("demo/sla.sock"))
            .env("LANG", "C.UTF-8")
            .current_dir(self.place.path().join("work"))
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (said, output.status.code().unwrap_or(-1))
    }
}
