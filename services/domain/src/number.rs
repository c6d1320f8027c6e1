//! Numbers for people: `412k`, `3.9G`, with the unit guessed from the metric's name.

/// What a value is measured in, as far as its metric's name tells (Prometheus naming: base units as a suffix).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Unit {
    /// Nothing known: scaled by 1000 (k M G T P E).
    #[default]
    Plain,
    /// Bytes: scaled by 1024 (Ki Mi Gi Ti Pi Ei).
    Bytes,
    /// Bytes per second: scaled by 1024.
    BytesPerSecond,
    /// Seconds: written as a duration above a minute, with ms µs ns below one second.
    Seconds,
    /// A share of 1, shown as percent.
    Ratio,
    /// A share of 100.
    Percent,
    /// A per-second rate of something plain.
    PerSecond,
}

impl Unit {
    /// By the metric's name; `rate` says that the values are per-second rates of a counter of that name.
    pub fn guess(metric_name: &str, rate: bool) -> Self {
        let base = ["_total", "_sum", "_max", "_min", "_avg"]
            .iter()
            .fold(metric_name, |name, ending| name.strip_suffix(ending).unwrap_or(name));
        let has = |word: &str| base.split(['_', ':']).any(|part| part == word);
        let ends = |word: &str| base.rsplit(['_', ':']).next() == Some(word);
        if has("bytes") {
            if rate { Self::BytesPerSecond } else { Self::Bytes }
        } else if ends("count") || ends("bucket") {
            if rate { Self::PerSecond } else { Self::Plain }
        } else if has("seconds") {
            // Seconds per second are a share of time: busy cores, utilisation.
            if rate { Self::Plain } else { Self::Seconds }
        } else if ends("ratio") {
            Self::Ratio
        } else if has("percent") || has("percentage") || ends("pct") {
            Self::Percent
        } else if rate {
            Self::PerSecond
        } else {
            Self::Plain
        }
    }

    /// What stands in a column's head, if anything: `/s`, `%`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Plain | Self::Bytes | Self::Seconds => "",
            Self::BytesPerSecond | Self::PerSecond => "/s",
            Self::Ratio | Self::Percent => "%",
        }
    }
}

const SI: [(f64, &str); 6] = [
    (1e18, "E"),
    (1e15, "P"),
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
];
const IEC: [(f64, &str); 6] = [
    (1_152_921_504_606_846_976.0, "Ei"),
    (1_125_899_906_842_624.0, "Pi"),
    (1_099_511_627_776.0, "Ti"),
    (1_073_741_824.0, "Gi"),
    (1_048_576.0, "Mi"),
    (1_024.0, "Ki"),
];
const SMALL: [(f64, &str); 4] = [(1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")];

/// `value` in about three digits: `1.82`, `412k`, `3.9Gi`, `21ms`, `1h30m`, `99.2`. Non-numbers are `–`.
pub fn human(value: f64, unit: Unit) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return if unit == Unit::Seconds { "0s" } else { "0" }.to_owned();
    }
    match unit {
        Unit::Plain | Unit::PerSecond => scaled(value, &SI),
        Unit::Bytes | Unit::BytesPerSecond => scaled(value, &IEC),
        Unit::Percent => three(value),
        Unit::Ratio => three(value * 100.0),
        Unit::Seconds => seconds(value),
    }
}

/// The same with its suffix: `412k/s`, `99.2%`.
pub fn human_with_unit(value: f64, unit: Unit) -> String {
    let text = human(value, unit);
    if value.is_finite() { text + unit.suffix() } else { text }
}

fn scaled(value: f64, steps: &[(f64, &str)]) -> String {
    // Rounding may carry over the next step: 999.96 k is 1 M.
    let size = value.abs();
    let mut at = steps.iter().position(|(step, _)| size >= *step);
    let base = if steps[0].1 == "Ei" { 1_024.0 } else { 1_000.0 };
    let below = at.map_or(1.0, |at| steps[at].0);
    let shown: f64 = three(size / below).parse().unwrap_or(0.0);
    if shown >= base {
        at = match at {
            None => Some(steps.len() - 1),
            Some(0) => Some(0),
            Some(at) => Some(at - 1),
        };
    }
    match at {
        None => three(value),
        Some(at) => {
            let (step, name) = steps[at];
            format!("{}{name}", three(value / step))
        }
    }
}

