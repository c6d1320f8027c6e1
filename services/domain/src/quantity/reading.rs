//! Numbers as people type them.

use super::DECIMAL;
use crate::duration;
use crate::invalid::Invalid;
use crate::unit::{Kind, Unit};

/// The longest text that is looked at, in characters.
const MAX_CHARS: usize = 64;
/// Binary prefixes, read but never written.
const BINARY: [(f64, &str); 6] = [
    (1_152_921_504_606_846_976.0, "Ei"),
    (1_125_899_906_842_624.0, "Pi"),
    (1_099_511_627_776.0, "Ti"),
    (1_073_741_824.0, "Gi"),
    (1_048_576.0, "Mi"),
    (1_024.0, "Ki"),
];
/// Times of one unit in seconds. `m` is a minute and only that.
const TIMES: [(&str, f64, i32); 10] = [
    ("y", 31_536_000.0, 0),
    ("w", 604_800.0, 0),
    ("d", 86_400.0, 0),
    ("h", 3_600.0, 0),
    ("m", 60.0, 0),
    ("s", 1.0, 0),
    ("ms", 1.0, -3),
    ("us", 1.0, -6),
    ("µs", 1.0, -6),
    ("ns", 1.0, -9),
];
const EXAMPLES: &str = "write it like 4, 1.5k, 2.5G, 6Gi, 10%, 250ms or 3 MB/s";

/// What follows the digits: a factor and a power of ten on top of it, in the base unit of a kind or, without one, in the
/// value's own unit.
struct Suffix {
    factor: f64,
    exponent: i32,
    kind: Option<Kind>,
    per_second: bool,
}

/// Reads a number for values of `unit`, in that unit: `4`, `1.5k`, `6G`, `6Gi`, `10%`, `250ms`, `3 MB/s`, `1h30m`, `1e-3`.
/// A number without a unit is in the value's own one. `%` is a hundredth where values are shares of 1 and the number itself
/// where they are percent; elsewhere it would be a guess.
///
/// # Errors
/// [`Invalid`] of the field `number` that says what is wrong and how to write it; non-finite numbers are refused.
pub fn parse(text: &str, unit: Unit) -> Result<f64, Invalid> {
    let given = text.trim();
    let refuse = |rule: String, fix: &str| Err(Invalid::new("number", given, rule, fix));
    if given.is_empty() {
        return refuse("is empty".to_owned(), EXAMPLES);
    }
    if given.chars().count() > MAX_CHARS {
        return refuse(format!("is longer than {MAX_CHARS} characters"), EXAMPLES);
    }
    if given.contains(',') {
        return refuse(
            "has a comma".to_owned(),
            "write a point before decimals and nothing between thousands",
        );
    }
    if let Some(value) = compound(given, unit) {
        return Ok(value);
    }
    let (digits, rest) = split(given);
    let rest = rest.trim_start();
    let Some((mantissa, exponent)) = decimal(digits) else {
        return refuse("is no number".to_owned(), EXAMPLES);
    };
    if rest == "%" {
        return percent(given, mantissa, exponent, unit);
    }
    let Some(suffix) = suffix(rest) else {
        return refuse(format!("ends in {rest:?}, which is no prefix and no unit"), EXAMPLES);
    };
    if let Some(kind) = suffix.kind
        && let Some(rule) = contradiction(kind, suffix.per_second, unit)
    {
        return refuse(rule, EXAMPLES);
    }
    let in_base = suffix.kind.is_some() && unit.kind != Kind::Plain;
    finite(
        given,
        mantissa,
        exponent + suffix.exponent,
        suffix.factor,
        if in_base { unit.step } else { 1.0 },
    )
}

/// The leading number and what follows it.
fn split(text: &str) -> (&str, &str) {
    let mut end = 0;
    let bytes = text.as_bytes();
    while end < bytes.len() {
        let exponent_sign = end > 0 && matches!(bytes[end - 1], b'e' | b'E');
        let takes = match bytes[end] {
            b'0'..=b'9' | b'.' => true,
            b'+' | b'-' => end == 0 || exponent_sign,
            // `1e9` and `1E9` are exponents, `1E` is a prefix.
            b'e' | b'E' => {
                matches!(bytes.get(end + 1), Some(b'0'..=b'9'))
                    || (matches!(bytes.get(end + 1), Some(b'+' | b'-'))
                        && matches!(bytes.get(end + 2), Some(b'0'..=b'9')))
            }
            _ => false,
        };
        if !takes {
            break;
        }
        end += 1;
    }
    text.split_at(end)
}

/// Mantissa and power of ten of plain decimal text; `None` for anything the standard parser would not take as digits.
fn decimal(digits: &str) -> Option<(&str, i32)> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let value: f64 = mantissa.parse().ok()?;
    value.is_finite().then_some((mantissa, exponent))
}

