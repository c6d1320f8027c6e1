//! Cutting chunks to a range without decoding what lies inside: only the chunks at its two edges are written anew.

use std::sync::Arc;

use bytes::Bytes;
use sla_domain::{Samples, is_stale};
use sla_proto::series::v1::SampleChunk;
use sla_source::XorChunk;
use sla_source::xor::{XorEncoder, XorError, XorIter};

/// Samples of one chunk that we write ourselves.
pub const CHUNK_SAMPLES: usize = 120;
/// Most samples before the range that are given along: back to the newest number, which holds on through a few that are none.
const MAX_CARRIED: usize = 10;

fn message(chunk: &XorChunk) -> SampleChunk {
    SampleChunk {
        // Shared with the cache: an answer that waits for its reader costs no copy.
        xor: Bytes::from_owner(chunk.bytes.clone()),
        count: chunk.count() as u32,
        first_ms: chunk.min_ms,
        last_ms: chunk.max_ms,
    }
}

/// Chunks, in time order and apart from each other, cut to (`after_ms`, `until_ms`]. In front comes what carries a value into
/// the range: the newest number at or before `after_ms` and whatever lies between it and the range, at most a few samples.
pub fn clip(chunks: &[XorChunk], after_ms: i64, until_ms: i64) -> Result<Vec<SampleChunk>, XorError> {
    let inside_from = chunks.partition_point(|chunk| chunk.max_ms <= after_ms);
    let mut out = Vec::with_capacity(chunks.len() - inside_from + 1);
    let mut carried = Vec::new();
    for chunk in chunks[..inside_from].iter().rev() {
        if carry(chunk, after_ms, &mut carried)? {
            break;
        }
    }
    // `carried` was filled backwards, chunk by chunk.
    let mut edge: Vec<(i64, f64)> = carried.into_iter().rev().collect();
    for chunk in &chunks[inside_from..] {
        if chunk.min_ms > until_ms {
            break;
        }
        if chunk.min_ms > after_ms && chunk.max_ms <= until_ms {
            flush(&mut edge, &mut out);
            out.push(message(chunk));
            continue;
        }
        let mut inside = Vec::new();
        for pair in XorIter::new(&chunk.bytes) {
            let (time, value) = pair?;
            if time <= after_ms {
                edge.push((time, value));
            } else if time <= until_ms {
                inside.push((time, value));
            }
        }
        if chunk.min_ms <= after_ms {
            keep_newest_number(&mut edge);
        }
        edge.append(&mut inside);
    }
    flush(&mut edge, &mut out);
    Ok(out)
}

