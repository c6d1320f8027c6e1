//! An estate on a real Prometheus, with an incident from a seed: one series goes wrong, others with it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sla_domain::{Clock as _, SystemClock};
use sla_testkit::{Instance, Served, free_address};

/// Between two samples, and how much past there is.
const STEP_S: i64 = 10;
const PAST_S: i64 = 12 * 3_600 + 1_200;
const HOSTS: [&str; 8] = ["db-1", "db-2", "db-3", "db-4", "web-1", "web-2", "web-3", "web-4"];
/// Metric, usual value, and how far it goes in an incident.
const METRICS: [(&str, f64, f64); 5] = [
    ("node_load1", 1.5, 5.0),
    ("node_disk_io_now", 3.0, 14.0),
    ("node_procs_blocked", 2.0, 9.0),
    ("node_memory_free_gigabytes", 6.0, 0.0),
    ("http_requests_in_flight", 40.0, 0.0),
];
/// What is agreed, in place of what is suggested.
const AGREED: &str = "[[set]]\nname = \"default\"\n[[set.objective]]\nname = \"Load\"\nquery = \"node_load1\"\nmax = 4.0\n\
                      target = \"99.5\"\n[[set.objective]]\nname = \"Memory\"\nquery = \"node_memory_free_gigabytes\"\nmin = 1.0\n";

/// A time in which a host is in trouble, seconds before the present.
#[derive(Clone, Copy)]
pub(crate) struct Trouble {
    pub(crate) host: &'static str,
    pub(crate) from_s: i64,
    /// 0: it goes on.
    pub(crate) until_s: i64,
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Server, instance, and the hand that goes on writing samples.
pub(crate) struct World {
    pub(crate) instance: Instance,
    /// When the past was written, Unix seconds: troubles are counted from here.
    pub(crate) began_s: i64,
    program: PathBuf,
    port: u16,
    folder: tempfile::TempDir,
    server: Option<Running>,
    served: Option<Served>,
    hosts_in_trouble: Arc<Mutex<HashMap<&'static str, bool>>>,
    stop: Arc<AtomicBool>,
    feeder: Option<JoinHandle<()>>,
}

impl World {
    /// A world with these troubles in its past; the seed decides about the noise.
    pub(crate) fn new(seed: u64, troubles: &[Trouble]) -> Self {
        let port = free_address().port();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut world = Self {
            instance: Instance::on(&url),
            began_s: 0,
            program: program(),
            port,
            folder,
            server: None,
            served: None,
            hosts_in_trouble: Arc::default(),
            stop: Arc::default(),
            feeder: None,
        };
        world.start_server();
        world.began_s = now_s();
        world.write(&past(seed, troubles), &url);
        for trouble in troubles.iter().filter(|trouble| trouble.until_s == 0) {
            world.set_trouble(trouble.host, true);
        }
        world.feed(seed);
        world.served = Some(world.instance.serve(&[("SLA_EVALUATION__FLOOR", "5s")]));
        world.agree();
        world
    }

    /// A host begins to be in trouble now, or ends.
    pub(crate) fn set_trouble(&self, host: &'static str, on: bool) {
        self.hosts_in_trouble.lock().unwrap().insert(host, on);
    }

    /// The server is gone.
    pub(crate) fn kill_server(&mut self) {
        self.server = None;
    }

