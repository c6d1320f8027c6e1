//! Numbers, times and durations as an operator reads them.

use chrono::{DateTime, Local, TimeZone as _, Utc};

/// Which wall clock is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Zone {
    #[default]
    Utc,
    Local,
}

impl Zone {
    /// "UTC" or "local".
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Utc => "UTC",
            Self::Local => "local",
        }
    }

    fn render(self, time_ms: i64, pattern: &str) -> String {
        match self {
            Self::Utc => Utc
                .timestamp_millis_opt(time_ms)
                .single()
                .map(|t| t.format(pattern).to_string()),
            Self::Local => Local
                .timestamp_millis_opt(time_ms)
                .single()
                .map(|t| t.format(pattern).to_string()),
        }
        .unwrap_or_else(|| "-".to_owned())
    }

    /// `14:32:07`.
    pub(crate) fn clock(self, time_ms: i64) -> String {
        self.render(time_ms, "%H:%M:%S")
    }

    /// `14:32`.
    pub(crate) fn minute(self, time_ms: i64) -> String {
        self.render(time_ms, "%H:%M")
    }

    /// `14:32` of something to come, `11-21 14:32` where it is another day than `now_ms`.
    pub(crate) fn coming(self, time_ms: i64, now_ms: i64) -> String {
        if self.day(time_ms) == self.day(now_ms) {
            self.minute(time_ms)
        } else {
            self.render(time_ms, "%m-%d %H:%M")
        }
    }

    /// `11-20 14:32:07`, the date only where it is another day than `now_ms`.
    pub(crate) fn moment(self, time_ms: i64, now_ms: i64) -> String {
        if self.render(time_ms, "%F") == self.render(now_ms, "%F") {
            self.clock(time_ms)
        } else {
            self.render(time_ms, "%m-%d %H:%M:%S")
        }
    }

    /// A clock time on the day of another instant, Unix milliseconds; `None` where the clock was set over it.
    pub(crate) fn on_the_day_of(self, time_ms: i64, clock: chrono::NaiveTime) -> Option<i64> {
        let utc = DateTime::<Utc>::from_timestamp_millis(time_ms)?;
        match self {
            Self::Utc => Some(utc.date_naive().and_time(clock).and_utc().timestamp_millis()),
            Self::Local => {
                let day = utc.with_timezone(&Local).date_naive();
                let time = Local.from_local_datetime(&day.and_time(clock)).earliest()?;
                Some(time.timestamp_millis())
            }
        }
    }

    /// `11-20`.
    pub(crate) fn day(self, time_ms: i64) -> String {
        self.render(time_ms, "%m-%d")
    }
}

/// RFC 3339 in UTC with milliseconds where there are any: for exports.
pub(crate) fn iso(time_ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(time_ms).map_or_else(String::new, |time| {
        let form = if time_ms % 1000 == 0 {
            chrono::SecondsFormat::Secs
        } else {
            chrono::SecondsFormat::Millis
        };
        time.to_rfc3339_opts(form, true)
    })
}

/// Three significant digits with an SI suffix: `1.82`, `412k`, `3.90G`, `21m` is never used (that reads as minutes): `0.021`.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 {
            "+Inf".to_owned()
        } else {
            "-Inf".to_owned()
        };
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e18).contains(&size) {
        return format!("{value:.2e}");
    }
    let (scaled, suffix) = match size {
        s if s < 999.5 => (value, ""),
        s if s < 999.5e3 => (value / 1e3, "k"),
        s if s < 999.5e6 => (value / 1e6, "M"),
        s if s < 999.5e9 => (value / 1e9, "G"),
        s if s < 999.5e12 => (value / 1e12, "T"),
        s if s < 999.5e15 => (value / 1e15, "P"),
        _ => (value / 1e18, "E"),
    };
    let whole = scaled.abs();
    let digits = if whole < 0.0995 {
        4
    } else if whole < 0.9995 {
        3
    } else if whole < 9.995 {
        2
    } else {
        usize::from(whole < 99.95)
    };
    let text = format!("{scaled:.digits$}");
    // An integer stays an integer: 4, not 4.00; 80, not 80.0.
    let text = if scaled.fract() == 0.0 {
        format!("{scaled:.0}")
    } else {
        text
    };
    format!("{text}{suffix}")
}

/// `number`, or a dash.
pub(crate) fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// The same in at most `columns`: a number that is cut would be another number, so it loses digits instead.
pub(crate) fn maybe_in(value: Option<f64>, columns: u16) -> String {
    let text = maybe(value);
    match value {
        Some(value) if text.len() > usize::from(columns) && value.is_finite() => {
            let short = format!("{value:.0e}");
            if short.len() > usize::from(columns) {
                "#".repeat(usize::from(columns))
            } else {
                short
            }
        }
        _ => text,
    }
}

