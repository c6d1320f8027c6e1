//! How parts of results are kept in the database: one byte that names the format, then the content.

use prost::Message as _;
use sla_proto::result::v1::SeriesResult;

use crate::error::StoreError;

/// The content is an encoded `SeriesResult`.
const FORMAT_MESSAGE: u8 = 0;

/// Every bit of the part.
pub(crate) fn encode_exact(content: &SeriesResult) -> Vec<u8> {
    let mut bytes = vec![FORMAT_MESSAGE];
    bytes.extend_from_slice(&content.encode_to_vec());
    bytes
}

/// What was encoded.
pub(crate) fn decode(bytes: &[u8]) -> Result<SeriesResult, StoreError> {
    let damaged = |finding: &str| StoreError::Corrupt {
        finding: finding.to_owned(),
    };
    match bytes.split_first() {
        Some((&FORMAT_MESSAGE, content)) => {
            SeriesResult::decode(content).map_err(|source| StoreError::Undecodable { what: "result", source })
        }
        Some((format, _)) => Err(damaged(&format!("a result has the unknown format {format}"))),
        None => Err(damaged("a result is empty")),
    }
}
