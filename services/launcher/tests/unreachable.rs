//! A source that is away, refuses, or is no Prometheus: each command says so with the right code, none calls it an empty
//! answer, and no wait is longer than it takes to know. Needs no server but the ones started here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::collections::HashSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;
use sla_domain::Clock as _;
use sla_proto::violation::v1::WatchViolationsRequest;
use sla_testkit::{Instance, Reply, Stub};

/// Answers every request with the same words.
fn says(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Stub {
    Stub::in_background(move |_| reply())
}

fn refuses(url: &str, words: &str) {
    let instance = Instance::on(url);
    for (arguments, code) in [
        (&["evaluate", "up", "--min", "1"][..], 69),
        (&["check"], 69),
        (&["check", "--nagios"], 3),
        (&["violations"], 69),
        (&["forecast"], 69),
        (&["metrics"], 69),
        (&["metrics", "up"], 69),
        (&["run", "--wait"], 69),
        (&["around", "up"], 69),
        (&["analyze", "up"], 69),
        (&["backtest", "up"], 69),
    ] {
        let output = instance.sla(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!said.contains("\u{1b}["), "{arguments:?}: {said}");
    }
    let answer = instance.json(&["evaluate", "up", "--min", "1", "--json"]);
    assert_eq!(answer["state"], "no_data");
    assert!(answer["problem"].as_str().unwrap().contains(words), "{answer}");
}

#[test]
fn a_server_that_refuses_is_told_with_its_reason() {
    refuses(&says(|| Reply::text(401, "\u{1b}[31mno")).url(), "HTTP 401");
}

#[test]
fn a_wrong_path_and_a_web_page_are_told_apart() {
    refuses(&says(|| Reply::text(404, "?")).url(), "HTTP 404");
    refuses(&says(|| Reply::html(200, "<html>log in</html>")).url(), "web page");
}

#[test]
fn a_server_that_is_down_is_told() {
    refuses(&dead(), "cannot reach the source");
}

/// Whether the instance is gone within `limit`. Who asked it would hold it.
fn is_gone(instance: &Instance, limit: Duration) -> bool {
    let begun = Instant::now();
    while instance.socket().exists() && begun.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(50));
    }
    !instance.socket().exists()
}

#[test]
fn what_a_command_has_started_in_vain_ends_behind_it_and_behind_whoever_came_meanwhile() {
    // Longer than it stays for nobody.
    const WHILE: Duration = Duration::from_secs(5);
    let server = young();
    let (vain, reached) = (Instance::on(&dead()), Instance::on(&server.url()));
    assert_eq!(reached.sla(&["metrics", "young"]).status.code(), Some(0));
    assert_eq!(vain.sla(&["check"]).status.code(), Some(69));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let peer = sla_proto::Peer::connect_unix(&vain.socket()).await.unwrap();
        let mut client = peer.violations();
        let watched = client
            .watch_violations(WatchViolationsRequest::default())
            .await
            .unwrap();
        tokio::time::sleep(WHILE).await;
        assert!(vain.socket().exists(), "somebody looks");
        drop((watched, client, peer));
    });
    assert!(is_gone(&vain, WHILE + WHILE));
    assert!(reached.socket().exists(), "the watch goes on");
}

