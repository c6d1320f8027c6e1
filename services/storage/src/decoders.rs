//! The decoder of what lies in the database, for tests that throw garbage at it: a file may be damaged.

use prost::Message as _;
use sla_proto::result::v1::SeriesResult;

use crate::payload::{decode, encode_exact, encode_short};

/// A stored part of a result as the message that it stands for, for figures.
pub fn message(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(decode(bytes).ok()?.encode_to_vec())
}

/// A message of a result in the short form, for figures.
pub fn short(message: &[u8]) -> Option<Vec<u8>> {
    let content = SeriesResult::decode(message).ok()?;
    Some(encode_short(&content, &encode_exact(&content)))
}

/// A stored part of a result; what is accepted is written again, both ways. How many bytes the short way takes.
pub fn payload(bytes: &[u8]) -> Option<usize> {
    let content = decode(bytes).ok()?;
    let exact = encode_exact(&content);
    let short = encode_short(&content, &exact);
    decode(&exact).ok()?;
    decode(&short).ok()?;
    Some(short.len())
}
