//! Holds the binary to `docs/reference/json.md`: every printed key is on the page, and the numbers are right. No network, no
//! home folder, no configuration.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod page;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use page::check_documented;

/// What a command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

/// Runs the real binary in an empty environment.
fn sla(arguments: &[&str], input: &str) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sla"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // In a thread of its own: a filled pipe must not stop both sides.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file of `n` samples, `step_s` seconds apart.
fn csv(n: u32, step_s: u32, value: impl Fn(u32) -> f64) -> String {
    let lines: Vec<String> = (0..n)
        .map(|k| format!("{},{}", 1_700_000_000 + step_s * k, value(k)))
        .collect();
    lines.join("\n") + "\n"
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../analysis/tests/golden/{name}.json"))
}

fn close(got: &Value, want: &Value, relative: f64) {
    let (a, b) = (got.as_f64().unwrap(), want.as_f64().unwrap());
    assert!((a - b).abs() <= relative * b.abs(), "{a} is not {b}");
}

#[test]
fn evaluate_judges_the_known_vector() {
    let csv = "timestamp,value\n0,50\n60,90\n120,95\n180,70\n600,85\n660,60\n";
    let arguments = [
        "evaluate", "--csv", "-", "--at", "720", "--window", "720s", "--cap", "120s", "--max", "80", "--json",
    ];
    let said = sla(&arguments, csv);
    assert_eq!(said.code, 0, "{}", said.err);
    let answer = said.json();
    check_documented(&answer, "evaluate");
    let intervals = json!([
        {
            "start": "1970-01-01T00:01:00Z", "end": "1970-01-01T00:03:00Z", "open_start": false, "open_end": false,
            "side": "above", "worst": 95.0, "excess": 15.0, "samples": 2,
            "sample_times": ["1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z"],
        },
        {
            "start": "1970-01-01T00:10:00Z", "end": "1970-01-01T00:11:00Z", "open_start": false, "open_end": false,
            "side": "above", "worst": 85.0, "excess": 5.0, "samples": 1,
            "sample_times": ["1970-01-01T00:10:00Z"],
        },
    ]);
    assert_eq!(answer["intervals"], intervals);
    assert_eq!(
        (&answer["violated_s"], &answer["covered_s"]),
        (&json!(180), &json!(420))
    );
    close(&answer["coverage"], &json!(7.0 / 12.0), 1e-15);
    // The sample at 0 lies outside (0, 720] but holds into it.
    assert_eq!(
        (&answer["samples"], &answer["samples_violating"]),
        (&json!(5), &json!(3))
    );
    assert_eq!((&answer["state"], &answer["window_s"]), (&json!("ok"), &json!(720)));
    assert_eq!(answer["at"], "1970-01-01T00:12:00Z");
}

#[test]
fn evaluate_knows_no_future_counts_the_unknown_as_asked_and_lists_every_sample() {
    // A minute apart first, a second apart later: at the end of the first hour nobody knew that.
    let slow: Vec<String> = (0..60).map(|k| format!("{},9", k * 60)).collect();
    let fast: Vec<String> = (0..3600).map(|k| format!("{},9", 3600 + k)).collect();
    let file = slow.join("\n") + "\n" + &fast.join("\n");
    let judge = |file: &str, more: &[&str]| {
        let said = sla(
            &[&["evaluate", "--csv", "-", "--max", "1", "--json"], more].concat(),
            file,
        );
        assert_eq!(said.code, 0, "{}", said.err);
        let answer = said.json();
        check_documented(&answer, "evaluate");
        answer
    };
    let early = ["--at", "3590", "--window", "1h"];
    assert_eq!(judge(&file, &early), judge(&slow.join("\n"), &early));
    assert_eq!(judge(&file, &early)["covered_s"], json!(3590));
    let all = judge(&file, &["--cap", "60s"]);
    assert_eq!(all["intervals"][0]["samples"], json!(3660));
    assert_eq!(all["intervals"][0]["sample_times"].as_array().unwrap().len(), 3660);
    // Known for 60 s of 240, 30 of them bad; a NaN is told, the marker ends what holds.
    let gaps = "0,0\n15,NaN\n30,9\n60,stale\n";
    let seconds = |policy: &str| {
        let answer = judge(
            gaps,
            &["--window", "4m", "--at", "240", "--cap", "60s", "--missing", policy],
        );
        assert_eq!((&answer["samples_nan"], &answer["covered_s"]), (&json!(1), &json!(60)));
        (answer["bad_s"].clone(), answer["judged_s"].clone())
    };
    assert_eq!(seconds("gap"), (json!(30), json!(60)));
    assert_eq!(seconds("good"), (json!(30), json!(240)));
    assert_eq!(seconds("bad"), (json!(210), json!(240)));
    assert_eq!(seconds("zero"), (json!(30), json!(240)));
}

