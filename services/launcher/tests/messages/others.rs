//! Stubs in the providers' wire formats: refusals, limits, silence, answers that are cut off.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sla_proto::notify::v1::{ChannelKind, DeliveryState, ListChannelsRequest, NoticeKind, TestChannelRequest};
use sla_testkit::{Reply, Stub};

use crate::place::{Place, violation};

/// A token in the form of Telegram's; it must never be seen but in the path of a request.
const TOKEN: &str = "123456:CANARY-token_of-this-test";
const HOUR_MS: i64 = 3_600_000;

/// What came in: path, head and body of each request.
type Seen = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A stub that answers in this order, and then with the last one.
async fn stub(answers: Vec<fn() -> Reply>) -> (Stub, Seen) {
    let seen = Seen::default();
    let list = seen.clone();
    let stub = Stub::start(move |request| {
        let mut list = list.lock().unwrap();
        let body = serde_json::from_slice(&request.body).unwrap();
        list.push((request.path.clone(), request.head.clone(), body));
        answers[(list.len() - 1).min(answers.len() - 1)]()
    })
    .await;
    (stub, seen)
}

fn bodies(seen: &Seen) -> Vec<Value> {
    seen.lock().unwrap().iter().map(|(_, _, body)| body.clone()).collect()
}

/// The configuration of a bot at `url`, its token in a file of this mode.
fn bot(folder: &tempfile::TempDir, url: &str, mode: u32) -> String {
    let file = folder.path().join("bot-token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    format!(
        "[notify]\ntelegram_token_file = {:?}\ntelegram_url = {url:?}\n",
        file.display().to_string()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn telegram_is_tried_until_it_has_the_message_and_its_token_is_never_told() {
    let (stub, seen) = stub(vec![
        || {
            let echo = format!(r#"{{"ok":false,"error_code":401,"description":"Unauthorized: {TOKEN}"}}"#);
            Reply::json(&echo).status(401)
        },
        || {
            Reply::json(
                r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1200","parameters":{"retry_after":1200}}"#,
            )
            .status(429)
        },
        || Reply::html(502, "<html>Bad Gateway</html>"),
        || Reply::raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 40\r\n\r\n{\"ok\":tr"),
        Reply::never,
        || Reply::json(r#"{"ok":true,"result":{"message_id":7}}"#),
    ])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let config = bot(&folder, &stub.url(), 0o600);
    let place = Place::with(folder, &config, "").await;
    place.add("phone", ChannelKind::Telegram, "4711").await;
    place.begin(3).await;
    let mut told = String::new();
    for attempt in 1..=5 {
        let delivery = place.settled(DeliveryState::Due, attempt).await;
        told.push_str(&delivery.problem);
        if attempt == 2 {
            // The other end said how long.
            place.clock.advance(1_199_000);
            tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
            assert_eq!(bodies(&seen).len(), 2, "it was asked to wait");
        }
        place.clock.advance(HOUR_MS);
    }
    let sent = place.settled(DeliveryState::Sent, 6).await;
    for words in [
        "401: Unauthorized: …",
        "429",
        "HTTP 502",
        "cut off",
        "no answer within 10 s",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let texts: Vec<String> = bodies(&seen)
        .iter()
        .map(|body| body["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts.len(), 6);
    let id = format!("#{}", &sent.message_id[..12]);
    for text in &texts {
        assert!(
            text.contains("VIOLATED Web / load of hosts host-3\nabove 4 since "),
            "{text}"
        );
        assert!(text.contains("worst 7.2 (3.2 over)") && text.contains("sla violations 'Web' --ledger"));
        assert!(text.ends_with(&id), "a second copy has the same id: {text}");
    }
    assert_eq!(bodies(&seen)[0]["chat_id"], "4711");
    assert!(
        seen.lock()
            .unwrap()
            .iter()
            .all(|(path, _, _)| *path == format!("/bot{TOKEN}/sendMessage"))
    );
    let channels = place
        .console()
        .await
        .notify()
        .list_channels(ListChannelsRequest {})
        .await
        .unwrap();
    let everything = format!("{told}{:?}{channels:?}", place.log().await);
    assert!(!everything.contains("CANARY"), "{everything}");
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_others_may_read_is_not_used() {
    let (stub, seen) = stub(vec![|| Reply::json(r#"{"ok":true}"#)]).await;
    let folder = tempfile::tempdir().unwrap();
    let config = bot(&folder, &stub.url(), 0o644);
    let place = Place::with(folder, &config, "").await;
    place.add("phone", ChannelKind::Telegram, "4711").await;
    let request = TestChannelRequest {
        channel: "phone".to_owned(),
    };
    let answer = place
        .console()
        .await
        .notify()
        .test_channel(request)
        .await
        .unwrap()
        .into_inner();
    assert!(!answer.sent && answer.problem.contains("chmod 600"), "{answer:?}");
    assert!(bodies(&seen).is_empty());
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_403_disables_the_channel_and_tells_its_owner() {
    let (blocked, _) = stub(vec![|| {
        Reply::json(r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#)
            .status(403)
    }])
    .await;
    let (other, seen) = stub(vec![|| Reply::text(200, "ok")]).await;
    let folder = tempfile::tempdir().unwrap();
    let config = bot(&folder, &blocked.url(), 0o600);
    let place = Place::with(folder, &config, "").await;
    place.add("phone", ChannelKind::Telegram, "4711").await;
    place
        .add("hook", ChannelKind::Webhook, &format!("{}/SECRET", other.url()))
        .await;
    let start_ms = place.begin(3).await;
    let told = |name: &'static str, seen: &Seen| {
        let alerts = bodies(seen)
            .into_iter()
            .flat_map(|body| body["alerts"].as_array().unwrap().clone());
        let alerts: Vec<Value> = alerts.filter(|alert| alert["labels"]["alertname"] == name).collect();
        alerts
    };
    place
        .until("the owner is told", async || {
            !told("SlaChannelDisabled", &seen).is_empty()
        })
        .await;
    let words = told("SlaChannelDisabled", &seen)[0]["annotations"]["summary"].to_string();
    assert!(
        words.contains("phone") && words.contains("blocked by the user"),
        "{words}"
    );
    let console = place.console().await;
    let channels = console
        .notify()
        .list_channels(ListChannelsRequest {})
        .await
        .unwrap()
        .into_inner()
        .channels;
    assert!(
        channels[1].disabled && channels[1].disabled_why.contains("blocked"),
        "{channels:?}"
    );
    assert!(
        !channels[0].disabled && !channels[0].address.contains("SECRET"),
        "{channels:?}"
    );
    // The other channel has heard of the violation, and hears of its end; the disabled one of nothing.
    let now_ms = place.now_ms() + 1_000;
    place.put(vec![violation(3, start_ms, Some(now_ms), now_ms)]).await;
    place
        .until("the end is told", async || told("SlaViolated", &seen).len() == 2)
        .await;
    let alerts = told("SlaViolated", &seen);
    assert_eq!(
        (&alerts[0]["status"], &alerts[1]["status"]),
        (&"firing".into(), &"resolved".into())
    );
    assert_eq!(alerts[0]["fingerprint"], alerts[1]["fingerprint"]);
    assert_eq!(alerts[0]["labels"]["instance"], "host-3");
    assert_eq!(alerts[0]["annotations"]["excess"], "3.2");
    let of_phone = place.log().await.into_iter().filter(|row| row.channel == "phone");
    assert_eq!(
        of_phone.map(|row| row.state()).collect::<Vec<_>>(),
        [DeliveryState::GivenUp]
    );
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_in_alertmanagers_shape_and_keeps_its_order() {
    let (stub, seen) = stub(vec![|| Reply::text(503, "later").header("retry-after", "60"), || {
        Reply::text(200, "ok")
    }])
    .await;
    let place = Place::with(tempfile::tempdir().unwrap(), "", "").await;
    place
        .add("hook", ChannelKind::Webhook, &format!("{}/hook?key=SECRET", stub.url()))
        .await;
    let start_ms = place.begin(1).await;
    let delivery = place.settled(DeliveryState::Due, 1).await;
    assert_eq!(delivery.problem, "HTTP 503: later");
    // Its end comes while the beginning waits: it does not overtake it.
    let end_ms = place.now_ms() + 5_000;
    place.put(vec![violation(1, start_ms, Some(end_ms), end_ms)]).await;
    place
        .until("both are in the log", async || place.log().await.len() == 2)
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(bodies(&seen).len(), 1);
    place.clock.advance(61_000);
    place.until("both are sent", async || bodies(&seen).len() == 3).await;
    let bodies = bodies(&seen);
    let told: Vec<&Value> = bodies.iter().map(|body| &body["status"]).collect();
    assert_eq!(told, ["firing", "firing", "resolved"]);
    assert_eq!(
        (&bodies[1]["version"], &bodies[1]["receiver"]),
        (&"4".into(), &"hook".into())
    );
    assert_eq!(bodies[1]["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    let keys: Vec<String> = seen.lock().unwrap().iter().map(|(_, head, _)| key(head)).collect();
    assert!(keys[0] == keys[1] && keys[1] != keys[2], "{keys:?}");
    let kinds: Vec<NoticeKind> = place
        .log()
        .await
        .iter()
        .map(|row| row.notice.as_ref().unwrap().kind())
        .collect();
    assert_eq!(kinds, [NoticeKind::Resolved, NoticeKind::Opened]);
    place.close().await;
}

/// The value of the header that tells copies.
pub(crate) fn key(head: &str) -> String {
    let line = head.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
    line.unwrap_or_else(|| panic!("no id in {head}")).to_owned()
}
