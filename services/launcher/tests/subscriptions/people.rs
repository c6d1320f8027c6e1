//! People over the Unix socket: they log in, name a webhook of their own and subscribe to cities.

use std::path::PathBuf;

use sla_proto::Peer;
use sla_proto::account::v1::{AddUserRequest, LoginRequest};
use sla_proto::convert::duration;
use sla_proto::notify::v1::{AddChannelRequest, Channel, ChannelKind};
use sla_proto::peer::{Bearer, Rank};
use sla_proto::weather::v1::{Limits, SubscribeRequest, Subscription};
use tonic::{Code, Status};

use crate::sky::city;

const PASSWORD: &str = "correct horse battery";

/// What everybody agrees on; it snows or it does not.
pub(crate) const SNOW: Limits = Limits {
    t_min: None,
    t_max: Some(60.0),
    rain: false,
    snow: true,
};

/// The door.
pub(crate) struct Town {
    pub(crate) socket: PathBuf,
    /// Where webhooks arrive.
    pub(crate) mailbox: String,
}

impl Town {
    /// As the user of this test: once somebody was added, the admin `ada`.
    pub(crate) async fn ada(&self) -> Peer {
        Peer::connect_unix(&self.socket).await.unwrap()
    }

    async fn add(&self, ada: &Peer, name: &str, rank: Rank) {
        let request = AddUserRequest {
            name: name.to_owned(),
            rank: rank.message().into(),
            password: PASSWORD.to_owned(),
            ..AddUserRequest::default()
        };
        // Passwords are hashed one by one at low priority: a call may be over before its turn.
        for _ in 0..20 {
            match ada.account().add_user(request.clone()).await {
                Err(status) if status.code() == Code::AlreadyExists => return,
                Err(status) if status.code() == Code::DeadlineExceeded => {}
                outcome => return drop(outcome.unwrap()),
            }
        }
        panic!("{name} cannot be added");
    }

    /// Makes the first user, an admin by the uid of this test.
    pub(crate) async fn found(&self) -> Peer {
        let ada = self.ada().await;
        self.add(&ada, "ada", Rank::Admin).await;
        ada
    }

    /// A user with a webhook of his own, told at once.
    pub(crate) async fn settle(&self, ada: &Peer, name: &str) -> Peer {
        self.add(ada, name, Rank::Operator).await;
        let request = LoginRequest {
            name: name.to_owned(),
            password: PASSWORD.to_owned(),
            client: "test".to_owned(),
        };
        let token = loop {
            match ada.account().login(request.clone()).await {
                Err(status) if status.code() == Code::DeadlineExceeded => {}
                answer => break answer.unwrap().into_inner().token,
            }
        };
        let peer = ada.clone().bearing(Bearer::holding(&token));
        let channel = Channel {
            name: "own".to_owned(),
            kind: ChannelKind::Webhook.into(),
            address: format!("{}/{name}", self.mailbox),
            digest: Some(duration(0)),
            ..Channel::default()
        };
        let request = AddChannelRequest { channel: Some(channel) };
        peer.notify().add_channel(request).await.unwrap();
        peer
    }
}

/// Subscribes to the snow of a city.
pub(crate) async fn subscribe(peer: &Peer, number: usize) -> Result<Subscription, Status> {
    let request = SubscribeRequest {
        city: city(number),
        limits: Some(SNOW),
        shared: false,
    };
    let answer = peer.weather().subscribe(request).await?;
    Ok(answer.into_inner().subscription.unwrap())
}