#[test]
fn evaluate_refuses_what_makes_no_sense() {
    let upside_down = sla(
        &["evaluate", "--csv", "-", "--min", "9", "--max", "1", "--json"],
        "0,1\n",
    );
    assert_eq!(upside_down.code, 65);
    assert!(
        upside_down.out.is_empty() && upside_down.err.contains("min"),
        "{}",
        upside_down.err
    );
    assert_eq!(
        sla(&["evaluate", "--csv", "-", "--json"], "0,1\n").code,
        65,
        "no bound at all"
    );
    assert_eq!(sla(&["evaluate", "--csv", "-", "--max", "1"], "0,1\nx,2\n").code, 65);
    assert_eq!(sla(&["evaluate", "--max", "1"], "").code, 64);
    let missing = sla(&["evaluate", "--csv", "/no/such/file", "--max", "1"], "");
    assert_eq!(missing.code, 65);
    assert!(missing.err.contains("/no/such/file"), "{}", missing.err);
    for at in ["soon", "1700000000000000000"] {
        let said = sla(&["evaluate", "--csv", "-", "--max", "1", "--at", at], "0,1\n");
        assert_eq!(said.code, 65);
        assert!(said.err.starts_with("sla: --at is "), "{}", said.err);
    }
}

#[test]
fn analyze_has_the_names_and_numbers_of_the_golden_files() {
    for name in [
        "hour_15s_s1",
        "sm_realgdp",
        "season_p5x2min_s1",
        "node_5s_1h_s1",
        "memory_bytes_1e10_s1",
    ] {
        let path = golden(name);
        let want: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let said = sla(&["analyze", "--values", path.to_str().unwrap(), "--json"], "");
        assert_eq!(said.code, 0, "{}", said.err);
        let got = said.json();
        check_documented(&got, "analyze");
        assert_eq!(got["step_seconds"], want["step_seconds"]);
        for key in ["n", "n_finite", "min", "max"] {
            assert_eq!(got["basic"][key], want["basic"][key], "{name} {key}");
        }
        close(&got["basic"]["mean"], &want["basic"]["mean_exact"], 1e-12);
        close(&got["basic"]["std_ddof1"], &want["basic"]["std_ddof1_exact"], 1e-12);
        let (test, reference) = (&got["adf"]["c_AIC"], &want["adf"]["c_AIC_standardised"]);
        close(&test["stat"], &reference["stat"], 1e-8);
        close(&test["icbest"], &reference["icbest"], 1e-8);
        assert!((test["pvalue"].as_f64().unwrap() - reference["pvalue"].as_f64().unwrap()).abs() < 1e-8);
        assert_eq!(test["usedlag"], reference["usedlag"]);
        let pairs = |key: &str| -> Vec<(f64, f64)> {
            let list = |value: &Value| -> Vec<f64> {
                value["acf"][key]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|r| r.as_f64().unwrap())
                    .collect()
            };
            let (got, want) = (list(&got), list(&want));
            assert_eq!(got.len(), want.len());
            got.into_iter().zip(want).collect()
        };
        for key in ["acf_default", "bartlett_ci_lo", "bartlett_ci_hi"] {
            assert!(pairs(key).iter().all(|(a, b)| (a - b).abs() < 1e-9), "{name} {key}");
        }
        let fitted = &got["holt_winters"]["120s_mean_m5"]["fit_auto"]["sse"];
        let reference = &want["holt_winters"]["120s_mean_m5"]["fit_auto"]["sse"];
        assert!(
            fitted.as_f64().unwrap() <= 1.001 * reference.as_f64().unwrap(),
            "{name} {fitted} {reference}"
        );
        for p in got["forecast"]["p"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|row| row.as_array().unwrap())
        {
            assert!((0.0..=1.0).contains(&p.as_f64().unwrap()));
        }
    }
}

