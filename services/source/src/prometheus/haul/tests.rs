use prost::Message as _;

use super::*;
use crate::prometheus::plan::{Style, selections};
use crate::prometheus::wire::chunked_response;
use crate::prometheus::wire::tests::{Chunk, ChunkedReadResponse, ChunkedSeries, label_messages};

fn series(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn chunk(times: &[i64]) -> Vec<u8> {
    let mut encoder = xor::XorEncoder::new();
    for &time in times {
        encoder.push(time, time as f64);
    }
    encoder.bytes().to_vec()
}

fn wanted(batch: &[Labels], external: Option<&[&str]>) -> Wanted {
    let external = external.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    Wanted::new(batch, &selections(batch, Style::REMOTE_READ), external, (15, 45))
}

/// What comes of these series and chunks (encoding, bytes) as answers to the query `query`.
fn take(wanted: &Wanted, query: i64, answer: &[(&Labels, i32, Vec<u8>)]) -> Result<Haul, &'static str> {
    let mut haul = Haul::default();
    let message = ChunkedReadResponse {
        chunked_series: answer
            .iter()
            .map(|(labels, kind, data)| ChunkedSeries {
                labels: label_messages(labels),
                chunks: vec![Chunk {
                    min_time_ms: 20,
                    max_time_ms: 30,
                    kind: *kind,
                    data: data.clone(),
                }],
            })
            .collect(),
        query_index: query,
    };
    chunked_response(&message.encode_to_vec(), &mut Taking::new(&mut haul, wanted))?;
    Ok(haul)
}

fn times(haul: &Haul, labels: &Labels) -> Vec<i64> {
    let one = crate::reply::RawSeries {
        labels: labels.clone(),
        data: haul.found[labels].data.clone(),
    };
    one.samples(15, 45).unwrap().times_ms
}

#[test]
fn series_span_messages_and_strangers_are_dropped() {
    let a = series(&[("__name__", "a"), ("x", "1")]);
    let stranger = series(&[("__name__", "b")]);
    let wanted = wanted(std::slice::from_ref(&a), None);
    let answer = [
        (&a, 1, chunk(&[1, 10])),
        // Left unset by servers that know one encoding only.
        (&a, 0, chunk(&[11, 20, 30])),
        (&a, 1, chunk(&[40, 50])),
        (&stranger, 1, chunk(&[20])),
    ];
    let haul = take(&wanted, 0, &answer).unwrap();
    assert_eq!(haul.found.len(), 1);
    assert!(!haul.found[&a].has_histograms && haul.found[&a].untaken.is_none());
    assert_eq!(times(&haul, &a), [20, 30, 40]);
}

#[test]
fn every_encoding_is_read_or_told() {
    let a = series(&[("__name__", "a")]);
    let wanted = wanted(std::slice::from_ref(&a), None);
    // Two samples 1.5 at 20 and 30 ms.
    let xor2 = [&[0, 2, 0, 40, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0][..], &[10, 0]].concat();
    let haul = take(&wanted, 0, &[(&a, 4, xor2)]).unwrap();
    assert_eq!(times(&haul, &a), [20, 30]);
    for histogram in [2, 3, 5, 6] {
        let haul = take(&wanted, 0, &[(&a, histogram, vec![1, 2, 3])]).unwrap();
        assert!(haul.found[&a].has_histograms && haul.found[&a].data.is_empty());
        assert!(haul.found[&a].untaken.is_none());
    }
    let haul = take(&wanted, 0, &[(&a, 1, chunk(&[20])), (&a, 7, vec![1, 2, 3])]).unwrap();
    let fault = haul.undecoded().unwrap();
    assert!(fault.contains("encoding 7"), "{fault}");
    // A broken chunk spoils its series, not the others.
    let b = series(&[("__name__", "b")]);
    let both = self::wanted(&[a.clone(), b.clone()], None);
    let haul = take(&both, 0, &[(&a, 1, vec![0, 9, 1]), (&b, 1, chunk(&[20]))]).unwrap();
    assert!(matches!(haul.found[&a].untaken, Some(Untaken::Undecoded(_))));
    assert_eq!(haul.undecoded(), None);
    assert_eq!(times(&haul, &b), [20]);
}

#[test]
fn dense_series_fail_alone_and_are_not_decoded() {
    let (a, b) = (series(&[("__name__", "a")]), series(&[("__name__", "b")]));
    let wanted = wanted(&[a.clone(), b.clone()], None);
    // Claims 65,535 samples each; broken, so that decoding it would be an error.
    let mut answer = vec![(&a, 1, vec![0xff, 0xff, 1]); 8];
    let first = take(&wanted, 0, &answer[..1]).unwrap();
    assert!(matches!(first.found[&a].untaken, Some(Untaken::Undecoded(_))));
    let honest: Vec<i64> = (0..i64::from(u16::MAX)).collect();
    for (_, _, data) in &mut answer {
        *data = chunk(&honest);
    }
    answer.push((&a, 1, vec![0xff, 0xff, 1]));
    answer.push((&b, 1, chunk(&[20])));
    let haul = take(&wanted, 0, &answer).unwrap();
    let Some(Untaken::Dense(count)) = haul.found[&a].untaken else {
        panic!("{:?}", haul.found[&a].untaken);
    };
    assert!(count > MAX_SERIES_SAMPLES && haul.found[&a].data.is_empty());
    assert_eq!(times(&haul, &b), [20]);
}

