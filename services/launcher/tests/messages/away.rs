//! A source that goes away is told once to who asked for it (`--no-data`), and its return once: the binary against a small Prometheus
//! of the test's own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use sla_domain::{Clock as _, SystemClock};
use sla_testkit::{Instance, Reply, Stub};

const AGREED: &str = "[[set]]\nname = \"w\"\n[[set.objective]]\nname = \"wave\"\nquery = \"wave\"\nmax = 5\n";
/// What is unknown is looked at once a minute and told at the second look.
const PATIENCE: Duration = Duration::from_mins(4);
/// A further look: what would come twice has come then.
const STILL: Duration = Duration::from_secs(70);

/// What a Prometheus says, with its keys in its order: a sample of 1 each second.
fn answer(path: &str, form: &str) -> String {
    let now_s = SystemClock.now_ms() / 1_000;
    let labels = r#"{"__name__":"wave","instance":"x"}"#;
    let data = if path.ends_with("/series") {
        format!("[{labels}]")
    } else if path.ends_with("/query") && form.contains("wave") {
        let values: Vec<String> = (now_s - 120..=now_s)
            .map(|second| format!(r#"[{second},"1"]"#))
            .collect();
        let values = values.join(",");
        format!(r#"{{"resultType":"matrix","result":[{{"metric":{labels},"values":[{values}]}}]}}"#)
    } else if path.contains("/query") {
        r#"{"resultType":"vector","result":[]}"#.to_owned()
    } else if path.contains("/label") {
        r#"["wave"]"#.to_owned()
    } else {
        "{}".to_owned()
    };
    format!(r#"{{"status":"success","data":{data}}}"#)
}

#[test]
fn a_source_that_is_away_is_told_once_and_that_it_is_back() {
    let away = Arc::new(AtomicBool::new(false));
    let (is_away, told) = (away.clone(), Arc::new(Mutex::new(Vec::<(String, String)>::new())));
    let source = Stub::in_background(move |request| {
        if is_away.load(Ordering::SeqCst) {
            return Reply::text(503, "no source today");
        }
        if request.path.ends_with("/read") {
            return Reply::text(404, "no remote read here");
        }
        Reply::json(&answer(&request.path, &request.form))
    });
    let list = told.clone();
    let hook = Stub::in_background(move |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        for alert in body["alerts"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            list.lock()
                .unwrap()
                .push((text(&alert["labels"]["alertname"]), text(&alert["status"])));
        }
        Reply::text(200, "ok")
    });
    let instance = Instance::on(&source.url());
    let mut child = instance.serve(&[("SLA_EVALUATION__FLOOR", "1s")]);
    let file = instance.folder.path().join("w.toml");
    std::fs::write(&file, AGREED).unwrap();
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", told.lock().unwrap());
            std::thread::sleep(Duration::from_millis(500));
        }
    };
    let apply = ["sets", "apply", file.to_str().unwrap(), "--yes"];
    wait("the set is applied", &|| instance.sla(&apply).status.success());
    let url = hook.url();
    for arguments in [
        &["notify", "add", "asked", "webhook", &url, "--no-data"][..],
        &["notify", "add", "other", "webhook", &url],
    ] {
        let output = instance.sla(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    wait("it is judged", &|| {
        instance.sla(&["check", "w"]).status.code() == Some(0)
    });
    away.store(true, Ordering::SeqCst);
    let all = || told.lock().unwrap().clone();
    let expected = |status: &str| ("SlaSourceAway".to_owned(), status.to_owned());
    wait("it is told that it is away", &|| !all().is_empty());
    std::thread::sleep(STILL);
    assert_eq!(all(), [expected("firing")], "once, and only to who asked for it");
    away.store(false, Ordering::SeqCst);
    wait("it is told that it is back", &|| all().len() > 1);
    assert_eq!(all(), [expected("firing"), expected("resolved")]);
    child.terminate();
    assert!(child.ended(Duration::from_secs(30)).0.success());
}