#[test]
fn analyze_evaluates_given_parameters() {
    let path = golden("hour_15s_s1");
    let want: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let arima = want["arima"].as_array().unwrap();
    for model in arima {
        let list = |value: &Value| {
            value
                .as_array()
                .unwrap()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(",")
        };
        let fixed = &model["fixed"][0];
        let (order, params) = (list(&model["order"]), format!("--params={}", list(&fixed["params"])));
        let arguments = [
            "analyze",
            "--values",
            path.to_str().unwrap(),
            "--arima",
            &order,
            &params,
            "--json",
        ];
        let said = sla(&arguments, "");
        assert_eq!(said.code, 0, "{}", said.err);
        let got = said.json();
        check_documented(&got, "analyze");
        let got = &got["arima"][0]["fixed"][0];
        close(&got["llf_differenced_exact"], &fixed["llf_differenced_exact"], 1e-6);
    }
    let key = "120s_max_m5";
    let fixed = &want["holt_winters"][key]["fixed"][0];
    let numbers = ["alpha", "beta_star", "gamma", "l0", "b0"]
        .iter()
        .map(|key| fixed[key].to_string());
    let params: Vec<String> = numbers
        .chain(fixed["s0"].as_array().unwrap().iter().map(ToString::to_string))
        .collect();
    let params = format!("--params={}", params.join(","));
    let said = sla(
        &[
            "analyze",
            "--values",
            path.to_str().unwrap(),
            "--holt-winters",
            "120s,5",
            &params,
            "--json",
        ],
        "",
    );
    let got = said.json();
    check_documented(&got, "analyze");
    close(&got["holt_winters"][key]["fixed"][0]["sse"], &fixed["sse"], 1e-10);
}

#[test]
fn analyze_says_why_a_quantity_does_not_exist() {
    for (name, code) in [
        ("edge_n00", 3),
        ("edge_all_nan", 3),
        ("edge_inf", 0),
        ("edge_constant", 0),
        ("edge_nan_gaps", 0),
    ] {
        let said = sla(&["analyze", "--values", golden(name).to_str().unwrap(), "--json"], "");
        assert_eq!(said.code, code, "{name}: {}", said.err);
        let got = said.json();
        check_documented(&got, "analyze");
        let words = got["adf"]["c_AIC"]["degenerate"].as_str();
        assert_eq!(
            words.is_some(),
            name != "edge_nan_gaps",
            "{name}: gaps are no reason, all others are"
        );
        let plain = sla(&["analyze", "--values", golden(name).to_str().unwrap()], "");
        assert_eq!(plain.code, code);
        if let Some(words) = words {
            assert!(plain.out.contains(words), "{name}: the reason stands in the report");
        }
    }
    assert_eq!(sla(&["analyze", "--values", "-"], "[1, \"x\"]").code, 65);
    let wrong = sla(
        &["analyze", "--values", "-", "--arima", "1,1,1", "--params", "1"],
        "[1,2,3]",
    );
    assert!(
        wrong.code == 65 && wrong.err.contains("ar.L1,ma.L1,sigma2"),
        "{}",
        wrong.err
    );
}

#[test]
fn analyze_reads_csv_and_draws() {
    let csv = csv(400, 30, |k| f64::from((k * 7) % 40));
    let said = sla(&["analyze", "--csv", "-", "--json"], &csv);
    assert_eq!(said.code, 0, "{}", said.err);
    let got = said.json();
    check_documented(&got, "analyze");
    assert_eq!((&got["step_seconds"], &got["basic"]["n"]), (&json!(30), &json!(400)));
    assert_eq!(got["seasonality"][0]["period"], 40);
    let plain = sla(&["analyze", "--csv", "-"], &csv);
    assert!(
        plain.out.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
        "a curve is drawn"
    );
    assert!(plain.out.contains("every 20m"), "{}", plain.out);
    assert!(
        plain.out.lines().all(|line| line.chars().count() <= 160),
        "{}",
        plain.out
    );
}

