//! A subscription to the weather of a city, judged by the same instance as everything else: the binary against a stub that speaks
//! Open-Meteo's language.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sla_domain::{Clock as _, SystemClock};
use sla_testkit::instance::{Served, free_address, sla};
use sla_testkit::stub::{Reply, Stub};

/// An instance that watches nothing but the weather.
struct House {
    folder: tempfile::TempDir,
    stub: Stub,
}

impl House {
    /// The provider knows two Oslos, and it snows everywhere.
    fn in_snow() -> Self {
        let stub = Stub::in_background(|request| match request.path.as_str() {
            "/v1/search" => places(&request.form),
            _ => snow(),
        });
        Self {
            folder: tempfile::tempdir().unwrap(),
            stub,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = sla(self.folder.path());
        command.arg("--data-dir").arg(self.folder.path()).args(arguments);
        command.env("SLA_WEATHER__PROVIDER", "open-meteo");
        command.env("SLA_WEATHER__BASE_URL", self.stub.url());
        command
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).arg("--json").output().expect("sla runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {complaint}"))
    }

    /// The exit code and what was said.
    fn said(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().expect("sla runs");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.command(&["stop"]).output();
    }
}

fn snow() -> Reply {
    let now = SystemClock.now_ms() / 1_000;
    Reply::json(&format!(
        r#"{{"current":{{"time":{now},"interval":900,"temperature_2m":-4.5,"rain":0,"showers":0,"snowfall":0.7,
            "wind_speed_10m":2.5}},
        "hourly":{{"time":[{}],"temperature_2m":[66.0],"rain":[0],"showers":[0],"snowfall":[0.7]}}}}"#,
        now + 3_600
    ))
}

fn places(form: &str) -> Reply {
    Reply::json(if form.contains("name=oslo") {
        r#"{"results":[{"name":"Oslo","country_code":"NO","latitude":59.91,"longitude":10.74},
            {"name":"Oslo","admin1":"Minnesota","country_code":"US","latitude":48.2,"longitude":-97.13}]}"#
    } else {
        r#"{"generationtime_ms":1}"#
    })
}

#[test]
fn a_city_is_a_source_and_a_subscription_a_set() {
    let house = House::in_snow();
    let mut serve = house.command(&["serve"]);
    let mut served = Served::spawn(serve.stdout(Stdio::null()).stderr(Stdio::null()));
    let socket = house.folder.path().join("run/default.sock");
    served.wait_until("its socket answers", || {
        std::os::unix::net::UnixStream::connect(&socket).is_ok()
    });

    let (code, said) = house.said(&["weather", "subscribe", "Oslo", "--snow"]);
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("Oslo, NO; Oslo, Minnesota, US"), "{said}");
    let (code, said) = house.said(&["weather", "subscribe", "Oslo, NO", "--t-min", "5", "--t-max", "-5"]);
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("t_min"), "{said}");
    let made = house.json(&["weather", "subscribe", "Oslo, NO", "--t-min", "-10", "--snow"]);
    let id = made["subscription"]["id"].as_str().unwrap();

    // Like any series.
    let metrics = house.json(&["metrics", "weather_temperature_celsius", "--source", "weather"]);
    assert!(metrics.to_string().contains("Oslo"), "{metrics}");
    let series = find(&metrics, "last").expect("a series with its newest value");
    assert_eq!(series["last"]["value"], -4.5);
    assert_eq!(
        series["windows"]["1h"]["max"], -4.5,
        "what is expected is no measurement"
    );
    let cities = house.json(&["weather", "cities", "--forecast"]);
    assert_eq!(
        cities["cities"][0]["expected_by_provider"][0]["temperature_celsius"],
        66.0
    );
    assert_eq!(cities["cities"][0]["subscriptions"], 1);

    // Ours beside the provider's: a day ahead needs a day behind, and says so; the provider sees snow coming.
    served.wait_until("both forecasts are told", || {
        let cities = house.json(&["weather", "cities", "--forecast"]);
        let outlooks = cities["cities"][0]["outlooks"].as_array().unwrap().clone();
        let snow = outlooks.iter().find(|one| one["objective"] == "Snow");
        snow.is_some_and(|snow| {
            let outlook = &snow["outlook"];
            let told = (&outlook["horizon_s"], &outlook["no_outlook"], &outlook["probability"]);
            told == (&Value::from(86_400), &Value::from("history_too_short"), &Value::Null)
                && outlook["provider"]["leaves"] == true
                && outlook["provider"]["name"] == "open-meteo"
        })
    });

    // Like any set: snow falls, and it is not colder than agreed.
    served.wait_until("the snow is judged", || house.said(&["check", id]).0 == 2);
    let violations = house.json(&["violations", id]).to_string();
    assert!(violations.contains("Snow"), "{violations}");
    let changed = house.json(&["weather", "change", id, "--no-snow", "--t-max", "30"]);
    assert_eq!(changed["subscription"]["limits"]["snow"], false);
    served.wait_until("what is no longer agreed is not judged", || {
        house.said(&["check", id]).0 == 0
    });
    let (code, said) = house.said(&["weather", "unsubscribe", id]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(house.json(&["weather", "cities"])["cities"], Value::Array(Vec::new()));
    served.terminate();
    let (status, _) = served.ended(Duration::from_secs(30));
    assert!(status.success());
}

