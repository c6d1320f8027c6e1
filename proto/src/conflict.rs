//! The stored set that travels with an ABORTED `STALE_VERSION`, so that a console can show both sides at once.

use prost::Message as _;
use tonic::Status;
use tonic::metadata::MetadataValue;

use crate::objective::v1::SlaSet;

/// Metadata key of the encoded set. Absent when the set was deleted or is too large; then it is read by its id.
const KEY: &str = "sla-conflict-bin";
/// HTTP/2 peers accept 16 KiB of headers, and these bytes travel as base64.
const MAX_BYTES: usize = 8 << 10;

/// Attaches the stored set to the refusal.
#[must_use]
pub fn with_stored(mut status: Status, stored: &SlaSet) -> Status {
    let bytes = stored.encode_to_vec();
    if bytes.len() <= MAX_BYTES {
        let value = MetadataValue::from_bytes(&bytes);
        status.metadata_mut().insert_bin(KEY, value);
    }
    status
}

/// The stored set of a refusal, where it carries one.
pub fn stored(status: &Status) -> Option<SlaSet> {
    let bytes = status.metadata().get_bin(KEY)?.to_bytes().ok()?;
    SlaSet::decode(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_travels_unless_it_is_too_large_for_a_header() {
        let set = |length| SlaSet {
            description: "x".repeat(length),
            version: 4,
            ..SlaSet::default()
        };
        let refusal = || Status::aborted("stale");
        assert_eq!(stored(&with_stored(refusal(), &set(10))).unwrap().version, 4);
        assert_eq!(stored(&with_stored(refusal(), &set(MAX_BYTES))), None);
        assert_eq!(stored(&refusal()), None);
    }
}
