//! What is refused of each outside text, and with which words: a table a kind. Nothing is started and nothing is asked; every
//! refusal names what was given, the rule and what to write instead, and never a secret.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::path::Path;
use std::process::{Command, Stdio};

/// A refusal: what follows `sla`, and words of the complaint.
type Row<'a> = (&'a [&'a str], &'a str);

/// What a command said and how it ended.
fn said(arguments: &[&str], variables: &[(&str, &str)], place: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sla"))
        .args(arguments)
        .env_clear()
        .env("HOME", place)
        .envs(variables.iter().copied())
        .current_dir(place)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn refused(code: i32, rows: &[Row<'_>], place: &Path) {
    for (arguments, words) in rows {
        let (ended, text) = said(arguments, &[], place);
        assert!(
            ended == Some(code) && text.contains(words),
            "{arguments:?} ended {ended:?}, wanted {code} and {words:?}:\n{text}"
        );
        assert!(!text.contains("sesame"), "{arguments:?} tells a secret:\n{text}");
    }
}

/// A file of this content for each row.
fn refused_files(code: i32, command: &[&str], name: &str, rows: &[(&[u8], &str)]) {
    let place = tempfile::tempdir().unwrap();
    for (content, words) in rows {
        std::fs::write(place.path().join(name), content).unwrap();
        let (ended, text) = said(command, &[], place.path());
        let shown = String::from_utf8_lossy(content);
        assert!(
            ended == Some(code) && text.contains(words),
            "{shown} ended {ended:?}, wanted {code} and {words:?}:\n{text}"
        );
        assert!(!text.contains("sesame"), "{shown} tells a secret:\n{text}");
    }
}

#[test]
fn addresses_of_a_source() {
    let place = tempfile::tempdir().unwrap();
    let with = |url: &'static str| ["sets", "--prometheus", url];
    for (url, words) in [
        ("ftp://host", "the scheme must be http or https"),
        ("localhost:9090", "the scheme must be http or https"),
        ("http://", "must be a URL such as http://localhost:9090"),
        ("http://me:sesame@host:99999", "…@host:99999"),
        ("http://a|b", "must be a URL"),
    ] {
        refused(78, &[(&with(url), words)], place.path());
    }
}

#[test]
fn addresses_of_an_instance() {
    let place = tempfile::tempdir().unwrap();
    refused(
        64,
        &[
            (
                &["--connect", "nonsense", "sets"],
                "is no address; write it like 127.0.0.1:7000",
            ),
            (&["--connect", "http://", "sets"], "is no address"),
            (
                &["--connect", "http://10.0.0.1:7000", "sets"],
                "neither encrypted nor sure of who answers",
            ),
            (
                &["--connect", "127.0.0.1.example.org:7000", "sets"],
                "neither encrypted",
            ),
        ],
        place.path(),
    );
}

#[test]
fn selectors_and_expressions() {
    let place = tempfile::tempdir().unwrap();
    let rows: [(&str, &str); 11] = [
        ("", "selector: is empty; give a metric name"),
        ("up{", "at character 4: expected a label name or }, the text ends here"),
        ("up{a=1}", "at character 6: expected a value in quotes, found '1'"),
        ("{}", "would select every series"),
        ("{a=~\"(\"}", "invalid regular expression: unclosed group"),
        ("up[5m]", "yields a range of samples"),
        ("\"text\"", "yields a text, not a number"),
        ("sum(", "( is never closed"),
        ("rate(up)", "expected type matrix"),
        ("up up", "at character"),
        ("1 +", "at character"),
    ];
    for (text, words) in rows {
        refused(65, &[(&["evaluate", text, "--max", "1"], words)], place.path());
    }
}

#[test]
fn durations() {
    let place = tempfile::tempdir().unwrap();
    for (text, words) in [
        ("5x", "is no duration (units y w d h m s ms"),
        ("0s", "must be above 0"),
        ("1m1h", "from large to small, each once"),
        ("1.5h", "is no duration"),
        ("99999999999999y", "astronomically long"),
    ] {
        refused(
            64,
            &[(&["evaluate", "up", "--max", "1", "--window", text], words)],
            place.path(),
        );
    }
}

#[test]
fn instants() {
    let place = tempfile::tempdir().unwrap();
    for text in [
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-11-20",
        "1e300",
        "1700000000000000",
        "",
    ] {
        let row: Row<'_> = (
            &["evaluate", "up", "--max", "1", "--at", text],
            "is no instant; write it like 2026-11-20T14:32:00Z",
        );
        refused(65, &[row], place.path());
    }
}

#[test]
fn numbers_with_units() {
    let place = tempfile::tempdir().unwrap();
    let of = |metric: &'static str, bound: &'static str| ["evaluate", metric, "--max", bound];
    for (metric, bound, words) in [
        (
            "up",
            "6X",
            "--max is 6X: ends in \"X\", which is no prefix and no unit; write it like 4, 1.5k, 2.5G, 6Gi",
        ),
        ("up", "10%", "% can be read as 0.1 or as 10"),
        ("up", "1,5", "has a comma; write a point before decimals"),
        ("up", "NaN", "is no number"),
        ("up", "", "is empty"),
        ("up", "1e999", "beyond what a number can hold"),
        ("a_bytes", "5m", "another unit than the values, which are in B"),
        ("a_bytes", "3 MB/s", "is per second"),
        ("a_seconds", "5MB", "another unit than the values, which are in s"),
    ] {
        refused(65, &[(&of(metric, bound), words)], place.path());
    }
    let none: Row<'_> = (&["evaluate", "up"], "min and max are both absent");
    let crossed: Row<'_> = (
        &["evaluate", "up", "--min", "5", "--max", "1"],
        "must not lie above max (1)",
    );
    refused(65, &[none, crossed], place.path());
}

