//! Calendar windows: half open in an IANA time zone, their budget by real length (semantics §14).

use chrono::{DateTime, Datelike, Days, LocalResult, Months, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use crate::invalid::Invalid;
use crate::span::Span;
use crate::target::Target;

/// What a calendar window covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// Midnight to midnight.
    Day,
    /// Seven days from this weekday on.
    Week {
        /// The first day of a week.
        start: Weekday,
    },
    /// A calendar month.
    Month,
    /// January, April, July or October on.
    Quarter,
    /// A calendar year.
    Year,
}

/// A zone by its IANA name, for example `Europe/Rome`.
pub fn zone(name: &str) -> Result<Tz, Invalid> {
    name.trim().parse::<Tz>().map_err(|_| {
        Invalid::new(
            "time_zone",
            name,
            "is no IANA time zone",
            "use a name such as UTC or Europe/Rome",
        )
    })
}

/// The calendar window that contains `at_ms` (Unix milliseconds), as the half-open time [start, end).
/// `None` outside the years chrono can count.
pub fn window(at_ms: i64, period: Period, zone: Tz) -> Option<Span> {
    let date = DateTime::<Utc>::from_timestamp_millis(at_ms)?
        .with_timezone(&zone)
        .date_naive();
    let first = match period {
        Period::Day => date,
        Period::Week { start } => {
            let back = u64::from(date.weekday().days_since(start));
            date.checked_sub_days(Days::new(back))?
        }
        Period::Month => date.with_day(1)?,
        Period::Quarter => date.with_day(1)?.with_month(date.month0() / 3 * 3 + 1)?,
        Period::Year => NaiveDate::from_ymd_opt(date.year(), 1, 1)?,
    };
    let next = match period {
        Period::Day => first.checked_add_days(Days::new(1))?,
        Period::Week { .. } => first.checked_add_days(Days::new(7))?,
        Period::Month => first.checked_add_months(Months::new(1))?,
        Period::Quarter => first.checked_add_months(Months::new(3))?,
        Period::Year => first.checked_add_months(Months::new(12))?,
    };
    Some(Span {
        start_ms: first_instant_ms(first, zone)?,
        end_ms: first_instant_ms(next, zone)?,
    })
}

/// The first instant of a local day. Midnight may come twice (the first counts) or not at all (clocks put forward
/// there): then the day begins where the gap ends.
fn first_instant_ms(date: NaiveDate, zone: Tz) -> Option<i64> {
    let midnight = date.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => return Some(time.timestamp_millis()),
        LocalResult::None => {}
    }
    // Some zones skipped a whole day (Apia, 30 December 2011): their next local day begins there.
    (1..=2 * 24 * 60).find_map(|minutes| {
        let later = midnight.checked_add_signed(chrono::TimeDelta::minutes(minutes))?;
        zone.from_local_datetime(&later)
            .earliest()
            .map(|time| time.timestamp_millis())
    })
}

/// The budget of `target` in a window of this real length, in milliseconds: (1 − target) × length, rounded once.
pub fn budget_ms(target: &Target, window: Span) -> f64 {
    let (part, whole) = target.budget_fraction();
    let product = i128::from(window.length_ms()) * i128::from(part);
    let whole = i128::from(whole);
    (product / whole) as f64 + (product % whole) as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn hours(span: Span) -> i64 {
        assert_eq!(span.length_ms() % 3_600_000, 0);
        span.length_ms() / 3_600_000
    }

    #[test]
    fn months_have_their_real_length() {
        let rome = zone("Europe/Rome").unwrap();
        let target = Target::parse("99.9").unwrap();
        for (text, length, minutes) in [
            ("2026-03-15T00:00:00Z", 743, 44.58),
            ("2026-10-15T00:00:00Z", 745, 44.70),
            ("2026-02-15T00:00:00Z", 672, 40.32),
        ] {
            let month = window(at(text), Period::Month, rome).unwrap();
            assert_eq!(hours(month), length, "{text}");
            let found = budget_ms(&target, month) / 60_000.0;
            assert!((found - minutes).abs() < 1e-12 * minutes, "{text}: {found}");
        }
    }

    #[test]
    fn windows_are_half_open_and_local() {
        let rome = zone("Europe/Rome").unwrap();
        let march = window(at("2026-02-28T23:00:00Z"), Period::Month, rome).unwrap();
        assert_eq!(march.start_ms, at("2026-02-28T23:00:00Z"));
        assert_eq!(march.end_ms, at("2026-03-31T22:00:00Z"));
        let february = window(at("2026-02-28T22:59:59.999Z"), Period::Month, rome).unwrap();
        assert_eq!(february.end_ms, march.start_ms);
        assert_eq!(
            hours(window(at("2026-03-29T12:00:00Z"), Period::Day, rome).unwrap()),
            23
        );
        assert_eq!(
            hours(window(at("2026-10-25T12:00:00Z"), Period::Day, rome).unwrap()),
            25
        );
        assert_eq!(
            hours(window(at("2026-05-01T12:00:00Z"), Period::Quarter, rome).unwrap()),
            91 * 24
        );
        assert_eq!(
            hours(window(at("2028-05-01T12:00:00Z"), Period::Year, rome).unwrap()),
            366 * 24
        );
    }

    #[test]
    fn weeks_start_where_the_setting_says() {
        let utc = zone("UTC").unwrap();
        let day = at("2026-11-20T10:00:00Z"); // a Friday
        for (start, first) in [
            (Weekday::Mon, "2026-11-16T00:00:00Z"),
            (Weekday::Sun, "2026-11-15T00:00:00Z"),
            (Weekday::Fri, "2026-11-20T00:00:00Z"),
            (Weekday::Sat, "2026-11-14T00:00:00Z"),
        ] {
            let week = window(day, Period::Week { start }, utc).unwrap();
            assert_eq!((week.start_ms, hours(week)), (at(first), 168));
        }
    }

    #[test]
    fn days_without_midnight_begin_later() {
        // Clocks in Beirut go from 24:00 to 01:00.
        let beirut = zone("Asia/Beirut").unwrap();
        let day = window(at("2022-03-27T12:00:00Z"), Period::Day, beirut).unwrap();
        assert_eq!((day.start_ms, hours(day)), (at("2022-03-27T01:00:00+03:00"), 23));
        let apia = zone("Pacific/Apia").unwrap();
        let before = window(at("2011-12-30T09:00:00Z"), Period::Day, apia).unwrap();
        assert_eq!((before.end_ms, hours(before)), (at("2011-12-30T10:00:00Z"), 24));
    }

    #[test]
    fn unknown_zones_and_far_times_are_refused() {
        assert!(zone("Mars/Olympus").is_err());
        assert_eq!(window(i64::MAX, Period::Day, Tz::UTC), None);
        assert_eq!(window(i64::MIN, Period::Day, Tz::UTC), None);
    }
}