/// Adds the samples of `chunk` at or before `after_ms`, newest first, back to its newest number; whether one was found or
/// enough was collected.
fn carry(chunk: &XorChunk, after_ms: i64, carried: &mut Vec<(i64, f64)>) -> Result<bool, XorError> {
    let mut before: Vec<(i64, f64)> = Vec::new();
    for pair in XorIter::new(&chunk.bytes) {
        let (time, value) = pair?;
        if time > after_ms {
            break;
        }
        before.push((time, value));
    }
    for (time, value) in before.into_iter().rev() {
        carried.push((time, value));
        if value.is_finite() || is_stale(value) || carried.len() >= MAX_CARRIED {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Drops all before the newest number or stale marker, and all but the last few.
fn keep_newest_number(before: &mut Vec<(i64, f64)>) {
    let from = before
        .iter()
        .rposition(|(_, value)| value.is_finite() || is_stale(*value))
        .unwrap_or(0)
        .max(before.len().saturating_sub(MAX_CARRIED));
    before.drain(..from);
}

fn flush(samples: &mut Vec<(i64, f64)>, out: &mut Vec<SampleChunk>) {
    for piece in samples.chunks(CHUNK_SAMPLES) {
        let mut encoder = XorEncoder::new();
        for &(time, value) in piece {
            encoder.push(time, value);
        }
        if let (Some(first_ms), Some(last_ms)) = (encoder.first_ms(), encoder.last_ms()) {
            out.push(SampleChunk {
                count: encoder.len() as u32,
                first_ms,
                last_ms,
                xor: Bytes::copy_from_slice(encoder.bytes()),
            });
        }
    }
    samples.clear();
}

/// Samples as chunks of ours.
pub fn held(samples: &Samples) -> Vec<XorChunk> {
    let mut out = Vec::new();
    let mut encoder = XorEncoder::new();
    let mut close = |encoder: &mut XorEncoder| {
        if let (Some(first_ms), Some(last_ms)) = (encoder.first_ms(), encoder.last_ms()) {
            out.push(XorChunk {
                min_ms: first_ms,
                max_ms: last_ms,
                bytes: Arc::from(encoder.bytes()),
            });
        }
        *encoder = XorEncoder::new();
    };
    for (time, value) in samples.iter() {
        if encoder.len() == CHUNK_SAMPLES {
            close(&mut encoder);
        }
        encoder.push(time, value);
    }
    close(&mut encoder);
    out
}

/// All samples of chunks, in order of time.
pub fn decode(chunks: &[SampleChunk]) -> Result<Samples, XorError> {
    let mut out = Samples::default();
    for chunk in chunks {
        sla_source::xor::decode_range(&chunk.xor, i64::MIN, i64::MAX, &mut out)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sla_domain::STALE_NAN_BITS;

    use super::*;

    fn bits(samples: &Samples) -> Vec<(i64, u64)> {
        samples.iter().map(|(time, value)| (time, value.to_bits())).collect()
    }

    /// The rule, said slowly.
    fn naive(samples: &Samples, after_ms: i64, until_ms: i64) -> Vec<(i64, u64)> {
        let all: Vec<(i64, f64)> = samples.iter().filter(|(time, _)| *time <= until_ms).collect();
        let split = all.partition_point(|(time, _)| *time <= after_ms);
        let mut from = split;
        while from > 0 && split - from < MAX_CARRIED {
            from -= 1;
            if all[from].1.is_finite() || is_stale(all[from].1) {
                break;
            }
        }
        all[from..]
            .iter()
            .map(|(time, value)| (*time, value.to_bits()))
            .collect()
    }

    proptest! {
        #[test]
        fn a_cut_equals_the_naive_one(
            deltas in proptest::collection::vec((1_i64..40, prop_oneof![
                6 => Just(1.5_f64), 1 => Just(f64::NAN), 1 => Just(f64::from_bits(STALE_NAN_BITS)), 1 => any::<f64>(),
            ]), 0..700),
            edges in (0_i64..9_000, 0_i64..9_000),
        ) {
            let mut samples = Samples::default();
            let mut time = 0;
            for (delta, value) in deltas {
                time += delta;
                samples.push(time, value);
            }
            let (after_ms, until_ms) = (edges.0.min(edges.1), edges.0.max(edges.1));
            let got = clip(&held(&samples), after_ms, until_ms).unwrap();
            prop_assert!(got.iter().all(|chunk| chunk.count as usize <= CHUNK_SAMPLES));
            prop_assert!(got.windows(2).all(|pair| pair[0].last_ms < pair[1].first_ms));
            prop_assert_eq!(bits(&decode(&got).unwrap()), naive(&samples, after_ms, until_ms));
        }
    }

    #[test]
    fn chunks_inside_are_passed_on_as_they_are() {
        let samples = Samples::from_columns((0..600).map(|k| k * 10).collect(), (0..600).map(f64::from).collect());
        let chunks = held(&samples);
        let got = clip(&chunks, 1_500, 5_000).unwrap();
        assert!(
            got.iter().any(|chunk| chunk.xor[..] == chunks[2].bytes[..]),
            "the third chunk lies inside"
        );
        assert_eq!(got[0].first_ms, 1_500, "one sample before the range is carried in");
    }

    #[test]
    fn garbage_is_an_error() {
        let chunk = XorChunk {
            min_ms: 0,
            max_ms: 10,
            bytes: Arc::from([0xff, 0xff, 1].as_slice()),
        };
        assert!(clip(&[chunk], 5, 20).is_err());
    }
}
