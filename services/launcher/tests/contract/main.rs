//! The gRPC suite, run over every transport: inside the process, over a Unix socket, over TCP, and over roles in processes of
//! their own. The answers must not differ.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

#[path = "../shared/agreement.rs"]
mod agreement;
mod authority;
mod estate;
mod gateway;
mod suite;
#[cfg(feature = "kafka")]
mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Clock as _, ManualClock, SystemClock};
use sla_launcher::config::Config;
use sla_launcher::instance::{self, Demo, Paths, Roles, Serve, Wiring};
use sla_proto::Peer;
use sla_proto::peer::{Claims, Trust};
use sla_proto::server::v1::{GetServerInfoRequest, ListProcessesRequest, StopServerRequest};
use sla_proto::storage::v1::PutStoredSetRequest;
use sla_runtime::server::{Audience, Connections, Cover, TcpDoor, UnixDoor};
use sla_runtime::shutdown::Shutdown;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use estate::Estate;
use suite::{health_of, suite};

/// One instance, three doors: the suite passes through each, the last word comes through each before they close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_over_every_transport() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::inside(folder.path());
    let now_ms = SystemClock.now_ms();
    let run = Serve {
        demo: Some(Demo {
            folder: folder.path().to_owned(),
            frozen_ms: Some(now_ms),
            step_ms: 15_000,
        }),
        ..Serve::default()
    };
    let shutdown = Shutdown::new();
    let clock = Arc::new(ManualClock::at(now_ms));
    let config = Config::default();
    let roles = instance::start(Wiring {
        config: &config,
        paths: &paths,
        run: &run,
        clock,
        shutdown: &shutdown,
    });
    let Roles {
        routes,
        guard,
        local,
        late: _late,
        ..
    } = roles.await.unwrap();

    let unix = UnixDoor::bind(&paths.socket, Audience::Owner).await.unwrap();
    let tcp = TcpDoor::bind("127.0.0.1:0".parse().unwrap(), Cover::Host)
        .await
        .unwrap();
    let address = format!("http://{}", tcp.address);
    let served = unix.serve(routes.clone(), guard.clone(), Connections::default(), shutdown.clone());
    shutdown.spawn("unix", async move { served.await.unwrap() });
    let served = tcp.serve(routes, guard, Connections::default(), shutdown.clone());
    shutdown.spawn("tcp", async move { served.await.unwrap() });

    let peers = [
        ("local", local.clone()),
        ("unix", Peer::connect_unix(&paths.socket).await.unwrap()),
        ("tcp", Peer::connect_tcp(&address, &Trust::default()).await.unwrap()),
    ];
    for (transport, peer) in &peers {
        suite(transport, peer, &local).await;
    }
    for (_, peer) in &peers[1..] {
        closed_to_consoles(peer).await;
    }
    let stop = peers[2].1.server().stop_server(StopServerRequest::default()).await;
    assert_eq!(stop.unwrap_err().code(), Code::PermissionDenied, "not over TCP");

    let mut watches = Vec::new();
    for (transport, peer) in &peers {
        let mut watch = peer.health().watch(health_of("storage")).await.unwrap().into_inner();
        let first = watch.message().await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::Serving, "{transport}");
        watches.push((transport, watch));
    }
    shutdown.begin();
    for (transport, mut watch) in watches {
        let last = watch.message().await.unwrap().unwrap();
        assert_eq!(last.status(), ServingStatus::NotServing, "{transport}");
        assert!(
            !shutdown.token().is_cancelled(),
            "{transport}: the word comes before the doors close"
        );
        assert!(watch.message().await.unwrap().is_none(), "{transport}: the stream ends");
    }
    drop(peers);
    assert!(
        shutdown.drain(sla_runtime::shutdown::DRAIN_LIMIT).await,
        "every task ends when asked to"
    );
}

/// Five processes, each with one role, that know each other by a secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_over_roles_in_processes_of_their_own() {
    holds_over(Estate::start(&[])).await;
}

/// The same, with an Apache Kafka between etl and storage.
#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
#[expect(clippy::disallowed_methods, reason = "dev/test names its server in the environment")]
async fn the_contract_holds_over_kafka() {
    let servers = std::env::var("SLA_TEST_KAFKA").expect("SLA_TEST_KAFKA: run by dev/test");
    let broker = servers.split(',').next().unwrap_or_default();
    let bus = [
        ("SLA_BUS__BROKERS", broker.to_owned()),
        ("SLA_BUS__TOPIC_PREFIX", suite::topic_prefix()),
        ("SLA_BUS__PARTITIONS", suite::PARTITIONS.to_string()),
    ];
    holds_over(Estate::start(&bus)).await;
}

async fn holds_over(estate: Estate) {
    let of = |claims: &Claims| -> BTreeMap<String, Peer> {
        let peers = estate.addresses().map(|(role, address)| {
            let peer = Peer::lazy_tcp(&address, &Trust::default())
                .unwrap()
                .claiming(claims.clone());
            (role.to_owned(), peer)
        });
        peers.collect()
    };
    let console = of(&Claims::default());
    let info = console["storage"]
        .server()
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap();
    assert_eq!(info.into_inner().roles, ["storage"]);
    // Every process knows the four others.
    let answer = console["etl"]
        .server()
        .list_processes(ListProcessesRequest {})
        .await
        .unwrap();
    assert_eq!(answer.into_inner().processes.len(), 5);
    let roles = of(&Claims::default().with_secret(estate::SECRET));
    let peer = console["sla"].clone().routed(console.clone());
    suite("estate", &peer, &roles["sla"].clone().routed(roles.clone())).await;
    closed_to_consoles(&peer).await;
    assert!(
        estate.stop(Duration::from_secs(5)),
        "each process ends in order, in whatever state the others are"
    );
}

/// What the roles keep is not a console's to write.
async fn closed_to_consoles(peer: &Peer) {
    let refused = peer
        .set_store()
        .put_stored_set(PutStoredSetRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
}
