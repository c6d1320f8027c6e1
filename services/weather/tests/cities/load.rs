//! Many subscriptions: the provider is asked once a place and round.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sla_proto::peer::Rank;
use sla_proto::weather::v1::{AddCityRequest, Limits, ListCitiesRequest, SubscribeRequest};
use sla_testkit::stub::{Reply, Stub};
use sla_weather::{ProviderKind, WeatherOptions};

use crate::people::open_meteo;
use crate::scene::{Others, Scene};

const CITIES: usize = 500;
const USERS: usize = 20;
const ROUND_MS: i64 = 900_000;

/// CPU time of this process and all its threads, seconds (proc(5), `stat`, fields 14 and 15, in hundredths).
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_subscriptions_are_five_hundred_polls_a_round() {
    let polls: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let counted = polls.clone();
    let stub = Stub::start(move |request| {
        if request.path == "/v1/search" {
            let name = request.form.split("name=").nth(1).unwrap().split('&').next().unwrap();
            let number: f64 = name.trim_start_matches("city").parse().unwrap();
            let place = format!(
                r#"{{"name":"City{number}","country_code":"XX","latitude":{},"longitude":{}}}"#,
                number / 10.0,
                number / 5.0
            );
            return Reply::json(&format!(r#"{{"results":[{place}],"generationtime_ms":1}}"#));
        }
        *counted.lock().unwrap().entry(request.form.clone()).or_default() += 1;
        Reply::json(&open_meteo(12.5, 0.0, 0.0))
    })
    .await;
    let options = WeatherOptions {
        base_url: stub.url(),
        daily_quota: Some(1_000_000),
        ..WeatherOptions::new(ProviderKind::OpenMeteo)
    };
    let scene = Scene::start(options, Others::default());
    for user in 0..USERS {
        let peer = scene.user(&format!("user{user}"), Rank::Editor);
        for city in 0..CITIES {
            let request = SubscribeRequest {
                city: format!("City{city}, XX"),
                limits: Some(Limits {
                    t_max: Some(user as f64),
                    ..Limits::default()
                }),
                shared: false,
            };
            peer.weather().subscribe(request).await.unwrap();
        }
    }
    assert_eq!(scene.others.sets().len(), CITIES * USERS);
    let asked = std::mem::take(&mut *polls.lock().unwrap());
    assert_eq!(asked.len(), CITIES);
    assert!(
        asked.values().all(|count| *count == 1),
        "whoever subscribes, a place is asked for once"
    );
    let (before_s, writes) = (cpu_s(), scene.others.state_writes());
    // A whole round with its jitter; a new city wakes the role, whose sleep this clock does not shorten.
    scene.clock.advance(ROUND_MS + ROUND_MS / 20);
    let wake = AddCityRequest {
        city: format!("City{CITIES}, XX"),
    };
    scene.peer.weather().add_city(wake).await.unwrap();
    let done = async {
        while polls.lock().unwrap().len() <= CITIES {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Were there more, they would come now.
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    tokio::time::timeout(Duration::from_mins(2), done)
        .await
        .expect("a round takes seconds");
    let cpu = cpu_s() - before_s;
    let asked = std::mem::take(&mut *polls.lock().unwrap());
    let polled: usize = asked.values().sum();
    assert_eq!(polled, CITIES + 1, "and the new city");
    let writes = scene.others.state_writes() - writes;
    assert!(
        writes <= CITIES / 10,
        "those asked together are stored at once: {writes}"
    );
    println!(
        "{} subscriptions, {CITIES} cities: {} polls a round, {cpu:.2} s of CPU, provider and store included",
        CITIES * USERS,
        polled - 1
    );
    let told = scene
        .peer
        .weather()
        .list_cities(ListCitiesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(told.cities.len(), CITIES + 1);
    assert_eq!(told.cities[0].subscriptions as usize, USERS);
    assert!(told.cities.iter().all(|city| city.problem.is_empty()));
}
