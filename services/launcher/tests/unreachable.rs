//! A source that is away, refuses, or is no Prometheus: each command says so with the right code, none calls it an empty
//! answer, and no wait is longer than it takes to know. Needs no server but the ones started here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::net::TcpListener;

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
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    refuses(&url, "cannot reach the source");
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
