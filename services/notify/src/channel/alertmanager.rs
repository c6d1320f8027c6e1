//! An Alertmanager: `POST /api/v2/alerts` (<https://prometheus.io/docs/alerting/latest/alerts_api/>). It forgets an alert whose
//! `endsAt` passes, so what goes on is told again before that.

use reqwest::Client;
use sla_domain::instant::format_ms;
use sla_proto::notify::v1::{Channel, Notice, NoticeKind};

use super::alert::{Alert, alert};
use super::outcome::{Outcome, Parcel};
use super::post::{MAX_ANSWER_BYTES, base_url, post, secrets};
use crate::timing::repeat_ms;

/// An alert lives for so many repetitions: two of them may be lost.
const REPEATS_LIVED: i64 = 3;
/// And at least this long, milliseconds.
const LEAST_LIFE_MS: i64 = 15 * 60_000;
/// How long a test stands, milliseconds.
const TEST_LIFE_MS: i64 = 60_000;

/// One attempt.
pub(super) async fn send(http: &Client, channel: &Channel, parcel: &Parcel<'_>) -> Outcome {
    let Some(mut url) = base_url(&channel.address) else {
        return Outcome::Refused("its address is not one of HTTP".to_owned());
    };
    let secrets = secrets(&url);
    let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
    url.set_path(&path);
    let body = match serde_json::to_vec(&alerts(channel, parcel)) {
        Ok(body) => body,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    match post(http, url, body, None, MAX_ANSWER_BYTES, secrets).await {
        Ok(answer) => answer.verdict(),
        Err(outcome) => outcome,
    }
}

fn alerts(channel: &Channel, parcel: &Parcel<'_>) -> Vec<Alert> {
    let life_ms = (REPEATS_LIVED * repeat_ms(channel)).max(LEAST_LIFE_MS);
    let one = |notice: &Notice| {
        let mut alert = alert(notice, parcel.id, parcel.now_ms);
        let life_ms = if notice.kind() == NoticeKind::Test {
            TEST_LIFE_MS
        } else {
            life_ms
        };
        alert.ends_at.get_or_insert_with(|| format_ms(parcel.now_ms + life_ms));
        alert
    };
    parcel.notices.iter().map(one).collect()
}