    /// It is there again, with what it had.
    pub(crate) fn start_server(&mut self) {
        let config = self.folder.path().join("prometheus.yml");
        std::fs::write(&config, "scrape_configs: []\n").unwrap();
        let child = Command::new(&self.program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                self.folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--web.enable-remote-write-receiver")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus runs");
        self.server = Some(Running(child));
        let ready = format!("http://127.0.0.1:{}/-/ready", self.port);
        let begun = Instant::now();
        while !Command::new("curl")
            .args(["-sf", "-m", "2", "-o", "/dev/null", &ready])
            .status()
            .is_ok_and(|s| s.success())
        {
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "prometheus does not become ready"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// How the console is started on this instance.
    pub(crate) fn console(&self, (columns, rows): (u16, u16)) -> crate::terminal::Console {
        let home = self.instance.folder.path();
        let arguments = ["--data-dir", home.to_str().unwrap(), "--prometheus", &self.instance.url];
        crate::terminal::Console::open_in(home, &arguments, (columns, rows), &[])
    }

    /// `14:07` of a moment so many seconds before the world began, as the console tells it (UTC).
    pub(crate) fn minute(&self, before_s: i64) -> String {
        let of_day = (self.began_s - before_s).rem_euclid(86_400);
        format!("{:02}:{:02}", of_day / 3_600, of_day % 3_600 / 60)
    }

    fn agree(&self) {
        let file = self.instance.folder.path().join("sets.toml");
        std::fs::write(&file, AGREED).unwrap();
        let begun = Instant::now();
        loop {
            let applied = self.instance.sla(&["sets", "apply", file.to_str().unwrap(), "--yes"]);
            if applied.status.success() {
                return;
            }
            // The set that the instance suggests may come in between.
            let complaint = String::from_utf8_lossy(&applied.stderr);
            assert!(begun.elapsed() < Duration::from_secs(30), "{complaint}");
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn write(&self, rows: &str, url: &str) {
        let file = self.folder.path().join("past.csv");
        std::fs::write(&file, rows).unwrap();
        assert!(send(&file, url), "the past was not written");
    }

    /// Writes one sample of each series, again and again.
    fn feed(&mut self, seed: u64) {
        let (stop, troubles) = (self.stop.clone(), self.hosts_in_trouble.clone());
        let file = self.folder.path().join("now.csv");
        let url = self.instance.url.clone();
        self.feeder = Some(thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let in_trouble = troubles.lock().unwrap().clone();
                let at_s = now_s();
                let mut rows = header();
                for_each_series(|host, metric, usual, far| {
                    let worse = if in_trouble.get(host) == Some(&true) { far } else { 0.0 };
                    line(
                        &mut rows,
                        (host, metric),
                        0,
                        usual + worse + noise(seed, host, metric, at_s) * usual,
                    );
                });
                std::fs::write(&file, rows).unwrap();
                // A server that is away misses a sample.
                send(&file, &url);
                for _ in 0..STEP_S * 20 {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(feeder) = self.feeder.take() {
            let _ = feeder.join();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "dev/test tells where the servers were unpacked"
)]
fn program() -> PathBuf {
    let folders = std::env::var("SLA_TEST_PROGRAMS").expect("SLA_TEST_PROGRAMS=FOLDER[:…] with prometheus");
    Path::new(folders.split(':').next().unwrap()).join("prometheus")
}

pub(crate) fn now_s() -> i64 {
    SystemClock.now_ms() / 1000
}

fn for_each_series(mut each: impl FnMut(&'static str, &'static str, f64, f64)) {
    for host in HOSTS {
        for (metric, usual, far) in METRICS {
            each(host, metric, usual, far);
        }
    }
}

fn header() -> String {
    "series,timestamp,value\n".to_owned()
}

fn line(rows: &mut String, (host, metric): (&str, &str), at_s: i64, value: f64) {
    writeln!(
        rows,
        "\"{metric}{{instance=\"\"{host}\"\",job=\"\"node\"\"}}\",{at_s},{value:.4}"
    )
    .unwrap();
}

/// Twelve hours and more, the newest sample at 0. What moves with the load moves a little earlier or later.
fn past(seed: u64, troubles: &[Trouble]) -> String {
    let mut rows = header();
    for_each_series(|host, metric, usual, far| {
        let lag_s = match metric {
            "node_disk_io_now" => -60,
            "node_procs_blocked" => 60,
            _ => 0,
        };
        let mut at_s = -PAST_S;
        while at_s <= 0 {
            let within = |t: &&Trouble| {
                let open = t.until_s == 0;
                t.host == host && at_s >= lag_s - t.from_s && (open || at_s < lag_s - t.until_s)
            };
            let worse = if troubles.iter().any(|t| within(&t)) { far } else { 0.0 };
            line(
                &mut rows,
                (host, metric),
                at_s,
                usual + worse + noise(seed, host, metric, at_s) * usual,
            );
            at_s += STEP_S;
        }
    });
    rows
}

/// Within ±0.1, the same for the same seed, series and time.
fn noise(seed: u64, host: &str, metric: &str, at_s: i64) -> f64 {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    for byte in host.bytes().chain(metric.bytes()).chain(at_s.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 31;
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / f64::from(1 << 24) * 0.2 - 0.1
}

/// To the server, so that the newest sample is of now; whether it took them.
fn send(file: &Path, url: &str) -> bool {
    Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dev/prometheus/backfill.py"))
        .args(["--csv", file.to_str().unwrap(), "--url", &format!("{url}/api/v1/write")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("python3 runs")
        .success()
}
