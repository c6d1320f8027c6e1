//! The walker against `prost`'s own encoding of the messages, and against garbage.

use proptest::prelude::*;
use prost::Message as _;

use super::*;

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::prometheus) struct LabelMessage {
    #[prost(string, tag = "1")]
    pub(in crate::prometheus) name: String,
    #[prost(string, tag = "2")]
    pub(in crate::prometheus) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::prometheus) struct SampleMessage {
    #[prost(double, tag = "1")]
    pub(in crate::prometheus) value: f64,
    #[prost(int64, tag = "2")]
    pub(in crate::prometheus) timestamp: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::prometheus) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::prometheus) labels: Vec<LabelMessage>,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::prometheus) samples: Vec<SampleMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::prometheus) struct QueryResult {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::prometheus) timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::prometheus) struct ReadResponse {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::prometheus) results: Vec<QueryResult>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::prometheus) struct Chunk {
    #[prost(int64, tag = "1")]
    pub(in crate::prometheus) min_time_ms: i64,
    #[prost(int64, tag = "2")]
    pub(in crate::prometheus) max_time_ms: i64,
    #[prost(int32, tag = "3")]
    pub(in crate::prometheus) kind: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub(in crate::prometheus) data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::prometheus) struct ChunkedSeries {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::prometheus) labels: Vec<LabelMessage>,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::prometheus) chunks: Vec<Chunk>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::prometheus) struct ChunkedReadResponse {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::prometheus) chunked_series: Vec<ChunkedSeries>,
    #[prost(int64, tag = "2")]
    pub(in crate::prometheus) query_index: i64,
}

pub(in crate::prometheus) fn label_messages(labels: &Labels) -> Vec<LabelMessage> {
    labels
        .iter()
        .map(|(name, value)| LabelMessage {
            name: name.to_owned(),
            value: value.to_owned(),
        })
        .collect()
}

/// Time and bits of each sample.
type Bits = Vec<(i64, u64)>;

/// Everything that comes, as it comes.
#[derive(Default)]
struct All {
    samples: Vec<(u64, Labels, Bits)>,
    chunks: Vec<(u64, Labels, u64, Vec<u8>)>,
    current: (u64, Labels),
    nameless: usize,
}

impl Sink for All {
    fn series(&mut self, query: u64, labels: Labels) -> bool {
        self.current = (query, labels);
        true
    }
    fn nameless(&mut self) {
        self.nameless += 1;
    }
    fn chunk(&mut self, chunk: &WireChunk<'_>) -> Result<(), &'static str> {
        let (query, labels) = self.current.clone();
        self.chunks.push((query, labels, chunk.encoding, chunk.data.to_vec()));
        Ok(())
    }
    fn samples(&mut self, samples: Samples, _: u64, _: bool) -> Result<(), &'static str> {
        let (query, labels) = self.current.clone();
        let samples = samples.iter().map(|(time, value)| (time, value.to_bits())).collect();
        self.samples.push((query, labels, samples));
        Ok(())
    }
}

fn some_labels() -> impl Strategy<Value = Labels> {
    prop::collection::vec(("[a-c]{1,3}", "[a-zé]{1,3}"), 0..4).prop_map(Labels::from_pairs)
}

proptest! {
    #[test]
    fn samples_as_prost_writes_them(series in prop::collection::vec((some_labels(), prop::collection::btree_map(any::<i64>(), any::<u64>(), 0..20)), 0..4)) {
        let message = ReadResponse {
            results: vec![QueryResult::default(), QueryResult {
                timeseries: series.iter().map(|(labels, samples)| TimeSeries {
                    labels: label_messages(labels),
                    samples: samples.iter().map(|(time, bits)| SampleMessage { timestamp: *time, value: f64::from_bits(*bits) }).collect(),
                }).collect(),
            }],
        };
        let mut all = All::default();
        sample_response(&message.encode_to_vec(), &mut all).unwrap();
        prop_assert!(all.samples.iter().all(|(query, _, _)| *query == 1));
        let seen: Vec<_> = all.samples.into_iter().map(|(_, labels, samples)| (labels, samples)).collect();
        let want: Vec<_> = series.into_iter().map(|(labels, samples)| (labels, samples.into_iter().collect::<Vec<_>>())).collect();
        // -0.0 and 0.0: prost leaves out the default value only when its bits are 0 … as a double, both are "0".
        let flat = |list: &[(Labels, Vec<(i64, u64)>)]| list.iter().map(|(labels, samples)| (labels.clone(), samples.iter().map(|(time, bits)| (*time, if *bits == 1 << 63 { 0 } else { *bits })).collect::<Vec<_>>())).collect::<Vec<_>>();
        prop_assert_eq!(flat(&seen), flat(&want));
    }

    #[test]
    fn chunks_as_prost_writes_them(series in prop::collection::vec((some_labels(), prop::collection::vec((0..4_i32, prop::collection::vec(any::<u8>(), 0..20)), 0..4)), 0..4), query_index in 0..5_i64) {
        let message = ChunkedReadResponse {
            chunked_series: series.iter().map(|(labels, chunks)| ChunkedSeries {
                labels: label_messages(labels),
                chunks: chunks.iter().map(|(kind, data)| Chunk { min_time_ms: 5, max_time_ms: -7, kind: *kind, data: data.clone() }).collect(),
            }).collect(),
            query_index,
        };
        let mut all = All::default();
        chunked_response(&message.encode_to_vec(), &mut all).unwrap();
        let seen: Vec<_> = all.chunks.into_iter().map(|(query, labels, kind, data)| (query as i64, labels, kind as i32, data)).collect();
        let want: Vec<_> = series.into_iter().flat_map(|(labels, chunks)| chunks.into_iter().map(move |(kind, data)| (query_index, labels.clone(), kind, data))).collect();
        prop_assert_eq!(seen, want);
    }

    #[test]
    fn garbage_is_refused_or_read_but_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = chunked_response(&bytes, &mut All::default());
        let _ = sample_response(&bytes, &mut All::default());
    }
}

#[test]
fn claims_are_not_believed() {
    // A length of 2^60 in a message of 12 bytes.
    let mut bytes = vec![0x0a];
    bytes.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
    assert!(chunked_response(&bytes, &mut All::default()).is_err());
    assert_eq!(uvarint(&[0xff; 10]), Err("number longer than 64 bits"));
    assert_eq!(uvarint(&[0xff; 9]), Ok(None));
    assert_eq!(
        uvarint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        Ok(Some((u64::MAX, 10)))
    );
}

#[test]
fn a_series_with_too_many_labels_is_counted_and_the_others_are_read() {
    let long = "x".repeat(MAX_LABELS_BYTES);
    let many = (0..=MAX_LABELS).map(|n| (format!("l{n:04}"), "v"));
    let sets = [
        Labels::from_pairs([("a", "b")]),
        Labels::from_pairs([("a", long.as_str())]),
        Labels::from_pairs(many),
        Labels::from_pairs([("c", "d")]),
    ];
    let message = ChunkedReadResponse {
        chunked_series: sets
            .iter()
            .map(|labels| ChunkedSeries {
                labels: label_messages(labels),
                chunks: vec![Chunk {
                    min_time_ms: 1,
                    max_time_ms: 1,
                    kind: 1,
                    data: vec![0, 0],
                }],
            })
            .collect(),
        query_index: 0,
    };
    let mut all = All::default();
    chunked_response(&message.encode_to_vec(), &mut all).unwrap();
    let read: Vec<&Labels> = all.chunks.iter().map(|(_, labels, _, _)| labels).collect();
    assert_eq!((read, all.nameless), (vec![&sets[0], &sets[3]], 2));
}
