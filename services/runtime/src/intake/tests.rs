use std::convert::Infallible;

use bytes::Bytes;
use http_body::Body as _;
use prost::Message as _;
use sla_proto::set::v1::GetSetRequest;

use super::*;

const GET: &str = "/sla.set.v1.SetService/GetSet";
const APPLY: &str = "/sla.set.v1.SetService/ApplySets";

fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend((message.len() as u32).to_be_bytes());
    bytes.extend(message);
    bytes
}

/// A body in pieces of this size.
fn body(bytes: &[u8], piece: usize) -> Body {
    let pieces: Vec<_> = bytes.chunks(piece.max(1)).map(Bytes::copy_from_slice).collect();
    let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    Body::new(http_body_util::StreamBody::new(futures::stream::iter(frames)))
}

async fn read(intake: &Intake, path: &str, bytes: &[u8], piece: usize) -> Result<(Vec<Bytes>, Held), Status> {
    let (mut body, held) = intake.sift(path, body(bytes, piece));
    let mut messages = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        messages.extend(frame?.into_data().ok());
    }
    Ok((messages, held))
}

async fn refused(path: &str, bytes: &[u8]) -> (Code, String) {
    let status = read(&Intake::default(), path, bytes, 16 << 10).await.unwrap_err();
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn sound_messages_pass_whole_however_they_are_cut() {
    let message = GetSetRequest { set: "web".to_owned() }.encode_to_vec();
    let two = [framed(&message), framed(&message)].concat();
    for piece in 1..=two.len() {
        let (messages, _) = read(&Intake::default(), GET, &two, piece).await.unwrap();
        assert_eq!(messages, [framed(&message), framed(&message)], "{piece}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_words() {
    use Code::{InvalidArgument, ResourceExhausted, Unimplemented};
    let huge = [&[0][..], &(5_u32 << 20).to_be_bytes(), &[0x0a; 100]].concat();
    let empty_elements = framed(&[0x0a, 0].repeat(400_000));
    let mut nested = Vec::new();
    for _ in 0..10_000 {
        nested = [vec![0x0a], varint(nested.len()), nested].concat();
    }
    let packed_in_two = [1, 0, 0, 0, 0];
    for (path, bytes, code, words) in [
        (
            GET,
            framed(&[0x0a, 3, 0xff, 0xfe, 0xfd]),
            InvalidArgument,
            "set is not UTF-8",
        ),
        (GET, framed(&[0x0a, 9, b'a']), InvalidArgument, "set is cut short"),
        (GET, framed(&[0x08, 1]), InvalidArgument, "set is of another type"),
        (GET, framed(&[0xff; 12]), InvalidArgument, "more than 64 bits"),
        (
            GET,
            framed(&[0x0a; 3])[..7].to_vec(),
            InvalidArgument,
            "ends in the middle of a message",
        ),
        (GET, Vec::new(), InvalidArgument, "has no message"),
        (
            GET,
            huge,
            ResourceExhausted,
            "5242880 bytes is too much: at most 1024 KiB",
        ),
        (GET, packed_in_two.to_vec(), Unimplemented, "compressed"),
        (
            APPLY,
            empty_elements,
            ResourceExhausted,
            "decoded, is too much: at most 4096 KiB",
        ),
        (APPLY, framed(&nested), InvalidArgument, "sets[0]"),
    ] {
        let (got, said) = refused(path, &bytes).await;
        assert!(got == code && said.contains(words), "{words}: {got:?} {said}");
    }
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// One message that takes nearly all a message may.
fn heavy() -> Vec<u8> {
    let name = vec![b'a'; MAX_MESSAGE_BYTES - 16];
    framed(&[vec![0x0a], varint(name.len()), name].concat())
}

#[tokio::test]
async fn all_calls_share_one_budget_and_small_ones_need_none() {
    let intake = Intake::default();
    let mut held = Vec::new();
    let status = loop {
        match read(&intake, GET, &heavy(), 16 << 10).await {
            Ok((_, call)) => held.push(call),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!((40..=MAX_IN_FLIGHT_BYTES >> 20).contains(&held.len()), "{}", held.len());
    let small = framed(&GetSetRequest { set: "web".to_owned() }.encode_to_vec());
    read(&intake, GET, &small, 64).await.unwrap();
    held.clear();
    read(&intake, GET, &heavy(), 16 << 10).await.unwrap();
    assert_eq!(
        intake.budget.available_permits(),
        MAX_IN_FLIGHT_BYTES / PIECE,
        "all is given back"
    );
}

#[tokio::test]
async fn a_call_of_many_messages_has_an_end() {
    // Unknown fields of ApplySets: read, never decoded, counted all the same.
    let message = framed(
        &[
            vec![0x7a],
            varint(MAX_MESSAGE_BYTES - 8),
            vec![0; MAX_MESSAGE_BYTES - 8],
        ]
        .concat(),
    );
    let intake = Intake::default();
    let (messages, _) = read(&intake, APPLY, &message.repeat(10), 16 << 10).await.unwrap();
    assert_eq!(messages.len(), 10);
    let status = read(&intake, APPLY, &message.repeat(60), 16 << 10).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("all that this call sends"), "{status:?}");
}
