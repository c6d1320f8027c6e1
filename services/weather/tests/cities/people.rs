//! Subscriptions: whose they are, who sees them, what is refused.

use sla_proto::objective::v1::MissingPolicy;
use sla_proto::peer::Rank;
use sla_proto::weather::v1::{
    AddCityRequest, Limits, ListCitiesRequest, ListSubscriptionsRequest, RemoveCityRequest, SubscribeRequest,
    Subscription, UnsubscribeRequest, UpdateSubscriptionRequest, UpdateSubscriptionResponse,
};
use sla_source::MetricSource as _;
use sla_testkit::stub::{Reply, Stub};
use sla_weather::{ProviderKind, WeatherOptions};
use tonic::Code;

use crate::scene::{NOW, Others, Scene};

/// An answer of Open-Meteo about now.
pub(crate) fn open_meteo(temperature: f64, rain: f64, snowfall: f64) -> String {
    let time = NOW / 1_000;
    format!(
        r#"{{"current_units":{{"temperature_2m":"°C","snowfall":"cm"}},
        "current":{{"time":{time},"interval":900,"temperature_2m":{temperature},"rain":{rain},"showers":0,
            "snowfall":{snowfall},"wind_speed_10m":2.5}},
        "hourly":{{"time":[{},{}],"temperature_2m":[66.0,66.5],"rain":[0,0],"showers":[0,0],"snowfall":[0,0]}}}}"#,
        time + 3_600,
        time + 7_200
    )
}

/// Two places called Oslo, one called Catania.
pub(crate) fn geocoding(form: &str) -> Reply {
    let place = |name: &str, region: &str, country: &str, lat: f64, lon: f64| {
        format!(
            r#"{{"name":"{name}","admin1":"{region}","country_code":"{country}","latitude":{lat},"longitude":{lon}}}"#
        )
    };
    let found = if form.contains("name=oslo") {
        vec![
            place("Oslo", "", "NO", 59.9133, 10.739),
            place("Oslo", "Minnesota", "US", 48.195, -97.13),
        ]
    } else if form.contains("name=catania") {
        vec![place("Catania", "Sicily", "IT", 37.492, 15.07)]
    } else if form.contains("name=salem") {
        vec![place("Salem", "Oregon", "US", 44.943, -123.035)]
    } else {
        return Reply::json(r#"{"generationtime_ms":0.3}"#);
    };
    Reply::json(&format!(
        r#"{{"results":[{}],"generationtime_ms":0.3}}"#,
        found.join(",")
    ))
}

pub(crate) async fn stub(snowfall: f64) -> Stub {
    Stub::start(move |request| match request.path.as_str() {
        "/v1/search" => geocoding(&request.form.to_lowercase()),
        _ => Reply::json(&open_meteo(21.5, 0.0, snowfall)),
    })
    .await
}

pub(crate) fn options(stub: &Stub) -> WeatherOptions {
    WeatherOptions {
        base_url: stub.url(),
        ..WeatherOptions::new(ProviderKind::OpenMeteo)
    }
}

fn limits(t_min: Option<f64>, t_max: Option<f64>, rain: bool, snow: bool) -> Limits {
    Limits {
        t_min,
        t_max,
        rain,
        snow,
    }
}

fn subscribe(city: &str, limits: impl Into<Option<Limits>>, shared: bool) -> SubscribeRequest {
    SubscribeRequest {
        city: city.to_owned(),
        limits: limits.into(),
        shared,
    }
}

#[tokio::test]
async fn a_subscription_is_a_set_of_its_owner_on_series_that_are_there() {
    let stub = stub(0.7).await;
    let scene = Scene::start(options(&stub), Others::default());
    let ada = scene.user("ada", Rank::Editor);
    let request = subscribe("Oslo, NO", limits(Some(-10.0), Some(20.0), false, true), false);
    let made = ada.weather().subscribe(request.clone()).await.unwrap().into_inner();
    let made = made.subscription.unwrap();
    assert_eq!((made.owner.as_str(), made.private), ("ada", true));
    assert_eq!(made.name, "Weather Oslo, NO · ada");
    let set = &scene.others.sets()[0];
    assert_eq!((set.owner.as_str(), set.private, set.active), ("ada", true, true));
    assert_eq!(scene.others.authors(), ["ada"], "the audit log knows who it was");
    let names: Vec<&str> = set.objectives.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["Temperature", "Snow"]);
    assert!(set.objectives.iter().all(|one| one.missing() == MissingPolicy::Hold));
    // What it reads is there, as measured; what is expected is nowhere in it.
    for (objective, value) in set.objectives.iter().zip([21.5, 1.0]) {
        let selector = sla_proto::convert::query_text(objective.query.as_ref().unwrap());
        let read = sla_source::ReadRequest::selector(selector, NOW - 1, NOW);
        let read = scene.samples.read(&read, &sla_source::Call::default()).await.unwrap();
        let decoded = read.decoded().unwrap();
        assert_eq!(decoded.len(), 1, "{selector}");
        assert!((decoded[0].1.values[0] - value).abs() < 1e-9);
    }
    let all = sla_source::ReadRequest::selector("{city=\"Oslo\"}", 0, i64::MAX);
    let all = scene.samples.read(&all, &sla_source::Call::default()).await.unwrap();
    let decoded = all.decoded().unwrap();
    assert_eq!(decoded.len(), 5);
    assert!(
        decoded
            .iter()
            .all(|(_, samples)| samples.values.iter().all(|value| *value < 60.0))
    );
    // The forecast is told as such.
    let cities = ListCitiesRequest {
        city: "oslo".to_owned(),
        forecast: true,
        outlooks: false,
    };
    let told = ada.weather().list_cities(cities).await.unwrap().into_inner();
    assert_eq!(told.cities[0].forecast[0].temperature_celsius, Some(66.0));
    assert_eq!(told.cities[0].now.unwrap().temperature_celsius, Some(21.5));
    assert_eq!(told.cities[0].subscriptions, 1);
    let told = scene.metrics.text();
    assert!(
        told.contains("weather_temperature_celsius{city=\"Oslo\",country=\"NO\""),
        "{told}"
    );
    // Once is enough.
    let again = ada.weather().subscribe(request).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists, "{again}");
}

