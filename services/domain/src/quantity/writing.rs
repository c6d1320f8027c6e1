//! Numbers with their units, for people.

use super::DECIMAL;
use super::reading::parse;
use crate::duration;
use crate::unit::{Kind, Unit};

/// What stands for a value that is no number.
const NO_NUMBER: &str = "–";
/// Significant digits of a figure on a screen.
const SHORT_DIGITS: usize = 3;
/// Most significant digits of [`exact`] before it gives up prefixes and units: what people type has fewer.
const EXACT_DIGITS: usize = 6;
/// Below a minute seconds are written with these prefixes.
const SECONDS: [(f64, &str); 4] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];
/// From here on a time in seconds is written without days: it is a time stamp or nonsense.
const LONGEST_DURATION_S: f64 = 1e12;

/// `value` in three significant digits with its unit: `1.82`, `412k`, `8.08 GB`, `3.4 MB/s`, `21 ms`, `1h30m`, `99.2 %`.
/// Non-numbers are `–`.
pub fn short(value: f64, unit: Unit) -> String {
    written(value, unit, SHORT_DIGITS, " ")
}

/// The same without the space before the unit, for columns: `8.08GB`, `99.2%`.
pub fn tight(value: f64, unit: Unit) -> String {
    written(value, unit, SHORT_DIGITS, "")
}

/// The shortest of these forms that [`parse`] reads back to the same value: bounds as they were typed, never rounded.
pub fn exact(value: f64, unit: Unit) -> String {
    if !value.is_finite() {
        return NO_NUMBER.to_owned();
    }
    let reads_back = |text: &String| parse(text, unit) == Ok(value);
    (SHORT_DIGITS..=EXACT_DIGITS)
        .map(|digits| written(value, unit, digits, " "))
        .find(reads_back)
        .unwrap_or_else(|| bare(value))
}

/// The same in at most `columns` characters: a number that is cut would be another number, so it loses digits instead, then
/// its unit; where not even that fits, `#` says so.
pub fn within(value: f64, unit: Unit, columns: usize) -> String {
    let fits = |text: &String| text.chars().count() <= columns;
    let shorter = (1..SHORT_DIGITS).rev().map(|digits| written(value, unit, digits, ""));
    std::iter::once(tight(value, unit))
        .chain(shorter)
        .chain([written(value, Unit::PLAIN, 1, "")])
        .find(fits)
        .unwrap_or_else(|| "#".repeat(columns))
}

