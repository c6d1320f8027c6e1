//! Every decoder of outside bytes in this adapter as a pure function, for tests that throw garbage at them. Each returns how
//! much it made of the bytes; what it refuses is `None`.

use sla_domain::Labels;

use super::answer::Answer;
use super::haul::{Haul, Taking, Wanted};
use super::json::{self, QueryData, SeriesList};
use super::plan::{Matcher, Style, selections};
use super::remote_read::{Frames, unpacked};
use super::{external, wire};

/// Largest message unpacked here, in bytes.
const CAP: u64 = 1 << 20;

/// Everything of one series of every name is wanted, so that chunks and samples are decoded, too.
fn wanted() -> Wanted {
    let batch = [Labels::from_pairs([("a", "b")])];
    let selections = selections(&batch, Style::REMOTE_READ);
    Wanted::new(&batch, &selections, Some(vec!["c".into()]), (i64::MIN, i64::MAX))
}

/// A body of `STREAMED_XOR_CHUNKS`: frames, messages, labels, chunks.
pub fn frames(body: &[u8]) -> Option<usize> {
    let (wanted, mut haul) = (wanted(), Haul::default());
    let mut taking = Taking::new(&mut haul, &wanted);
    let mut frames = Frames::default();
    frames
        .push(body, |message| {
            wire::chunked_response(message, &mut taking).map_err(str::to_owned)
        })
        .ok()?;
    Some(haul.found.len())
}

/// One message of `STREAMED_XOR_CHUNKS`, without its frame and checksum.
pub fn chunks(message: &[u8]) -> Option<usize> {
    let (wanted, mut haul) = (wanted(), Haul::default());
    wire::chunked_response(message, &mut Taking::new(&mut haul, &wanted)).ok()?;
    Some(haul.found.len())
}

/// A body of `SAMPLES`: snappy, messages, labels, samples.
pub fn samples(body: &[u8]) -> Option<usize> {
    let (wanted, mut haul) = (wanted(), Haul::default());
    let message = unpacked(body, CAP).ok()?;
    wire::sample_response(&message, &mut Taking::new(&mut haul, &wanted)).ok()?;
    Some(haul.found.len())
}

/// The answer to a query, or its refusal with the place it complains about.
pub fn query(body: &[u8]) -> Option<usize> {
    if let Some(refused) = json::refused(body) {
        return json::position(&refused.message, "up{a=\"b\"}");
    }
    let answer = answer(body);
    json::room(&answer).ok()?;
    let read = json::success::<QueryData>(&answer).ok()?;
    Some(read.data.series.len())
}

/// A list of series.
pub fn series(body: &[u8]) -> Option<usize> {
    let answer = answer(body);
    let read = json::success::<SeriesList>(&answer).ok()?;
    Some(read.data.count)
}

/// The names of external labels in a printed configuration.
pub fn config(yaml: &str) -> Option<usize> {
    external::label_names(yaml).map(|names| names.len())
}

/// A selector made of any name and values; how long it is.
pub fn selector(name: &str, values: &[&str]) -> usize {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    super::plan::text(&vec![Matcher::OneOf(name.to_owned(), values)]).len()
}

fn answer(body: &[u8]) -> Answer {
    Answer {
        secrets: sla_domain::Secrets::default(),
        body: body.to_vec(),
        tried: "a test".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn garbage_is_refused_or_read_but_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,120}") {
            for decode in [frames, chunks, samples, query, series] {
                decode(&bytes);
                decode(text.as_bytes());
            }
            config(&format!("global:\n  external_labels:\n    {text}"));
            selector(&text, &[&text, "x"]);
        }
    }

    #[test]
    fn what_is_well_formed_is_read() {
        let body = br#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}"#;
        assert_eq!(query(body), Some(1));
        assert_eq!(series(br#"{"status":"success","data":[{"a":"b"},{}]}"#), Some(2));
        assert_eq!(config("global:\n  external_labels:\n    a: b\n"), Some(1));
        assert_eq!((frames(b""), chunks(b""), samples(&[0])), (Some(0), Some(0), Some(0)));
    }
}
