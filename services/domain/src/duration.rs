//! Durations as PromQL writes them: `15s 5m 1h30m 7d`.

use std::fmt::Write as _;

use crate::invalid::Invalid;

/// Unit names and milliseconds, longest first.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration above 0 into milliseconds: whole numbers with units from large to small, each unit once
/// (PromQL, "Float Literals and Time Durations"); a bare number is seconds.
pub fn parse_ms(text: &str) -> Result<i64, Invalid> {
    match parse_or_zero_ms(text)? {
        0 => refuse(text, "must be above 0"),
        ms => Ok(ms),
    }
}

fn refuse<T>(text: &str, rule: &str) -> Result<T, Invalid> {
    Err(Invalid::new(
        "duration",
        text,
        rule,
        "write it like 15s, 5m, 1h30m or 7d",
    ))
}

/// The same where none at all is an answer too: `0s`, `0`.
pub fn parse_or_zero_ms(text: &str) -> Result<i64, Invalid> {
    let refuse = |rule: &str| refuse(text, rule);
    let mut rest = text.trim();
    if rest.is_empty() {
        return refuse("is empty");
    }
    if rest.bytes().all(|b| b.is_ascii_digit()) {
        return match rest.parse::<i64>().ok().and_then(|s| s.checked_mul(1_000)) {
            Some(ms) => Ok(ms),
            None => refuse("is astronomically long"),
        };
    }
    let mut total = 0_i64;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let Some(at) = UNITS[next_unit..].iter().position(|(name, _)| *name == unit) else {
            return refuse("is no duration (units y w d h m s ms, from large to small, each once)");
        };
        let at = at + next_unit;
        let part = number.parse::<i64>().ok().and_then(|n| n.checked_mul(UNITS[at].1));
        let Some(sum) = part.and_then(|part| total.checked_add(part)) else {
            return refuse("is no duration, or astronomically long");
        };
        total = sum;
        next_unit = at + 1;
        rest = tail;
    }
    Ok(total)
}

/// Writes milliseconds exactly, as short as units allow: `1h30m`, `90s` stays `1m30s`; 0 is `0s`.
pub fn format_ms(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    let mut left = ms.unsigned_abs();
    // Years and weeks surprise readers of windows: days are the largest unit written.
    for (name, unit) in &UNITS[2..] {
        let unit = unit.unsigned_abs();
        if left >= unit {
            let _ = write!(out, "{}{name}", left / unit);
            left %= unit;
        }
    }
    out
}

/// Writes milliseconds for a narrow column: the two largest units, rounded down: `11m`, `3m15s`, `2d4h`; under a second
/// `0s` unless there is something: then `<1s`.
pub fn format_short_ms(ms: i64) -> String {
    if ms < 0 {
        return format!("-{}", format_short_ms(ms.saturating_neg()));
    }
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms < 1_000 {
        return "<1s".to_owned();
    }
    let units = &UNITS[2..6];
    let Some(first) = units.iter().position(|(_, unit)| ms >= *unit) else {
        return "0s".to_owned();
    };
    let (name, unit) = units[first];
    let mut out = format!("{}{name}", ms / unit);
    if let Some((name, smaller)) = units.get(first + 1) {
        let part = ms % unit / smaller;
        if part > 0 {
            let _ = write!(out, "{part}{name}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_as_promql_writes_them() {
        for (text, ms) in [
            ("15s", 15_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("12h", 43_200_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("1500ms", 1_500),
            ("1w", 604_800_000),
            ("1m500ms", 60_500),
            ("90", 90_000),
            (" 2s ", 2_000),
        ] {
            assert_eq!(parse_ms(text), Ok(ms), "{text}");
        }
        for text in [
            "",
            "0s",
            "s",
            "5",
            "-5m",
            "5m1h",
            "1h1h",
            "1.5h",
            "5M",
            "5 m",
            "99999999999999y",
            "0",
            "1e3s",
            "1ü",
        ] {
            assert_eq!(parse_ms(text).is_ok(), text == "5", "{text}");
            assert_eq!(
                parse_or_zero_ms(text).is_ok(),
                ["5", "0", "0s"].contains(&text),
                "{text}"
            );
        }
    }

    #[test]
    fn durations_are_written_short() {
        assert_eq!(format_ms(5_400_000), "1h30m");
        assert_eq!(format_ms(43_200_000), "12h");
        assert_eq!(format_ms(60_500), "1m500ms");
        assert_eq!(format_short_ms(660_000), "11m");
        assert_eq!(format_short_ms(195_000), "3m15s");
        assert_eq!(format_short_ms(187_200_000), "2d4h");
        assert_eq!(format_short_ms(3_601_000), "1h");
        assert_eq!(format_short_ms(999), "<1s");
        assert_eq!(format_short_ms(0), "0s");
        assert_eq!(format_short_ms(-2_000), "-2s");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in 1_i64..=i64::MAX / 2) {
            prop_assert_eq!(parse_ms(&format_ms(ms)), Ok(ms));
        }

        #[test]
        fn nothing_panics(text in ".{0,20}", ms in any::<i64>()) {
            let _ = parse_ms(&text);
            let _ = (format_ms(ms), format_short_ms(ms));
        }
    }
}
