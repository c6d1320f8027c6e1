use super::*;

const TEXT: &str = r#"
[[set]]
name = "web"
active = false
[[set.objective]]
name = "load"
query = "node_load1{job=\"node\"}"
max = 4.0
missing = "hold(10m)"
target = "99.9"
rate_over = "1m30s"
horizon = "24h"
forecast = false
"#;

#[test]
fn what_is_written_is_what_is_read() {
    let sets = read(TEXT, "web.toml").unwrap();
    assert_eq!(read(&write(&sets), "web.toml").unwrap(), sets);
    let objective = &sets[0].objectives[0];
    assert_eq!((objective.hold_max_ms, objective.rate_over_ms), (600_000, 90_000));
    assert_eq!(objective.horizon_ms, 86_400_000);
    assert!(objective.no_forecast && !sets[0].active);
    assert!(write(&[]).len() < 20);
}

/// Also where a bound has a unit of its own, as shares and bytes have.
#[test]
fn every_finite_number_comes_back_and_is_written_short() {
    let mut numbers = vec![
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (4.0, "4.0"),
        (-0.1, "-0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (123_456_789.0, "123456789.0"),
        (999_999_999_999_999.0, "999999999999999.0"),
        (1e15, "\"1e15\""),
        (1.5e15, "\"1.5e15\""),
        (1e-4, "0.0001"),
        (9.9e-5, "\"9.9e-5\""),
        (9_007_199_254_740_993.0, "\"9.007199254740992e15\""),
        (1e300, "\"1e300\""),
        (-1e300, "\"-1e300\""),
        (5e-324, "\"5e-324\""),
        (f64::MAX, "\"1.7976931348623157e308\""),
        (f64::MIN, "\"-1.7976931348623157e308\""),
        (f64::MIN_POSITIVE, "\"2.2250738585072014e-308\""),
        (1.0 + f64::EPSILON, "1.0000000000000002"),
    ];
    // Bits of every size, without order.
    let mut bits = 1_u64;
    for _ in 0..2_000 {
        bits = bits
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        numbers.extend(Some((f64::from_bits(bits), "")).filter(|(number, _)| number.is_finite()));
    }
    for query in [
        "node_load1",
        "node_memory_MemFree_bytes",
        "node_cpu_ratio",
        "request_duration_seconds",
    ] {
        let mut set = read(TEXT, "web.toml").unwrap().remove(0);
        for &(number, written) in &numbers {
            let range = AllowedRange {
                min: Some(number),
                max: Some(number),
                warn_below: Some(number),
                warn_above: Some(number),
            };
            set.objectives[0].range = Some(range);
            set.objectives[0].query = Some(convert::query_message(&Query::parse(query).unwrap(), 0));
            let text = write(std::slice::from_ref(&set));
            let line = text.lines().find_map(|line| line.strip_prefix("min = ")).unwrap();
            assert!(line.len() <= 26 && (written.is_empty() || line == written), "{line}");
            let again = read(&text, "web.toml").unwrap()[0].objectives[0].range.unwrap();
            let bits = [again.min, again.max, again.warn_below, again.warn_above].map(|bound| bound.unwrap().to_bits());
            assert_eq!(bits, [number.to_bits(); 4], "{line}");
        }
    }
}

#[test]
fn every_key_is_on_its_page() {
    let page = include_str!("../../../docs/reference/sets.md");
    let objective = FileObjective {
        id: "a".to_owned(),
        name: "a".to_owned(),
        query: "up".to_owned(),
        source: "b".to_owned(),
        min: Some(Written::Number(1.0)),
        max: Some(Written::Number(2.0)),
        warn_below: Some(Written::Number(1.0)),
        warn_above: Some(Written::Number(2.0)),
        missing: Some("bad".to_owned()),
        counter: Some("raw".to_owned()),
        rate_over: Some("1m".to_owned()),
        step: Some("1m".to_owned()),
        target: "99".to_owned(),
        coverage_floor: Some(Written::Number(0.5)),
        min_duration: Some("1m".to_owned()),
        forecast: false,
        horizon: Some("24h".to_owned()),
        suggested: true,
    };
    let set = FileSet {
        name: "a".to_owned(),
        description: "b".to_owned(),
        active: false,
        private: true,
        objective: vec![objective],
    };
    let text = toml::to_string(&File { set: vec![set] }).unwrap();
    let keys: Vec<&str> = text
        .lines()
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    assert_eq!(keys.len(), 22);
    for key in keys {
        assert!(page.contains(&format!("\n| `{key}` |")), "{key}");
    }
    // Its example is a file.
    let example = page.split("```").nth(1).unwrap().trim_start_matches("toml");
    assert_eq!(read(example, "page").unwrap()[0].objectives.len(), 2);
}

#[test]
fn an_editor_keeps_ids_and_a_file_does_not() {
    let mut set = read(TEXT, "web.toml").unwrap().remove(0);
    set.objectives[0].id = "load-1".to_owned();
    assert!(!write(std::slice::from_ref(&set)).contains("load-1"));
    let again = read(&write_for_editor(&set), "web").unwrap();
    assert_eq!(again, [set]);
}

#[test]
fn a_percentage_is_a_text_or_a_number_and_a_name_may_be_left_out() {
    for (written, read_as) in [("99.9", "99.9"), ("\"99.90\"", "99.90"), ("99", "99")] {
        let text = TEXT.replace("\"99.9\"", written);
        assert_eq!(read(&text, "f").unwrap()[0].objectives[0].target_percent, read_as);
        let text = text.replace("target =", "target_percent =");
        assert_eq!(read(&text, "f").unwrap()[0].objectives[0].target_percent, read_as);
    }
    let unnamed = read(&TEXT.replace("name = \"load\"\n", ""), "f").unwrap();
    assert_eq!(read(&write(&unnamed), "f").unwrap(), unnamed);
}

#[test]
fn a_bound_may_have_a_prefix_or_a_unit() {
    for (query, written, value) in [
        ("node_load1", "4", 4.0),
        ("node_load1", "\"1.5k\"", 1_500.0),
        ("mem_bytes", "\"6Gi\"", 6_442_450_944.0),
        ("lag_seconds", "\"250ms\"", 0.25),
        ("hit_ratio", "\"10%\"", 0.1),
        ("net_bytes_total", "\"3 MB/s\"", 3e6),
        ("sum(rate(net_bytes_total[5m]))", "\"3 MB/s\"", 3e6),
    ] {
        let text = TEXT
            .replace("4.0", written)
            .replace("node_load1{job=\\\"node\\\"}", query);
        let range = read(&text, "f").unwrap()[0].objectives[0].range.unwrap();
        assert_eq!(range.max, Some(value), "{written}");
    }
    let error = read(&TEXT.replace("4.0", "\"10%\""), "f").unwrap_err().to_string();
    assert!(
        error.contains("max is 10%") && error.contains("0.1 or as 10"),
        "{error}"
    );
    let text = TEXT.replace("node_load1{job=\\\"node\\\"}", "sum(rate(net_bytes_total[5m]))");
    let error = read(&text.replace("4.0", "\"3 Mbit/s\""), "f").unwrap_err().to_string();
    assert!(
        error.contains("another unit than the values, which are in B/s"),
        "{error}"
    );
}

#[test]
fn a_number_of_any_length_is_a_number_or_refused_by_its_field() {
    let nines = |count: usize| "9".repeat(count);
    for (written, value) in [
        (nines(20), 1e20),
        (format!("-{}", nines(20)), -1e20),
        (nines(38), 1e38),
        ("18446744073709551615".to_owned(), 1.844_674_407_370_955_2e19),
        ("9223372036854775808".to_owned(), 9.223_372_036_854_776e18),
        ("5e-324".to_owned(), 5e-324),
    ] {
        let text = TEXT.replace("4.0", &written);
        let range = read(&text, "f").unwrap()[0].objectives[0].range.unwrap();
        assert_eq!(range.max, Some(value), "{written}");
    }
    for (field, old) in [
        ("max", "max = 4.0"),
        ("target", "target = \"99.9\""),
        ("coverage_floor", "forecast = false"),
    ] {
        let text = TEXT.replace(old, &format!("{field} = {}", nines(60)));
        let told = read(&text, "web.toml").unwrap_err();
        let line = text.lines().position(|line| line.starts_with(field)).unwrap() + 1;
        let place = format!("web.toml line {line} column {}, {field}", field.len() + 4);
        assert_eq!((told.field, told.value.as_str()), (place, nines(60).as_str()));
        assert!(told.rule.contains("more digits") && told.fix.contains("exponent"));
    }
    for (written, floor) in [("0.9", 0.9), ("\"90%\"", 0.9), ("1", 1.0)] {
        let text = TEXT.replace("forecast = false", &format!("coverage_floor = {written}"));
        assert_eq!(
            read(&text, "f").unwrap()[0].objectives[0].coverage_floor,
            Some(floor),
            "{written}"
        );
    }
}

#[test]
fn a_mistake_is_named_with_its_place() {
    let words = |text: &str| read(text, "web.toml").unwrap_err().to_string();
    let error = words("[[set]]\nname = 3\n");
    assert!(error.starts_with("web.toml line 2 column 8 is name = 3: "), "{error}");
    let error = words("[[set]]\nname = \"a\"\nmaxx = 3\n");
    assert!(
        error.contains("line 3") && error.contains("unknown field `maxx`"),
        "{error}"
    );
    let error = words(&TEXT.replace("hold(10m)", "perhaps"));
    assert!(
        error.contains("set \"web\", objective \"load\" (line 5), missing is perhaps"),
        "{error}"
    );
    let error = words(&TEXT.replace("1m30s", "-5m"));
    assert!(error.contains("rate_over is -5m"), "{error}");
    let error = words(&TEXT.replace("job=", "job"));
    assert!(error.contains("query is node_load1"), "{error}");
    assert!(words("").contains("names no set"));
    assert!(words(&" ".repeat(MAX_FILE_BYTES + 1)).contains("split it"));
}
