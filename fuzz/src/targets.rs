//! Every decoder of bytes from outside, as a function that must not panic, hang or take memory without bound. What it makes of
//! them is nobody's business here, but what it accepted it must be able to say again.

use sla_domain::{Query, Samples};
use sla_runtime::page::Token;
use sla_source::csv_file::{self, Columns};
use sla_source::prometheus::decoders;
use sla_source::{xor, xor2};

/// Decodes, and forgets what came of it.
pub(crate) type Decoder = fn(&[u8]);

/// Name, also of the corpus' folder, and decoder.
pub(crate) const TARGETS: &[(&str, Decoder)] = &[
    ("remote_read_frames", |bytes| _ = decoders::frames(bytes)),
    ("remote_read_chunks", |bytes| _ = decoders::chunks(bytes)),
    ("remote_read_samples", |bytes| _ = decoders::samples(bytes)),
    ("query_answer", |bytes| _ = decoders::query(bytes)),
    ("series_answer", |bytes| _ = decoders::series(bytes)),
    ("printed_config", |bytes| text(bytes, |yaml| _ = decoders::config(yaml))),
    ("xor_chunk", |bytes| {
        _ = xor::decode_range(bytes, i64::MIN, i64::MAX, &mut Samples::default());
    }),
    ("xor2_chunk", |bytes| _ = xor2::decode(bytes)),
    ("stored_payload", |bytes| _ = sla_storage::decoders::payload(bytes)),
    ("set_file", |bytes| text(bytes, set_file)),
    ("csv_file", |bytes| {
        text(bytes, |csv| _ = csv_file::parse(csv, Columns::default()));
    }),
    ("page_token", |bytes| text(bytes, page_token)),
    ("query_text", |bytes| text(bytes, query_text)),
];

fn text(bytes: &[u8], decode: impl Fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        decode(text);
    }
}

fn set_file(toml: &str) {
    if let Ok(sets) = sla_proto::set_file::read(toml, "fuzz.toml") {
        let written = sla_proto::set_file::write(&sets);
        let again = sla_proto::set_file::read(&written, "again.toml");
        assert!(again.is_ok_and(|again| again.len() == sets.len()), "{written}");
    }
}

fn page_token(token: &str) {
    if let Ok(Some(key)) = Token::decode(token, "filter") {
        let again = Token::decode(&Token::encode("filter", &key), "filter");
        assert!(again.is_ok_and(|again| again.as_ref() == Some(&key)), "{key:?}");
    }
}

fn query_text(query: &str) {
    if let Ok(parsed) = Query::parse(query) {
        let again = Query::parse(parsed.text());
        assert!(
            again.is_ok_and(|again| again.text() == parsed.text()),
            "{query:?} → {:?}",
            parsed.text()
        );
    }
}
