//! What is no token opens nothing: forged, truncated, expired, idle, revoked, of a disabled user, 1 MiB long.

use std::time::Duration;

use sla_proto::Peer;
use sla_proto::account::v1::{LogoutRequest, RevokeSessionRequest, UpdateUserRequest, WhoAmIRequest, WhoAmIResponse};
use sla_proto::peer::Rank;
use sla_runtime::reason;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::house::{House, PASSWORD};

const MINUTE_MS: i64 = 60_000;

async fn who(peer: &Peer) -> Result<WhoAmIResponse, Status> {
    peer.account()
        .who_am_i(WhoAmIRequest {})
        .await
        .map(tonic::Response::into_inner)
}

async fn refused(house: &House, token: &str) {
    let status = who(&house.over_tcp(Some(token)).await).await.unwrap_err();
    let shown = &token[..token.len().min(12)];
    assert_eq!(status.code(), Code::Unauthenticated, "{shown}…: {status:?}");
    if let Some(info) = status.get_details_error_info() {
        assert_eq!(info.reason, reason::UNAUTHENTICATED);
    }
    assert!(!status.message().contains(shown), "a token is not repeated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_token_opens_nothing() {
    let house = House::with_admin("").await;
    house.add("edith", Rank::Editor).await;
    let opened = house.log_in("Edith", PASSWORD).await.unwrap();
    let token = opened.token;
    let me = who(&house.over_tcp(Some(&token)).await).await.unwrap();
    assert_eq!((me.caller.as_str(), me.rank()), ("edith", Rank::Editor.message()));

    let forged = "sla_s_".to_owned() + &"0".repeat(64);
    let truncated = &token[..token.len() - 1];
    let longer = format!("{token}0");
    let other_case = token.to_uppercase();
    let hash_of_it = format!("{:x}", 0_u128);
    for odd in [
        &forged,
        truncated,
        &longer,
        &other_case,
        &hash_of_it,
        "garbage",
        "\u{1f600}",
        &"x".repeat(513),
        &"y".repeat(8 << 10),
    ] {
        refused(&house, odd).await;
    }
    refused(&house, &"z".repeat(1 << 20)).await;
    // On the Unix socket a token that is none does not fall back to the uid.
    let over_socket = house.ada().await.bearing(sla_proto::peer::Bearer::holding(&forged));
    assert_eq!(who(&over_socket).await.unwrap_err().code(), Code::Unauthenticated);

    // Logged out.
    let peer = house.over_tcp(Some(&token)).await;
    assert!(
        peer.account()
            .logout(LogoutRequest {})
            .await
            .unwrap()
            .into_inner()
            .ended
    );
    refused(&house, &token).await;

    // Revoked by an admin.
    let opened = house.log_in("edith", PASSWORD).await.unwrap();
    let id = opened.session.unwrap().id;
    house
        .ada()
        .await
        .account()
        .revoke_session(RevokeSessionRequest { id })
        .await
        .unwrap();
    refused(&house, &opened.token).await;

    // Idle for half an hour; used now and then it lives for twelve, and no longer.
    let idle = house.log_in("edith", PASSWORD).await.unwrap().token;
    let used = house.log_in("edith", PASSWORD).await.unwrap().token;
    let service = house.token(Rank::Viewer).await;
    let peer = house.over_tcp(Some(&used)).await;
    for _ in 0..(12 * 60 / 29) {
        house.clock.advance(29 * MINUTE_MS);
        who(&peer).await.unwrap();
    }
    refused(&house, &idle).await;
    house.clock.advance(29 * MINUTE_MS);
    refused(&house, &used).await;
    who(&house.over_tcp(Some(&service)).await)
        .await
        .expect("a service token neither idles out nor ends so soon");
    house.clock.advance(90 * 24 * 60 * MINUTE_MS);
    refused(&house, &service).await;

    // Disabled: what was open ends, and the right password opens nothing.
    let opened = house.log_in("edith", PASSWORD).await.unwrap().token;
    let disable = UpdateUserRequest {
        name: "edith".to_owned(),
        disabled: Some(true),
        ..UpdateUserRequest::default()
    };
    let ended = house
        .ada()
        .await
        .account()
        .update_user(disable)
        .await
        .unwrap()
        .into_inner()
        .ended;
    assert_eq!(ended, 1);
    refused(&house, &opened).await;
    assert_eq!(
        house.log_in("edith", PASSWORD).await.unwrap_err().code(),
        Code::Unauthenticated
    );
}

/// A header of 1 MiB on the wire, past our own client: the connection may end, the instance does not, and nothing passes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_mebibyte_on_the_wire_does_no_harm() {
    let house = House::with_admin("").await;
    let address = house.address.trim_start_matches("http://").to_owned();
    let token = format!("Bearer {}", "x".repeat(1 << 20));
    let mut raw = tokio::net::TcpStream::connect(&address).await.unwrap();
    raw.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    // Literal header fields without indexing (RFC 7541, 6.2.2), cut into frames of 16 KiB (RFC 9113, 6.10).
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/sla.account.v1.AccountService/WhoAmI"),
        ("authorization", token.as_str()),
    ] {
        block.push(0);
        integer(&mut block, name.len());
        block.extend(name.as_bytes());
        integer(&mut block, value.len());
        block.extend(value.as_bytes());
    }
    let pieces: Vec<&[u8]> = block.chunks(16 << 10).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let kind = if at == 0 { 1 } else { 9 };
        let flags = u8::from(at == 0) | if at + 1 == pieces.len() { 4 } else { 0 };
        let length = (piece.len() as u32).to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.extend(*piece);
        if raw.write_all(&frame).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let reading = raw.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(5), reading).await;
    assert!(
        !String::from_utf8_lossy(&answer).contains("ada"),
        "nobody was told who he is"
    );
    who(&house.ada().await).await.expect("the instance serves on");
}

/// An integer with a prefix of seven bits (RFC 7541, 5.1).
fn integer(block: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        block.push(value as u8);
        return;
    }
    block.push(127);
    value -= 127;
    while value >= 128 {
        block.push((value % 128) as u8 | 128);
        value /= 128;
    }
    block.push(value as u8);
}
