//! Several processes of the role: one asks, under a lease; the others know what it knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sla_domain::ManualClock;
use sla_proto::weather::v1::{AddCityRequest, ListCitiesRequest, RemoveCityRequest};
use sla_source::{Call, MetricSource as _};
use sla_testkit::stub::{Reply, Stub};
use tokio::time::Instant;
use tonic::Code;

use crate::people::{geocoding, open_meteo, options};
use crate::scene::{NOW, Others, Scene};

/// Longer than a lease that was given up stays unnoticed.
const LIMIT: Duration = Duration::from_secs(20);

async fn until(what: &str, look: impl Fn() -> bool) {
    let begun = Instant::now();
    while !look() {
        assert!(begun.elapsed() < LIMIT, "not after {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn city(name: &str) -> AddCityRequest {
    AddCityRequest { city: name.to_owned() }
}

#[tokio::test]
async fn of_two_processes_one_asks_and_the_other_knows_and_takes_over() {
    let polls = Arc::new(AtomicU32::new(0));
    let counted = polls.clone();
    let stub = Stub::start(move |request| {
        if request.path == "/v1/search" {
            return geocoding(&request.form.to_lowercase());
        }
        counted.fetch_add(1, Ordering::Relaxed);
        Reply::json(&open_meteo(21.5, 0.0, 0.0))
    })
    .await;
    let (others, clock) = (Others::with_a_lease(), Arc::new(ManualClock::at(NOW)));
    let first = Scene::at(clock.clone(), options(&stub), others.clone());
    for name in ["Catania", "Oslo, NO"] {
        first.peer.weather().add_city(city(name)).await.unwrap();
    }
    let second = Scene::at(clock.clone(), options(&stub), others.clone());
    until("the second one has the samples of the first", || {
        second.samples.len() == first.samples.len()
    })
    .await;
    let refused = second.peer.weather().list_cities(ListCitiesRequest::default()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "so that the next process is asked");
    assert!(refused.message().contains("stands by"), "{}", refused.message());
    assert_eq!(
        polls.load(Ordering::Relaxed),
        2,
        "only who was told of a city asked for it"
    );
    // A city of which the second one does not know yet, as in the moment after it was added.
    first.peer.weather().add_city(city("Salem, Oregon")).await.unwrap();
    let (begun, call) = (Instant::now(), Call::default());
    let asked = second
        .samples
        .series(
            &[r#"weather_rain_mm{city="Salem"}"#.to_owned()],
            NOW - 1,
            NOW + 1,
            10,
            &call,
        )
        .await;
    assert_eq!(asked.unwrap().series.len(), 1, "it is read when it is missed");
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "not by chance, a minute later"
    );

    // What the first one does away with is gone at the second one, too; what is due, it asks for.
    let gone = RemoveCityRequest {
        city: "Catania".to_owned(),
    };
    first.peer.weather().remove_city(gone).await.unwrap();
    let left = first.samples.len();
    first.end().await;
    clock.advance(16 * 60_000);
    until("the second one asks", || polls.load(Ordering::Relaxed) == 5).await;
    until("what was removed is forgotten", || second.samples.len() == left).await;
    let told = second.peer.weather().list_cities(ListCitiesRequest::default()).await;
    assert_eq!(told.unwrap().into_inner().cities.len(), 2);
}
