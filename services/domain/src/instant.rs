//! Instants as people and files write them.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

use crate::invalid::Invalid;

/// Above this a bare number is milliseconds, not seconds: as seconds it would be the year 5138.
const MILLISECONDS_ABOVE: f64 = 1e11;

/// The years RFC 3339 can write: 0001-01-01T00:00:00Z …
const FIRST_MS: f64 = -62_135_596_800_000.0;
/// … to 9999-12-31T23:59:59.999Z.
const LAST_MS: f64 = 253_402_300_799_999.0;

/// Reads an instant into Unix milliseconds: RFC 3339 (`2026-11-20T14:32:00Z`, a blank for the T is allowed, seconds may be left out, without an
/// offset it is UTC), or a number of Unix seconds — milliseconds above 1e11 — with an optional fraction.
pub fn parse_ms(text: &str) -> Result<i64, Invalid> {
    let bare = text.trim();
    let number = bare
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    let parsed = if number && let Ok(number) = bare.parse::<f64>() {
        from_number(number)
    } else {
        DateTime::parse_from_rfc3339(bare)
            .map(|time| time.timestamp_millis())
            .or_else(|_| {
                let naive = NaiveDateTime::parse_from_str(bare, "%Y-%m-%dT%H:%M:%S%.f")
                    .or_else(|_| NaiveDateTime::parse_from_str(bare, "%Y-%m-%d %H:%M:%S%.f"))
                    .or_else(|_| NaiveDateTime::parse_from_str(bare, "%Y-%m-%dT%H:%M"))
                    .or_else(|_| NaiveDateTime::parse_from_str(bare, "%Y-%m-%d %H:%M"))?;
                Ok::<i64, chrono::ParseError>(naive.and_utc().timestamp_millis())
            })
            .ok()
    };
    parsed.ok_or_else(|| {
        Invalid::new(
            "time",
            text,
            "is no instant",
            "write it like 2026-11-20T14:32:00Z or as unix seconds",
        )
    })
}

/// Whether an instant that [`parse_ms`] reads says by itself which zone it is of: a number, or a time with an offset.
pub fn has_zone(text: &str) -> bool {
    let (_, time) = text.trim().split_at_checked(10).unwrap_or_default();
    !time.contains(':') || time.ends_with(['Z', 'z']) || time.contains(['+', '-'])
}

fn from_number(number: f64) -> Option<i64> {
    let ms = if number.abs() > MILLISECONDS_ABOVE {
        number
    } else {
        number * 1_000.0
    };
    // Beyond these years RFC 3339 has no form: micro- or nanoseconds were meant.
    (FIRST_MS..=LAST_MS).contains(&ms).then(|| ms.round() as i64)
}

/// RFC 3339 in UTC with a `Z`; a fraction of three digits only where there is one. Times no calendar holds are written
/// as their number of milliseconds.
pub fn format_ms(ms: i64) -> String {
    match DateTime::<Utc>::from_timestamp_millis(ms) {
        Some(time) if ms % 1_000 == 0 => time.to_rfc3339_opts(SecondsFormat::Secs, true),
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => ms.to_string(),
    }
}

/// The time of day in UTC, `14:32:07`.
pub fn format_clock_ms(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms)
        .map_or_else(|| ms.to_string(), |time| time.format("%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_of_day_without_an_offset_says_no_zone() {
        for text in ["2026-11-20 14:22:00", "2026-11-20T14:22", "2026-11-20T14:22:00.5"] {
            assert!(!has_zone(text), "{text}");
        }
        for text in [
            "2026-11-20T14:22:00Z",
            "2026-11-20 14:22:00-05:00",
            "1795184520",
            "-1",
            "1.79518452e9",
        ] {
            assert!(has_zone(text), "{text}");
        }
    }

    #[test]
    fn instants_are_read_in_every_usual_form() {
        let ms = 1_795_184_520_000;
        for text in [
            "2026-11-20T14:22:00Z",
            "2026-11-20T14:22:00+00:00",
            "2026-11-20T15:22:00+01:00",
            "2026-11-20 14:22:00",
            "2026-11-20 14:22",
            "2026-11-20T14:22:00",
            "1795184520",
            "1795184520000",
            "1795184520.000",
            "1.79518452e9",
            " 2026-11-20T14:22:00.000Z ",
        ] {
            assert_eq!(parse_ms(text), Ok(ms), "{text}");
        }
        assert_eq!(parse_ms("0"), Ok(0));
        assert_eq!(parse_ms("0.0015"), Ok(2));
        assert_eq!(parse_ms("-1"), Ok(-1_000));
        for text in [
            "",
            "now",
            "1700000000000000",
            "-1e14",
            "2026-13-01T00:00:00Z",
            "nan",
            "1e300",
            "2026-11-20",
            "--1",
        ] {
            assert!(parse_ms(text).is_err(), "{text}");
        }
        assert_eq!(format_ms(ms), "2026-11-20T14:22:00Z");
        assert_eq!(format_ms(ms + 7), "2026-11-20T14:22:00.007Z");
        assert_eq!(format_clock_ms(ms + 7_000), "14:22:07");
        assert_eq!(format_ms(i64::MAX), i64::MAX.to_string());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in -60_000_000_000_000_i64..200_000_000_000_000) {
            prop_assert_eq!(parse_ms(&format_ms(ms)), Ok(ms));
        }

        #[test]
        fn any_text_is_survived(text in ".{0,30}", ms in any::<i64>()) {
            let _ = parse_ms(&text);
            let _ = (format_ms(ms), format_clock_ms(ms));
        }
    }
}
