//! The short name of a series of an objective, which people can type.

use sla_proto::violation::v1::Violation;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Digits of a handle.
pub(crate) const DIGITS: usize = 10;
/// The least that people must type.
pub(crate) const LEAST_DIGITS: usize = 6;

/// Ten hexadecimal digits.
pub(crate) fn handle(objective_id: &str, generation: u32, series_id: &[u8]) -> String {
    let mut text = format!("{objective_id}\n{generation}\n").into_bytes();
    text.extend_from_slice(series_id);
    let digits = format!("{:016x}", xxh3_64(&text));
    digits[..DIGITS].to_owned()
}

/// Of a violation.
pub(crate) fn of(violation: &Violation) -> String {
    let series = violation.series.as_ref().map_or(&[][..], |series| &series.id);
    handle(&violation.objective_id, violation.generation, series)
}

/// The id of the notice with this number in a story.
pub(crate) fn notice_id(story_id: &str, number: u32, start_ms: i64) -> String {
    format!(
        "{:032x}",
        xxh3_128(format!("{story_id}\n{number}\n{start_ms}").as_bytes())
    )
}