/// `1 violation`, `3 violations`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// A number as it can be typed again: the shortest form that reads back exactly.
pub(crate) fn exact(value: f64) -> String {
    if value != 0.0 && (value.abs() >= 1e15 || value.abs() < 1e-4) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

/// `0s`, `45s`, `3m15s`, `11m`, `2h05m`, `3d04h`.
pub(crate) fn duration(ms: i64) -> String {
    let s = (ms.max(0) + 500) / 1000;
    match s {
        0 if ms > 0 => format!("{ms}ms"),
        0..60 => format!("{s}s"),
        600..3570 => format!("{}m", (s + 30) / 60),
        60..3600 if s % 60 == 0 => format!("{}m", s / 60),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 if s % 3600 < 60 => format!("{}h", s / 3600),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
        _ if s % 86_400 < 3600 => format!("{}d", s / 86_400),
        _ => format!("{}d{:02}h", s / 86_400, s % 86_400 / 3600),
    }
}

/// `93 %`, `2 %`, `<1 %`, `>99 %`: a probability is never told as certain.
pub(crate) fn probability(p: f64) -> String {
    let percent = p * 100.0;
    if percent < 0.5 {
        "<1 %".to_owned()
    } else if percent > 99.5 {
        ">99 %".to_owned()
    } else {
        format!("{percent:.0} %")
    }
}

/// `99.83 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 100.0 || percent == 0.0 {
        return format!("{percent:.0} %");
    }
    // Rounding must not turn 99.999 into a false 100.
    let text = format!("{percent:.2}");
    if text == "100.00" {
        "99.99 %".to_owned()
    } else {
        format!("{text} %")
    }
}

/// How long work took: `.03 ms`, `1.2 ms`, `340 ms`, `4.1 s`, `12m`.
pub(crate) fn millis(ms: f64) -> String {
    if ms < 0.995 {
        format!("{ms:.2} ms").trim_start_matches('0').to_owned()
    } else if ms < 99.5 {
        format!("{ms:.1} ms")
    } else if ms < 995.0 {
        format!("{ms:.0} ms")
    } else if ms < 99_500.0 {
        format!("{:.1} s", ms / 1000.0)
    } else {
        duration(ms as i64)
    }
}

/// `2.1 MB`.
pub(crate) fn bytes(count: u64) -> String {
    let value = count as f64;
    if value < 1e3 {
        format!("{count} B")
    } else if value < 1e6 {
        format!("{:.0} kB", value / 1e3)
    } else if value < 1e9 {
        format!("{:.1} MB", value / 1e6)
    } else {
        format!("{:.1} GB", value / 1e9)
    }
}

/// Whether a file of this name is written as CSV; anything else is JSON.
pub(crate) fn is_csv(path: &str) -> bool {
    std::path::Path::new(path)
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}

/// A number as people type it: `4`, `2.5G`, `80%` (the sign is dropped), `1e6`, `-3k`. Suffixes are decimal; `Ki`, `Mi`, `Gi` are binary.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim().trim_end_matches('%').trim();
    if let Ok(value) = text.parse::<f64>() {
        return value.is_finite().then_some(value);
    }
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let factor = match &text[split..] {
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1024.0,
        "Mi" => 1024.0_f64.powi(2),
        "Gi" => 1024.0_f64.powi(3),
        "Ti" => 1024.0_f64.powi(4),
        _ => return None,
    };
    let value = text[..split].trim().parse::<f64>().ok()? * factor;
    value.is_finite().then_some(value)
}

/// A duration as people type it: `90s`, `10m`, `1h30m`, `12h`, `7d`. Milliseconds, above 0.
pub(crate) fn parse_duration_ms(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut digits = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && total > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (1.82, "1.82"),
            (4.0, "4"),
            (80.0, "80"),
            (0.93, "0.930"),
            (412_345.0, "412k"),
            (3.9e9, "3.90G"),
            (-2.5e6, "-2.50M"),
            (999.7, "1.00k"),
            (0.0, "0"),
            (0.021, "0.0210"),
            (1e-9, "1.00e-9"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn durations_are_told_in_two_units_at_most() {
        for (ms, text) in [
            (0, "0s"),
            (45_000, "45s"),
            (195_000, "3m15s"),
            (660_000, "11m"),
            (7_500_000, "2h05m"),
            (3_600_000, "1h"),
            (273_600_000, "3d04h"),
            (120, "120ms"),
        ] {
            assert_eq!(duration(ms), text, "{ms}");
        }
    }

    #[test]
    fn nothing_is_rounded_to_certainty() {
        assert_eq!(percent(0.999_999), "99.99 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(probability(0.999), ">99 %");
        assert_eq!(probability(0.001), "<1 %");
    }

    #[test]
    fn typed_numbers_and_durations() {
        assert_eq!(parse_number("2.5G"), Some(2.5e9));
        assert_eq!(parse_number(" 80 %"), Some(80.0));
        assert_eq!(parse_number("1Gi"), Some(1_073_741_824.0));
        assert_eq!(parse_number("-3k"), Some(-3000.0));
        for bad in ["", "nan", "inf", "x", "1x", "--1"] {
            assert_eq!(parse_number(bad), None, "{bad}");
        }
        assert_eq!(parse_duration_ms("1h30m"), Some(5_400_000));
        for bad in ["", "0s", "5", "m", "1y", "99999999999999999999d"] {
            assert_eq!(parse_duration_ms(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_number_is_never_cut() {
        assert_eq!(maybe_in(Some(-1.234e-9), 6), "-1e-9");
        assert_eq!(maybe_in(Some(1.82), 6), "1.82");
        assert_eq!(maybe_in(Some(-1.234e-9), 3), "###");
    }

    #[test]
    fn exact_reads_back() {
        for value in [4.0, 0.1, 1e300, -2.5e-9, 3_900_000_000.0] {
            assert_eq!(exact(value).parse::<f64>().unwrap(), value);
        }
    }

    #[test]
    fn times() {
        assert_eq!(iso(1_700_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(iso(1_700_000_000_250), "2023-11-14T22:13:20.250Z");
        assert_eq!(Zone::Utc.moment(1_700_000_000_000, 1_700_000_001_000), "22:13:20");
        assert_eq!(Zone::Utc.moment(1_700_000_000_000, 1_700_100_000_000), "11-14 22:13:20");
    }
}