#[tokio::test]
async fn each_refusal_names_what_is_wrong_and_leaves_nothing_behind() {
    let stub = stub(0.0).await;
    let scene = Scene::start(options(&stub), Others::default());
    let ada = scene.user("ada", Rank::Editor);
    let some = limits(None, Some(30.0), false, false);
    let cases = [
        (
            subscribe("Catania", None, false),
            Code::InvalidArgument,
            "give at least one of t_min",
        ),
        (
            subscribe("Catania", limits(Some(5.0), Some(4.0), true, false), false),
            Code::InvalidArgument,
            "limits.t_min is 5",
        ),
        (
            subscribe("Catania", limits(Some(f64::NAN), None, false, false), false),
            Code::InvalidArgument,
            "must lie between -100 and 70",
        ),
        (
            subscribe("", some, false),
            Code::InvalidArgument,
            "give the name of a city",
        ),
        (
            subscribe("Atlantis", some, false),
            Code::NotFound,
            "no place is called Atlantis",
        ),
        (
            subscribe("Oslo", some, false),
            Code::InvalidArgument,
            "Oslo is the name of 2 places: Oslo, NO; Oslo, Minnesota, US",
        ),
        (
            subscribe("Oslo, SE", some, false),
            Code::NotFound,
            "no place is called Oslo",
        ),
    ];
    for (request, code, words) in cases {
        let city = request.city.clone();
        let refused = ada.weather().subscribe(request).await.unwrap_err();
        assert_eq!(refused.code(), code, "{city}: {refused}");
        assert!(refused.message().contains(words), "{city}: {}", refused.message());
    }
    assert_eq!(
        (scene.others.sets().len(), scene.others.stored(), scene.samples.len()),
        (0, 0, 0)
    );
    // The set cannot be saved: the city that came with it goes again.
    scene.others.refuse(true);
    let refused = ada
        .weather()
        .subscribe(subscribe("Catania", some, false))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(scene.samples.len(), 0);
    scene.others.refuse(false);
    ada.weather()
        .subscribe(subscribe("Catania", some, false))
        .await
        .unwrap();
    assert_eq!(scene.others.stored(), 1);
}

