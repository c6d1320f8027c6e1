//! A process that is killed between a violation and its message loses none: each is told at least once, and copies carry the
//! same id.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use sla_domain::{Clock as _, SystemClock};
use sla_proto::Peer;
use sla_proto::notify::v1::{AddChannelRequest, Channel, ChannelKind};
use sla_proto::peer::{Claims, Trust};
use sla_proto::storage::v1::{GetNotifyProgressRequest, PutStoredSetRequest, PutViolationsRequest};
use sla_testkit::instance::Instance;
use sla_testkit::{Reply, Served, Stub, free_address};

use crate::others::key;
use crate::place::{set, violation};

/// Kills of the short form; `SLA_MESSAGE_KILLS` asks for more.
const KILLS: u32 = 6;
const SECRET: &str = "a secret of this test alone";
/// A message that a killed process had in hand is sent again after 30 s.
const PATIENCE: Duration = Duration::from_mins(2);

/// Ids under which each host was told, and how often.
type Told = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

async fn hook() -> (Stub, Told) {
    let told = Told::default();
    let list = told.clone();
    let stub = Stub::start(move |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let mut list = list.lock().unwrap();
        for alert in body["alerts"].as_array().unwrap() {
            let host = alert["labels"]["instance"].as_str().unwrap().to_owned();
            list.entry(host).or_default().push(key(&request.head));
        }
        Reply::text(200, "ok")
    })
    .await;
    (stub, told)
}

fn begin(instance: &Instance, address: SocketAddr) -> Served {
    let secret = instance.folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let mut command = instance.command(&["serve", "--roles", "storage,notify", "--listen", &address.to_string()]);
    command.env("SLA_PEERS__SECRET_FILE", &secret);
    let mut served = Served::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()));
    served.wait_until("its port answers", || TcpStream::connect(address).is_ok());
    served
}

async fn as_role(address: SocketAddr) -> Peer {
    let peer = Peer::connect_tcp(&format!("http://{address}"), &Trust::default())
        .await
        .unwrap();
    peer.claiming(Claims::default().with_secret(SECRET))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the number of kills is for whoever runs it by hand"
)]
fn kills() -> u32 {
    std::env::var("SLA_MESSAGE_KILLS").map_or(KILLS, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_no_message_and_copies_carry_the_same_id() {
    let (stub, told) = hook().await;
    let instance = Instance::on("http://127.0.0.1:9");
    let address = free_address();
    let mut served = begin(&instance, address);
    let peer = as_role(address).await;
    let request = PutStoredSetRequest {
        set: Some(set("")),
        expected_version: 0,
    };
    peer.set_store().put_stored_set(request).await.unwrap();
    let channel = Channel {
        name: "hook".to_owned(),
        kind: ChannelKind::Webhook.into(),
        address: stub.url(),
        ..Channel::default()
    };
    let request = AddChannelRequest { channel: Some(channel) };
    peer.notify().add_channel(request).await.unwrap();
    while peer
        .notify_store()
        .get_notify_progress(GetNotifyProgressRequest {})
        .await
        .unwrap()
        .into_inner()
        .revision
        == 0
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (kills, mut put) = (kills(), BTreeSet::new());
    assert!(kills <= 250, "a series has one byte here");
    for kill in 0..kills {
        let now_ms = SystemClock.now_ms();
        let peer = as_role(address).await;
        let request = PutViolationsRequest {
            violations: vec![violation(kill as u8, now_ms, None, now_ms)],
            fence: 0,
        };
        // Answered = durable: from here on it must be told.
        peer.ledger().put_violations(request).await.unwrap();
        put.insert(format!("host-{kill}"));
        // From before it was read to after it was sent: reading comes within 1 s, sending within half a second more.
        tokio::time::sleep(Duration::from_millis(u64::from(kill) * 97 % 1_700)).await;
        served.kill();
        served = begin(&instance, address);
    }
    let begun = Instant::now();
    loop {
        let missing: Vec<String> = {
            let told = told.lock().unwrap();
            put.iter().filter(|host| !told.contains_key(*host)).cloned().collect()
        };
        if missing.is_empty() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "lost: {missing:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What was in hand at the last kill comes once more, if at all, within its time.
    let told = told.lock().unwrap();
    let mut copies = 0;
    for (host, ids) in told.iter() {
        copies += ids.len() - 1;
        let different: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(different.len(), 1, "{host} was told under several ids: {ids:?}");
    }
    println!("{kills} kills, {} violations told, {copies} copies, 0 lost", told.len());
    served.kill();
}
