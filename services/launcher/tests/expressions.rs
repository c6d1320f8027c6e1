//! Expressions on real servers (`SLA_TEST_PROMETHEUS`, see `prometheus.rs`): the server computes, what comes out is judged and
//! analysed like any series, and what the server refuses is said in its words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use sla_testkit::{Instance, servers};

/// Step at which an expression is judged and analysed where none is asked for, seconds.
const STEP_S: i64 = 60;

/// The values of an expression in (`end_s` − `length_s`, `end_s`], asked of the server without the product.
fn asked(url: &str, expression: &str, end_s: i64, length_s: i64, step_s: i64) -> Vec<f64> {
    let address = url.strip_prefix("http://").unwrap();
    let end_s = end_s.div_euclid(step_s) * step_s;
    let start_s = end_s - length_s + step_s;
    let encoded = expression.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    });
    let path = format!("/api/v1/query_range?query={encoded}&start={start_s}&end={end_s}&step={step_s}");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // 1.0: the answer comes in one piece and ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let series = body["data"]["result"].as_array().unwrap();
    assert_eq!(series.len(), 1, "{body}");
    let pairs = series[0]["values"].as_array().unwrap();
    pairs
        .iter()
        .map(|pair| pair[1].as_str().unwrap().parse().unwrap())
        .collect()
}

fn close(what: &str, found: &Value, wanted: f64) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{what}: {found}"));
    assert!(
        (found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0),
        "{what}: {found} is not {wanted}"
    );
}

/// Expressions over this server's history: of a load, and of a counter where there is one.
fn expressions(truth: &Value) -> Vec<String> {
    let series = truth["series"].as_array().unwrap();
    let named = |wanted: &dyn Fn(&str) -> bool| {
        let mut names = series.iter().map(|one| one["labels"]["__name__"].as_str().unwrap());
        names.find(|name| wanted(name))
    };
    let load = named(&|name| matches!(name, "node_load1" | "cpuLoad")).expect("a load");
    let rate = named(&|name| name.ends_with("_total")).map(|counter| format!("sum(rate({counter}[5m]))"));
    [format!("sum({load})"), format!("max(avg_over_time({load}[5m]))")]
        .into_iter()
        .chain(rate)
        .collect()
}

#[test]
#[ignore = "real server: dev/test"]
fn an_expression_is_analysed_like_any_series() {
    for (url, truth) in servers::<Value>() {
        let instance = Instance::on(&url);
        let end_s = truth["end_ms"].as_i64().unwrap().div_euclid(1000);
        for expression in expressions(&truth) {
            let at = end_s.to_string();
            let answer = instance.json(&["metrics", &expression, "--at", &at, "--json"]);
            let results = answer.as_array().unwrap();
            assert_eq!(results.len(), 1, "{answer}");
            assert_eq!(results[0]["spacing_s"].as_i64(), Some(STEP_S));
            assert_eq!(results[0]["expression"], expression.as_str());
            for (window, length_s) in [("1h", 3_600), ("3h", 10_800)] {
                let wanted = asked(&url, &expression, end_s, length_s, STEP_S);
                let found = &results[0]["windows"][window];
                let what = format!("{url} {expression} {window}");
                assert_eq!(found["n"].as_u64(), Some(wanted.len() as u64), "{what}");
                close(
                    &format!("{what} min"),
                    &found["min"],
                    wanted.iter().copied().fold(f64::MAX, f64::min),
                );
                close(
                    &format!("{what} max"),
                    &found["max"],
                    wanted.iter().copied().fold(f64::MIN, f64::max),
                );
                close(
                    &format!("{what} mean"),
                    &found["mean"],
                    wanted.iter().sum::<f64>() / wanted.len() as f64,
                );
            }
            assert!(results[0]["forecast"]["mean"].is_array() && results[0]["metadata"].is_object());
        }
    }
}

#[test]
#[ignore = "real server: dev/test"]
fn an_expression_is_judged_like_any_series() {
    for (url, truth) in servers::<Value>() {
        let instance = Instance::on(&url);
        let end_s = truth["end_ms"].as_i64().unwrap().div_euclid(1000);
        for expression in expressions(&truth) {
            let values = asked(&url, &expression, end_s, 3_600, STEP_S);
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), &value| {
                (low.min(value), high.max(value))
            });
            let at = end_s.to_string();
            let judged = |max: f64| {
                let max = max.to_string();
                instance.json(&[
                    "evaluate",
                    &expression,
                    "--max",
                    &max,
                    "--window",
                    "1h",
                    "--at",
                    &at,
                    "--json",
                ])
            };
            let kept = judged(high);
            assert_eq!(
                (kept["state"].as_str(), kept["violated_s"].as_f64()),
                (Some("ok"), Some(0.0)),
                "{kept}"
            );
            let never = judged(low - 1.0);
            assert_eq!(never["state"], "violated", "{never}");
            assert_eq!(never["samples_violating"], never["samples"], "{never}");
            assert!(never["violated_s"].as_f64() > Some(3_500.0), "{never}");
            let sometimes = judged(f64::midpoint(low, high));
            let outside = sometimes["violated_s"].as_f64().unwrap();
            assert!(outside > 0.0 && outside < 3_600.0, "{sometimes}");
            close(
                "worst",
                &sometimes["intervals"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["worst"].as_f64().unwrap())
                    .fold(f64::MIN, f64::max)
                    .into(),
                high,
            );
        }
    }
}

#[test]
#[ignore = "real server: dev/test"]
fn what_is_wrong_is_said_with_its_place() {
    for (url, _) in servers::<Value>() {
        let instance = Instance::on(&url);
        for (arguments, words) in [
            (
                vec!["metrics", "sum(rate(up))"],
                "at character 12: expected type matrix in call to function 'rate', got vector",
            ),
            (
                vec!["evaluate", "sum(rate(up))", "--max", "1"],
                "expected type matrix in call to function 'rate'",
            ),
            (vec!["metrics", "sum(up"], "at character 4: ( is never closed"),
            (vec!["metrics", "up{job="], "at character 8: expected a value in quotes"),
            (vec!["evaluate", "up{job=}", "--min", "1"], "at character 8"),
        ] {
            let refused = instance.sla(&arguments);
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert_eq!(refused.status.code(), Some(65), "{arguments:?}: {said}");
            assert!(said.contains(words), "{arguments:?}: {said}");
            assert!(refused.stdout.is_empty(), "no made-up answer");
        }
        // Only the server can know this one.
        let refused = instance.sla(&["metrics", r#"label_replace(up, "x", "$1", "job", "(")"#]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && refused.stdout.is_empty());
        assert!(said.contains("invalid regular expression in label_replace()"), "{said}");

        let nothing = instance.sla(&["metrics", "no_such_metric", "--json"]);
        assert_eq!(
            (nothing.status.code(), nothing.stdout.trim_ascii()),
            (Some(3), b"[]".as_slice())
        );
    }
}
