//! The time range of a chart as people choose and type it.

use sla_proto::convert as time;

use super::detail::Detail;
use crate::context::shown::Shown;
use crate::context::{Context, wire};
use crate::format::{Zone, duration, parse_duration_ms};
use crate::overlay::Item;
use crate::say;

/// Lengths offered, milliseconds.
const LENGTHS_MS: [i64; 8] = [
    900_000,
    3_600_000,
    3 * 3_600_000,
    6 * 3_600_000,
    12 * 3_600_000,
    86_400_000,
    2 * 86_400_000,
    7 * 86_400_000,
];
/// A moment is shown with this much around it when the chart was drawn wider, milliseconds.
const AROUND_MS: i64 = 3_600_000;

/// A range that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// The newest so many milliseconds.
    Last(i64),
    /// (after, until], Unix milliseconds.
    Between(i64, i64),
    /// Around a moment, with the length as it is.
    Around(i64),
    Now,
}

impl Range {
    /// `last 6h`, `14:00-15:30`, `14:00..15:30`, `14:00`, `2h` (ago), an RFC 3339 time, `now`. Clock times are those shown.
    pub(super) fn parse(text: &str, now_ms: i64, zone: Zone) -> Option<Self> {
        let text = text.trim();
        if text == "now" {
            return Some(Self::Now);
        }
        if let Some(length) = text.strip_prefix("last") {
            return parse_duration_ms(length.trim()).filter(|ms| *ms > 0).map(Self::Last);
        }
        if let Some(at) = moment(text, now_ms, zone) {
            return Some(Self::Around(at));
        }
        let both = |mark: &str| {
            let (from, to) = text.split_once(mark)?;
            let to = moment(to.trim(), now_ms, zone)?;
            // The start lies before the end: a clock time of the day before, if it must.
            let from = moment(from.trim(), to, zone)?;
            (from < to).then_some(Self::Between(from, to))
        };
        both("..").or_else(|| both(" to ")).or_else(|| both("-"))
    }
}

/// An instant: a clock time of today or yesterday, how long ago, or RFC 3339.
fn moment(text: &str, now_ms: i64, zone: Zone) -> Option<i64> {
    if let Some(ago) = parse_duration_ms(text) {
        return Some(now_ms - ago);
    }
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    let clock = chrono::NaiveTime::parse_from_str(text, "%H:%M")
        .or_else(|_| chrono::NaiveTime::parse_from_str(text, "%H:%M:%S"))
        .ok()?;
    let at = zone.on_the_day_of(now_ms, clock)?;
    Some(if at > now_ms { at - 86_400_000 } else { at })
}

impl Detail {
    /// What is offered: lengths, what is going on, all there is, and typing.
    pub(super) fn ranges(&self, cx: &Context) -> Vec<Item> {
        let mut items: Vec<Item> = LENGTHS_MS
            .iter()
            .map(|ms| {
                let here = self.until_ms.is_none() && self.span_ms == *ms;
                let mark = if here { say::metrics::now() } else { "" };
                let length = duration(*ms);
                Item::new(say::metrics::the_last(&length, &mark), format!("last {length}"))
            })
            .collect();
        let open = cx
            .status_of(&self.series_id)
            .and_then(|(_, series)| series.open.as_ref());
        if let Some(start) = open.and_then(|open| wire::ms(open.start.as_ref())) {
            let text = say::metrics::around_when_it_left(&cx.zone.moment(start, cx.data_now_ms()));
            items.insert(0, Item::new(text, crate::format::iso(start)));
        }
        items.push(Item::new(say::metrics::type_a_time_or(), ""));
        items
    }

    pub(super) fn go_to_text(&mut self, cx: &mut Context, text: &str) {
        let Some(range) = Range::parse(text, cx.data_now_ms(), cx.zone) else {
            cx.complain(say::metrics::time_give_last_6h(&text));
            return;
        };
        match range {
            Range::Now => self.go_to(None),
            Range::Around(at) => {
                self.span_ms = self.span_ms.min(AROUND_MS);
                self.go_to(Some(at));
            }
            Range::Last(span_ms) => {
                self.go_to(None);
                self.set_span(span_ms);
            }
            Range::Between(after, until) => {
                self.set_span(until - after);
                self.cursor_ms = None;
                self.until_ms = Some(until);
            }
        }
        self.read_chart(cx);
    }

    /// The chart as a query with its range.
    pub(super) fn shown_query(&self, cx: &Context) -> Shown {
        let (after, until) = self.range(cx);
        let mut shown = Shown::new(&self.query, after, until);
        if let Some(chart) = self.chart.get().filter(|c| !c.promql.is_empty()) {
            // What was drawn may be a rate of what was asked for.
            shown.selector &= chart.promql == shown.promql;
            shown.promql.clone_from(&chart.promql);
            shown.step_ms = chart.spacing_ms.max(1_000);
            shown.after_ms = chart.after.as_ref().map_or(after, time::millis);
            shown.until_ms = chart.until.as_ref().map_or(until, time::millis);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000; // 2023-11-14T22:13:20Z

    fn parse(text: &str) -> Option<Range> {
        Range::parse(text, NOW, Zone::Utc)
    }

    #[test]
    fn typed_moments() {
        assert_eq!(parse("22:00"), Some(Range::Around(1_699_999_200_000)));
        assert_eq!(
            parse("23:00"),
            Some(Range::Around(1_699_999_200_000 + 3_600_000 - 86_400_000)),
            "not yet today: yesterday"
        );
        assert_eq!(parse("2h"), Some(Range::Around(NOW - 7_200_000)));
        assert_eq!(parse("2023-11-14T22:13:20Z"), Some(Range::Around(NOW)));
        assert_eq!(parse("soon"), None);
    }

    #[test]
    fn typed_ranges() {
        assert_eq!(parse("last 6h"), Some(Range::Last(21_600_000)));
        assert_eq!(parse("last 0h"), None);
        let nine = 1_699_999_200_000 - 13 * 3_600_000; // 09:00
        assert_eq!(parse("09:00-10:30"), Some(Range::Between(nine, nine + 5_400_000)));
        assert_eq!(parse("09:00 to 10:30"), parse("09:00..10:30"));
        assert_eq!(
            parse("21:30-00:30"),
            Some(Range::Between(
                nine + 12 * 3_600_000 + 1_800_000 - 86_400_000,
                nine - 9 * 3_600_000 + 1_800_000
            )),
            "over midnight"
        );
        assert_eq!(parse("now"), Some(Range::Now));
    }
}
