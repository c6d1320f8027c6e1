use std::io::Cursor;

use super::*;

fn answers(text: &str, workers: usize) -> (Vec<Value>, bool) {
    let mut out = Vec::new();
    let good = answer_all(Box::new(Cursor::new(text.to_owned())), &mut out, workers).unwrap();
    let lines = String::from_utf8(out).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (lines, good)
}

fn task(id: usize, length: usize) -> String {
    let history: Vec<Value> = (0..length)
        .map(|k| {
            if k % 17 == 3 {
                Value::Null
            } else {
                json!(((k * 7 + id) % 23) as f64)
            }
        })
        .collect();
    json!({
        "id": id,
        "step_s": 15,
        "horizons": [4, 40],
        "thresholds": [{ "side": "upper", "value": 20 }, { "side": "lower", "value": 1.5 }],
        "history": history,
    })
    .to_string()
}

#[test]
fn answers_come_in_the_order_of_the_questions_whatever_the_threads() {
    let text: String = (0..40)
        .map(|id| task(id, if id % 5 == 0 { 900 } else { 60 }) + "\n")
        .collect();
    let (alone, good) = answers(&text, 1);
    assert!(good);
    assert_eq!(answers(&text, 7).0, alone, "the same bits, the same order");
    for (id, answer) in alone.iter().enumerate() {
        assert_eq!(answer["id"], json!(id));
        let p = answer["p"].as_object().unwrap();
        assert_eq!(p.keys().collect::<Vec<_>>(), ["4", "40"]);
        for row in p.values() {
            let row: Vec<f64> = row.as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
            assert!(row.len() == 2 && row.iter().all(|p| (0.0..=1.0).contains(p)));
        }
        assert_eq!(answer["q"].as_object().unwrap().len(), 9);
        assert_eq!(answer["q"]["0.975"].as_array().unwrap().len(), 40);
        assert!(answer["low_confidence"].is_boolean() && answer["method"].as_str().unwrap().starts_with("pool"));
    }
}

#[test]
fn a_bad_line_is_answered_and_the_others_too() {
    let text = format!(
        "{}\nnot json\n\n{}\n{}\n{}\n{}\n{}\n",
        task(1, 100),
        r#"{"id":"b","step_s":0,"horizons":[4],"thresholds":[],"history":[1,2,3,4,5]}"#,
        r#"{"id":"c","step_s":15,"horizons":[0],"thresholds":[],"history":[1,2,3,4,5]}"#,
        r#"{"id":"d","step_s":15,"horizons":[4],"thresholds":[{"side":"up","value":1}],"history":[1,2,3,4,5]}"#,
        r#"{"id":"e","step_s":15,"horizons":[4],"thresholds":[],"history":[1,"x"]}"#,
        r#"{"id":"f","step_s":15,"horizons":[4],"thresholds":[],"history":[1,"nan",null]}"#,
    );
    let (lines, good) = answers(&text, 2);
    assert!(!good);
    let fields: Vec<_> = lines
        .iter()
        .map(|line| line["error"]["field"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(
        fields,
        [
            "",
            "line",
            "step_s",
            "horizons[0]",
            "thresholds[0].side",
            "history[1]",
            "history"
        ]
    );
    assert_eq!(lines[1]["id"], Value::Null);
    assert_eq!(lines[2]["id"], "b");
    for line in &lines[1..] {
        for part in ["rule", "fix"] {
            assert!(!line["error"][part].as_str().unwrap().is_empty(), "{line}");
        }
    }
}

#[test]
fn a_line_without_end_is_skipped_and_the_next_one_answered() {
    let mut text = String::from("{\"history\":[");
    text.push_str(&"1,".repeat(MAX_LINE_BYTES / 2 + 10));
    text.push('\n');
    text.push_str(&task(7, 50));
    let (lines, good) = answers(&text, 2);
    assert!(!good && lines.len() == 2);
    assert_eq!(lines[0]["error"]["field"], "line");
    assert_eq!(lines[1]["id"], 7);
}

#[test]
fn an_output_that_goes_away_ends_the_work() {
    struct Gone;
    impl io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let text: String = (0..200).map(|id| task(id, 30) + "\n").collect();
    assert!(answer_all(Box::new(Cursor::new(text)), Gone, 3).is_ok());
}

#[test]
fn spikes_and_constants_stay_finite() {
    let histories = [
        vec![json!(5.0); 300],
        (0..300).map(|k| json!(if k == 299 { 1e300 } else { 0.0 })).collect(),
        (0..300).map(|k| json!(f64::from(k) * 1e-310)).collect(),
    ];
    for history in histories {
        let line = json!({ "id": 0, "step_s": 1, "horizons": [60], "thresholds": [{ "side": "upper", "value": 1 }], "history": history });
        let (lines, good) = answers(&line.to_string(), 1);
        assert!(good, "{lines:?}");
        for row in lines[0]["q"].as_object().unwrap().values() {
            assert!(row.as_array().unwrap().iter().all(Value::is_number), "{row}");
        }
        assert!((0.0..=1.0).contains(&lines[0]["p"]["60"][0].as_f64().unwrap()));
    }
}
