//! Input that is odd or wrong: typed reasons in the answer, and exit codes a script can rely on.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::binary::{analyze, sla};

/// A file with this content.
fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

/// Reasons of all quantities of the values.
fn reasons(values: &Value) -> (i32, Value) {
    let file = file(&json!({ "values": values, "step_seconds": 15 }).to_string());
    analyze(file.path(), &["--arima", "1,1,1"])
}

fn assert_no_odd_number(value: &Value) {
    // JSON has no NaN: what does not exist is null or a reason, never a huge stand-in.
    match value {
        Value::Number(number) => assert!(number.as_f64().unwrap().is_finite()),
        Value::Array(list) => list.iter().for_each(assert_no_odd_number),
        Value::Object(object) => object.values().for_each(assert_no_odd_number),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn degenerate_series_have_reasons() {
    let constant: Vec<f64> = vec![5.0; 100];
    let huge: Vec<f64> = (0..100).map(|k| if k % 7 == 0 { 1e300 } else { -1e300 }).collect();
    let tiny: Vec<f64> = (0..100).map(|k| f64::from(k % 5) * 5e-324).collect();
    let infinite: Vec<Value> = (0..100)
        .map(|k| if k == 50 { json!("-inf") } else { json!(k % 9) })
        .collect();
    let cases = [
        (json!([]), 3, "there are no samples"),
        (json!([1.0]), 0, "too few"),
        (json!(["nan", "nan", "nan"]), 3, "no sample is a finite number"),
        (json!(["inf", "-inf", "inf", "inf"]), 3, "no sample is a finite number"),
        (json!(constant), 0, "all samples have the same value"),
        (json!(tiny), 0, "smallest normal number"),
        (json!(infinite), 0, "NaN or infinite"),
    ];
    for (values, code, reason) in cases {
        let (got, answer) = reasons(&values);
        let said = answer["adf"]["c_AIC"]["degenerate"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert_eq!(got, code, "{answer}");
        assert!(said.contains(reason), "{said:?}, not {reason:?}");
        assert_no_odd_number(&answer);
    }
    let (code, answer) = reasons(&json!(huge));
    assert_eq!(code, 0);
    assert_no_odd_number(&answer);
    assert!(
        answer["basic"]["max"] == 1e300 && answer["forecast"]["p"].is_object(),
        "{answer}"
    );
}

#[test]
fn csv_in_any_order_with_duplicates_is_the_same_series() {
    let row = |k: i64, value: f64| format!("{},{value}\n", 1_700_000_000 + 15 * k);
    let value = |k: i64| ((k * 37) % 11) as f64;
    let sorted: String = (0..200).map(|k| row(k, value(k))).collect();
    let mut shuffled: Vec<String> = (0..200).map(|k| row((k * 77) % 200, value((k * 77) % 200))).collect();
    // Of equal timestamps the last one stays.
    shuffled.insert(0, row(13, 999.0));
    let (sorted, shuffled) = (file(&sorted), file(&shuffled.concat()));
    let answer = |path: &std::path::Path| {
        let out = sla(&["analyze", "--csv", path.to_str().unwrap(), "--json"]);
        assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice::<Value>(&out.stdout).unwrap()
    };
    assert_eq!(answer(sorted.path()), answer(shuffled.path()));
}

#[test]
fn what_cannot_be_read_is_named() {
    let cases = [
        ("--csv", "time,value\n1700000000,1\n1700000015,two\n", "line 3"),
        ("--values", "[1, 2, \"x\"]", "values[2]"),
        ("--values", "[1, 2", "JSON"),
        ("--values", "{\"step_seconds\": 15}", "values"),
    ];
    for (flag, content, named) in cases {
        let file = file(content);
        let out = sla(&["analyze", flag, file.path().to_str().unwrap(), "--json"]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
        assert!(!matches!(out.status.code(), Some(0 | 3) | None), "{content:?}: {said}");
        assert!(said.contains(named), "{content:?}: {said}");
    }
    let missing = sla(&["analyze", "--csv", "/nowhere/at-all.csv"]);
    assert!(!matches!(missing.status.code(), Some(0 | 3) | None));
    let wrong = sla(&["analyze", "--values", "/dev/null", "--arima", "1,1"]);
    assert!(!matches!(wrong.status.code(), Some(0 | 3) | None));
}
