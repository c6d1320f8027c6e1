//! The source goes away and comes back, and the process is killed: on real servers (`SLA_TEST_PROMETHEUS`, see `prometheus.rs`),
//! behind a forwarder that can refuse and hold.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use sla_testkit::{Instance, servers};

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(500);
/// An agreement on a series that the server scrapes itself.
const AGREED: &str = r#"
[[set]]
name = "live"
[[set.objective]]
name = "scraped"
query = 'up{job="prometheus"}'
min = 1.0
"#;

#[derive(Default)]
struct Flags {
    ended: AtomicBool,
    held: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

/// Passes bytes on to a server; refuses connections while it does not exist.
struct Forwarder {
    port: u16,
    flags: Arc<Flags>,
    accepting: Option<JoinHandle<()>>,
}

impl Forwarder {
    fn to(url: &str, port: u16) -> Self {
        let server = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let flags = Arc::new(Flags::default());
        let shared = flags.clone();
        let accepting = thread::spawn(move || {
            while !shared.ended.load(Ordering::SeqCst) {
                let Ok((near, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(5));
                    continue;
                };
                near.set_nonblocking(false).unwrap();
                let Ok(far) = TcpStream::connect(&server) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to, shared) = (from.try_clone().unwrap(), to.try_clone().unwrap(), shared.clone());
                    thread::spawn(move || pass(from, to, &shared));
                }
                shared.open.lock().unwrap().extend([near, far]);
            }
        });
        Self {
            port,
            flags,
            accepting: Some(accepting),
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on bytes stay where they are, or go on.
    fn hold(&self, held: bool) {
        self.flags.held.store(held, Ordering::SeqCst);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.flags.ended.store(true, Ordering::SeqCst);
        for stream in self.flags.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
        // What was accepted in between.
        for stream in self.flags.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, flags: &Flags) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        while flags.held.load(Ordering::SeqCst) && !flags.ended.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Applies the agreement, as soon as the server has scraped itself.
fn apply(instance: &Instance) {
    let file = instance.folder.path().join("sets.toml");
    std::fs::write(&file, AGREED).unwrap();
    let begun = Instant::now();
    loop {
        let applied = instance.sla(&["sets", "apply", file.to_str().unwrap(), "--yes"]);
        if applied.status.success() {
            return;
        }
        let complaint = String::from_utf8_lossy(&applied.stderr);
        assert!(begun.elapsed() < Duration::from_mins(1), "{complaint}");
        thread::sleep(POLL);
    }
}

/// Looks until `done`, and gives the exit code and the answer; every answer on the way passes `seen`.
fn until(
    instance: &Instance,
    what: &str,
    limit: Duration,
    mut seen: impl FnMut(&Value),
    done: impl Fn(&Value) -> bool,
) -> (Option<i32>, Value) {
    let begun = Instant::now();
    loop {
        let output = instance.sla(&["check", "live", "--json"]);
        let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        if !answer.is_null() {
            seen(&answer);
        }
        if done(&answer) {
            println!("{what}: after {:.1} s", begun.elapsed().as_secs_f64());
            return (output.status.code(), answer);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            begun.elapsed() < limit,
            "{what} did not happen in {limit:?}: {answer} {complaint}"
        );
        thread::sleep(POLL);
    }
}

#[test]
#[ignore = "real server: dev/test"]
fn an_outage_is_said_never_judged_and_overcome_without_a_restart() {
    for (url, _) in servers::<Value>() {
        let forwarder = Forwarder::to(&url, 0);
        let port = forwarder.port;
        let instance = Instance::on(&forwarder.url());
        let mut served = instance.serve(&[]);
        apply(&instance);
        let (code, answer) = until(
            &instance,
            "ok",
            Duration::from_mins(1),
            |_| {},
            |answer| answer["state"] == "ok",
        );
        assert_eq!(
            (code, &answer["source"]["problem"]),
            (Some(0), &Value::Null),
            "{answer}"
        );

        drop(forwarder);
        let never_wrong = |answer: &Value| {
            assert_ne!(answer["state"], "violated", "an outage is no violation: {answer}");
            if answer["state"] == "ok" {
                let series = &answer["objectives"][0]["series"][0];
                let instant = |of: &Value| sla_domain::instant::parse_ms(of.as_str().expect("a time")).unwrap();
                let age_ms = instant(&answer["evaluated"]) - instant(&series["last"]["time"]);
                let cap_ms = (series["cap_s"].as_f64().expect("a cap") * 1_000.0) as i64;
                assert!(
                    age_ms <= cap_ms,
                    "ok by a sample {age_ms} ms old that holds {cap_ms} ms"
                );
            }
        };
        until(
            &instance,
            "the problem is said",
            Duration::from_mins(1),
            never_wrong,
            |answer| answer["source"]["problem"].is_string(),
        );
        let (code, answer) = until(&instance, "no data", Duration::from_mins(3), never_wrong, |answer| {
            answer["state"] == "no_data"
        });
        assert_eq!(code, Some(3), "{answer}");
        for _ in 0..10 {
            let output = instance.sla(&["check", "live", "--json"]);
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(
                (output.status.code(), &answer["state"]),
                (Some(3), &Value::from("no_data")),
                "{answer}"
            );
            assert!(answer["source"]["problem"].is_string(), "{answer}");
            thread::sleep(POLL);
        }

        let _forwarder = Forwarder::to(&url, port);
        let (code, answer) = until(&instance, "ok again", Duration::from_mins(2), never_wrong, |answer| {
            answer["state"] == "ok" && answer["source"]["problem"].is_null()
        });
        assert_eq!(code, Some(0), "{answer}");
        assert!(served.is_running(), "the same process all along");
    }
}

#[test]
#[ignore = "real server: dev/test"]
fn a_run_that_was_killed_is_failed_with_its_reason_and_sets_are_kept() {
    for (url, _) in servers::<Value>() {
        let forwarder = Forwarder::to(&url, 0);
        let instance = Instance::on(&forwarder.url());
        let mut served = instance.serve(&[]);
        apply(&instance);
        until(
            &instance,
            "ok",
            Duration::from_mins(1),
            |_| {},
            |answer| answer["state"] == "ok",
        );

        // The source does not answer any more: the run cannot end by itself.
        forwarder.hold(true);
        let started = instance.json(&["run", "{job=\"prometheus\"}", "--json"]);
        let number = started["number"].to_string();
        let begun = Instant::now();
        while instance.json(&["runs", &number, "--json"])["state"] != "running" {
            assert!(begun.elapsed() < Duration::from_secs(20), "the run does not begin");
            thread::sleep(POLL);
        }
        // SIGKILL: nothing can be written any more.
        served.kill();
        forwarder.hold(false);

        let _served = instance.serve(&[]);
        let begun = Instant::now();
        let run = loop {
            let run = instance.json(&["runs", &number, "--json"]);
            if run["state"] == "failed" {
                break run;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{run}");
            thread::sleep(POLL);
        };
        assert!(run["reason"].is_string(), "{run}");
        assert!(
            run["message"]
                .as_str()
                .unwrap()
                .contains("the process ended before the run did"),
            "{run}"
        );
        assert!(run["finished"].is_string(), "{run}");
        let kept = instance.json(&["sets", "show", "live", "--json"]);
        assert_eq!(kept["objectives"][0]["name"], "scraped", "{kept}");
        until(
            &instance,
            "ok after the kill",
            Duration::from_mins(1),
            |_| {},
            |answer| answer["state"] == "ok",
        );
    }
}
