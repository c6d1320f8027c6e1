use proptest::prelude::*;

use super::*;
use crate::selector::{MatchOp, Matcher};
use crate::series::Labels;
use crate::unit::Kind;

fn selector(text: &str) -> Selector {
    match Query::parse(text) {
        Ok(Query::Selector(selector)) => selector,
        other => panic!("{text}: {other:?}"),
    }
}

fn mistake(text: &str) -> (Option<usize>, String) {
    let error = Query::parse(text).unwrap_err();
    (error.position(), error.to_string())
}

#[test]
fn a_selector_has_one_normal_form() {
    assert_eq!(selector("up").text(), "up");
    assert_eq!(selector(" up { } ").text(), "up");
    assert_eq!(
        selector("node_load1 { job = 'node' , instance =~ `a.*` , }").text(),
        r#"node_load1{instance=~"a.*",job="node"}"#
    );
    assert_eq!(selector(r#"{__name__="up",job!="x"}"#).text(), r#"up{job!="x"}"#);
    assert_eq!(
        selector(r#"{"my.metric", "a b"="c"}"#).text(),
        r#"{"my.metric","a b"="c"}"#
    );
    assert_eq!(selector(r#"{job="a",job="a"}"#).text(), r#"{job="a"}"#);
    assert_eq!(selector("up # alive?\n").metric_name(), Some("up"));
    assert_eq!(selector("job:load:sum").metric_name(), Some("job:load:sum"));
}

#[test]
fn a_bound_is_read_in_the_unit_that_names_and_functions_tell() {
    let rate = Unit::of(Kind::Bytes).rated(true);
    for (text, unit) in [
        ("sum(rate(net_bytes_total[5m]))", rate),
        ("sum by (host) (irate(net_bytes_total{job=\"a\"}[5m])) > 5", rate),
        ("avg(mem_bytes)", Unit::of(Kind::Bytes)),
        ("(mem_bytes - 5) unless up", Unit::of(Kind::Bytes)),
        ("max_over_time(mem_bytes[1h:1m])", Unit::of(Kind::Bytes)),
        ("-mem_bytes", Unit::of(Kind::Bytes)),
        (
            "histogram_quantile(0.9, sum by (le) (rate(x_ratio[5m])))",
            Unit::PLAIN.rated(true),
        ),
        // What is not known contradicts nothing.
        ("mem_bytes / 1e6", Unit::PLAIN),
        ("count(mem_bytes)", Unit::PLAIN),
        ("mem_bytes - lag_seconds", Unit::PLAIN),
        ("mem_bytes > bool 5", Unit::PLAIN),
        ("sum(rate(requests_total[5m]))", Unit::PLAIN),
        ("running_max(mem_bytes)", Unit::PLAIN),
    ] {
        let found = Query::parse(text).unwrap().bound_unit(false);
        assert_eq!(found.kind, unit.kind, "{text}");
        assert!(unit.kind == Kind::Plain || found == unit, "{text}: {found:?}");
    }
    assert_eq!(
        Query::parse("mem_bytes").unwrap().bound_unit(false),
        Unit::of(Kind::Bytes)
    );
}

#[test]
fn what_goes_beyond_a_selector_is_an_expression() {
    for text in [
        "rate(x_total[5m])",
        "up offset 5m",
        "up @ 0",
        "sum by (job) (up)",
        "up == 0",
        "1 + 1",
        "histogram_quantile(0.9, rate(x_bucket[5m]))",
        "-up",
        "(up)",
    ] {
        assert!(matches!(Query::parse(text), Ok(Query::Expression(_))), "{text}");
    }
    assert_eq!(
        Query::parse("sum(\n  up{a=\"x  y\"} # why\n)").unwrap().text(),
        "sum( up{a=\"x  y\"} )"
    );
}

#[test]
fn mistakes_are_shown_at_their_character() {
    assert_eq!(mistake(r#"up{job="a"#).0, Some(7));
    assert_eq!(mistake(r#"up{job="a""#).0, Some(10));
    assert_eq!(mistake(r#"up{job="a" b="c"}"#).0, Some(11));
    assert_eq!(mistake("up{job=a}").0, Some(7));
    assert_eq!(mistake("up{1job=\"a\"}").0, Some(3));
    assert_eq!(mistake(r#"up{job=~"("}"#).0, Some(8));
    assert_eq!(mistake(r#"up{__name__="x"}"#).0, Some(3));
    assert_eq!(mistake(r#"up{ä="x"}"#).0, Some(3));
    assert_eq!(mistake(r#"up{a="ä",b"#).0, Some(10));
    assert_eq!(mistake("sum(up").0, Some(3));
    assert_eq!(mistake("up)").0, Some(2));
    assert_eq!(mistake("rate(x[5m)]").0, Some(6));
    assert_eq!(mistake("x[5m]").0, Some(1));
    assert_eq!(mistake("  sum   by job (up)").0, Some(11));
    assert_eq!(mistake("up +").0, Some(4));
    assert!(mistake("x[5m]").1.contains("range"));
    assert!(mistake("{}").1.contains("every series"));
    assert!(mistake(r#"{job=~".*"}"#).1.contains("every series"));
    assert_eq!(Query::parse("  "), Err(QueryError::Empty));
    assert_eq!(Query::parse("# nothing\n"), Err(QueryError::Empty));
    for text in [
        "up +",
        "sum by job up",
        "rate(x)",
        "foo bar",
        "'text'",
        "1x",
        "up{}{}",
        "rate(up[5q])",
    ] {
        assert!(Query::parse(text).is_err(), "{text}");
    }
}

#[test]
fn functions_of_other_servers_are_left_to_them() {
    let Ok(Query::Expression(expression)) = Query::parse("running_max(up)") else {
        panic!()
    };
    assert!(expression.complaint().is_some());
}

#[test]
fn a_selector_is_wanted() {
    assert_eq!(Query::parse_selector("rate(x[5m])").unwrap_err().position(), Some(4));
    assert!(Query::parse_selector("up").is_ok());
}

#[test]
fn matchers_are_anchored_and_take_absent_labels_as_empty() {
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
    for (text, hit) in [
        (r#"up{job=~"no"}"#, false),
        (r#"up{job=~"no.*"}"#, true),
        (r#"up{job=~"x|node"}"#, true),
        (r#"up{job!~"x|node"}"#, false),
        (r#"up{job!="x"}"#, true),
        (r#"up{zone=""}"#, true),
        (r#"up{zone!=""}"#, false),
        (r#"up{zone=~".+"}"#, false),
        (r#"up{zone=~".*"}"#, true),
        (r#"{__name__=~"u.",job="node"}"#, true),
        ("down", false),
    ] {
        assert_eq!(selector(text).matches(&labels), hit, "{text}");
    }
    // RE2 takes this brace as a character.
    assert!(Matcher::new("a", MatchOp::Regex, "a{b}c").unwrap().matches("a{b}c"));
    assert!(Matcher::new("a", MatchOp::Regex, "a{2}").unwrap().matches("aa"));
    assert!(Matcher::new("a", MatchOp::Regex, "a.b").unwrap().matches("a\nb"));
    assert!(Matcher::new("a", MatchOp::Regex, r"((((\w{99}){99}){99}){99})").is_err());
}

#[test]
fn limits_hold_and_deep_texts_do_not_overflow_a_small_stack() {
    let run = || {
        assert!(matches!(
            Query::parse(&"x".repeat(MAX_QUERY_BYTES + 1)),
            Err(QueryError::TooLong { what: "bytes", .. })
        ));
        let deep = format!(
            "{}up{}",
            "(".repeat(MAX_QUERY_DEPTH + 1),
            ")".repeat(MAX_QUERY_DEPTH + 1)
        );
        assert!(matches!(Query::parse(&deep), Err(QueryError::TooLong { .. })));
        let fits = format!("{}up{}", "(".repeat(MAX_QUERY_DEPTH), ")".repeat(MAX_QUERY_DEPTH));
        assert!(Query::parse(&fits).is_ok());
        let chain = format!("1{}", "+1".repeat((MAX_EXPRESSION_TOKENS - 1) / 2));
        assert!(Query::parse(&chain).is_ok());
        assert!(matches!(
            Query::parse(&format!("{chain}+1+1")),
            Err(QueryError::TooLong { .. })
        ));
        let signs = format!("{}1", "-".repeat(MAX_EXPRESSION_TOKENS - 1));
        let _ = Query::parse(&signs);
        let powers = format!("1{}", "^1".repeat((MAX_EXPRESSION_TOKENS - 1) / 2));
        let _ = Query::parse(&powers);
    };
    // Half of what a thread of the runtime has.
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn the_selector_of_a_series_selects_it() {
    let labels = Labels::from_pairs([("__name__", "up"), ("path", "C:\\\"x\"\n")]);
    let selector = Selector::of_labels(&labels).unwrap();
    assert!(selector.matches(&labels));
    assert_eq!(Query::parse(selector.text()), Ok(Query::Selector(selector)));
    assert_eq!(Selector::of_labels(&Labels::default()), None);
}

proptest! {
    #[test]
    fn normal_form_is_stable_and_nothing_panics(text in r#"[a-z{}(),="'`~!\\ #\[\]0-9+ä-]{0,40}"#) {
        if let Ok(query) = Query::parse(&text) {
            let again = Query::parse(query.text());
            prop_assert_eq!(again.map(|q| q.text().to_owned()), Ok(query.text().to_owned()));
        }
    }

    #[test]
    fn any_labels_make_a_selector_that_reads_back(
        name in ".{1,12}", label in ".{1,8}", value in ".{1,20}",
    ) {
        let labels = Labels::from_pairs([("__name__", name.as_str()), (label.as_str(), value.as_str())]);
        let selector = Selector::of_labels(&labels).unwrap();
        prop_assert!(selector.matches(&labels));
        prop_assert_eq!(Query::parse(selector.text()), Ok(Query::Selector(selector)));
    }
}