/// Times of several parts: `1h30m`.
fn compound(text: &str, unit: Unit) -> Option<f64> {
    if !matches!(unit.kind, Kind::Seconds | Kind::Plain) {
        return None;
    }
    let bare = text.strip_prefix('-').unwrap_or(text);
    let runs = bare
        .split(|c: char| !c.is_ascii_digit())
        .filter(|run| !run.is_empty())
        .count();
    if runs < 2 || !bare.bytes().all(|b| b.is_ascii_alphanumeric()) || bare.contains(['e', 'E']) {
        return None;
    }
    let ms = duration::parse_ms(bare).ok()?;
    let seconds: f64 = format!("{ms}e-3").parse().ok()?;
    let step = if unit.kind == Kind::Plain { 1.0 } else { unit.step };
    Some(if bare.len() < text.len() { -seconds } else { seconds } / step)
}

fn percent(given: &str, mantissa: &str, exponent: i32, unit: Unit) -> Result<f64, Invalid> {
    match unit.kind {
        Kind::Ratio => finite(given, mantissa, exponent - 2, 1.0, 1.0),
        Kind::Percent => finite(given, mantissa, exponent, 1.0, 1.0),
        _ => {
            let share = finite(given, mantissa, exponent - 2, 1.0, 1.0)?;
            let number = finite(given, mantissa, exponent, 1.0, 1.0)?;
            Err(Invalid::new(
                "number",
                given,
                format!("% can be read as {share} or as {number}: these values are not known to be shares"),
                "write the one that is meant, without %",
            ))
        }
    }
}

fn suffix(text: &str) -> Option<Suffix> {
    let plain = |exponent| Suffix {
        factor: 1.0,
        exponent,
        kind: None,
        per_second: false,
    };
    if text.is_empty() {
        return Some(plain(0));
    }
    if let Some((_, factor, exponent)) = TIMES.iter().find(|(name, ..)| *name == text) {
        return Some(Suffix {
            factor: *factor,
            exponent: *exponent,
            kind: Some(Kind::Seconds),
            per_second: false,
        });
    }
    let (bare, per_second) = match text.strip_suffix("/s") {
        Some(bare) => (bare.trim_end(), true),
        None => (text, false),
    };
    let (prefix, kind) = symbol(bare);
    let (factor, exponent) = prefix_of(prefix, kind)?;
    Some(Suffix {
        factor,
        exponent,
        kind: if per_second && kind.is_none() {
            Some(Kind::Plain)
        } else {
            kind
        },
        per_second,
    })
}

/// Splits the unit off a prefix: `MB` is `M` and bytes.
fn symbol(text: &str) -> (&str, Option<Kind>) {
    const SYMBOLS: [(&str, Kind); 14] = [
        ("bit", Kind::Bits),
        ("B", Kind::Bytes),
        ("°C", Kind::Fixed("°C")),
        ("°F", Kind::Fixed("°F")),
        ("rpm", Kind::Fixed("rpm")),
        ("mm", Kind::Fixed("mm")),
        ("cm", Kind::Fixed("cm")),
        ("Hz", Kind::Scaled("Hz")),
        ("V", Kind::Scaled("V")),
        ("A", Kind::Scaled("A")),
        ("W", Kind::Scaled("W")),
        ("J", Kind::Scaled("J")),
        ("g", Kind::Scaled("g")),
        ("%", Kind::Percent),
    ];
    SYMBOLS
        .iter()
        .find_map(|(name, kind)| Some((text.strip_suffix(name)?, Some(*kind))))
        .unwrap_or((text, None))
}

fn prefix_of(prefix: &str, kind: Option<Kind>) -> Option<(f64, i32)> {
    if prefix.is_empty() {
        return Some((1.0, 0));
    }
    if matches!(kind, Some(Kind::Fixed(_) | Kind::Percent)) {
        return None;
    }
    if let Some(at) = DECIMAL
        .iter()
        .position(|(_, name)| *name == prefix || (*name == "k" && prefix == "K"))
    {
        return Some((1.0, 18 - 3 * at as i32));
    }
    if matches!(kind, Some(Kind::Scaled(_))) {
        // Only before a unit: alone `m` is a minute.
        return match prefix {
            "m" => Some((1.0, -3)),
            "µ" | "u" => Some((1.0, -6)),
            "n" => Some((1.0, -9)),
            _ => None,
        };
    }
    BINARY
        .iter()
        .find(|(_, name)| *name == prefix || (*name == "Ki" && prefix == "ki"))
        .map(|(factor, _)| (*factor, 0))
}

/// What the text's unit and the values' one cannot both be. Values of unknown unit contradict nothing.
fn contradiction(given: Kind, per_second: bool, unit: Unit) -> Option<String> {
    let values = if unit.symbol().is_empty() {
        "plain numbers".to_owned()
    } else {
        unit.symbol()
    };
    if given != Kind::Plain && unit.kind != Kind::Plain && !same(given, unit.kind) {
        return Some(format!("has another unit than the values, which are in {values}"));
    }
    if per_second && !unit.per_second && unit.kind != Kind::Plain {
        return Some(format!("is per second, and the values, in {values}, are not"));
    }
    None
}

