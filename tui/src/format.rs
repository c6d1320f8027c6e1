//! Times, durations and shares as an operator reads them. Numbers are written and read by [`sla_domain::quantity`].

use chrono::{DateTime, Local, TimeZone as _, Utc};
use sla_domain::duration as domain_duration;
use sla_domain::quantity;
use sla_domain::unit::{Kind, Unit};

use crate::say;

pub(crate) use sla_domain::quantity::short as number;

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
            Self::Utc => say::words::utc(),
            Self::Local => say::words::local(),
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

/// A figure in its unit, or a dash.
pub(crate) fn maybe(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| "–".to_owned(), |value| number(value, unit))
}

/// The same in at most `columns`: a number that is cut would be another number, so it loses digits instead.
pub(crate) fn maybe_in(value: Option<f64>, unit: Unit, columns: u16) -> String {
    value.map_or_else(
        || "–".to_owned(),
        |value| quantity::within(value, unit, usize::from(columns)),
    )
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
    number(count as f64, Unit::of(Kind::Bytes))
}

/// Whether a file of this name is written as CSV; anything else is JSON.
pub(crate) fn is_csv(path: &str) -> bool {
    std::path::Path::new(path)
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}

/// A duration as people type it: `90s`, `10m`, `1h30m`, `12h`, `7d`. Milliseconds, above 0. A bare number is none here: it
/// would be taken for a clock time as well.
pub(crate) fn parse_duration_ms(text: &str) -> Option<i64> {
    let bare = text.trim().bytes().all(|byte| byte.is_ascii_digit());
    (!bare).then(|| domain_duration::parse_ms(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }

    #[test]
    fn typed_durations() {
        assert_eq!(parse_duration_ms("1h30m"), Some(5_400_000));
        for bad in ["", "0s", "5", "m", "1x", "99999999999999999999d"] {
            assert_eq!(parse_duration_ms(bad), None, "{bad}");
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
