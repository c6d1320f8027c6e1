use proptest::prelude::*;

use super::*;
use crate::prometheus::wire::tests::{Chunk, ChunkedReadResponse, ChunkedSeries, label_messages};

fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = message.len();
    while length > 0x7f {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(crc32c::crc32c(message).to_be_bytes());
    out.extend(message);
    out
}

proptest! {
    #[test]
    fn frames_come_out_whatever_the_pieces(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6), sizes in prop::collection::vec(1..40_usize, 1..20)) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
        let mut frames = Frames::default();
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let (mut at, mut turn) = (0, 0);
        while at < stream.len() {
            let end = (at + sizes[turn % sizes.len()]).min(stream.len());
            frames.push(&stream[at..end], |message| { seen.push(message.to_vec()); Ok(()) }).unwrap();
            (at, turn) = (end, turn + 1);
        }
        prop_assert_eq!(seen, messages);
        prop_assert!(frames.is_complete());
    }

    #[test]
    fn one_flipped_bit_in_a_message_is_seen(message in prop::collection::vec(any::<u8>(), 1..200), bit in any::<prop::sample::Index>()) {
        let mut stream = frame(&message);
        let bit = bit.index(message.len() * 8);
        let start = stream.len() - message.len();
        stream[start + bit / 8] ^= 1 << (bit % 8);
        let result = Frames::default().push(&stream, |_| Ok(()));
        prop_assert!(result.unwrap_err().contains("checksum"));
    }

    #[test]
    fn garbage_never_panics_nor_piles_up(stream in prop::collection::vec(any::<u8>(), 0..400)) {
        let wanted = Wanted::new(&[], 0, 1);
        let mut haul = Haul::default();
        let _ = Frames::default().push(&stream, |message| {
            wire::chunked_response(message, |query, labels, chunk| haul.chunk(&wanted, query, labels, &chunk).map_err(|_| "x")).map_err(str::to_owned)
        });
        prop_assert!(haul.series.is_empty());
    }
}

#[test]
fn a_frame_too_long_is_refused_before_it_is_awaited() {
    let error = Frames::default()
        .push(&[0xff, 0xff, 0xff, 0xff, 0x0f], |_| Ok(()))
        .unwrap_err();
    assert!(error.contains("at most"), "{error}");
}

fn chunk(times: &[i64]) -> Vec<u8> {
    let mut encoder = xor::XorEncoder::new();
    for &time in times {
        encoder.push(time, time as f64);
    }
    encoder.bytes().to_vec()
}

fn take(wanted: &Wanted, query: i64, series: &[(&Labels, i32, Vec<u8>)]) -> Haul {
    let mut haul = Haul::default();
    let message = ChunkedReadResponse {
        chunked_series: series
            .iter()
            .map(|(labels, kind, data)| ChunkedSeries {
                labels: label_messages(labels),
                chunks: vec![Chunk {
                    min_time_ms: 0,
                    max_time_ms: 0,
                    kind: *kind,
                    data: data.clone(),
                }],
            })
            .collect(),
        query_index: query,
    };
    wire::chunked_response(&message.encode_to_vec(), |query, labels, chunk| {
        haul.chunk(wanted, query, labels, &chunk).map_err(|_| "broken")
    })
    .unwrap();
    haul
}

#[test]
fn series_span_messages_histograms_are_counted_and_strangers_dropped() {
    let a = Labels::from_pairs([("__name__", "a"), ("x", "1")]);
    let stranger = Labels::from_pairs([("__name__", "b")]);
    let wanted = Wanted::new(std::slice::from_ref(&a), 15, 45);
    let haul = take(
        &wanted,
        3,
        &[
            (&a, 1, chunk(&[1, 10])),
            (&a, 1, chunk(&[11, 20, 30])),
            (&a, 1, chunk(&[40, 50])),
            (&a, 2, vec![1, 2, 3]),
            (&stranger, 1, chunk(&[20])),
        ],
    );
    assert_eq!(haul.histograms_skipped, 1);
    assert_eq!(haul.series.len(), 1);
    let one = RawSeries {
        labels: a.clone(),
        data: haul.series[&a].data.clone(),
    };
    assert_eq!(one.samples(15, 45).unwrap().times_ms, [20, 30, 40]);
}

#[test]
fn labels_the_server_adds_are_found_within() {
    let a = Labels::from_pairs([("__name__", "a"), ("x", "1")]);
    let longer = Labels::from_pairs([("__name__", "a"), ("x", "1"), ("monitor", "m")]);
    let wanted = Wanted::new(std::slice::from_ref(&a), 0, 100);
    assert_eq!(wanted.within(&longer), Some(a.clone()));
    assert_eq!(
        wanted.within(&Labels::from_pairs([("__name__", "a"), ("x", "2"), ("monitor", "m")])),
        None
    );
    let added = Labels::from_pairs([("monitor", "m")]);
    assert_eq!(without(&longer, &added), a);
}