/// About three significant digits, without trailing zeros; very small and very large numbers in scientific form.
fn three(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:.1e}");
    }
    let decimals = match size {
        s if s >= 99.95 => 0,
        s if s >= 9.995 => 1,
        s if s >= 0.0995 => 2,
        s if s >= 0.00995 => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn seconds(value: f64) -> String {
    let size = value.abs();
    if size >= 60.0 {
        if size >= 1e12 {
            return format!("{}s", three(value));
        }
        let sign = if value < 0.0 { "-" } else { "" };
        return format!(
            "{sign}{}",
            crate::duration::format_short_ms((size * 1_000.0).round() as i64)
        );
    }
    let mut at = SMALL
        .iter()
        .position(|(step, _)| size >= *step)
        .unwrap_or(SMALL.len() - 1);
    if at > 0 && three(size / SMALL[at].0) == "1000" {
        at -= 1;
    }
    let (step, name) = SMALL[at];
    format!("{}{name}s", three(value / step))
}

/// Reads a number as people type it: `412k`, `3.9G`, `2Gi`, `1e-3`, `80%` (the sign is dropped), `-5`. SI letters are
/// powers of 1000 (k K M G T P E; m µ u n below one), with an `i` powers of 1024; a `B` or a `/s` at the end is dropped.
/// `None` for anything else, NaN and infinities included.
pub fn parse(text: &str) -> Option<f64> {
    let mut bare = text.trim();
    for ending in ["/s", "%", "B"] {
        bare = bare.strip_suffix(ending).unwrap_or(bare).trim_end();
    }
    // Only digits, so that `inf`, `nan` and `1e` do not slip through the standard parser.
    let end = bare
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_alphabetic())
        .last()
        .map_or(bare.len(), |(at, _)| at);
    let (number, suffix) = bare.split_at(end);
    let number = number.trim_end();
    if !number.ends_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let exponent = match suffix {
        "" => 0,
        "k" | "K" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        "P" => 15,
        "E" => 18,
        "m" => -3,
        "µ" | "μ" | "u" => -6,
        "n" => -9,
        other => {
            let letter = other.strip_suffix('i')?;
            let (factor, _) = IEC
                .iter()
                .find(|(_, name)| name.trim_end_matches('i').eq_ignore_ascii_case(letter))?;
            return number.parse::<f64>().ok().map(|n| n * factor).filter(|n| n.is_finite());
        }
    };
    // Through decimal text, so that 3.9G is the number nearest to 3.9e9.
    let parsed = if exponent == 0 {
        number.parse::<f64>()
    } else if number.contains(['e', 'E']) {
        return None;
    } else {
        format!("{number}e{exponent}").parse::<f64>()
    };
    parsed.ok().filter(|n| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_as_on_the_screens() {
        for (value, unit, text) in [
            (1.82, Unit::Plain, "1.82"),
            (412_000.0, Unit::Plain, "412k"),
            (98_000.0, Unit::PerSecond, "98k"),
            (2_100_000.0, Unit::Plain, "2.1M"),
            (3.9 * 1_073_741_824.0, Unit::Bytes, "3.9Gi"),
            (1_023.0, Unit::Bytes, "1023"),
            (1_024.0, Unit::Bytes, "1Ki"),
            (999.96, Unit::Plain, "1k"),
            (999_960.0, Unit::Plain, "1M"),
            (-1_500.0, Unit::Plain, "-1.5k"),
            (0.5, Unit::Ratio, "50"),
            (99.95, Unit::Percent, "100"),
            (0.021, Unit::Seconds, "21ms"),
            (0.000_5, Unit::Seconds, "500µs"),
            (0.999_9, Unit::Seconds, "1s"),
            (5_400.0, Unit::Seconds, "1h30m"),
            (0.0, Unit::Seconds, "0s"),
            (0.033_3, Unit::Plain, "0.033"),
            (1e-7, Unit::Plain, "1.0e-7"),
            (1e22, Unit::Plain, "10000E"),
            (f64::NAN, Unit::Plain, "–"),
        ] {
            assert_eq!(human(value, unit), text, "{value} {unit:?}");
        }
        assert_eq!(human_with_unit(412_000.0, Unit::PerSecond), "412k/s");
        assert_eq!(human_with_unit(0.992, Unit::Ratio), "99.2%");
    }

    #[test]
    fn units_are_guessed_from_names() {
        for (name, rate, unit) in [
            ("node_memory_MemAvailable_bytes", false, Unit::Bytes),
            ("node_network_receive_bytes_total", true, Unit::BytesPerSecond),
            ("node_network_receive_bytes_total", false, Unit::Bytes),
            ("node_cpu_seconds_total", true, Unit::Plain),
            ("http_request_duration_seconds", false, Unit::Seconds),
            ("http_request_duration_seconds_count", true, Unit::PerSecond),
            ("cache_hit_ratio", false, Unit::Ratio),
            ("cpu_usage_percent", false, Unit::Percent),
            ("node_context_switches_total", true, Unit::PerSecond),
            ("node_load1", false, Unit::Plain),
        ] {
            assert_eq!(Unit::guess(name, rate), unit, "{name}");
        }
    }

    #[test]
    fn numbers_are_read_as_typed() {
        for (text, value) in [
            ("412k", 412_000.0),
            ("3.9G", 3.9e9),
            ("2Gi", 2_147_483_648.0),
            ("2 GiB", 2_147_483_648.0),
            ("1.5MB", 1.5e6),
            ("80%", 80.0),
            ("-5", -5.0),
            ("1e-3", 1e-3),
            ("21m", 0.021),
            ("98k/s", 98_000.0),
            (".5", 0.5),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        for text in [
            "", "k", "inf", "nan", "1e999", "1x", "--1", "1,5", "Infinity", "1ki2", "5ms", "1e", "e5",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_near(value in prop_oneof![-1e17..1e17_f64, -10.0..10.0_f64, 0.0..2e6_f64]) {
            prop_assume!(value.abs() > 1e-3);
            for unit in [Unit::Plain, Unit::Bytes] {
                let text = human(value, unit);
                let read = parse(&text).unwrap();
                prop_assert!((read - value).abs() <= 0.051 * value.abs(), "{value} {text} {read}");
                prop_assert!(text.len() <= 8, "{}", text);
            }
        }

        #[test]
        fn any_number_and_text_is_survived(value in any::<f64>(), text in ".{0,12}") {
            for unit in [Unit::Plain, Unit::Bytes, Unit::Seconds, Unit::Ratio, Unit::Percent] {
                let _ = human_with_unit(value, unit);
            }
            prop_assert!(parse(&text).is_none_or(f64::is_finite));
        }
    }
}
