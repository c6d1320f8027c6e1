//! The instance is killed while violations come and go and samples arrive late: in the end the ledger holds each of them
//! once, exactly. The source is a small server of the test's own, because every violation has to be known beforehand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sla_testkit::{Instance, Reply, Served, Stub};

/// History the server has at its start, seconds.
const HISTORY_S: i64 = 600;
/// The value is too high for this long …
const HIGH_S: i64 = 2;
/// … out of this, seconds.
const PERIOD_S: i64 = 6;
/// In every second period the first high sample and the first low one come this late, seconds.
const LATE_S: f64 = 3.0;
/// How long the instance lives between two kills, milliseconds: at different moments of the wave.
const LIVES_MS: [u64; 3] = [2_300, 3_700, 4_900];
const AGREED: &str = "[[set]]\nname = \"w\"\n[[set.objective]]\nname = \"wave\"\nquery = \"wave\"\nmax = 5\n";

#[expect(
    clippy::disallowed_methods,
    reason = "the server and the test share the wall clock of the instance"
)]
fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn value(second: i64) -> &'static str {
    if second % PERIOD_S < HIGH_S { "9" } else { "1" }
}

fn is_late(second: i64) -> bool {
    [0, HIGH_S].contains(&(second % (2 * PERIOD_S)))
}

/// What a Prometheus says about the wave, with its keys in its order: a sample a second.
fn answer(path: &str, form: &str, first_s: i64) -> String {
    let labels = json!({ "__name__": "wave", "instance": "x" });
    let data = if path.ends_with("/series") {
        format!("[{labels}]")
    } else if path.ends_with("/query") && form.contains("wave") {
        let text = form.replace("%5B", "[").replace("%5D", "]");
        let field = |name: &str| text.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap_or("");
        let at_s = field("time=").parse().unwrap_or_else(|_| now_s());
        let range = field("query=").split(['[', ']']).nth(1).unwrap_or("").to_owned();
        let range_s = sla_domain::duration::parse_ms(&range).unwrap_or(300_000) / 1000;
        let until_s = at_s.min(now_s()) as i64;
        let values: Vec<Value> = ((at_s as i64 - range_s).max(first_s)..=until_s)
            .filter(|&second| !is_late(second) || now_s() - second as f64 > LATE_S)
            .map(|second| json!([second, value(second)]))
            .collect();
        let values = Value::from(values);
        format!(r#"{{"resultType":"matrix","result":[{{"metric":{labels},"values":{values}}}]}}"#)
    } else if path.contains("/query") {
        r#"{"resultType":"vector","result":[]}"#.to_owned()
    } else if path.contains("/label") {
        r#"["wave"]"#.to_owned()
    } else {
        "{}".to_owned()
    };
    format!(r#"{{"status":"success","data":{data}}}"#)
}

fn wave() -> Stub {
    let first_s = now_s() as i64 - HISTORY_S;
    Stub::in_background(move |request| {
        if request.path.ends_with("/read") {
            return Reply::text(404, "no remote read here");
        }
        Reply::json(&answer(&request.path, &request.form, first_s))
    })
}

fn start(instance: &Instance) -> Served {
    instance.serve(&[("SLA_EVALUATION__FLOOR", "1s")])
}

fn seconds(time: &Value) -> i64 {
    sla_domain::instant::parse_ms(time.as_str().unwrap()).unwrap() / 1000
}

#[test]
fn a_killed_instance_loses_no_violation_and_doubles_none() {
    let wave = wave();
    let instance = Instance::on(&wave.url());
    let file = instance.folder.path().join("w.toml");
    std::fs::write(&file, AGREED).unwrap();
    let mut child = start(&instance);
    let applied = (0..50).any(|_| {
        thread::sleep(Duration::from_millis(100));
        instance
            .sla(&["sets", "apply", file.to_str().unwrap(), "--yes"])
            .status
            .success()
    });
    assert!(
        applied,
        "{}",
        String::from_utf8_lossy(&instance.sla(&["sets", "list"]).stderr)
    );
    for life_ms in LIVES_MS {
        thread::sleep(Duration::from_millis(life_ms));
        child.kill();
        thread::sleep(Duration::from_millis(700));
        child = start(&instance);
    }
    // Late samples come, and are looked at.
    thread::sleep(Duration::from_secs(7));
    let rows = instance.json(&["violations", "w", "--ledger", "--json", "--since", "1h"]);
    let end_s = now_s() as i64 - 8;
    child.kill();
    let mut told: Vec<(i64, i64, i64)> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| !row["end"].is_null())
        .map(|row| {
            (
                seconds(&row["start"]),
                seconds(&row["end"]),
                row["samples"].as_i64().unwrap(),
            )
        })
        .collect();
    told.sort_unstable();
    // The first may have been cut by the beginning of history.
    let begun_s = told.first().expect("violations").0 + PERIOD_S;
    told.retain(|row| row.0 >= begun_s && row.1 < end_s);
    let truth: Vec<(i64, i64, i64)> = (begun_s..end_s)
        .filter(|second| second % PERIOD_S == 0 && second + HIGH_S < end_s)
        .map(|second| (second, second + HIGH_S, HIGH_S))
        .collect();
    assert!(truth.len() > 90, "{}", truth.len());
    assert_eq!(told, truth);
}