/// Digits only, in the value's own unit: for files that programs read. Non-numbers are `–`.
pub fn bare(value: f64) -> String {
    if !value.is_finite() {
        return NO_NUMBER.to_owned();
    }
    if value != 0.0 && !(1e-4..1e15).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

fn written(value: f64, unit: Unit, digits: usize, space: &str) -> String {
    if !value.is_finite() {
        return NO_NUMBER.to_owned();
    }
    let rate = if unit.per_second { "/s" } else { "" };
    let base = value * unit.step;
    match unit.kind {
        Kind::Plain => {
            let (number, prefix) = prefixed(value, digits);
            format!("{number}{prefix}{rate}")
        }
        Kind::Bytes | Kind::Bits | Kind::Scaled(_) => {
            let (number, prefix) = prefixed(base, digits);
            format!("{number}{space}{prefix}{}", unit.symbol())
        }
        Kind::Seconds => seconds(base, digits, space),
        Kind::Ratio => format!("{}{space}%", number(value * 100.0, digits)),
        Kind::Percent | Kind::Fixed(_) => format!("{}{space}{}", number(value, digits), unit.symbol()),
    }
}

/// Digits and the decimal prefix that leaves one to three of them before the point.
fn prefixed(value: f64, digits: usize) -> (String, &'static str) {
    let steps = || DECIMAL.iter().rev();
    let fits = |step: f64| rounded(value / step, digits).abs() < 1e3;
    if fits(1.0) {
        return (number(value, digits), "");
    }
    // Rounding may carry over the next step: 999.96 k is 1 M.
    steps().find(|(step, _)| fits(*step)).map_or_else(
        || (number(value, digits), ""),
        |(step, prefix)| (number(value / step, digits), *prefix),
    )
}

fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

/// `digits` significant digits without trailing zeros; very small and very large numbers in scientific form.
fn number(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = rounded(value, digits).abs();
    if !(1e-3..1e6).contains(&size) {
        let text = format!("{value:.*e}", digits - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", without_zeros(mantissa));
    }
    let before_point = size.log10().floor() as i32 + 1;
    let decimals = (digits as i32 - before_point).max(0) as usize;
    without_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

fn seconds(value: f64, digits: usize, space: &str) -> String {
    let size = value.abs();
    if rounded(size, digits) >= 60.0 {
        if size >= LONGEST_DURATION_S {
            return format!("{}{space}s", number(value, digits));
        }
        // What rounds to a minute is one.
        let ms = (size.max(60.0) * 1_000.0).round() as i64;
        let text = if digits > SHORT_DIGITS {
            duration::format_ms(ms)
        } else {
            duration::format_short_ms(ms)
        };
        return format!("{}{text}", if value < 0.0 { "-" } else { "" });
    }
    if value == 0.0 {
        return format!("0{space}s");
    }
    let (step, name) = SECONDS
        .into_iter()
        .find(|(step, _)| rounded(size / step, digits) >= 1.0)
        .unwrap_or(SECONDS[3]);
    format!("{}{space}{name}", number(value / step, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> Unit {
        Unit::guess(name, false)
    }

    #[test]
    fn numbers_as_on_the_screens() {
        let rate = Unit::guess("x_bytes_total", true);
        for (value, unit, text) in [
            (1.82, Unit::PLAIN, "1.82"),
            (4.0, Unit::PLAIN, "4"),
            (72.04, Unit::PLAIN, "72"),
            (412_000.0, Unit::PLAIN, "412k"),
            (98_000.0, Unit::PLAIN.rated(true), "98k/s"),
            (999.96, Unit::PLAIN, "1k"),
            (999_960.0, Unit::PLAIN, "1M"),
            (-1_500.0, Unit::PLAIN, "-1.5k"),
            (0.033_3, Unit::PLAIN, "0.0333"),
            (1e-7, Unit::PLAIN, "1e-7"),
            (1e22, Unit::PLAIN, "1e22"),
            (0.0, Unit::PLAIN, "0"),
            (f64::NAN, Unit::PLAIN, "–"),
            (8.08e9, unit("a_bytes"), "8.08 GB"),
            (0.0, unit("a_bytes"), "0 B"),
            (1_023.0, unit("a_bytes"), "1.02 kB"),
            (512.0, unit("a_mb"), "512 MB"),
            (3.4e6, rate, "3.4 MB/s"),
            (0.5, unit("a_ratio"), "50 %"),
            (99.95, unit("a_percent"), "100 %"),
            (0.021, unit("a_seconds"), "21 ms"),
            (0.000_5, unit("a_seconds"), "500 µs"),
            (0.999_9, unit("a_seconds"), "1 s"),
            (59.99, unit("a_seconds"), "1m"),
            (5_400.0, unit("a_seconds"), "1h30m"),
            (-5_400.0, unit("a_seconds"), "-1h30m"),
            (250.0, unit("a_ms"), "250 ms"),
            (0.0, unit("a_seconds"), "0 s"),
            (21.53, unit("a_celsius"), "21.5 °C"),
            (1_240.0, unit("a_watts"), "1.24 kW"),
        ] {
            assert_eq!(short(value, unit), text, "{value} {unit:?}");
        }
        assert_eq!(tight(8.08e9, unit("a_bytes")), "8.08GB");
        assert_eq!(tight(0.992, unit("a_ratio")), "99.2%");
    }

    #[test]
    fn a_number_is_never_cut() {
        let bytes = unit("a_bytes");
        for (value, unit, columns, text) in [
            (8.08e9, bytes, 8, "8.08GB"),
            (8.08e9, bytes, 5, "8.1GB"),
            (8.08e9, bytes, 3, "8GB"),
            (8.08e9, bytes, 2, "8G"),
            (8.08e9, bytes, 1, "#"),
            (-1.234e-9, Unit::PLAIN, 6, "-1e-9"),
            (1.82, Unit::PLAIN, 6, "1.82"),
            (f64::NAN, bytes, 1, "–"),
        ] {
            assert_eq!(within(value, unit, columns), text, "{value} in {columns}");
        }
    }

    #[test]
    fn bounds_are_never_rounded() {
        let rate = Unit::guess("x_bytes_total", true);
        for (value, unit, text) in [
            (4.0, Unit::PLAIN, "4"),
            (370_000.0, rate, "370 kB/s"),
            (6.0 * 1_073_741_824.0, unit("a_bytes"), "6442450944"),
            (1.333_333_333_333_333_3, Unit::PLAIN, "1.3333333333333333"),
            (0.9, unit("a_ratio"), "90 %"),
            (90.0, unit("a_seconds"), "1m30s"),
            (1e300, Unit::PLAIN, "1e300"),
        ] {
            assert_eq!(exact(value, unit), text, "{value} {unit:?}");
        }
    }
}