#[test]
fn a_gateway_passes_calls_on_to_the_process_that_watches_the_weather() {
    let house = House::in_snow();
    let (roles, door) = (free_address(), free_address());
    let secret = house.folder.path().join("secret");
    std::fs::write(&secret, "a secret of this test alone").unwrap();
    let mut serve = house.command(&["serve", "--listen", &roles.to_string()]);
    serve.env("SLA_PEERS__SECRET_FILE", &secret);
    let mut served = Served::spawn(serve.stdout(Stdio::null()).stderr(Stdio::null()));
    served.wait_until("its port answers", || std::net::TcpStream::connect(roles).is_ok());

    let place = tempfile::tempdir().unwrap();
    let mut gateway = sla(place.path());
    gateway.args([
        "serve",
        "--roles",
        "gateway",
        "--listen",
        &door.to_string(),
        "--data-dir",
    ]);
    gateway.arg(place.path()).env("SLA_PEERS__SECRET_FILE", &secret);
    for role in ["STORAGE", "ACCOUNT", "ETL", "SLA", "RETRIEVAL", "NOTIFY", "WEATHER"] {
        gateway.env(format!("SLA_PEERS__{role}"), format!("http://{roles}"));
    }
    let mut passing = Served::spawn(gateway.stdout(Stdio::null()).stderr(Stdio::null()));
    passing.wait_until("the gateway answers", || std::net::TcpStream::connect(door).is_ok());
    let through = format!("http://{door}");
    let made = house.json(&["--connect", &through, "weather", "subscribe", "Oslo, NO", "--snow"]);
    assert_eq!(made["subscription"]["limits"]["snow"], true, "{made}");
    let cities = house.json(&["--connect", &through, "weather", "cities"]);
    assert_eq!(cities["cities"][0]["subscriptions"], 1, "{cities}");
}

/// The first object within `value` that has the key `key`.
fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) if fields.contains_key(key) => Some(value),
        Value::Object(fields) => fields.values().find_map(|inner| find(inner, key)),
        Value::Array(items) => items.iter().find_map(|inner| find(inner, key)),
        _ => None,
    }
}

#[test]
fn without_a_provider_it_is_said_how_to_get_one() {
    let instance = sla_testkit::instance::Instance::on("http://127.0.0.1:1");
    let output = instance.sla(&["weather", "cities"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("not watched by this instance") && said.contains("[weather]"),
        "{said}"
    );
}
