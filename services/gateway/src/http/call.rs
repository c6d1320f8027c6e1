//! One unary rpc, made for a request of HTTP: the caller's name and what it may do travel with it.

use bytes::{Buf as _, BufMut as _, Bytes};
use http::HeaderMap;
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use sla_proto::PeerChannel;
use sla_proto::peer::MAX_ANSWER_BYTES;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::routes::Route;
use crate::passing;

/// Calls the rpc of `route` with `message`.
pub(super) async fn unary(
    channel: &PeerChannel,
    route: &Route,
    message: &DynamicMessage,
    output: &MessageDescriptor,
    extensions: &http::Extensions,
) -> Result<DynamicMessage, Status> {
    let mut sent = HeaderMap::new();
    passing::put(extensions, &mut sent);
    let body = Bytes::from(message.encode_to_vec());
    let request = Request::from_parts(MetadataMap::from_headers(sent), tonic::Extensions::default(), body);
    let path = PathAndQuery::try_from(route.rpc_path()).map_err(|_| Status::internal("a route without a path"))?;
    let mut client = tonic::client::Grpc::new(channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let answer = client.unary(request, path, Raw).await?.into_inner();
    DynamicMessage::decode(output.clone(), answer)
        .map_err(|error| Status::internal(format!("the answer cannot be read: {error}")))
}

/// Messages as they are.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