#[test]
fn tasks_are_answered_in_order_and_bad_lines_by_name() {
    let history: Vec<Value> = (0..500)
        .map(|k| if k % 50 == 7 { Value::Null } else { json!((k * 13) % 37) })
        .collect();
    let task = |id: Value| {
        json!({
            "id": id, "step_s": 15, "horizons": [40, 4], "history": history,
            "thresholds": [{ "side": "upper", "value": 30 }, { "side": "lower", "value": -5 }],
        })
        .to_string()
    };
    let input = format!(
        "{}\n{{\"id\":\"bad\",\"step_s\":15}}\n{}\nnonsense\n",
        task(json!("a")),
        task(json!(7))
    );
    let said = sla(&["forecast", "--tasks", "-"], &input);
    assert_eq!(said.code, 65);
    let lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<&Value> = lines.iter().map(|line| &line["id"]).collect();
    assert_eq!(ids, [&json!("a"), &json!("bad"), &json!(7), &Value::Null]);
    for line in &lines {
        check_documented(line, "forecast --tasks");
    }
    assert_eq!(lines[1]["error"]["field"], "horizons");
    assert_eq!(lines[0]["p"], lines[2]["p"], "the same history, the same answer");
    let levels: BTreeSet<&str> = lines[0]["q"].as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = ["0.025", "0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.975"];
    assert_eq!(levels, wanted.into_iter().collect());
    let rows: Vec<Vec<f64>> = wanted
        .iter()
        .map(|level| {
            lines[0]["q"][level]
                .as_array()
                .unwrap()
                .iter()
                .map(|q| q.as_f64().unwrap())
                .collect()
        })
        .collect();
    assert!(rows.iter().all(|row| row.len() == 40));
    for (low, high) in rows.iter().zip(&rows[1..]) {
        assert!(low.iter().zip(high).all(|(low, high)| low <= high), "quantiles cross");
    }
    let p = |horizon: &str, at: usize| lines[0]["p"][horizon][at].as_f64().unwrap();
    assert!(
        p("40", 0) >= p("4", 0) && p("40", 0) > 0.9,
        "a value above 30 comes every few steps"
    );
    assert!(p("40", 1) < 0.2, "and none ever came below 0");
    let good = sla(&["forecast", "--tasks", "-"], &(task(json!(1)) + "\n"));
    assert_eq!(good.code, 0, "{}", good.err);
}

#[test]
fn backtest_compares_the_methods() {
    let csv = csv(1_000, 15, |k| {
        50.0 + 20.0 * (f64::from(k) / 30.0).sin() + f64::from(k * k % 11)
    });
    let said = sla(&["backtest", "--csv", "-", "--horizon", "5m", "--json"], &csv);
    assert_eq!(said.code, 0, "{}", said.err);
    let got = said.json();
    check_documented(&got, "backtest");
    assert_eq!((&got["horizon_s"], &got["origins"]), (&json!(300), &json!(200)));
    let rows = got["methods"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    let ours = rows.iter().find(|row| row["method"] == "pool").unwrap();
    assert!(ours["brier_vs_last_value"].as_f64().unwrap() < 1.0, "{ours}");
    assert!(ours["coverage_95"].as_f64().unwrap() > 0.8, "{ours}");
    let few = sla(&["backtest", "--csv", "-", "--methods", "ours,arima"], &csv);
    assert!(
        few.out.contains("ours (pool)") && !few.out.contains("predict_linear"),
        "{}",
        few.out
    );
    let short = sla(&["backtest", "--values", "-", "--json"], "[1,2,3,4,5,6]");
    assert_eq!(short.code, 3);
    check_documented(&short.json(), "backtest");
    assert_eq!(sla(&["backtest", "--csv", "-", "--methods", "magic"], &csv).code, 65);
    let live = sla(&["backtest", "--csv", "-", "--live", "--max", "65", "--json"], &csv);
    assert_eq!(live.code, 0, "{}", live.err);
    let live = live.json();
    check_documented(&live, "backtest --live");
    assert_eq!(
        (&live["bounds"][0]["max"], &live["horizon_s"]),
        (&json!(65.0), &json!(600))
    );
}

#[test]
fn config_show_names_every_origin() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[source]\nurl = \"http://localhost:9090\"\n").unwrap();
    let data = folder.path().join("data");
    let arguments = [
        "config",
        "show",
        "--json",
        "--config",
        file.to_str().unwrap(),
        "--data-dir",
        data.to_str().unwrap(),
    ];
    let said = sla(&arguments, "");
    assert_eq!(said.code, 0, "{}", said.err);
    let got = said.json();
    check_documented(&got, "config show");
    let rows = got["config"].as_array().unwrap();
    let url = rows.iter().find(|row| row["key"] == "source.url").unwrap();
    assert_eq!(url["value"], "http://localhost:9090");
    assert!(url["origin"].as_str().unwrap().contains("config.toml"), "{url}");
}

#[test]
fn a_broken_configuration_does_not_stop_commands_on_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "this is = = no TOML").unwrap();
    let said = sla(
        &[
            "evaluate",
            "--csv",
            "-",
            "--max",
            "1",
            "--json",
            "--config",
            file.to_str().unwrap(),
        ],
        "0,1\n",
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(
        sla(&["config", "show", "--config", file.to_str().unwrap()], "").code,
        78
    );
}
