//! Answers of which some is good and some is not: what cannot be taken is told, and the rest is read.

use std::time::Duration;

use sla_domain::Labels;
use sla_source::{
    Call, ExpressionRequest, MetricSource as _, Prometheus, RawRead, ReadLimits, ReadRequest, SourceError,
    SourceOptions, Way,
};
use sla_testkit::{Reply, Request, Stub};

const AT: i64 = 1_780_000_000_000;

/// A server without remote read that answers `listing` to questions for series and `result` to queries.
async fn server(listing: String, kind: &'static str, result: String) -> (Stub, Prometheus) {
    let stub = Stub::start(move |request: &Request| match request.path.as_str() {
        "/api/v1/status/buildinfo" => Reply::json(r#"{"status":"success","data":{"version":"2.42.0"}}"#),
        "/api/v1/query" if request.form == "query=1" => {
            Reply::json(r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#)
        }
        "/api/v1/series" => Reply::json(&format!(r#"{{"status":"success","data":[{listing}]}}"#)),
        "/api/v1/query" | "/api/v1/query_range" => Reply::json(&format!(
            r#"{{"status":"success","data":{{"resultType":"{kind}","result":[{result}]}}}}"#
        )),
        _ => Reply::text(404, "404 page not found"),
    })
    .await;
    let mut options = SourceOptions::new("stub", stub.url());
    options.system_proxy = false;
    options.ways = vec![Way::InstantQuery];
    let source = Prometheus::new(options).unwrap();
    (stub, source)
}

fn call() -> Call {
    Call::within(Duration::from_secs(8))
}

/// A label set of `m` as JSON.
fn set(name: &str, value: &str) -> String {
    format!(r#"{{"__name__":"m","{name}":"{value}"}}"#)
}

/// A result series: of a range query with `values` a second apart, up to [`AT`].
fn series(set: &str, values: &[f64]) -> String {
    let first = AT / 1000 - values.len() as i64 + 1;
    let points: Vec<String> = (first..)
        .zip(values)
        .map(|(at, value)| format!(r#"[{at},"{value}"]"#))
        .collect();
    format!(r#"{{"metric":{set},"values":[{}]}}"#, points.join(","))
}

fn expression() -> ExpressionRequest {
    ExpressionRequest {
        expression: "m + 0".into(),
        start_ms: AT - 5_000,
        end_ms: AT,
        step_ms: 1_000,
        limits: ReadLimits::default(),
    }
}

async fn read(source: &Prometheus) -> Result<RawRead, SourceError> {
    source.read(&ReadRequest::selector("m", AT - 60_000, AT), &call()).await
}

const LEFT_OUT: &str = "1 series left out: more than 64 KiB of labels, or more than 1000 labels";

#[tokio::test]
async fn a_series_with_too_many_labels_is_left_out_and_told() {
    let (good, long) = (set("n", "1"), set("n", &"x".repeat(70_000)));
    let listing = format!("{long},{good}");
    let result = format!("{},{}", series(&long, &[9.0]), series(&good, &[2.0]));
    let (_stub, source) = server(listing, "matrix", result).await;
    let listing = source
        .series(&["m".into()], AT - 60_000, AT, 10, &call())
        .await
        .unwrap();
    assert_eq!(listing.series, [Labels::from_pairs([("__name__", "m"), ("n", "1")])]);
    assert_eq!(listing.warnings, [LEFT_OUT]);
    let twice = source
        .series(&["m".into(), "m".into()], AT - 60_000, AT, 10, &call())
        .await;
    assert_eq!(twice.unwrap().warnings, [LEFT_OUT], "the same one is one");
    let read = read(&source).await.unwrap();
    assert_eq!(read.decoded().unwrap().len(), 1);
    assert_eq!(read.warnings, [LEFT_OUT]);
    let evaluated = source.read_expression(&expression(), &call()).await.unwrap();
    assert_eq!(evaluated.series.len(), 1);
    assert_eq!(evaluated.warnings, [LEFT_OUT]);
}

#[tokio::test]
async fn where_only_such_series_match_that_is_the_answer() {
    let long = set("n", &"x".repeat(70_000));
    let (_stub, source) = server(long.clone(), "matrix", series(&long, &[9.0])).await;
    for refused in [
        source.series(&["m".into()], AT - 60_000, AT, 10, &call()).await.err(),
        read(&source).await.err(),
        source.read_expression(&expression(), &call()).await.err(),
    ] {
        let error = refused.unwrap();
        assert!(matches!(error, SourceError::LongLabels { count: 1 }), "{error}");
        assert!(!error.is_outage() && error.hint().contains("metric_relabel_configs"));
    }
}

#[tokio::test]
async fn names_are_counted_beside_one_that_is_too_long() {
    let count = |set: &str, count: u64| format!(r#"{{"metric":{set},"value":[1,"{count}"]}}"#);
    let long = format!(r#"{{"__name__":"{}"}}"#, "x".repeat(70_000));
    let result = format!("{},{}", count(&long, 1), count(r#"{"__name__":"m"}"#, 3));
    let (_stub, source) = server(String::new(), "vector", result).await;
    let names = source.metric_names(10, &call()).await.unwrap();
    assert_eq!((names.families.len(), names.total_series), (1, 3));
    assert_eq!(names.warnings, [LEFT_OUT]);
}

#[tokio::test]
async fn a_series_that_is_in_an_answer_twice_is_failed_in_whatever_order() {
    let (twin, other) = (set("n", "1"), set("n", "2"));
    let (low, high) = (series(&twin, &[1.0, 1.0]), series(&twin, &[9.0, 9.0]));
    let good = series(&other, &[2.0]);
    for result in [[&low, &good, &high], [&high, &low, &good]] {
        let result = result.map(String::as_str).join(",");
        let (_stub, source) = server(format!("{twin},{other}"), "matrix", result).await;
        let read = read(&source).await.unwrap();
        let labels = Labels::from_pairs([("__name__", "m"), ("n", "2")]);
        assert_eq!(read.series.iter().map(|one| &one.labels).collect::<Vec<_>>(), [&labels]);
        let error = read.failures[0].error.to_string();
        assert!(read.failures.len() == 1 && error.contains("more than once"), "{error}");
        let refused = source.read_expression(&expression(), &call()).await.unwrap_err();
        assert!(matches!(refused, SourceError::Decode { .. }), "{refused}");
    }
}
