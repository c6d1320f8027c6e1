//! A source that is away, refuses, or is no Prometheus: each command says so with the right code, none calls it an empty
//! answer, and no wait is longer than it takes to know. Needs no server but the ones started here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    dead_code,
    reason = "a test that cannot go on shall fail where it stands; not every test uses all of its instance"
)]

mod instance;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use instance::Instance;

/// Bytes of a request that are looked at.
const REQUEST_BYTES: usize = 4096;

/// Answers every request with the same words until the process ends.
fn server(status: &'static str, kind: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; REQUEST_BYTES]);
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    url
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
    refuses(&server("401 Unauthorized", "text/plain", "\u{1b}[31mno"), "HTTP 401");
}

#[test]
fn a_wrong_path_and_a_web_page_are_told_apart() {
    refuses(&server("404 Not Found", "text/plain", "?"), "HTTP 404");
    refuses(&server("200 OK", "text/html", "<html>log in</html>"), "web page");
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
