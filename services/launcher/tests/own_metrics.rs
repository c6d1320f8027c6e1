//! What a process tells about itself, read by real Prometheus servers (2.42 and 3.x) and judged by their own `promtool`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sla_testkit::free_address;

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "dev/test tells where the servers were unpacked"
)]
fn programs() -> Vec<PathBuf> {
    let folders =
        std::env::var("SLA_TEST_PROGRAMS").expect("SLA_TEST_PROGRAMS=FOLDER[:…] with prometheus and promtool");
    folders.split(':').map(PathBuf::from).collect()
}

/// `sla` in a folder of its own, on a source that is away.
fn sla(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sla"));
    command
        .arg("--data-dir")
        .arg(folder)
        .args(["--prometheus", "http://127.0.0.1:1"])
        .args(arguments)
        .env("HOME", folder)
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("XDG_CONFIG_HOME")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn get(url: &str, accept: &str) -> Option<String> {
    let curl = Command::new("curl")
        .args(["-sf", "-m", "5", "-H", &format!("Accept: {accept}"), url])
        .output()
        .expect("curl runs");
    curl.status.success().then(|| String::from_utf8(curl.stdout).unwrap())
}

/// Asks again until there is an answer, for 60 s.
fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "not within 60 s: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The first value a query gives.
fn value(server: &str, query: &str) -> Option<f64> {
    let curl = Command::new("curl")
        .args(["-sf", "-m", "5", "-G", "--data-urlencode", &format!("query={query}")])
        .arg(format!("{server}/api/v1/query"))
        .output()
        .expect("curl runs");
    let answer: Value = serde_json::from_slice(&curl.stdout).ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

fn judged_by_promtool(promtool: &Path, text: &str) {
    let mut promtool = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let verdict = promtool.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&verdict.stderr) + String::from_utf8_lossy(&verdict.stdout);
    assert!(verdict.status.success() && words.trim().is_empty(), "promtool: {words}");
}

#[test]
#[ignore = "real server: dev/test"]
fn a_real_prometheus_reads_what_a_process_tells_of_itself() {
    let port = free_address().port();
    let folder = tempfile::tempdir().unwrap();
    let _serve = Running(
        sla(folder.path(), &["serve"])
            .env("SLA_METRICS__LISTEN", format!("127.0.0.1:{port}"))
            .spawn()
            .expect("sla runs"),
    );
    let url = format!("http://127.0.0.1:{port}/metrics");
    eventually("the process serves its metrics", || get(&url, "text/plain"));
    let check = sla(folder.path(), &["check"]).status().expect("sla runs");
    assert!(!check.success(), "its source is away, and that is no success");
    let health = sla(folder.path(), &["health", "--all"]).status().expect("sla runs");
    assert!(health.success(), "the process itself serves");
    let text = get(&url, "text/plain").unwrap();
    assert!(text.contains("\nsla_etl_source_up{source=\"127.0.0.1:1\"} 0"), "{text}");

    let folders = programs();
    assert!(!folders.is_empty());
    for programs in folders {
        judged_by_promtool(&programs.join("promtool"), &text);
        let (folder, port_of_server) = (tempfile::tempdir().unwrap(), free_address().port());
        let config = folder.path().join("prometheus.yml");
        let words = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- {{job_name: sla, static_configs: [{{targets: \
             [\"127.0.0.1:{port}\"]}}]}}\n"
        );
        std::fs::write(&config, words).unwrap();
        let server = format!("http://127.0.0.1:{port_of_server}");
        let _prometheus = Running(
            Command::new(programs.join("prometheus"))
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port_of_server}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("prometheus runs"),
        );
        let up = eventually("the process was scraped", || value(&server, "up{job=\"sla\"}"));
        assert_eq!(up, 1.0);
        let cpu = eventually("CPU is told", || value(&server, "process_cpu_seconds_total"));
        assert!(cpu > 0.0);
        let calls = "sum(sla_rpc_duration_seconds_count{service=\"sla.server.v1.ServerService\"})";
        assert!(value(&server, calls).unwrap() >= 1.0);
        assert!(
            value(
                &server,
                "sla_storage_transaction_duration_seconds_count{kind=\"write\"}"
            )
            .unwrap()
                >= 1.0
        );
        assert!(value(&server, "sla_data_folder_bytes").unwrap() > 4096.0);
        let about = get(
            &format!("{server}/api/v1/targets/metadata?metric=sla_rpc_duration_seconds"),
            "*/*",
        )
        .unwrap();
        assert!(
            about.contains("\"histogram\"") && about.contains("\"seconds\""),
            "{about}"
        );
    }
}