#[test]
fn csv_files() {
    let command = ["evaluate", "--csv", "x.csv", "--max", "1"];
    refused_files(
        65,
        &command,
        "x.csv",
        &[
            (b"", "csv: the file has no samples"),
            (b"\xff\xfe\x00", "x.csv: cannot be read as text"),
            (b"1700000000,1,5\n1700000015,2,5\n", "line 1 column 3"),
            (
                b"1700000000;1,5\n",
                "line 1 column 2 is 1,5: is no number; write a point before decimals",
            ),
            (b"time,value\n1700000000,x\n", "line 2 column 2 is x: is no number"),
            (b"time,value\nyesterday,1\n", "line 2 column 1"),
        ],
    );
    let place = tempfile::tempdir().unwrap();
    refused(65, &[(&command, "x.csv: cannot be read")], place.path());
}

#[test]
fn sets_as_toml() {
    let with = |objective: &str| format!("[[set]]\nname = \"x\"\n[[set.objective]]\n{objective}\n").into_bytes();
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (b"sets = 5\n".to_vec(), "x.toml line 1 column 1"),
        (b"[[set]\n".to_vec(), "x.toml line 1"),
        (
            with("query = \"up\"\nmin = \"6X\""),
            "objective \"up\" (line 3), min is 6X: ends in \"X\"",
        ),
        (with("queries = \"up\""), "unknown field `queries`"),
        (with("query = \"up{\"\nmin = 1"), "query is up{: at character 4"),
        (
            with("query = \"up\"\nmin = true"),
            "a number such as 4.0, or a text such as",
        ),
        (with("query = \"up\"\nmin = 5\nmax = 1"), "must not lie above max"),
        (with("query = \"up\"\nmin = 1\ntarget = \"200\""), "target"),
    ];
    let rows: Vec<(&[u8], &str)> = rows
        .iter()
        .map(|(content, words)| (content.as_slice(), *words))
        .collect();
    let command = [
        "sets",
        "apply",
        "x.toml",
        "--dry-run",
        "--prometheus",
        "http://127.0.0.1:9",
    ];
    refused_files(65, &command, "x.toml", &rows);
}

#[test]
fn tasks_as_json() {
    let command = ["forecast", "--tasks", "x.json"];
    refused_files(
        65,
        &command,
        "x.json",
        &[
            (b"[", "is not JSON: EOF while parsing a list"),
            (b"[1]", "must be a JSON object"),
            (b"{\"id\":1}", "step_s"),
            (
                b"{\"step_s\":0,\"horizons\":[1],\"thresholds\":[],\"history\":[1]}",
                "must be a number from 0.001",
            ),
        ],
    );
}