fn same(given: Kind, kind: Kind) -> bool {
    given == kind || matches!((given, kind), (Kind::Percent, Kind::Ratio))
}

/// `mantissa`·10^`exponent`·`factor` ÷ `step`. Powers of ten go through decimal text, so that `3.9G` is the number nearest to
/// 3.9e9 and `21ms` of values in milliseconds is 21.
fn finite(given: &str, mantissa: &str, exponent: i32, factor: f64, step: f64) -> Result<f64, Invalid> {
    let decimal_step = (-12..=18).find(|&power| format!("1e{power}").parse() == Ok(step));
    let (power, step) = decimal_step.map_or((0, step), |power| (power, 1.0));
    format!("{mantissa}e{}", exponent.saturating_sub(power))
        .parse::<f64>()
        .ok()
        .map(|value| value * factor / step)
        .filter(|value| value.is_finite())
        .ok_or_else(|| Invalid::new("number", given, "is beyond what a number can hold", EXAMPLES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> Unit {
        Unit::guess(name, false)
    }

    #[test]
    fn numbers_are_read_as_typed() {
        let rate = Unit::guess("x_bytes_total", true);
        for (text, unit, value) in [
            ("412k", Unit::PLAIN, 412_000.0),
            ("412K", Unit::PLAIN, 412_000.0),
            ("3.9G", Unit::PLAIN, 3.9e9),
            ("2Gi", Unit::PLAIN, 2_147_483_648.0),
            ("-5", Unit::PLAIN, -5.0),
            ("+5", Unit::PLAIN, 5.0),
            ("1e-3", Unit::PLAIN, 1e-3),
            ("1E9", Unit::PLAIN, 1e9),
            ("1E", Unit::PLAIN, 1e18),
            (".5", Unit::PLAIN, 0.5),
            ("5.", Unit::PLAIN, 5.0),
            ("98k/s", Unit::PLAIN.rated(true), 98_000.0),
            ("250ms", Unit::PLAIN, 0.25),
            ("1h30m", Unit::PLAIN, 5_400.0),
            ("21m", Unit::PLAIN, 1_260.0),
            ("3 MB/s", Unit::PLAIN, 3e6),
            ("2 GiB", unit("a_bytes"), 2_147_483_648.0),
            ("6G", unit("a_bytes"), 6e9),
            ("1.5MB", unit("a_bytes"), 1.5e6),
            ("1.5MB", unit("a_mb"), 1.5),
            ("1.5", unit("a_mb"), 1.5),
            ("3 MB/s", rate, 3e6),
            ("3 MB", rate, 3e6),
            ("10%", unit("a_ratio"), 0.1),
            ("10 %", unit("a_percent"), 10.0),
            ("0.1", unit("a_ratio"), 0.1),
            ("250ms", unit("a_seconds"), 0.25),
            ("21ms", unit("a_ms"), 21.0),
            ("2s", unit("a_ms"), 2_000.0),
            ("1.5h", unit("a_seconds"), 5_400.0),
            ("-1h30m", unit("a_seconds"), -5_400.0),
            ("1.2 kW", unit("a_watts"), 1_200.0),
            ("20 mV", unit("a_volts"), 0.02),
            ("21.5 °C", unit("a_celsius"), 21.5),
        ] {
            assert_eq!(parse(text, unit), Ok(value), "{text} {unit:?}");
        }
    }

    #[test]
    fn what_is_refused_says_why() {
        for (text, unit, words) in [
            ("", Unit::PLAIN, "is empty"),
            ("k", Unit::PLAIN, "is no number"),
            ("inf", Unit::PLAIN, "is no number"),
            ("NaN", Unit::PLAIN, "is no number"),
            ("--1", Unit::PLAIN, "is no number"),
            ("1.2.3", Unit::PLAIN, "is no number"),
            ("1e999", Unit::PLAIN, "beyond what a number can hold"),
            ("1,5", Unit::PLAIN, "has a comma"),
            ("1,000", Unit::PLAIN, "has a comma"),
            ("1x", Unit::PLAIN, "ends in \"x\""),
            ("1e", Unit::PLAIN, "ends in \"e\""),
            ("1ki2", Unit::PLAIN, "ends in \"ki2\""),
            ("10%", Unit::PLAIN, "% can be read as 0.1 or as 10"),
            ("10%", unit("a_bytes"), "% can be read as 0.1 or as 10"),
            ("5MB", unit("a_seconds"), "another unit than the values, which are in s"),
            ("5m", unit("a_bytes"), "another unit than the values, which are in B"),
            ("5MB/s", unit("a_bytes"), "is per second"),
            ("5M°C", unit("a_celsius"), "no prefix and no unit"),
        ] {
            let refusal = parse(text, unit).unwrap_err().to_string();
            assert!(refusal.contains(words), "{text} {unit:?}: {refusal}");
        }
        assert!(parse(&"1".repeat(65), Unit::PLAIN).is_err());
    }
}