#[test]
fn an_answer_with_too_many_samples_is_refused() {
    let many: Vec<Labels> = (0..25)
        .map(|n| series(&[("__name__", "m"), ("n", &n.to_string())]))
        .collect();
    let wanted = wanted(&many, None);
    let data = chunk(&(0..i64::from(u16::MAX)).collect::<Vec<_>>());
    let answer: Vec<_> = many
        .iter()
        .flat_map(|one| std::iter::repeat_n((one, 1, data.clone()), 7))
        .collect();
    assert_eq!(take(&wanted, 0, &answer).unwrap_err(), TOO_MANY);
}

#[test]
fn labels_that_the_server_is_known_to_add_are_taken_off() {
    let plain = series(&[("__name__", "a"), ("x", "1")]);
    let own = series(&[("__name__", "a"), ("x", "1"), ("cluster", "eu")]);
    let wanted = wanted(&[plain.clone(), own.clone()], Some(&["cluster", "zone"]));
    // Which query has the label `cluster` in its selection.
    let with = wanted
        .queries
        .iter()
        .position(|names| names.contains("cluster"))
        .unwrap() as i64;
    let both = series(&[("__name__", "a"), ("x", "1"), ("cluster", "eu"), ("zone", "b")]);
    let haul = take(&wanted, 1 - with, &[(&both, 1, chunk(&[20]))]).unwrap();
    assert_eq!(times(&haul, &plain), [20]);
    assert!(!haul.found.contains_key(&own) && haul.unclear().next().is_none());
    let haul = take(&wanted, with, &[(&both, 1, chunk(&[30]))]).unwrap();
    assert_eq!(times(&haul, &own), [30]);
    assert!(!haul.found.contains_key(&plain));
}

#[test]
fn labels_that_are_not_known_to_be_added_are_no_guess() {
    let a = series(&[("__name__", "a"), ("x", "1")]);
    let longer = series(&[("__name__", "a"), ("x", "1"), ("monitor", "m")]);
    let stranger = series(&[("__name__", "a"), ("x", "2"), ("monitor", "m")]);
    for external in [None, Some(&["zone"][..])] {
        let wanted = wanted(std::slice::from_ref(&a), external);
        let haul = take(&wanted, 0, &[(&longer, 1, chunk(&[20])), (&stranger, 1, chunk(&[20]))]).unwrap();
        assert!(haul.found.is_empty());
        assert_eq!(haul.unclear().collect::<Vec<_>>(), [&a]);
        // What came exactly is certain, whatever came beside it.
        let haul = take(&wanted, 0, &[(&longer, 1, chunk(&[20])), (&a, 1, chunk(&[30]))]).unwrap();
        assert_eq!(times(&haul, &a), [30]);
        assert_eq!(haul.unclear().count(), 0);
    }
}

#[test]
fn what_did_not_come_is_read_by_query_where_a_series_came_without_a_name() {
    let (a, b) = (series(&[("__name__", "a")]), series(&[("__name__", "b")]));
    let both = [a.clone(), b.clone()];
    let wanted = wanted(&both, None);
    let long = series(&[("__name__", "b"), ("added", &"x".repeat(70_000))]);
    let haul = take(&wanted, 0, &[(&long, 1, chunk(&[20])), (&a, 1, chunk(&[30]))]).unwrap();
    assert_eq!(times(&haul, &a), [30]);
    assert_eq!(haul.missing(&both), [b]);
    let haul = take(&wanted, 0, &[(&a, 1, chunk(&[30]))]).unwrap();
    assert!(haul.missing(&both).is_empty(), "it is silent");
}

#[test]
fn a_series_that_goes_on_is_joined_and_one_that_came_twice_is_not() {
    let (a, b) = (series(&[("__name__", "a")]), series(&[("__name__", "b")]));
    let wanted = wanted(&[a.clone(), b.clone()], None);
    let untaken = |answer: &[(&Labels, i32, Vec<u8>)]| {
        let mut haul = take(&wanted, 0, answer).unwrap();
        haul.in_order();
        (haul.found[&a].untaken.clone(), times(&haul, &a))
    };
    let (first, second) = (chunk(&[16, 20]), chunk(&[21, 30]));
    let between = (&b, 1, chunk(&[20]));
    let goes_on = [(&a, 1, second.clone()), between.clone(), (&a, 1, first.clone())];
    assert_eq!(untaken(&goes_on), (None, vec![16, 20, 21, 30]));
    let same = [(&a, 1, first.clone()), (&a, 1, first.clone())];
    assert_eq!(untaken(&same), (None, vec![16, 20]));
    for twin in [chunk(&[17, 21]), chunk(&[18]), chunk(&[20, 40])] {
        for twins in [
            [(&a, 1, first.clone()), (&a, 1, twin.clone())],
            [(&a, 1, twin.clone()), (&a, 1, first.clone())],
        ] {
            assert_eq!(untaken(&twins).0, Some(Untaken::Twice));
        }
    }
}

#[test]
fn samples_come_once_a_series() {
    let a = series(&[("__name__", "a")]);
    let wanted = wanted(std::slice::from_ref(&a), None);
    let mut haul = Haul::default();
    let mut taking = Taking::new(&mut haul, &wanted);
    for values in [vec![1.0, 1.0], vec![9.0, 9.0]] {
        assert!(taking.series(0, a.clone()));
        taking
            .samples(Samples::from_columns(vec![20, 30], values), 2, false)
            .unwrap();
    }
    assert_eq!(haul.found[&a].untaken, Some(Untaken::Twice));
}
