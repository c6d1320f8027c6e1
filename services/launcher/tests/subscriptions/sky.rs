//! The other ends: a provider in Open-Meteo's wire format, whose snow the test makes, and a receiver of webhooks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sla_domain::Clock;
use sla_testkit::stub::{Reply, Stub};

/// What the provider was asked for and what it says.
#[derive(Default)]
struct Weather {
    /// Polls of each city since they were taken last.
    polls: BTreeMap<usize, usize>,
    snowing: Option<usize>,
}

/// The provider.
#[derive(Clone, Default)]
pub(crate) struct Sky(Arc<Mutex<Weather>>);

/// The name of a city, whole.
pub(crate) fn city(number: usize) -> String {
    format!("City{number}, XX")
}

/// Ten cities a degree of latitude.
fn latitude(number: usize) -> f64 {
    number as f64 / 10.0
}

fn number_in(form: &str, field: &str) -> f64 {
    let text = form.split(field).nth(1).unwrap().split('&').next().unwrap();
    text.parse().unwrap()
}

impl Sky {
    /// Answers with the time of `clock`.
    pub(crate) fn answer(&self, clock: &dyn Clock, path: &str, form: &str) -> Reply {
        if path == "/v1/search" {
            let number = number_in(form, "name=city") as usize;
            return Reply::json(&format!(
                r#"{{"results":[{{"name":"City{number}","country_code":"XX","latitude":{},"longitude":7}}]}}"#,
                latitude(number)
            ));
        }
        let number = (number_in(form, "latitude=") * 10.0).round() as usize;
        let mut weather = self.0.lock().unwrap();
        *weather.polls.entry(number).or_default() += 1;
        let snowfall = if weather.snowing == Some(number) { 0.7 } else { 0.0 };
        let now_s = clock.now_ms() / 1_000;
        Reply::json(&format!(
            r#"{{"current":{{"time":{now_s},"interval":900,"temperature_2m":4.5,"rain":0,"showers":0,
                "snowfall":{snowfall},"wind_speed_10m":2.5}},
            "hourly":{{"time":[{}],"temperature_2m":[5.0],"rain":[0],"showers":[0],"snowfall":[0]}}}}"#,
            now_s + 3_600
        ))
    }

    /// From the next polls on.
    pub(crate) fn snow(&self, number: Option<usize>) {
        self.0.lock().unwrap().snowing = number;
    }

    /// Polls of each city since this was asked last.
    pub(crate) fn take_polls(&self) -> BTreeMap<usize, usize> {
        std::mem::take(&mut self.0.lock().unwrap().polls)
    }

    /// How many of the first cities were polled since they were taken.
    pub(crate) fn polled_of(&self, first: usize) -> usize {
        self.0.lock().unwrap().polls.range(..first).count()
    }
}

/// One alert as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    /// The path that it came to: whose channel it is.
    pub(crate) to: String,
    pub(crate) objective: String,
    pub(crate) set: String,
    pub(crate) firing: bool,
}

/// The receiver of webhooks.
#[derive(Clone, Default)]
pub(crate) struct Mailbox(Arc<Mutex<Vec<(String, Told)>>>);

impl Mailbox {
    pub(crate) async fn open(&self) -> Stub {
        let list = self.0.clone();
        Stub::start(move |request| {
            let key = request
                .head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("idempotency-key: ").map(str::to_owned));
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            for alert in body["alerts"].as_array().unwrap() {
                let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
                let told = Told {
                    to: request.path.clone(),
                    objective: label("sla_objective"),
                    set: label("sla_set"),
                    firing: alert["status"] == "firing",
                };
                list.lock().unwrap().push((key.clone().unwrap(), told));
            }
            Reply::text(200, "ok")
        })
        .await
    }

    /// What has arrived so far, in order; each under a key of its own.
    pub(crate) fn told(&self) -> Vec<Told> {
        let list = self.0.lock().unwrap();
        let mut keys: Vec<_> = list.iter().map(|(key, told)| (key, &told.to)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), list.len(), "nothing came twice: {list:#?}");
        list.iter().map(|(_, told)| told.clone()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}
