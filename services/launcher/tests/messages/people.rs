//! Who hears of what, who may take care, and that a digest tells once how it is.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use sla_proto::Peer;
use sla_proto::account::v1::{AddUserRequest, LoginRequest};
use sla_proto::convert::duration;
use sla_proto::notify::v1::{
    AcknowledgeRequest, AddChannelRequest, Channel, ChannelKind, ListChannelsRequest, ListMarksRequest, SnoozeRequest,
    Subject,
};
use sla_proto::peer::{Bearer, Rank};
use sla_testkit::{Reply, Stub};
use tonic::Code;

use crate::place::{Place, violation};

const PASSWORD: &str = "correct horse battery";

/// Adds a user; the first one is the admin `ada`, by the uid of this test.
async fn add(place: &Place, name: &str, rank: Rank) -> Peer {
    let console = place.console().await;
    let request = AddUserRequest {
        name: name.to_owned(),
        rank: rank.message().into(),
        password: PASSWORD.to_owned(),
        ..AddUserRequest::default()
    };
    console.account().add_user(request).await.unwrap();
    let request = LoginRequest {
        name: name.to_owned(),
        password: PASSWORD.to_owned(),
        client: "test".to_owned(),
    };
    // Passwords are hashed at low priority: on a busy machine that may take longer than a call.
    let mut answer = console.account().login(request.clone()).await;
    for _ in 0..5 {
        if answer
            .as_ref()
            .is_err_and(|refusal| refusal.code() == Code::DeadlineExceeded)
        {
            answer = console.account().login(request.clone()).await;
        }
    }
    let token = answer.unwrap().into_inner().token;
    console.bearing(Bearer::holding(&token))
}

async fn hook() -> (Stub, Arc<Mutex<Vec<Value>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let list = seen.clone();
    let stub = Stub::start(move |request| {
        list.lock()
            .unwrap()
            .push(serde_json::from_slice(&request.body).unwrap());
        Reply::text(200, "ok")
    })
    .await;
    (stub, seen)
}

fn channel(name: &str, address: &str) -> AddChannelRequest {
    AddChannelRequest {
        channel: Some(Channel {
            name: name.to_owned(),
            kind: ChannelKind::Webhook.into(),
            address: address.to_owned(),
            ..Channel::default()
        }),
    }
}

fn of_load(series: u8) -> Subject {
    Subject {
        objective_id: "load".to_owned(),
        series_id: vec![series; 16],
        ..Subject::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_told_to_its_owner_and_only_he_takes_care() {
    let (stub, seen) = hook().await;
    let place = Place::with(tempfile::tempdir().unwrap(), "", "bob").await;
    add(&place, "ada", Rank::Admin).await;
    let bob = add(&place, "bob", Rank::Operator).await;
    let eve = add(&place, "eve", Rank::Editor).await;
    let refused = eve.notify().add_channel(channel("own", &stub.url())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    bob.notify().add_channel(channel("own", &stub.url())).await.unwrap();
    let start_ms = place.begin(1).await;
    place
        .until("its owner is told", async || seen.lock().unwrap().len() == 1)
        .await;
    let of_eve = eve
        .notify()
        .list_channels(ListChannelsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(of_eve.channels.is_empty(), "another's channels are not shown");
    let refused = eve
        .notify()
        .acknowledge(AcknowledgeRequest {
            subject: Some(of_load(1)),
        })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    let handle = seen.lock().unwrap()[0]["alerts"][0]["labels"]["sla_handle"]
        .as_str()
        .unwrap()
        .to_owned();
    let subject = Some(Subject {
        handle: handle[..6].to_owned(),
        ..Subject::default()
    });
    let mark = bob
        .notify()
        .acknowledge(AcknowledgeRequest { subject })
        .await
        .unwrap()
        .into_inner()
        .mark
        .unwrap();
    assert_eq!((mark.handle.as_str(), mark.author.as_str()), (handle.as_str(), "bob"));
    assert_eq!(
        bob.notify()
            .list_marks(ListMarksRequest {})
            .await
            .unwrap()
            .into_inner()
            .marks,
        [mark]
    );
    // The acknowledgement ends with the violation, by itself.
    let end_ms = place.now_ms() + 1_000;
    place.put(vec![violation(1, start_ms, Some(end_ms), end_ms)]).await;
    place
        .until("the mark has gone", async || {
            bob.notify()
                .list_marks(ListMarksRequest {})
                .await
                .unwrap()
                .into_inner()
                .marks
                .is_empty()
        })
        .await;
    let refused = bob
        .notify()
        .acknowledge(AcknowledgeRequest {
            subject: Some(of_load(1)),
        })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "{refused}");
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_comes_once_and_a_snooze_ends() {
    let (stub, seen) = hook().await;
    let place = Place::with(tempfile::tempdir().unwrap(), "", "").await;
    let console = place.console().await;
    let mut request = channel("digest", &stub.url());
    request.channel.as_mut().unwrap().digest = Some(duration(900_000));
    console.notify().add_channel(request).await.unwrap();
    let first_ms = place.begin(1).await;
    place.begin(2).await;
    place.until("both wait", async || place.log().await.len() == 2).await;
    // One of them ends before the digest is due: it is told as it is.
    let end_ms = place.now_ms() + 1_000;
    place.put(vec![violation(1, first_ms, Some(end_ms), end_ms)]).await;
    place.until("three wait", async || place.log().await.len() == 3).await;
    assert!(seen.lock().unwrap().is_empty());
    place.clock.advance(900_000);
    place
        .until("the digest has come", async || !seen.lock().unwrap().is_empty())
        .await;
    let statuses: Vec<Value> = {
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 1, "once");
        seen[0]["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| alert["status"].clone())
            .collect()
    };
    assert_eq!(statuses, ["resolved", "firing"]);
    let snooze = SnoozeRequest {
        subject: Some(of_load(3)),
        length: Some(duration(1_200_000)),
    };
    let refused = console.notify().snooze(snooze.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "{refused}");
    let long = SnoozeRequest {
        length: Some(duration(31 * 86_400_000)),
        ..snooze
    };
    let refused = console.notify().snooze(long).await.unwrap_err();
    assert!(refused.message().contains("length = \"31d\""), "{refused}");
    place.close().await;
}
