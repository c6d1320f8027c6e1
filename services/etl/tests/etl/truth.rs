//! The statistics step against exact sums: `data/estate.json` holds the truth of the samples in `data/estate.om`, computed with
//! `math.fsum` by the generator of the fixtures (18 series of one host, 12.5 h, NaN samples, a step of 15 min).
use std::collections::BTreeMap;

use serde_json::Value;
use sla_domain::{Labels, Samples};
use sla_etl::steps::statistics::of_window;

/// `name{a="b"} value seconds`, one sample a line.
fn samples(text: &str) -> BTreeMap<String, Samples> {
    let mut out: BTreeMap<String, Samples> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, rest) = line.split_once("} ").unwrap();
        let (value, seconds) = rest.split_once(' ').unwrap();
        let time_ms = (seconds.parse::<f64>().unwrap() * 1_000.0).round() as i64;
        let series = out.entry(format!("{series}}}")).or_default();
        assert!(series.push(time_ms, value.parse().unwrap()));
    }
    out
}

#[test]
fn statistics_equal_the_truth_of_the_fixture() {
    let series = samples(include_str!("data/estate.om"));
    let truth: Value = serde_json::from_str(include_str!("data/estate.json")).unwrap();
    let end_ms = truth["end_ms"].as_i64().unwrap();
    let (mut compared, mut nan) = (0, 0);
    for expected in truth["series"].as_array().unwrap() {
        let labels = expected["labels"].as_object().unwrap().iter();
        let labels = Labels::from_pairs(labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())));
        let own = &series[&labels.to_string()];
        for (window, expected) in expected["windows"].as_object().unwrap() {
            let hours: i64 = window.trim_end_matches('h').parse().unwrap();
            let found = of_window(own, end_ms, hours * 3_600_000);
            let number = |name: &str| expected[name].as_f64().unwrap();
            assert_eq!(found.n, expected["n"].as_u64().unwrap(), "{labels} {window}");
            assert_eq!(found.n_nan, expected["n_nan"].as_u64().unwrap(), "{labels} {window}");
            assert_eq!(found.min.unwrap(), number("min"), "{labels} {window}");
            assert_eq!(found.max.unwrap(), number("max"), "{labels} {window}");
            for (own, exact) in [(found.mean, number("mean")), (found.std, number("std"))] {
                let own = own.unwrap();
                assert!(
                    (own - exact).abs() <= 1e-9 * exact.abs(),
                    "{labels} {window}: {own} {exact}"
                );
            }
            compared += 1;
            nan += found.n_nan;
        }
    }
    assert_eq!((compared, nan > 0), (18 * 4, true));
}