#[tokio::test]
async fn private_subscriptions_are_their_owners() {
    let stub = stub(0.0).await;
    let scene = Scene::start(options(&stub), Others::default());
    let (ada, eve) = (scene.user("ada", Rank::Editor), scene.user("eve", Rank::Editor));
    let (operator, admin) = (scene.user("olga", Rank::Operator), scene.user("root", Rank::Admin));
    let some = limits(None, Some(30.0), true, false);
    let hidden = ada
        .weather()
        .subscribe(subscribe("Catania", some, false))
        .await
        .unwrap();
    let hidden = hidden.into_inner().subscription.unwrap();
    let shared = ada
        .weather()
        .subscribe(subscribe("Oslo, NO", some, true))
        .await
        .unwrap();
    let shared = shared.into_inner().subscription.unwrap();
    let mut seen = Vec::new();
    for peer in [&ada, &eve, &operator, &admin] {
        let listed = peer
            .weather()
            .list_subscriptions(ListSubscriptionsRequest::default())
            .await
            .unwrap();
        seen.push(listed.into_inner().subscriptions.len());
    }
    assert_eq!(seen, [2, 1, 1, 2]);
    let pause = |one: &Subscription, version| UpdateSubscriptionRequest {
        id: one.id.clone(),
        version,
        limits: one.limits,
        active: Some(false),
        shared: None,
    };
    let code = |outcome: Result<tonic::Response<UpdateSubscriptionResponse>, tonic::Status>| {
        outcome.map_or_else(|status| status.code(), |_| Code::Ok)
    };
    assert_eq!(
        code(eve.weather().update_subscription(pause(&hidden, 0)).await),
        Code::NotFound
    );
    assert_eq!(
        code(eve.weather().update_subscription(pause(&shared, 0)).await),
        Code::PermissionDenied
    );
    assert_eq!(
        code(operator.weather().update_subscription(pause(&hidden, 0)).await),
        Code::NotFound
    );
    assert_eq!(
        code(operator.weather().update_subscription(pause(&shared, 0)).await),
        Code::Ok
    );
    assert_eq!(
        code(ada.weather().update_subscription(pause(&shared, 1)).await),
        Code::Aborted,
        "changed meanwhile"
    );
    assert_eq!(
        code(admin.weather().update_subscription(pause(&hidden, 1)).await),
        Code::Ok
    );
    let changed = UpdateSubscriptionRequest {
        limits: Some(limits(Some(5.0), None, false, false)),
        active: Some(true),
        shared: Some(true),
        ..pause(&hidden, 2)
    };
    let changed = ada
        .weather()
        .update_subscription(changed)
        .await
        .unwrap()
        .into_inner()
        .subscription
        .unwrap();
    assert!(changed.active && !changed.private && changed.owner == "ada");
    assert_eq!(changed.limits, Some(limits(Some(5.0), None, false, false)));
    // Who has none to a city lets it go; who has keeps it.
    let remove = |city: &str| RemoveCityRequest { city: city.to_owned() };
    let in_use = admin.weather().remove_city(remove("Catania")).await.unwrap_err();
    assert_eq!(in_use.code(), Code::FailedPrecondition);
    let gone = |id: &str| UnsubscribeRequest {
        id: id.to_owned(),
        version: 0,
    };
    assert_eq!(
        eve.weather().unsubscribe(gone(&shared.id)).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    ada.weather().unsubscribe(gone(&hidden.id)).await.unwrap();
    ada.weather().unsubscribe(gone(&shared.id)).await.unwrap();
    assert_eq!(scene.others.stored(), 0, "nobody watches them any more");
    assert_eq!(
        ada.weather().unsubscribe(gone(&shared.id)).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn who_only_looks_has_subscriptions_of_his_own_and_no_others() {
    let stub = stub(0.0).await;
    let scene = Scene::start(options(&stub), Others::default());
    let (ada, eve) = (scene.user("ada", Rank::Viewer), scene.user("eve", Rank::Viewer));
    let editor = scene.user("edith", Rank::Editor);
    let some = limits(None, Some(30.0), true, false);
    let refused = ada
        .weather()
        .subscribe(subscribe("Catania", some, true))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    assert_eq!((scene.others.sets().len(), scene.others.stored()), (0, 0));
    let own = ada
        .weather()
        .subscribe(subscribe("Catania", some, false))
        .await
        .unwrap();
    let own = own.into_inner().subscription.unwrap();
    assert!(own.private && own.owner == "ada");
    let shared = editor
        .weather()
        .subscribe(subscribe("Oslo, NO", some, true))
        .await
        .unwrap();
    let shared = shared.into_inner().subscription.unwrap();
    let change = |one: &Subscription| UpdateSubscriptionRequest {
        id: one.id.clone(),
        version: 0,
        limits: Some(limits(Some(1.0), None, false, true)),
        active: Some(false),
        shared: None,
    };
    let code = async |peer: &sla_proto::Peer, request| {
        let outcome = peer.weather().update_subscription(request).await;
        outcome.map_or_else(|status| status.code(), |_| Code::Ok)
    };
    assert_eq!(
        code(&eve, change(&own)).await,
        Code::NotFound,
        "nobody else knows of it"
    );
    assert_eq!(code(&ada, change(&shared)).await, Code::PermissionDenied);
    let show = UpdateSubscriptionRequest {
        shared: Some(true),
        ..change(&own)
    };
    assert_eq!(code(&ada, show).await, Code::PermissionDenied);
    assert_eq!(code(&ada, change(&own)).await, Code::Ok);
    // One that was made by an editor who is none any more is seen by all, and stays as it is.
    let demoted = scene.user("edith", Rank::Viewer);
    assert_eq!(code(&demoted, change(&shared)).await, Code::PermissionDenied);
    let gone = |one: &Subscription| UnsubscribeRequest {
        id: one.id.clone(),
        version: 0,
    };
    for (peer, one, expected) in [
        (&eve, &own, Code::NotFound),
        (&ada, &shared, Code::PermissionDenied),
        (&demoted, &shared, Code::PermissionDenied),
        (&ada, &own, Code::Ok),
    ] {
        let outcome = peer.weather().unsubscribe(gone(one)).await;
        assert_eq!(outcome.map_or_else(|status| status.code(), |_| Code::Ok), expected);
    }
    assert_eq!(scene.others.sets().len(), 1);
}

#[tokio::test]
async fn a_restart_finds_cities_and_samples_and_asks_nobody() {
    let stub = stub(0.0).await;
    let others = Others::default();
    let first = Scene::start(options(&stub), others.clone());
    let add = AddCityRequest {
        city: "Catania".to_owned(),
    };
    assert!(
        first
            .peer
            .weather()
            .add_city(add.clone())
            .await
            .unwrap()
            .into_inner()
            .added
    );
    assert!(!first.peer.weather().add_city(add).await.unwrap().into_inner().added);
    let clock = first.clock.clone();
    drop(first);
    clock.advance(60_000);
    let second = Scene::at(clock, options(&stub), others);
    let told = second
        .peer
        .weather()
        .list_cities(ListCitiesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(told.cities.len(), 1);
    assert!(told.cities[0].pinned && told.cities[0].now.is_some());
    assert_eq!(
        told.provider.unwrap().calls_today,
        2,
        "a search and a poll: the day's quota goes on where it was"
    );
    assert_eq!(second.samples.len(), 5);
    // With another provider the city stays, and its samples do not: they mean something else.
    let other = WeatherOptions {
        base_url: stub.url(),
        ..WeatherOptions::new(ProviderKind::OpenWeatherMap)
    };
    let third = Scene::start(other, second.others.clone());
    let told = third
        .peer
        .weather()
        .list_cities(ListCitiesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((told.cities.len(), third.samples.len()), (1, 0));
    assert_eq!(told.provider.unwrap().calls_today, 0, "which has a quota of its own");
    assert!(told.cities[0].now.is_none());
}