/// A Prometheus in which one series has its first samples.
fn young() -> Stub {
    Stub::in_background(|request| {
        let is_known = request.form.contains("young");
        let now_s = sla_domain::SystemClock.now_ms() / 1_000;
        let points: Vec<String> = (0..3).rev().map(|n| format!("[{},\"1\"]", now_s - 15 * n)).collect();
        let (labels, points) = (r#"{"__name__":"young","instance":"a"}"#, points.join(","));
        let one = |text: String| if is_known { text } else { String::new() };
        let data = if request.path.ends_with("/buildinfo") {
            r#"{"version":"2.53.0"}"#.to_owned()
        } else if request.path.ends_with("/query") && request.form.contains("query=1") {
            r#"{"resultType":"scalar","result":[1,"1"]}"#.to_owned()
        } else if request.path.ends_with("/query") {
            let found = one(format!(r#"{{"metric":{labels},"values":[{points}]}}"#));
            format!(r#"{{"resultType":"matrix","result":[{found}]}}"#)
        } else if request.path.ends_with("/series") {
            format!("[{}]", one(labels.to_owned()))
        } else if request.path.ends_with("/values") {
            "[]".to_owned()
        } else if request.path.ends_with("/metadata") {
            "{}".to_owned()
        } else {
            return Reply::text(404, "not here");
        };
        Reply::json(&format!(r#"{{"status":"success","data":{data}}}"#))
    })
}

#[test]
fn what_matches_nothing_is_no_data_and_no_answer() {
    let server = young();
    let instance = Instance::on(&server.url());
    for arguments in [
        &["around", "absent"][..],
        &["evaluate", "absent", "--min", "1"],
        &["metrics", "absent"],
        &["metrics", "absent", "--history", "7d"],
        &["analyze", "absent"],
        &["backtest", "absent"],
        &["forecast", "absent", "--method", "arima", "--max", "1"],
        // There is a series, and none beside it.
        &["around", "young"],
    ] {
        for json in [false, true] {
            let arguments = [arguments, if json { &["--json"] } else { &[] }].concat();
            let output = instance.sla(&arguments);
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
            assert!(!said.contains("Nothing else changed"), "{arguments:?}: {said}");
            if json {
                serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
            }
        }
    }
}

/// An address at which nobody listens.
fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_source_that_is_away_is_told_while_another_one_is_read() {
    let instance = Instance::on(&dead());
    let served = instance.serve(&[("SLA_SELF__WATCH", "true")]);
    let set = instance.folder.path().join("two.toml");
    let (here, there) = (
        "name = \"here\"\nsource = \"self\"\nquery = \"process_open_fds\"\nmax = 100000\n",
        "name = \"there\"\nquery = \"up\"\nmin = 1\n",
    );
    let text = format!("[[set]]\nname = \"two\"\n[[set.objective]]\n{here}[[set.objective]]\n{there}");
    std::fs::write(&set, text).unwrap();
    let applied = instance.sla(&["sets", "apply", set.to_str().unwrap(), "--yes"]);
    assert!(applied.status.success(), "{applied:?}");
    // Own figures are sampled every 15 s: a round reads nothing but them.
    let (begun, mut judged) = (Instant::now(), HashSet::new());
    while begun.elapsed() < Duration::from_secs(50) && judged.len() < 3 {
        std::thread::sleep(Duration::from_millis(250));
        let output = instance.sla(&["check", "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let objectives = told["objectives"].as_array().unwrap();
        let state = |name: &str| {
            objectives
                .iter()
                .find(|one| one["objective"]["name"] == name)
                .map(|one| one["state"].clone())
        };
        if state("here") == Some(Value::from("ok")) {
            judged.insert(told["evaluated"].as_str().unwrap().to_owned());
            assert_eq!(state("there"), Some(Value::from("no_data")), "{told}");
            assert_eq!(output.status.code(), Some(3), "{told}");
            assert!(
                told["source"]["problem"]
                    .as_str()
                    .is_some_and(|words| !words.is_empty()),
                "{told}"
            );
            assert_ne!(told["source"]["name"], "self", "{told}");
        }
    }
    assert!(judged.len() >= 3, "own figures are judged: {judged:?}");
    served.terminate();
}

#[test]
fn what_is_no_address_is_refused_before_anything_starts() {
    for (url, rule) in [("foo", "must be a URL"), ("ftp://x", "the scheme must be http")] {
        let instance = Instance::on(url);
        let output = instance.sla(&["check"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("source.url is") && said.contains(rule), "{said}");
        assert!(std::fs::read_dir(instance.folder.path()).unwrap().next().is_none());
    }
    let instance = Instance::on("http://127.0.0.1:1");
    let away = instance.sla(&["--connect", "127.0.0.1:1", "check"]);
    assert_eq!(away.status.code(), Some(69));
    assert_eq!(instance.sla(&["--connect", "a b", "check"]).status.code(), Some(64));
}
