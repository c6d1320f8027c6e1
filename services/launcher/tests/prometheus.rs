//! The binary end to end on real servers. `SLA_TEST_PROMETHEUS` names them as `URL=TRUTH.json[,…]` (dev/test starts 2.42
//! and 3.x).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::collections::BTreeMap;

use serde_json::Value;
use sla_domain::{Clock as _, SystemClock};
use sla_testkit::instance::{faketime, sla};
use sla_testkit::{Instance, servers};

fn key(labels: &Value) -> BTreeMap<String, String> {
    let labels = labels.as_object().expect("labels");
    labels
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or("").to_owned()))
        .collect()
}

/// Figures of `dev/prometheus/backfill.py`: counts and extremes exact, mean and deviation to 1e-9.
#[test]
#[ignore = "real server: dev/test"]
fn statistics_equal_the_truth_of_the_generator() {
    for (url, truth) in servers::<Value>() {
        let instance = Instance::on(&url);
        let at = format!("{:.3}", truth["end_ms"].as_f64().unwrap() / 1000.0);
        let mut expected: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for series in truth["series"].as_array().unwrap() {
            let name = series["labels"]["__name__"].as_str().unwrap().to_owned();
            expected.entry(name).or_default().push(series);
        }
        let mut compared = 0;
        for (name, wanted) in expected {
            let answer = instance.json(&["metrics", &name, "--at", &at, "--steps", "statistics", "--json"]);
            let found: BTreeMap<_, _> = answer
                .as_array()
                .unwrap()
                .iter()
                .map(|result| (key(&result["labels"]), result))
                .collect();
            for series in wanted {
                let result = found
                    .get(&key(&series["labels"]))
                    .unwrap_or_else(|| panic!("{url}: {series} is missing"));
                for (window, truth) in series["windows"].as_object().unwrap() {
                    same(&format!("{url} {name} {window}"), &result["windows"][window], truth);
                    compared += 1;
                }
            }
        }
        println!("{url}: {compared} windows equal the truth");
        assert!(compared > 10);
    }
}

fn same(what: &str, found: &Value, truth: &Value) {
    for exact in ["n", "n_nan", "min", "max"] {
        if truth[exact].is_number() {
            assert_eq!(
                found[exact].as_f64(),
                truth[exact].as_f64(),
                "{what} {exact}: {found} {truth}"
            );
        }
    }
    for close in ["mean", "std"] {
        if truth["n"].as_u64() < Some(2) || !truth[close].is_number() {
            continue;
        }
        let (found, truth) = (found[close].as_f64().unwrap(), truth[close].as_f64().unwrap());
        assert!(
            (found - truth).abs() <= 1e-9 * truth.abs().max(1.0),
            "{what} {close}: {found} is not {truth}"
        );
    }
}

/// A box whose clock is 40 s ahead (libfaketime): the first question of a new instance is answered at the server's time.
#[test]
#[ignore = "real server: dev/test"]
fn the_first_answer_is_of_the_time_of_the_server() {
    let library = faketime();
    for (url, _) in servers::<Value>() {
        let instance = Instance::on(&url);
        let ahead = [("LD_PRELOAD", library.as_str()), ("FAKETIME", "+40s")];
        let asked = ["evaluate", "up", "--min", "1", "--window", "1m", "--json"];
        let before_ms = SystemClock.now_ms();
        let output = instance.command(&asked).envs(ahead).output().unwrap();
        let after_ms = SystemClock.now_ms();
        let answer: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let notice = answer["clock_notice"].as_str().unwrap_or_default();
        assert!(notice.contains("behind this machine's"), "{url}: {answer}");
        let at_ms = sla_domain::instant::parse_ms(answer["at"].as_str().unwrap()).unwrap();
        // `Date` tells whole seconds.
        let near = before_ms - 2_000..=after_ms + 2_000;
        assert!(near.contains(&at_ms), "{url}: judged at {}", answer["at"]);
        let _ = instance.command(&["stop"]).envs(ahead).output();
    }
}

#[test]
#[ignore = "real server: dev/test"]
fn an_instance_is_started_shared_and_stopped() {
    for (url, _) in servers::<Value>() {
        let instance = Instance::on(&url);
        let check = instance.sla(&["check", "--json"]);
        let code = check.status.code().unwrap();
        let answer: Value = serde_json::from_slice(&check.stdout).unwrap();
        let states = ["ok", "at_risk", "violated", "no_data"];
        assert_eq!(
            states[code as usize],
            answer["state"].as_str().unwrap(),
            "the exit code is the state: {answer}"
        );
        assert_eq!(
            answer["objectives"].as_array().unwrap().len(),
            5,
            "five objectives are suggested"
        );

        let run = instance.json(&["run", "--wait", "--json"]);
        assert_eq!(run["state"], "done", "{run}");
        assert_eq!(run["series_done"], run["series_total"]);

        let output = sla(instance.folder.path())
            .arg("--data-dir")
            .arg(instance.folder.path())
            .args(["--prometheus", "http://127.0.0.1:1", "sets"])
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(64),
            "another source on the same instance is refused"
        );
        assert!(String::from_utf8_lossy(&output.stderr).contains("--instance NAME"));

        assert!(instance.sla(&["stop"]).status.success());
        assert!(
            instance.sla(&["stop"]).status.success(),
            "stopping what does not run is no error"
        );
    }
}

#[test]
#[ignore = "real server: dev/test"]
fn agreements_travel_as_files() {
    for (url, _) in servers::<Value>() {
        let instance = Instance::on(&url);
        instance.sla(&["check"]);
        let file = instance.folder.path().join("sets.toml");
        let path = file.to_str().unwrap();
        std::fs::write(
            &file,
            "[[set]]\nname = \"web\"\n[[set.objective]]\nname = \"up\"\nquery = \"up\"\nmin = 1.0\n",
        )
        .unwrap();
        let planned = instance.json(&["sets", "apply", path, "--dry-run", "--json"]);
        assert_eq!(
            (&planned["applied"], &planned["plan"][0]["action"]),
            (&Value::from(false), &Value::from("create"))
        );
        assert_eq!(instance.json(&["sets", "apply", path, "--json"])["applied"], true);
        assert_eq!(
            instance.json(&["sets", "apply", path, "--json"])["applied"],
            false,
            "nothing is left to do"
        );

        std::fs::write(
            &file,
            "[[set]]\nname = \"web\"\n[[set.objective]]\nname = \"up\"\nquery = \"up\"\nmin = 2\nmax = 1\n",
        )
        .unwrap();
        let refused = instance.sla(&["sets", "apply", path, "--yes"]);
        assert_eq!(refused.status.code(), Some(65));
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            words.contains("min") && words.contains('2') && words.contains("max"),
            "{words}"
        );
        let kept = instance.json(&["sets", "show", "web", "--json"]);
        assert_eq!(kept["objectives"][0]["min"], 1.0, "nothing half saved");
    }
}
