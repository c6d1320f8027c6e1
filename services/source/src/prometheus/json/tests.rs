use super::*;

fn answer(body: &str) -> Answer {
    Answer {
        secrets: sla_domain::Secrets::default(),
        body: body.as_bytes().to_vec(),
        tried: "POST http://x/api/v1/query".into(),
    }
}

#[test]
fn a_matrix_becomes_columns() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","a":"b"},
        "values":[[1700000000.123,"1"],[1700000015.124,"NaN"],[1700000030,"+Inf"],[1700000045.5,"-1.5e-3"]]}]},
        "warnings":["part\nmissing"],"infos":["hint"]}"#;
    let answer = answer(body);
    let read: Success<QueryData> = success(&answer).unwrap();
    assert_eq!(read.warnings, ["part missing", "hint"]);
    let one = &read.data.series[0];
    assert_eq!(one.labels, Labels::from_pairs([("__name__", "up"), ("a", "b")]));
    assert_eq!(
        one.samples.times_ms,
        [
            1_700_000_000_123,
            1_700_000_015_124,
            1_700_000_030_000,
            1_700_000_045_500
        ]
    );
    assert!(one.samples.values[1].is_nan());
    assert_eq!(one.samples.values[2], f64::INFINITY);
    assert_eq!(one.samples.values[3], -1.5e-3);
}

#[test]
fn what_is_not_the_api_is_named() {
    for body in ["<html>login</html>", "", "OK", "[1]"] {
        let error = success::<QueryData>(&answer(body)).err().unwrap();
        assert!(matches!(error, SourceError::NotPrometheus { .. }), "{error}");
    }
    for body in [
        "{}",
        r#"{"status":"success"}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e300,"1"]]}]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}"#,
        r#"{"status":"success","data":{"result":[]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":["#,
    ] {
        let error = success::<QueryData>(&answer(body)).err().unwrap();
        assert!(matches!(error, SourceError::Decode { .. }), "{body}: {error}");
    }
}

#[test]
fn what_is_too_much_is_refused_before_it_is_decoded() {
    let points = r#"[1,"1"],"#.repeat(MAX_PLAIN_SAMPLES as usize + 1);
    let refused = room(&answer(&points)).unwrap_err();
    assert!(matches!(refused, SourceError::TooManySamples { found, .. } if found > MAX_PLAIN_SAMPLES));
    assert!(room(&answer(r#"{"metric":{},"values":[[1,"1"],[2,"1"]]}"#)).is_ok());
    let many = format!(
        r#"{{"status":"success","data":[{}{{}}]}}"#,
        r#"{"a":"b"},"#.repeat(MAX_ANSWER_SERIES)
    );
    let answer = answer(&many);
    let read: Success<SeriesList> = success(&answer).unwrap();
    assert_eq!(
        (read.data.series.len(), read.data.count),
        (MAX_ANSWER_SERIES, MAX_ANSWER_SERIES + 1)
    );
}

#[test]
fn a_series_with_too_many_labels_is_counted_and_the_others_are_read() {
    let long = "x".repeat(MAX_LABELS_BYTES);
    let many: Vec<String> = (0..=MAX_LABELS).map(|n| format!(r#""l{n}":"""#)).collect();
    let sets = [
        r#"{"a":"b"}"#.to_owned(),
        format!(r#"{{"a":"{long}","b":"1"}}"#),
        format!(r#"{{"a":"{long}","b":"2"}}"#),
        format!(r#"{{"a":"{long}","b":"2"}}"#),
        format!("{{{}}}", many.join(",")),
        r#"{"c":"d"}"#.to_owned(),
    ];
    let body = format!(r#"{{"status":"success","data":[{}]}}"#, sets.join(","));
    let listing = answer(&body);
    let read: Success<SeriesList> = success(&listing).unwrap();
    assert_eq!(
        read.data.series,
        [Labels::from_pairs([("a", "b")]), Labels::from_pairs([("c", "d")])]
    );
    assert_eq!((read.data.long.len(), read.data.count), (3, 6));
    for (kind, samples) in [("matrix", r#""values":[[1,"2"]]"#), ("vector", r#""value":[1,"2"]"#)] {
        let series: Vec<String> = sets
            .iter()
            .map(|set| format!(r#"{{"metric":{set},{samples}}}"#))
            .collect();
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"{kind}","result":[{}]}}}}"#,
            series.join(",")
        );
        let results = answer(&body);
        let read: Success<QueryData> = success(&results).unwrap();
        assert_eq!((read.data.series.len(), read.data.long.len()), (2, 3), "{kind}");
        assert!(read.data.series.iter().all(|one| one.samples.values == [2.0]));
    }
}

#[test]
fn a_series_that_came_twice_is_set_apart_in_whatever_order() {
    let one = |set: &str, value: u64| format!(r#"{{"metric":{set},"values":[[1,"{value}"]]}}"#);
    let (a, b) = (r#"{"a":"b"}"#, r#"{"a":"c"}"#);
    for list in [[one(a, 1), one(a, 9), one(b, 1)], [one(a, 9), one(b, 1), one(a, 1)]] {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
            list.join(",")
        );
        let answer = answer(&body);
        let read: Success<QueryData> = success(&answer).unwrap();
        assert_eq!(read.data.series.len(), 1);
        assert_eq!(read.data.series[0].labels, Labels::from_pairs([("a", "c")]));
        let error = read.data.each_once("x").err().unwrap();
        assert!(error.to_string().contains("more than once"), "{error}");
    }
}

#[test]
fn the_position_of_a_complaint() {
    let message = "invalid parameter \"query\": 2:3: parse error: unexpected \"}\"";
    assert_eq!(position(message, "up\nab}"), Some(5));
    assert_eq!(position("1:4: parse error: x", "up{"), Some(3));
    assert_eq!(position("1:400: parse error: x", "up{"), None);
    assert_eq!(position("nothing of the kind", "up{"), None);
}

#[test]
fn keys_come_in_any_order_and_null_is_an_empty_list() {
    let matrix = r#"[{"values":[[1,"2"],[2,"3"]],"metric":{"a":"b"}}]"#;
    let vector = r#"[{"value":[1,"2"],"metric":{"a":"b"}},{"metric":{"a":"c"},"value":[1,"2"]}]"#;
    for (kind, result, series) in [
        ("matrix", matrix, 1),
        ("matrix", "[]", 0),
        ("vector", vector, 2),
        ("scalar", r#"[1.5,"2"]"#, 1),
        ("string", r#"[1.5,"two"]"#, 0),
    ] {
        for body in [
            format!(
                r#"{{"data":{{"result":{result},"resultType":"{kind}"}},"infos":null,"status":"success","warnings":null}}"#
            ),
            format!(r#"{{"status":"success","data":{{"stats":{{}},"resultType":"{kind}","result":{result}}}}}"#),
        ] {
            let answer = answer(&body);
            let read: Success<QueryData> = success(&answer).unwrap();
            assert_eq!((read.data.series.len(), read.warnings.len()), (series, 0), "{body}");
        }
    }
    for (kind, result) in [
        ("matrix", r#"[1,"2"]"#),
        ("scalar", matrix),
        ("scalar", r#"[1,"x"]"#),
        ("scalar", "[]"),
        ("other", "[]"),
        ("matrix", "{}"),
        ("matrix", "null"),
    ] {
        for body in [
            format!(r#"{{"status":"success","data":{{"result":{result},"resultType":"{kind}"}}}}"#),
            format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#),
        ] {
            let error = success::<QueryData>(&answer(&body)).err().unwrap();
            assert!(matches!(error, SourceError::Decode { .. }), "{body}: {error}");
        }
    }
}
