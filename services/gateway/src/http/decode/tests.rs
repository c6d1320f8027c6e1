use prost_reflect::DescriptorPool;
use serde_json::json;

use super::super::encode;
use super::*;

fn of(name: &str) -> MessageDescriptor {
    let pool = DescriptorPool::decode(sla_proto::DESCRIPTORS).unwrap();
    pool.get_message_by_name(name).unwrap()
}

fn refused(name: &str, json: &Json) -> Invalid {
    message(&of(name), json).unwrap_err()
}

#[test]
fn what_was_read_can_be_sent_back() {
    let set = json!({
        "set": {
            "id": "a", "name": "n", "description": "", "version": 3, "author": "zoe",
            "owner": "zoe", "private": true,
            "updated": "2026-01-31T12:00:00Z", "active": true,
            "objectives": [{
                "id": "o", "name": "load", "query": "rate(x[5m])", "step_s": 15, "source": "eu", "min": null, "max": 4.5,
                "warn_below": null, "warn_above": 4.0, "missing": "hold(10m)", "counter": "rate", "rate_over_s": 300,
                "target_percent": "99.9", "coverage_floor": 0.5, "min_duration_s": 60, "suggested": false,
                "forecast": false, "horizon_s": 86400, "generation": 2,
            }],
        }
    });
    let name = "sla.set.v1.UpdateSetRequest";
    let read = message(&of(name), &set).unwrap();
    assert_eq!(encode::message(&read), set);
}

#[test]
fn every_kind_of_field_goes_there_and_back() {
    for (name, json) in [
        (
            "sla.violation.v1.ListViolationsRequest",
            json!({
                "set": "a", "objective_id": "b", "series_id": "00ff", "after": "2026-01-31T12:00:00Z", "until": null,
                "open_only": true, "with_retired": false, "page_size": 7, "page_token": "t",
            }),
        ),
        (
            "sla.etl.v1.UpdateScheduleRequest",
            json!({ "paused": null, "results_every_s": 300, "metadata_every_s": 0.5 }),
        ),
        (
            "sla.retrieval.v1.ListSeriesRowsRequest",
            json!({
                "queries": [{ "selector": "up", "expression": null, "step_s": 0, "source": "" }], "at": null,
                "window_s": 3600, "columns": 3, "counter_mode": "rate", "sort": "", "page_size": 0, "page_token": "",
                "filter": "load", "skip": 7,
            }),
        ),
    ] {
        let read = message(&of(name), &json).unwrap();
        assert_eq!(encode::message(&read), json, "{name}");
    }
    let text = message(&of("sla.etl.v1.CheckQueryRequest"), &json!({ "query": "up{a=\"b\"}" })).unwrap();
    assert_eq!(encode::message(&text)["query"]["selector"], "up{a=\"b\"}");
}

#[test]
fn what_does_not_fit_is_refused_by_its_field() {
    let list = "sla.violation.v1.ListViolationsRequest";
    for (json, field) in [
        (json!({ "sets": "a" }), "sets"),
        (json!({ "page_size": -1 }), "page_size"),
        (json!({ "page_size": 4_294_967_296_u64 }), "page_size"),
        (json!({ "page_size": "7" }), "page_size"),
        (json!({ "open_only": 1 }), "open_only"),
        (json!({ "series_id": "0g" }), "series_id"),
        (json!({ "series_id": "+1" }), "series_id"),
        (json!({ "series_id": "123" }), "series_id"),
        (json!({ "after": "yesterday" }), "after"),
        (json!([]), "request"),
    ] {
        assert_eq!(refused(list, &json).field, field, "{json}");
    }
    let create = "sla.set.v1.CreateSetRequest";
    let objective = |change: Json| {
        let mut objective = json!({ "query": "up", "max": 1 });
        objective
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        json!({ "set": { "name": "n", "objectives": [objective] } })
    };
    assert_eq!(
        refused(create, &objective(json!({ "query": "up{" }))).field,
        "set.objectives[0].query"
    );
    assert_eq!(
        refused(create, &objective(json!({ "counter": "x" }))).field,
        "set.objectives[0].counter"
    );
    let unknown = refused(create, &objective(json!({ "maximum": 1 })));
    assert!(unknown.field == "set" && unknown.rule.contains("maximum"), "{unknown}");
    let schedule = refused("sla.etl.v1.UpdateScheduleRequest", &json!({ "results_every_s": 1e300 }));
    assert_eq!(schedule.field, "results_every_s");
}

#[test]
fn parameters_are_read_by_the_kind_of_their_field() {
    let of = of("sla.retrieval.v1.ListSeriesRowsRequest");
    let given = [
        ("queries", "up"),
        ("queries", "{\"selector\":\"x\"}"),
        ("window_s", "60"),
        ("sort", "7"),
        ("columns", "x"),
        ("page_size", "null"),
    ];
    let given: Vec<_> = given.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let json = parameters(&of, &given).unwrap();
    let wanted = json!({ "queries": ["up", { "selector": "x" }], "window_s": 60, "sort": "7", "columns": "x", "page_size": "null" });
    assert_eq!(json, wanted);
    assert_eq!(message(&of, &json).unwrap_err().field, "columns");
}

#[test]
fn what_is_said_twice_is_refused_by_its_name() {
    let of = of("sla.retrieval.v1.ListSeriesRowsRequest");
    for (given, field) in [
        (&[("window_s", "60"), ("window_s", "60")][..], "window_s"),
        (&[("sort", "a"), ("columns", "1"), ("sort", "b")], "sort"),
        (&[("colour", "a"), ("colour", "b")], "colour"),
        (&[("queries", r#"{"selector":"x","selector":"y"}"#)], "queries.selector"),
    ] {
        let given: Vec<_> = given.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let refused = parameters(&of, &given).unwrap_err();
        assert_eq!(refused.field, field);
        assert_eq!(
            refused.to_string(),
            format!("{field}: is given more than once; give it once")
        );
    }
}