#[test]
fn configuration_files() {
    let command = ["--config", "c.toml", "config", "show"];
    refused_files(
        78,
        &command,
        "c.toml",
        &[
            (b"[source\n", "c.toml: line 1, column"),
            (
                b"[source]\nurll = \"x\"\n",
                "line 2, column 1: `urll`: unknown field `urll`, expected one of",
            ),
            (b"[source]\npass_word = \"sesame\"\n", "`pass_word`: unknown field"),
            (
                b"[source]\npassword = [\"sesame\"]\n",
                "`password`: does not fit, expected a string",
            ),
            (b"[source]\npassword = sesame\n", "line 2"),
            (b"[source.headers]\nAuthorization = [\"sesame\"]\n", "does not fit"),
            (
                b"[etl]\nthreads = \"many\"\n",
                "`threads`: invalid type: string \"many\", expected usize",
            ),
            (b"[evaluation]\nfloor = \"5x\"\n", "duration is 5x: is no duration"),
            (
                b"[instance]\nname = \"a/b\"\n",
                "instance.name is \"a/b\": a name has 1 to 40 letters",
            ),
            (b"[nothing]\n", "unknown field `nothing`"),
            (b"[console.keys]\nquit = 5\n", "line 2"),
        ],
    );
    let place = tempfile::tempdir().unwrap();
    refused(78, &[(&command, "there is no configuration file c.toml")], place.path());
}

#[test]
fn variables_of_the_environment() {
    let place = tempfile::tempdir().unwrap();
    for (name, value, words) in [
        (
            "SLA_ETL__THREADS",
            "many",
            "SLA_ETL__THREADS: invalid type: string \"many\", expected usize",
        ),
        ("SLA_SOURCE__URLL", "sesame", "unknown field `urll`"),
        (
            "SLA_SOURCE__HEADERS",
            "{\"a\":\"sesame\"}",
            "SLA_SOURCE__HEADERS: does not fit, expected",
        ),
        (
            "SLA_SOURCE__URL",
            "ftp://sesame@host",
            "the scheme must be http or https",
        ),
        ("SLA_EVALUATION__FLOOR", "5x", "SLA_EVALUATION__FLOOR: duration is 5x"),
        ("SLA_INSTANCE__NAME", "a b", "a name has 1 to 40 letters"),
        (
            "SLA_CONFIG",
            "nowhere.toml",
            "there is no configuration file nowhere.toml",
        ),
        (
            "SLA_SOURCE_URL",
            "sesame",
            "SLA_SOURCE_URL: is no key of the configuration",
        ),
        ("SLA_CONSOLE_READ_ONLY", "true", "the nearest is SLA_CONSOLE__READ_ONLY"),
        ("SLA_SOURCE", "sesame", "the nearest is SLA_SOURCE__"),
        (
            "SLA_NOTIFY__COMING_FROM",
            "nan",
            "notify.coming_from is no finite number",
        ),
        (
            "SLA_SOURCE__CONCURRENCY",
            "9223372036854775807",
            "source.concurrency is \"9223372036854775807\": lies between",
        ),
        (
            "SLA_ETL__THREADS",
            "9223372036854775807",
            "etl.threads is \"9223372036854775807\": lies between",
        ),
        ("SLA_EVALUATION__MEMORY_MIB", "0", "evaluation.memory_mib is \"0\""),
        ("SLA_EVALUATION__FLOOR", "1ms", "evaluation.floor is \"1ms\""),
        (
            "SLA_LOG__LEVEL",
            "sla_etl=nonsense",
            "log.level is \"sla_etl=nonsense\"",
        ),
        (
            "SLA_METRICS__LISTEN",
            "0.0.0.0:23111",
            "metrics.listen is \"0.0.0.0:23111\": other hosts reach it",
        ),
    ] {
        let (ended, text) = said(&["config", "show"], &[(name, value)], place.path());
        assert!(
            ended == Some(78) && text.contains(words) && !text.contains("sesame"),
            "{name}={value} ended {ended:?}:\n{text}"
        );
    }
}

