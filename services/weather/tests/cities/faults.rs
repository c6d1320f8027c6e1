//! What providers do instead of answering.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use sla_proto::weather::v1::{AddCityRequest, ListCitiesRequest};
use sla_testkit::stub::{Reply, Stub};
use sla_weather::{ProviderKind, WeatherOptions};
use tonic::Code;

use crate::people::{geocoding, open_meteo, options, stub};
use crate::scene::{Others, Scene};

/// A stub whose places are fine and whose weather is `fault`.
async fn with(fault: fn() -> Reply) -> Stub {
    Stub::start(move |request| match request.path.as_str() {
        "/v1/search" => geocoding(&request.form.to_lowercase()),
        _ => fault(),
    })
    .await
}

/// What the provider answers, and with which code and words that is told.
type Fault = (fn() -> Reply, Code, &'static str);

fn catania() -> AddCityRequest {
    AddCityRequest {
        city: "Catania".to_owned(),
    }
}

#[tokio::test]
async fn each_fault_is_told_in_its_words_and_adds_nothing() {
    let cases: [Fault; 9] = [
        (
            || Reply::json(r#"{"error":true,"reason":"bad key"}"#).status(401),
            Code::FailedPrecondition,
            "refuses the key (401): bad key",
        ),
        (
            || Reply::json(r#"{"error":true,"reason":"Daily API request limit exceeded"}"#).status(429),
            Code::ResourceExhausted,
            "too many requests",
        ),
        (
            || Reply::html(503, "<h1>busy</h1>"),
            Code::Unavailable,
            "status 503: <h1>busy</h1>",
        ),
        (Reply::never, Code::Unavailable, "did not answer within 6 s"),
        (
            || Reply::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"current\":"),
            Code::Unavailable,
            "broke off",
        ),
        (
            || Reply::json(&open_meteo(294.0, 0.0, 0.0)),
            Code::Unavailable,
            "`current.temperature_2m` lies outside",
        ),
        (
            || Reply::json(r#"{"currently":{"temp":21}}"#),
            Code::Unavailable,
            "`current` is missing",
        ),
        (|| Reply::html(200, "<html>"), Code::Unavailable, "is no JSON"),
        (Reply::endless, Code::Unavailable, "larger than 524288 bytes"),
    ];
    let tried = cases.map(|(fault, code, words)| async move {
        let stub = with(fault).await;
        let scene = Scene::start(options(&stub), Others::default());
        let refused = scene.peer.weather().add_city(catania()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.message().contains(words), "{words}: {}", refused.message());
        assert_eq!((scene.others.stored(), scene.samples.len()), (0, 0));
    });
    futures::future::join_all(tried).await;
}

#[tokio::test]
async fn too_many_requests_pause_everybody_for_as_long_as_was_asked() {
    let stub = with(|| Reply::text(429, "slow down").header("retry-after", "40")).await;
    let scene = Scene::start(options(&stub), Others::default());
    assert!(scene.peer.weather().add_city(catania()).await.is_err());
    let refused = scene.peer.weather().add_city(catania()).await.unwrap_err();
    assert!(
        refused.message().contains("nothing is asked for"),
        "{}",
        refused.message()
    );
    let told = scene
        .peer
        .weather()
        .list_cities(ListCitiesRequest::default())
        .await
        .unwrap();
    let provider = told.into_inner().provider.unwrap();
    assert!(provider.pause.contains("too many requests"), "{}", provider.pause);
    assert_eq!(provider.calls_today, 2, "a search and one poll");
    let until_ms = sla_proto::convert::millis(&provider.paused_until.unwrap());
    assert_eq!(until_ms, crate::scene::NOW + 40_000);
    scene.clock.advance(40_001);
    let refused = scene.peer.weather().add_city(catania()).await.unwrap_err();
    assert!(
        refused.message().contains("too many requests from here"),
        "it was asked again"
    );
}

#[tokio::test]
async fn a_key_is_never_told() {
    const KEY: &str = "0123456789abcdef";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, KEY).unwrap();
    let stub = Stub::start(|request| {
        assert!(request.form.contains(&format!("appid={KEY}")));
        match request.path.as_str() {
            "/geo/1.0/direct" => Reply::json(r#"[{"name":"Catania","lat":37.49,"lon":15.07,"country":"IT"}]"#),
            _ => Reply::text(401, &format!("GET /data/2.5/weather?{}: invalid key", request.form)),
        }
    })
    .await;
    let options = |url: String, delay: Duration| WeatherOptions {
        base_url: url,
        key_file: Some(file.clone()),
        gap: Some(delay),
        ..WeatherOptions::new(ProviderKind::OpenWeatherMap)
    };
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let scene = Scene::start(options(stub.url(), Duration::ZERO), Others::default());
    let open = scene.peer.weather().add_city(catania()).await.unwrap_err();
    assert!(open.message().contains("chmod 600"), "{}", open.message());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let scene = Scene::start(options(stub.url(), Duration::ZERO), Others::default());
    let refused = scene.peer.weather().add_city(catania()).await.unwrap_err();
    assert!(
        refused.message().contains("refuses the key (401)"),
        "{}",
        refused.message()
    );
    // Nobody listens there: the address, with the key in it, is part of the client's own error.
    let nobody = Scene::start(
        options("http://127.0.0.1:9".to_owned(), Duration::ZERO),
        Others::default(),
    );
    let unreachable = nobody.peer.weather().add_city(catania()).await.unwrap_err();
    assert_eq!(unreachable.code(), Code::Unavailable);
    let told = scene
        .peer
        .weather()
        .list_cities(ListCitiesRequest::default())
        .await
        .unwrap();
    for text in [
        format!("{refused:?}"),
        format!("{unreachable:?}"),
        format!("{told:?}"),
        scene.metrics.text(),
    ] {
        assert!(!text.contains(KEY), "{text}");
    }
}

#[tokio::test]
async fn what_is_stored_and_cannot_be_read_is_left_out_alone() {
    let stub = stub(0.0).await;
    let scene = Scene::start(options(&stub), Others::default());
    scene.peer.weather().add_city(catania()).await.unwrap();
    let others = scene.others.clone();
    scene.end().await;
    others.garble();
    let scene = Scene::start(options(&stub), others);
    let salem = AddCityRequest {
        city: "Salem".to_owned(),
    };
    scene.peer.weather().add_city(salem).await.unwrap();
    let told = scene.peer.weather().list_cities(ListCitiesRequest::default()).await;
    let told = told.unwrap().into_inner();
    assert_eq!(told.cities.len(), 1);
    assert_eq!(told.provider.unwrap().calls_today, 2, "counted anew");
    assert_eq!(scene.others.stored(), 2, "nothing is written over the other one");
}
