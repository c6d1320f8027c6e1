//! A real Alertmanager receives, groups and resolves what it is told; a real mail server gets the mail.

use std::fs::File;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sla_proto::notify::v1::{ChannelKind, DeliveryState};
use sla_testkit::{Served, free_address};

use crate::place::{Place, violation};

#[expect(clippy::disallowed_methods, reason = "dev/test says where the program is")]
fn alertmanager() -> PathBuf {
    std::env::var_os("SLA_TEST_ALERTMANAGER")
        .expect("dev/test exports SLA_TEST_ALERTMANAGER")
        .into()
}

/// All alerts it has, firing or not.
async fn alerts(url: &str) -> Vec<Value> {
    let answer = reqwest::get(format!("{url}/api/v2/alerts")).await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real server: dev/test"]
async fn alertmanager_receives_groups_and_resolves() {
    sla_testkit::provide_tls();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alertmanager.yml");
    let routes =
        "route: {receiver: none, group_by: [sla_set], group_wait: 1s, group_interval: 1s}\nreceivers: [{name: none}]\n";
    std::fs::write(&config, routes).unwrap();
    let port = free_address().port();
    let mut command = Command::new(alertmanager());
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut served = Served::spawn(&mut command);
    served.wait_until("alertmanager answers", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let url = format!("http://127.0.0.1:{port}");
    let place = Place::with(tempfile::tempdir().unwrap(), "", "").await;
    place.add("team", ChannelKind::Alertmanager, &url).await;
    let first_ms = place.begin(1).await;
    place.begin(2).await;
    place
        .until("both alerts are there", async || alerts(&url).await.len() == 2)
        .await;
    for alert in alerts(&url).await {
        assert_eq!(alert["labels"]["alertname"], "SlaViolated");
        assert_eq!(alert["labels"]["sla_objective"], "load of hosts");
        assert_eq!(alert["annotations"]["value"], "7.2");
        assert!(
            alert["annotations"]["summary"]
                .as_str()
                .unwrap()
                .contains("above 4 since")
        );
    }
    place
        .until("they are one group", async || {
            let answer = reqwest::get(format!("{url}/api/v2/alerts/groups")).await.unwrap();
            let groups: Vec<Value> = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            groups.len() == 1 && groups[0]["alerts"].as_array().is_some_and(|alerts| alerts.len() == 2)
        })
        .await;
    let end_ms = place.now_ms();
    place.put(vec![violation(1, first_ms, Some(end_ms), end_ms + 1)]).await;
    // It lists what has not ended.
    place
        .until("one is resolved", async || {
            let left = alerts(&url).await;
            left.len() == 1 && left[0]["labels"]["instance"] == "host-2"
        })
        .await;
    served.kill();
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real server: dev/test"]
async fn a_mail_server_gets_the_mail_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (port, inbox) = (free_address().port(), folder.path().join("inbox"));
    let config = format!(
        "[notify]\nsmtp_host = \"127.0.0.1\"\nsmtp_port = {port}\nsmtp_tls = \"none\"\nsmtp_from = \"sla@example.org\"\n"
    );
    let place = Place::with(tempfile::tempdir().unwrap(), &config, "").await;
    place.add("me", ChannelKind::Email, "ada@example.org").await;
    place.begin(3).await;
    // Nobody listens yet.
    let failed = place.settled(DeliveryState::Due, 1).await;
    assert!(failed.problem.to_lowercase().contains("refused"), "{}", failed.problem);
    // Where Debian puts the module.
    let mut command = Command::new("/usr/bin/python3");
    command
        .args([
            "-u",
            "-m",
            "aiosmtpd",
            "-n",
            "-c",
            "aiosmtpd.handlers.Debugging",
            "stdout",
            "-l",
        ])
        .arg(format!("127.0.0.1:{port}"))
        .stdout(File::create(&inbox).unwrap())
        .stderr(Stdio::inherit());
    let mut served = Served::spawn(&mut command);
    served.wait_until("the mail server answers", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    place.clock.advance(60_000);
    let sent = place.settled(DeliveryState::Sent, 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mail = std::fs::read_to_string(&inbox).unwrap();
    for line in [
        "From: sla@example.org",
        "To: ada@example.org",
        "Subject: sla default: 1 violated",
        &format!("Message-ID: <{}@example.org>", sent.message_id),
        "VIOLATED Web / load of hosts host-3",
        "sla violations 'Web' --ledger",
    ] {
        assert!(mail.contains(line), "{line} is not in\n{mail}");
    }
    served.kill();
    place.close().await;
}