/// A file that is there is never passed over.
#[test]
fn configuration_files_that_cannot_be_read() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join(".config/sla");
    let file = folder.join("config.toml");
    std::fs::create_dir_all(&folder).unwrap();
    let told = |words: &str, arguments: &[&str]| {
        let (ended, text) = said(&[arguments, &["config", "show"]].concat(), &[], place.path());
        assert!(
            ended == Some(78) && text.contains(words),
            "{words:?}, ended {ended:?}:\n{text}"
        );
    };
    std::os::unix::fs::symlink("/nowhere/config.toml", &file).unwrap();
    told("a link in its place", &[]);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    told("Is a directory", &[]);
    told("Is a directory", &["--config", "."]);
    told("is larger than", &["--config", "/dev/zero"]);
    for (content, words) in [
        (&b"\xff\xfe[\0"[..], "it is UTF-16"),
        (b"a = \"\xe9\"", "byte 6 is no UTF-8"),
    ] {
        std::fs::write(place.path().join("c.toml"), content).unwrap();
        told(words, &["--config", "c.toml"]);
    }
}

/// `--json` is one line with the reason that belongs to the exit code, whatever is wrong with the line.
#[test]
fn each_misuse_of_the_command_line_has_a_reason_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("bad.toml"), "nonsense = 1\n").unwrap();
    let usage = |field: &'static str| (64, "BAD_USAGE", 400, field);
    let rows: [(&[&str], _); 13] = [
        (&["--json", "fly"], usage("fly")),
        (&["--json", "sets", "--nonsense"], usage("--nonsense")),
        (&["violations", "--json", "--last"], usage("--last")),
        (&["--json", "evaluate"], usage("")),
        (
            &["--json", "forecast", "--horizon", "soon", "x"],
            usage("--horizon <DURATION>"),
        ),
        (&["--json", "notify"], usage("")),
        (&["--json", "notify", "add", "a", "fax", "b"], usage("<KIND>")),
        (&["--json", "--color", "mauve", "sets"], usage("")),
        (&["--json", "sets", "--json"], usage("")),
        (&["--json", "--connect", "nowhere at all", "sets"], usage("")),
        (&["--json", "evaluate", "node_load1{"], (65, "INVALID_FIELD", 400, "")),
        (&["--json", "--config", "bad.toml", "sets"], (78, "BAD_CONFIG", 400, "")),
        (
            &["--json", "--connect", "127.0.0.1:1", "sets"],
            (69, "UNAVAILABLE", 503, ""),
        ),
    ];
    for (arguments, (code, reason, status, field)) in rows {
        let (ended, text) = said(arguments, &[], place.path());
        let told: serde_json::Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{arguments:?} is no line of JSON ({error}): {text}"));
        let error = &told["error"];
        let got = (
            ended,
            error["reason"].as_str().unwrap_or_default(),
            error["status"].as_i64(),
            told["exit"].as_i64(),
        );
        assert_eq!(
            got,
            (Some(code), reason, Some(status), Some(i64::from(code))),
            "{arguments:?}: {text}"
        );
        assert_eq!(error["type"], format!("urn:sla:{reason}"));
        assert!(!error["detail"].as_str().unwrap_or_default().is_empty(), "{text}");
        if !field.is_empty() {
            assert_eq!(error["fields"][0]["field"], field, "{text}");
        }
    }
    let (ended, text) = said(&["sets", "--nonsense", "--", "--json"], &[], place.path());
    assert!(ended == Some(64) && text.contains("Usage:"), "people get words: {text}");
}

/// What was answered is not there: the disk is full. A reader that has gone away has had enough.
#[test]
fn an_answer_that_does_not_arrive() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("t.jsonl"), "{}\n").unwrap();
    let ended = |arguments: &[&str], out: Stdio| {
        let command = Command::new(env!("CARGO_BIN_EXE_sla"))
            .args(arguments)
            .env_clear()
            .env("HOME", place.path())
            .current_dir(place.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::piped())
            .spawn();
        let output = command.unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for arguments in [
        &["config", "show"][..],
        &["--json", "config", "show"],
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
        &["forecast", "--tasks", "t.jsonl"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let (code, said) = ended(arguments, full.into());
        assert!(
            code == Some(65) && said.contains("is not whole") && said.contains("No space left"),
            "{arguments:?} ended {code:?}: {said}"
        );
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, said) = ended(arguments, writer.into());
        let tasks = arguments[0] == "forecast";
        assert_eq!(
            (code, said.as_str()),
            (Some(if tasks { 65 } else { 0 }), ""),
            "{arguments:?}"
        );
    }
}
