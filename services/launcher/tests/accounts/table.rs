//! Every rpc of the contract, called by everybody: nobody, each rank over TCP, and before there was any user.

use http::uri::PathAndQuery;
use sla_proto::peer::{Access, Rank, access, contract};
use sla_runtime::reason;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::house::House;

/// Why the doors turned a call away; `None` when it came through, whatever became of it.
async fn turned_away(channel: &Channel, path: &str, token: Option<&str>) -> Option<(Code, String)> {
    let status = refused(channel, path, token).await?;
    let info = status.get_details_error_info()?;
    // A wrong password is an answer of the service, not of the door.
    let away = [reason::NOT_ALLOWED, reason::UNAUTHENTICATED].contains(&info.reason.as_str())
        && status.message() != "name or password is wrong";
    away.then_some((status.code(), info.reason))
}

/// What a call is refused with; `None` where it is not.
async fn refused(channel: &Channel, path: &str, token: Option<&str>) -> Option<Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let mut request = Request::new(());
    if let Some(token) = token {
        let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let path: PathAndQuery = path.parse().unwrap();
    // An empty message to whatever method: who is turned away hears it before anything is read.
    let called = grpc
        .server_streaming(request, path, ProstCodec::<(), ()>::default())
        .await;
    called.err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rpc_is_open_to_whom_the_table_says_and_to_nobody_else() {
    let house = House::empty("").await;
    let channel = Endpoint::from_shared(house.address.clone())
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut calls = 0;
    // Before there is any user everybody may what the way of the call allows.
    for rpc in contract::rpcs() {
        let closed = matches!(access(&rpc.path), Access::Host(_) | Access::Roles);
        let expected = closed.then(|| (Code::PermissionDenied, reason::NOT_ALLOWED.to_owned()));
        assert_eq!(
            turned_away(&channel, &rpc.path, None).await,
            expected,
            "{} before accounts",
            rpc.path
        );
        calls += 1;
    }
    drop(house);

    let house = House::with_admin("").await;
    let channel = Endpoint::from_shared(house.address.clone())
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut callers: Vec<(Option<Rank>, Option<String>)> = vec![(None, None)];
    for rank in Rank::ALL {
        callers.push((Some(rank), Some(house.token(rank).await)));
    }
    for rpc in contract::rpcs() {
        for (rank, token) in &callers {
            let expected = match (access(&rpc.path), rank) {
                (Access::Anyone, _) | (Access::Somebody, Some(_)) => None,
                // Over TCP nobody is on the host, and nobody a role.
                (Access::Roles, _) | (Access::Host(_), Some(_)) => Some(Code::PermissionDenied),
                (Access::Somebody | Access::User(_) | Access::Host(_), None) => Some(Code::Unauthenticated),
                (Access::User(least), Some(rank)) => (*rank < least).then_some(Code::PermissionDenied),
            };
            let found = turned_away(&channel, &rpc.path, token.as_deref()).await;
            assert_eq!(found.map(|(code, _)| code), expected, "{} by {rank:?}", rpc.path);
            calls += 1;
        }
    }
    println!(
        "{calls} calls: {} rpcs, {} callers and nobody before accounts",
        contract::rpcs().len(),
        callers.len()
    );
    for unknown in ["/sla.set.v1.SetService/Nothing", "/sla.nothing.v1.X/Y"] {
        let found = refused(&channel, unknown, callers[4].1.as_deref()).await;
        assert_eq!(found.unwrap().code(), Code::Unimplemented, "{unknown}");
    }
}

/// Some of it by hand, so that a table that was changed by mistake is found.
#[test]
fn the_table_says_what_was_agreed() {
    for (path, needed) in [
        ("/sla.account.v1.AccountService/Register", Access::Anyone),
        ("/sla.account.v1.AccountService/Login", Access::Anyone),
        ("/sla.account.v1.AccountService/AddUser", Access::User(Rank::Admin)),
        ("/sla.account.v1.AccountService/ListAudit", Access::User(Rank::Admin)),
        ("/sla.account.v1.AccountService/Authenticate", Access::Roles),
        ("/sla.server.v1.ServerService/GetServerInfo", Access::User(Rank::Viewer)),
        ("/sla.server.v1.ServerService/StopServer", Access::Host(Rank::Operator)),
        ("/sla.set.v1.SetService/ListSets", Access::User(Rank::Viewer)),
        ("/sla.set.v1.SetService/CreateSet", Access::User(Rank::Editor)),
        ("/sla.notify.v1.NotifyService/AddChannel", Access::Somebody),
        ("/sla.notify.v1.NotifyService/Acknowledge", Access::Somebody),
        ("/sla.weather.v1.WeatherService/Subscribe", Access::Somebody),
        ("/sla.weather.v1.WeatherService/Unsubscribe", Access::Somebody),
        ("/sla.weather.v1.WeatherService/AddCity", Access::User(Rank::Editor)),
        ("/sla.set.v1.SetService/UpdateSet", Access::User(Rank::Editor)),
        ("/sla.etl.v1.RunService/StartRun", Access::User(Rank::Operator)),
        (
            "/sla.etl.v1.ScheduleService/UpdateSchedule",
            Access::User(Rank::Operator),
        ),
        ("/sla.storage.v1.AccountStoreService/ListStoredAccounts", Access::Roles),
        ("/sla.storage.v1.SetStoreService/PutStoredSet", Access::Roles),
    ] {
        assert_eq!(access(path), needed, "{path}");
    }
}
