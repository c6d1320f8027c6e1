//! When a notice is due: at once, at the end of a digest, not in quiet hours.

use chrono::{DateTime, Days, NaiveTime, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use sla_proto::convert;
use sla_proto::notify::v1::{Channel, ChannelKind, QuietHours};

/// The digest of channels that people read, unless they say otherwise, milliseconds.
pub(crate) const DIGEST_MS: i64 = 15 * 60_000;
/// How often Alertmanager hears of an alert that goes on, unless the channel says otherwise, milliseconds.
pub(crate) const ALERTMANAGER_REPEAT_MS: i64 = 5 * 60_000;

/// How long messages of a channel are gathered, milliseconds; 0 = not at all.
pub(crate) fn digest_ms(channel: &Channel) -> i64 {
    match (&channel.digest, channel.kind()) {
        (Some(given), _) => convert::duration_ms(given),
        (None, ChannelKind::Telegram | ChannelKind::Email) => DIGEST_MS,
        (None, _) => 0,
    }
}

/// After how long a violation that goes on is told again, milliseconds; 0 = never.
pub(crate) fn repeat_ms(channel: &Channel) -> i64 {
    match (&channel.repeat, channel.kind()) {
        (Some(given), _) => convert::duration_ms(given),
        (None, ChannelKind::Alertmanager) => ALERTMANAGER_REPEAT_MS,
        (None, _) => 0,
    }
}

/// When a notice that is made now goes out, Unix milliseconds.
pub(crate) fn due_ms(channel: &Channel, now_ms: i64) -> i64 {
    let due_ms = match digest_ms(channel) {
        0 => now_ms,
        every_ms => (now_ms.div_euclid(every_ms) + 1) * every_ms,
    };
    let hours = channel.quiet.as_ref().and_then(Hours::of);
    hours.map_or(due_ms, |hours| hours.end_of_quiet(due_ms))
}

/// A time of day, `22:00`.
pub(crate) fn time_of_day(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M").ok()
}

/// A zone; empty = UTC.
pub(crate) fn zone(name: &str) -> Option<Tz> {
    if name.is_empty() {
        Some(Tz::UTC)
    } else {
        name.parse().ok()
    }
}

/// Quiet hours, understood.
struct Hours {
    start: NaiveTime,
    end: NaiveTime,
    zone: Tz,
}

impl Hours {
    fn of(quiet: &QuietHours) -> Option<Self> {
        Some(Self {
            start: time_of_day(&quiet.start)?,
            end: time_of_day(&quiet.end)?,
            zone: zone(&quiet.zone)?,
        })
    }

    /// The first instant from `at_ms` on that is not quiet.
    fn end_of_quiet(&self, at_ms: i64) -> i64 {
        let Some(at) = DateTime::<Utc>::from_timestamp_millis(at_ms) else {
            return at_ms;
        };
        let here = at.with_timezone(&self.zone);
        let time = here.time();
        let over_midnight = self.start > self.end;
        let is_quiet = if over_midnight {
            time >= self.start || time < self.end
        } else {
            (self.start..self.end).contains(&time)
        };
        if !is_quiet {
            return at_ms;
        }
        let day = if over_midnight && time >= self.start {
            here.date_naive().checked_add_days(Days::new(1))
        } else {
            Some(here.date_naive())
        };
        // An hour that the clocks leave out ends when they go on: an hour later.
        let end = day.and_then(|day| {
            let at = |hours: u32| {
                let time = self.end.with_hour((self.end.hour() + hours) % 24)?;
                self.zone.from_local_datetime(&day.and_time(time)).earliest()
            };
            at(0).or_else(|| at(1))
        });
        end.map_or(at_ms, |end| end.timestamp_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_domain::instant;

    fn channel(digest_ms: i64, quiet: &[&str; 3]) -> Channel {
        let [start, end, zone] = quiet.map(str::to_owned);
        Channel {
            digest: Some(convert::duration(digest_ms)),
            quiet: (!start.is_empty()).then_some(QuietHours { start, end, zone }),
            ..Channel::default()
        }
    }

    #[test]
    fn digests_end_on_round_times_and_quiet_hours_hold_back() {
        let none = ["", "", ""];
        let night = ["22:00", "07:00", "Europe/Rome"];
        let noon = ["12:00", "13:30", ""];
        for (digest_ms, quiet, now, due) in [
            (0, none, "2026-03-02T14:32:07Z", "2026-03-02T14:32:07Z"),
            (DIGEST_MS, none, "2026-03-02T14:32:07Z", "2026-03-02T14:45:00Z"),
            (DIGEST_MS, none, "2026-03-02T14:45:00Z", "2026-03-02T15:00:00Z"),
            // 22:00 in Rome is 21:00 UTC in winter; the end is 06:00 UTC.
            (0, night, "2026-03-02T20:59:59Z", "2026-03-02T20:59:59Z"),
            (0, night, "2026-03-02T21:00:00Z", "2026-03-03T06:00:00Z"),
            (0, night, "2026-03-03T02:00:00Z", "2026-03-03T06:00:00Z"),
            (DIGEST_MS, night, "2026-03-02T20:50:00Z", "2026-03-03T06:00:00Z"),
            // The night in which the clocks go forward is an hour shorter.
            (0, night, "2026-03-28T23:00:00Z", "2026-03-29T05:00:00Z"),
            (0, noon, "2026-03-02T12:10:00Z", "2026-03-02T13:30:00Z"),
            (0, noon, "2026-03-02T13:30:00Z", "2026-03-02T13:30:00Z"),
            // 02:30 does not exist on that day.
            (
                0,
                ["23:00", "02:30", "Europe/Rome"],
                "2026-03-28T23:00:00Z",
                "2026-03-29T01:30:00Z",
            ),
        ] {
            let at = |text: &str| instant::parse_ms(text).unwrap();
            let found = due_ms(&channel(digest_ms, &quiet), at(now));
            assert_eq!(
                instant::format_ms(found),
                instant::format_ms(at(due)),
                "{now} {quiet:?}"
            );
        }
    }

    #[test]
    fn people_get_digests_and_systems_do_not() {
        let of = |kind: ChannelKind| Channel {
            kind: kind.into(),
            ..Channel::default()
        };
        for (kind, digest, repeat) in [
            (ChannelKind::Webhook, 0, 0),
            (ChannelKind::Telegram, DIGEST_MS, 0),
            (ChannelKind::Email, DIGEST_MS, 0),
            (ChannelKind::Alertmanager, 0, ALERTMANAGER_REPEAT_MS),
        ] {
            assert_eq!((digest_ms(&of(kind)), repeat_ms(&of(kind))), (digest, repeat));
        }
    }
}
