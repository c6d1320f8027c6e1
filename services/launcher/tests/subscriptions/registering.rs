//! Two people who register by themselves: no admin stands between them and their cities. One calls over HTTP, one by command.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sla_proto::Peer;
use sla_proto::notify::v1::{AddChannelRequest, Channel, ChannelKind};
use sla_proto::objective::v1::SlaSet;
use sla_proto::peer::{Bearer, Trust};
use sla_proto::set::v1::CreateSetRequest;
use sla_proto::weather::v1::AddCityRequest;
use sla_testkit::instance::sla;
use sla_testkit::{Reply, Stub};
use tonic::Code;

use crate::house::House;
use crate::sky::{Mailbox, city};

const PASSWORD: &str = "correct horse battery";
const TOKEN: &str = "123456:token_of-the-bot";
const CATANIA: usize = 0;
const OSLO: usize = 1;
/// The usual digest, milliseconds.
const DIGEST_MS: i64 = 900_000;

/// Messages of the bot: chat and text.
type Said = Arc<Mutex<Vec<(i64, String)>>>;

async fn bot() -> (Stub, Said) {
    let said = Said::default();
    let list = said.clone();
    let stub = Stub::start(move |request| {
        assert!(request.path.ends_with("/sendMessage"), "{}", request.path);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let chat = body["chat_id"].as_str().map(|text| text.parse().unwrap());
        let chat = chat.or_else(|| body["chat_id"].as_i64()).unwrap();
        list.lock()
            .unwrap()
            .push((chat, body["text"].as_str().unwrap().to_owned()));
        Reply::json(r#"{"ok":true,"result":{"message_id":7}}"#)
    })
    .await;
    (stub, said)
}

/// A file that its owner alone may read.
fn secret_file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, format!("{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// JSON over HTTP, as a user or as nobody.
struct Web {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Web {
    fn of(url: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            client: reqwest::Client::new(),
            url: url.to_owned(),
            token: String::new(),
        }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if !body.is_null() {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, body).await
    }

    /// Registers and logs in; passwords are hashed at low priority, and a call may be over before its turn.
    async fn enter(&mut self, name: &str) {
        let who = json!({ "name": name, "password": PASSWORD });
        for path in ["/v1/account/register", "/v1/account/login"] {
            let mut tries = 0..20;
            loop {
                let (status, body) = self.post(path, who.clone()).await;
                match status.as_u16() {
                    200 => {
                        body["token"].as_str().unwrap_or_default().clone_into(&mut self.token);
                        break;
                    }
                    // The call before this one was late, and done all the same.
                    409 if tries.start > 0 => break,
                    504 if tries.next().is_some() => {}
                    _ => panic!("{path}: {status}: {body}"),
                }
            }
        }
        assert!(!self.token.is_empty());
    }

    /// Handles of what this user was told or will be.
    async fn handles(&self) -> Vec<String> {
        let log = self.get("/v1/deliveries").await;
        let told = log["deliveries"].as_array().unwrap().iter();
        let mut handles: Vec<String> = told
            .filter_map(|delivery| Some(delivery["notice"]["handle"].as_str()?.to_owned()))
            .collect();
        handles.sort();
        handles.dedup();
        handles
    }
}

/// `sla` over the network with a token: exit code and what was printed.
async fn command(house: &House, token_file: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = sla(house.folder.path());
    command
        .args(arguments)
        .args(["--connect", &house.url, "--json", "--token-file"]);
    command.arg(token_file);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// What is everybody's, or would make the instance call an address, stays closed to who only registered.
async fn check_closed(house: &House, bea: &Web, peer: &Peer) {
    let nobody = Web::of(&house.url);
    for (path, body) in [
        (
            "/v1/subscriptions",
            json!({ "city": city(OSLO), "limits": { "snow": true } }),
        ),
        (
            "/v1/channels",
            json!({ "channel": { "name": "x", "kind": "telegram", "address": "5" } }),
        ),
    ] {
        let (status, refused) = nobody.post(path, body).await;
        assert_eq!(status, 401, "{path}: {refused}");
    }
    let shared = json!({ "city": city(OSLO), "limits": { "snow": true }, "shared": true });
    for (path, body) in [
        ("/v1/subscriptions", shared),
        ("/v1/sets", json!({ "set": { "name": "mine", "active": true } })),
        ("/v1/cities", json!({ "city": city(OSLO) })),
        (
            "/v1/channels",
            json!({ "channel": { "name": "x", "kind": "webhook", "address": house.town.mailbox } }),
        ),
    ] {
        let (status, refused) = bea.post(path, body).await;
        assert_eq!(
            (status.as_u16(), &refused["reason"]),
            (403, &json!("NOT_ALLOWED")),
            "{path}: {refused}"
        );
    }
    let create = CreateSetRequest {
        set: Some(SlaSet::default()),
    };
    let add = AddCityRequest { city: city(OSLO) };
    let hook = AddChannelRequest {
        channel: Some(Channel {
            name: "x".to_owned(),
            kind: ChannelKind::Webhook.into(),
            address: house.town.mailbox.clone(),
            ..Channel::default()
        }),
    };
    let refused = [
        peer.sets().create_set(create).await.unwrap_err(),
        peer.weather().add_city(add).await.unwrap_err(),
        peer.notify().add_channel(hook).await.unwrap_err(),
    ];
    for status in refused {
        assert_eq!(status.code(), Code::PermissionDenied, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one scene, one step after the other")]
async fn two_who_register_subscribe_are_told_once_and_each_takes_care_of_his_own() {
    let (telegram, said) = bot().await;
    let receiver = Mailbox::default().open().await;
    let folder = tempfile::tempdir().unwrap();
    let token_file = secret_file(folder.path(), "bot-token", TOKEN);
    let toml = format!(
        "[account]\nregistration = \"open\"\n[evaluation]\nfloor = \"1s\"\n\
         [notify]\ntelegram_token_file = {:?}\ntelegram_url = {:?}\n",
        token_file.display().to_string(),
        telegram.url()
    );
    let house = House::start(folder, &receiver.url(), &toml).await;
    let ada = house.town.found().await;
    let (mut bea, mut carl) = (Web::of(&house.url), Web::of(&house.url));
    bea.enter("bea").await;
    carl.enter("carl").await;
    let me = bea.get("/v1/account").await;
    assert_eq!(me["user"]["rank"], "viewer", "{me}");
    let carl_file = secret_file(house.folder.path(), "carl", &carl.token);
    let peer = Peer::connect_tcp(&house.url, &Trust::default())
        .await
        .unwrap()
        .bearing(Bearer::holding(&carl.token));
    check_closed(&house, &bea, &peer).await;

    // Both cities of both; each chat is told by digest, as is usual.
    let mut of_bea = Vec::new();
    for number in [CATANIA, OSLO] {
        let wanted = json!({ "city": city(number), "limits": { "t_max": 60, "snow": true } });
        let (status, made) = bea.post("/v1/subscriptions", wanted).await;
        assert_eq!(status, 200, "{made}");
        assert_eq!(
            (&made["subscription"]["owner"], &made["subscription"]["private"]),
            (&json!("bea"), &json!(true))
        );
        of_bea.push(made["subscription"]["id"].as_str().unwrap().to_owned());
        let (code, made) = command(&house, &carl_file, &["weather", "subscribe", &city(number), "--snow"]).await;
        assert_eq!(code, 0, "{made}");
    }
    for (web, chat) in [(&bea, "11"), (&carl, "22")] {
        let channel = json!({ "channel": { "name": "chat", "kind": "telegram", "address": chat } });
        let (status, made) = web.post("/v1/channels", channel).await;
        assert_eq!(status, 200, "{made}");
    }
    let listed = bea.get("/v1/subscriptions").await;
    assert_eq!(listed["total"], 2, "each sees his own: {listed}");

    house.sky.take_polls();
    house.sky.snow(Some(OSLO));
    assert_eq!(house.round(&ada, 2, 5).await, 2, "whoever subscribes");
    house
        .until("both have something to be told", async || {
            !bea.handles().await.is_empty() && !carl.handles().await.is_empty()
        })
        .await;
    house.clock.advance(DIGEST_MS);
    house
        .until("both are told", async || {
            // A session ends when nobody calls for half an hour, and this clock is fast.
            let _ = (bea.get("/v1/account").await, carl.get("/v1/account").await);
            said.lock().unwrap().len() >= 2
        })
        .await;
    // Were there more, they would come now.
    house.clock.advance(DIGEST_MS / 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut told = said.lock().unwrap().clone();
    told.sort();
    assert_eq!(
        told.iter().map(|(chat, _)| *chat).collect::<Vec<_>>(),
        [11, 22],
        "{told:#?}"
    );
    assert!(
        told.iter()
            .all(|(_, text)| text.contains("Snow") && text.contains("City1")),
        "{told:#?}"
    );

    // One takes care of what is hers; the other does not even hear of it.
    let (hers, his) = (bea.handles().await, carl.handles().await);
    assert_eq!((hers.len(), his.len()), (1, 1));
    let ack = |handle: &str| json!({ "subject": { "handle": handle } });
    let (status, refused) = carl.post("/v1/marks/acknowledge", ack(&hers[0])).await;
    assert_eq!(status, 404, "{refused}");
    let (status, mark) = bea.post("/v1/marks/acknowledge", ack(&hers[0])).await;
    assert_eq!(
        (status.as_u16(), &mark["mark"]["author"]),
        (200, &json!("bea")),
        "{mark}"
    );
    assert_eq!(carl.get("/v1/marks").await["marks"], json!([]));
    let (code, mark) = command(&house, &carl_file, &["notify", "snooze", &his[0], "--for", "1h"]).await;
    assert_eq!(code, 0, "{mark}");

    // Edited, paused and deleted by its owner alone.
    let path = format!("/v1/subscriptions/{}", of_bea[1]);
    let pause = json!({ "limits": { "t_max": 50, "snow": true }, "active": false });
    for (method, body) in [(Method::PUT, pause.clone()), (Method::DELETE, Value::Null)] {
        let (status, refused) = carl.call(method, &path, body).await;
        assert_eq!(status, 404, "{refused}");
    }
    let (status, paused) = bea.call(Method::PUT, &path, pause).await;
    assert_eq!(
        (status.as_u16(), &paused["subscription"]["active"]),
        (200, &json!(false)),
        "{paused}"
    );
    let (status, gone) = bea.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, 200, "{gone}");
    assert_eq!(bea.get("/v1/subscriptions").await["total"], 1);
    house.close().await;
}
