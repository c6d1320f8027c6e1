use proptest::prelude::*;

use super::*;

fn encode(samples: &[(i64, u64)]) -> XorEncoder {
    let mut encoder = XorEncoder::new();
    for &(time, bits) in samples {
        assert!(encoder.push(time, f64::from_bits(bits)));
    }
    encoder
}

fn bits_of(samples: &Samples) -> Vec<(i64, u64)> {
    samples.iter().map(|(time, value)| (time, value.to_bits())).collect()
}

fn times_and_bits() -> impl Strategy<Value = Vec<(i64, u64)>> {
    let delta = prop_oneof![
        Just(15_000_i64),
        1..40_000_i64,
        1..10_000_000_i64,
        1..(1_i64 << 40),
        Just(15_000 + 8192),
        Just(15_000 + 8193),
        Just(15_000 + 65_536),
        Just(15_000 + 524_288),
        Just(15_000 + 524_289),
    ];
    let value = prop_oneof![
        any::<u64>(),
        any::<f64>().prop_map(f64::to_bits),
        (0..1000_u32).prop_map(|n| f64::from(n).to_bits()),
        Just(sla_domain::STALE_NAN_BITS),
        Just(f64::NAN.to_bits()),
        Just(1.5_f64.to_bits()),
    ];
    (
        -(1_i64 << 42)..(1_i64 << 42),
        prop::collection::vec((delta, value), 0..200),
    )
        .prop_map(|(start, steps)| {
            let mut time = start;
            steps
                .into_iter()
                .map(|(delta, bits)| {
                    time += delta;
                    (time, bits)
                })
                .collect()
        })
}

proptest! {
    #[test]
    fn what_was_written_is_read(samples in times_and_bits()) {
        let encoder = encode(&samples);
        let mut out = Samples::default();
        decode_range(encoder.bytes(), i64::MIN, i64::MAX, &mut out).unwrap();
        prop_assert_eq!(bits_of(&out), samples.clone());
        let ends = check(encoder.bytes()).unwrap();
        prop_assert_eq!(ends.map(|(first, last, count)| (first, last, usize::from(count))),
            samples.first().map(|first| (first.0, samples[samples.len() - 1].0, samples.len())));
    }

    #[test]
    fn a_range_is_cut_open_on_the_left(samples in times_and_bits(), a in 0..200_usize, b in 0..200_usize) {
        prop_assume!(!samples.is_empty());
        let pick = |at: usize| samples[at.min(samples.len() - 1)].0;
        let (after, until) = (pick(a.min(b)), pick(a.max(b)));
        let mut out = Samples::default();
        decode_range(encode(&samples).bytes(), after, until, &mut out).unwrap();
        let want: Vec<_> = samples.iter().copied().filter(|(time, _)| after < *time && *time <= until).collect();
        prop_assert_eq!(bits_of(&out), want);
    }

    #[test]
    fn garbage_never_panics_nor_grows(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut out = Samples::default();
        let decoded = decode_range(&bytes, i64::MIN, i64::MAX, &mut out);
        prop_assert_eq!(decoded.is_ok(), check(&bytes).is_ok());
        prop_assert!(out.len() <= bytes.len() * 4);
        prop_assert!(out.times_ms.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(XorIter::new(&bytes).count() <= bytes.len() * 4 + 1);
    }

    #[test]
    fn a_cut_chunk_is_an_error_and_keeps_what_came_before(samples in times_and_bits(), cut in any::<prop::sample::Index>()) {
        prop_assume!(samples.len() > 1);
        let encoder = encode(&samples);
        let keep = cut.index(encoder.bytes().len() - HEADER_BYTES) + HEADER_BYTES;
        let mut out = Samples::default();
        let error = decode_range(&encoder.bytes()[..keep], i64::MIN, i64::MAX, &mut out);
        prop_assert!(error.is_err());
        prop_assert_eq!(&bits_of(&out)[..], &samples[..out.len()]);
    }
}

/// Written by Prometheus 2.42 itself (`up`, five scrapes at 15 s, then one stale marker): the wire's own bytes.
#[test]
fn the_first_bytes_are_those_of_prometheus() {
    // Count 3, t0 = 1 (zigzag 2), v = 1.0; delta 15000 (uvarint 98 75), same value '0'; then dod 0 '0', value 2.0:
    // xor = 0x7ff0…0, leading 1, 11 significant bits.
    let encoder = encode(&[
        (1, 1.0_f64.to_bits()),
        (15_001, 1.0_f64.to_bits()),
        (30_001, 2.0_f64.to_bits()),
    ]);
    assert_eq!(
        encoder.bytes(),
        // 0 | 0 | 11 00001 001011 11111111111
        [
            0,
            3,
            2,
            0x3f,
            0xf0,
            0,
            0,
            0,
            0,
            0,
            0,
            0x98,
            0x75,
            0b0011_0000,
            0b1001_0111,
            0b1111_1111,
            0b1100_0000
        ]
    );
}

#[test]
fn overlapping_chunks_merge_by_time() {
    let mut out = Samples::default();
    let a = encode(&[(10, 1), (20, 2), (40, 4)]);
    let b = encode(&[(20, 9), (30, 3)]);
    decode_range(a.bytes(), 0, 100, &mut out).unwrap();
    decode_range(b.bytes(), 0, 100, &mut out).unwrap();
    assert_eq!(bits_of(&out), [(10, 1), (20, 9), (30, 3), (40, 4)]);
}

#[test]
fn a_step_back_is_refused_and_a_full_chunk_too() {
    let mut encoder = XorEncoder::new();
    assert!(encoder.push(i64::MIN, 1.0));
    assert!(!encoder.push(i64::MIN, 1.0));
    assert!(!encoder.push(i64::MAX, 1.0), "the distance does not fit");
    let mut encoder = XorEncoder::new();
    for n in 0..MAX_CHUNK_SAMPLES {
        assert!(encoder.push(n as i64, 0.0));
    }
    assert!(!encoder.push(1_000_000, 0.0));
    assert_eq!(check(encoder.bytes()).unwrap(), Some((0, 65_534, 65_535)));
}

#[test]
fn empty_and_tiny_inputs() {
    assert_eq!(check(&[]), Ok(None));
    assert_eq!(check(&[7]), Ok(None));
    assert_eq!(check(&[0, 0]), Ok(None));
    assert_eq!(check(&[0, 1]), Err(XorError::Truncated { sample: 0 }));
    assert_eq!(
        check(&[0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        Err(XorError::Varint { sample: 0 })
    );
}
