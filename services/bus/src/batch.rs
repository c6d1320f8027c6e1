//! Cutting records into requests that the storage accepts.

use prost::Message as _;
use sla_proto::result::v1::Record;

use crate::error::StreamError;

/// Most records of one request.
pub const MAX_BATCH_RECORDS: usize = 500;
/// Largest sum of encoded records of one request, in bytes.
pub const MAX_BATCH_BYTES: usize = 512 * 1024;

/// Encoded records, in order, cut greedily into batches of at most [`MAX_BATCH_RECORDS`] and [`MAX_BATCH_BYTES`]. No batch is
/// empty.
///
/// # Errors
/// [`StreamError::RecordTooLarge`] when one record alone exceeds the limit; nothing is cut then.
pub fn cut(records: &[Record]) -> Result<Vec<Vec<Vec<u8>>>, StreamError> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for record in records {
        let body = record.encode_to_vec();
        if body.len() > MAX_BATCH_BYTES {
            return Err(StreamError::RecordTooLarge {
                bytes: body.len(),
                limit: MAX_BATCH_BYTES,
            });
        }
        if batch.len() == MAX_BATCH_RECORDS || bytes + body.len() > MAX_BATCH_BYTES {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += body.len();
        batch.push(body);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sla_proto::result::v1::{RunFinished, record::Fact};

    use super::*;

    fn record(size: usize) -> Record {
        Record {
            schema: 1,
            fact: Some(Fact::RunFinished(RunFinished {
                run_id: "x".repeat(size),
                ..RunFinished::default()
            })),
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_reordered_or_too_large(
            sizes in proptest::collection::vec(prop_oneof![0usize..200, 1_000usize..90_000], 0..700),
        ) {
            let records: Vec<Record> = sizes.iter().map(|&size| record(size)).collect();
            let batches = cut(&records).unwrap();
            for batch in &batches {
                prop_assert!(!batch.is_empty() && batch.len() <= MAX_BATCH_RECORDS);
                prop_assert!(batch.iter().map(Vec::len).sum::<usize>() <= MAX_BATCH_BYTES);
            }
            let back: Vec<Record> = batches.iter().flatten().map(|body| Record::decode(body.as_slice()).unwrap()).collect();
            prop_assert_eq!(back, records);
        }
    }

    #[test]
    fn a_record_beyond_the_limit_is_named() {
        let error = cut(&[record(1), record(MAX_BATCH_BYTES)]).unwrap_err();
        assert!(
            matches!(
                error,
                StreamError::RecordTooLarge {
                    limit: MAX_BATCH_BYTES,
                    ..
                }
            ),
            "{error}"
        );
        assert!(cut(&[]).unwrap().is_empty());
    }
}
