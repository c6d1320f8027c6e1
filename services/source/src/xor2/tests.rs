//! Against chunks that Prometheus' own encoder wrote (its `tsdb/chunkenc` at 3.14, with and without start timestamps), and
//! against garbage.

use proptest::prelude::*;

use super::*;

/// Name, chunk, and its samples: `name hex time:bits …`, one a line.
const VECTORS: &str = include_str!("vectors.txt");

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn sample(text: &str) -> (i64, u64) {
    let (time, bits) = text.split_once(':').unwrap();
    (time.parse().unwrap(), u64::from_str_radix(bits, 16).unwrap())
}

#[test]
fn chunks_of_the_servers_encoder_are_read_bit_by_bit() {
    let mut lines = 0;
    for line in VECTORS.lines() {
        let mut words = line.split(' ');
        let (name, hex) = (words.next().unwrap(), words.next().unwrap());
        let wanted: Vec<(i64, u64)> = words.map(sample).collect();
        let read = decode(&bytes(hex)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let read: Vec<(i64, u64)> = read.iter().map(|(time, value)| (time, value.to_bits())).collect();
        assert_eq!(read, wanted, "{name}");
        lines += 1;
    }
    assert_eq!(lines, 15);
}

#[test]
fn a_chunk_cut_short_is_an_error() {
    for line in VECTORS.lines().filter(|line| !line.starts_with("empty")) {
        let whole = bytes(line.split(' ').nth(1).unwrap());
        // The last byte may be padding only; three less never hold everything.
        for length in HEADER_BYTES..whole.len().saturating_sub(3) {
            assert!(decode(&whole[..length]).is_err(), "{length} of {line:.40}");
        }
    }
    assert!(decode(&[]).unwrap().is_empty());
    assert!(matches!(decode(&[0, 1, 0]), Err(XorError::Truncated { sample: 0 })));
}

proptest! {
    #[test]
    fn garbage_ends_in_an_error_or_in_rising_samples(chunk in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(samples) = decode(&chunk) {
            prop_assert!(samples.times_ms.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(samples.len() <= chunk.len() * 8);
        }
    }
}
