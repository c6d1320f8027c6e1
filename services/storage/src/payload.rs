//! How parts of results are kept in the database: one byte that names the format, then the content.

mod bytes;
mod compact;

use prost::Message as _;
use sla_proto::result::v1::SeriesResult;

use crate::error::StoreError;

/// The content is an encoded `SeriesResult`.
const FORMAT_MESSAGE: u8 = 0;
/// The content is what [`compact`] writes.
const FORMAT_COMPACT: u8 = 1;

/// Every bit of the part: for the newest results.
pub(crate) fn encode_exact(content: &SeriesResult) -> Vec<u8> {
    let mut bytes = vec![FORMAT_MESSAGE];
    bytes.extend_from_slice(&content.encode_to_vec());
    bytes
}

/// Few bytes: for the history. See [`compact`] for what is rounded. `exact` is what [`encode_exact`] made of it.
pub(crate) fn encode_short(content: &SeriesResult, exact: &[u8]) -> Vec<u8> {
    match compact::encode(content) {
        Some(short) if short.len() + 1 < exact.len() => {
            let mut bytes = Vec::with_capacity(short.len() + 1);
            bytes.push(FORMAT_COMPACT);
            bytes.extend_from_slice(&short);
            bytes
        }
        _ => exact.to_vec(),
    }
}

/// What was encoded.
pub(crate) fn decode(bytes: &[u8]) -> Result<SeriesResult, StoreError> {
    let damaged = |finding: String| StoreError::Corrupt { finding };
    match bytes.split_first() {
        Some((&FORMAT_MESSAGE, content)) => {
            SeriesResult::decode(content).map_err(|source| StoreError::Undecodable { what: "result", source })
        }
        Some((&FORMAT_COMPACT, content)) => {
            compact::decode(content).ok_or_else(|| damaged("a compact result makes no sense".to_owned()))
        }
        Some((format, _)) => Err(damaged(format!("a result has the unknown format {format}"))),
        None => Err(damaged("a result is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests;
