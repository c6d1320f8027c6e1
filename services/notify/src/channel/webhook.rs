//! A POST in the shape of Alertmanager's webhook, version 4
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>), with the id of the message in `Idempotency-Key`.

use reqwest::Client;
use reqwest::header::HeaderName;
use serde::Serialize;
use sla_proto::notify::v1::Channel;
use xxhash_rust::xxh3::xxh3_64;

use super::alert::{Alert, Pairs, alert};
use super::outcome::{Outcome, Parcel};
use super::post::{MAX_ANSWER_BYTES, base_url, post, secrets};
use crate::wording;

/// The header that tells a second copy of a message.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What Alertmanager writes for an end that has not come.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    version: &'static str,
    group_key: String,
    truncated_alerts: u32,
    status: &'static str,
    receiver: String,
    group_labels: Pairs,
    common_labels: Pairs,
    common_annotations: Pairs,
    #[serde(rename = "externalURL")]
    external_url: String,
    alerts: Vec<Entry>,
}

/// One alert in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    status: &'static str,
    #[serde(flatten)]
    alert: Alert,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

/// One attempt.
pub(super) async fn send(http: &Client, channel: &Channel, parcel: &Parcel<'_>) -> Outcome {
    let Some(url) = base_url(&channel.address) else {
        return Outcome::Refused("its address is not one of HTTP".to_owned());
    };
    let body = match serde_json::to_vec(&envelope(channel, parcel)) {
        Ok(body) => body,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let (key, secrets) = ((IDEMPOTENCY_KEY, parcel.id), secrets(&url));
    match post(http, url, body, Some(key), MAX_ANSWER_BYTES, secrets).await {
        Ok(answer) => answer.verdict(),
        Err(outcome) => outcome,
    }
}

fn envelope(channel: &Channel, parcel: &Parcel<'_>) -> Envelope {
    let word = |firing: bool| if firing { "firing" } else { "resolved" };
    let alerts: Vec<Entry> = parcel
        .notices
        .iter()
        .map(|notice| {
            let mut alert = alert(notice, parcel.id, parcel.now_ms);
            alert.ends_at.get_or_insert_with(|| NEVER.to_owned());
            let names: Vec<String> = alert
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            Entry {
                status: word(wording::is_firing(notice)),
                alert,
                generator_url: String::new(),
                fingerprint: format!("{:016x}", xxh3_64(names.join("\n").as_bytes())),
            }
        })
        .collect();
    Envelope {
        version: "4",
        group_key: format!("sla/{}", channel.id),
        truncated_alerts: 0,
        status: word(parcel.notices.iter().any(wording::is_firing)),
        receiver: channel.name.clone(),
        group_labels: Pairs::new(),
        common_labels: common(&alerts, |alert| &alert.labels),
        common_annotations: common(&alerts, |alert| &alert.annotations),
        external_url: String::new(),
        alerts,
    }
}

/// What all alerts have.
fn common(alerts: &[Entry], of: impl Fn(&Alert) -> &Pairs) -> Pairs {
    let Some((first, rest)) = alerts.split_first() else {
        return Pairs::new();
    };
    let mut shared = of(&first.alert).clone();
    shared.retain(|name, value| rest.iter().all(|other| of(&other.alert).get(name) == Some(value)));
    shared
}
