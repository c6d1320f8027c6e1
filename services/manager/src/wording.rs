//! Sentences for screens: what is wrong, how bad, since when. Outside text passes through `SafeText`.

use sla_domain::duration::format_short_ms;
use sla_domain::safe_text::SafeText;
use sla_domain::{Labels, METRIC_NAME, Unit, likelihood, quantity};
use sla_proto::convert::millis;
use sla_proto::violation::v1 as pb;

/// Most characters of a label value inside a sentence.
const MAX_LABEL_CHARS: usize = 40;
/// Most label values that tell a series from its sisters.
const MAX_TELLING_LABELS: usize = 3;
/// Labels that nearly always say where something is.
const PLACE_LABELS: [&str; 2] = ["instance", "city"];

/// A length of time as people say it: seconds matter below ten minutes only.
pub fn lasting(ms: i64) -> String {
    const MINUTE_MS: i64 = 60_000;
    let ms = ms.max(0);
    format_short_ms(if ms < 10 * MINUTE_MS { ms } else { ms - ms % MINUTE_MS })
}

/// The time of day in UTC, `14:21`; with the date when it is more than 12 h from `now_ms` on another day.
pub fn time_of_day(time_ms: i64, now_ms: i64) -> String {
    let Some(time) = chrono::DateTime::from_timestamp_millis(time_ms) else {
        return "?".to_owned();
    };
    if (now_ms - time_ms).abs() > 12 * 3_600_000 {
        time.format("%Y-%m-%d %H:%M").to_string()
    } else {
        time.format("%H:%M").to_string()
    }
}

/// What tells a series from the other ones of its objective: the values of labels that differ among `sisters`; for a
/// single series its instance or its city, when it has one. One that has no label at all is `{}`, as `PromQL` writes it.
pub fn telling_labels(labels: &Labels, sisters: &[&Labels]) -> String {
    let mut telling: Vec<&str> = labels
        .iter()
        .filter(|(name, value)| {
            *name != METRIC_NAME && sisters.iter().any(|other| other.get(name).unwrap_or("") != *value)
        })
        .map(|(name, _)| name)
        .collect();
    if telling.is_empty() && labels.is_empty() && sisters.len() > 1 {
        return "{}".to_owned();
    }
    if telling.is_empty() {
        telling.extend(PLACE_LABELS.iter().find(|name| labels.get(name).is_some()));
    }
    // The place first: that is where somebody has to go.
    telling.sort_by_key(|name| !PLACE_LABELS.contains(name));
    telling
        .into_iter()
        .take(MAX_TELLING_LABELS)
        .filter_map(|name| labels.get(name))
        .map(|value| SafeText::with_limit(value, MAX_LABEL_CHARS).to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

/// `node_load1 host-3`; the objective's name where the series has no metric name.
pub fn series_name(objective_name: &str, labels: &Labels, sisters: &[&Labels]) -> String {
    let metric = labels.metric_name();
    let head = if metric.is_empty() { objective_name } else { metric };
    let head = SafeText::with_limit(head, 2 * MAX_LABEL_CHARS);
    let tail = telling_labels(labels, sisters);
    if tail.is_empty() {
        head.to_string()
    } else {
        format!("{head} {tail}")
    }
}

/// What a headline says: `node_load1 host-3 above 4 since 14:21 (11m) worst 7.2`.
pub fn headline(told: &pb::Headline, now_ms: i64) -> String {
    let pb::Headline { name, words, .. } = told;
    let since = told.since.as_ref().map(millis);
    let ago = |since_ms: i64| {
        let (time, ago) = (time_of_day(since_ms, now_ms), lasting(now_ms - since_ms));
        format!(" since {time} ({ago})")
    };
    let since = since.map_or_else(String::new, ago);
    match told.kind() {
        pb::HeadlineKind::Problem | pb::HeadlineKind::Unspecified => words.clone(),
        pb::HeadlineKind::Source => format!("source {name} fails{since}: {words}"),
        pb::HeadlineKind::Violated => {
            let unit = Unit::guess(&told.metric, told.rate);
            let side = if told.side() == pb::Side::Below {
                "below"
            } else {
                "above"
            };
            let (bound, worst) = (quantity::exact(told.bound, unit), quantity::short(told.worst, unit));
            format!("{name} {side} {bound}{since} worst {worst}")
        }
        pb::HeadlineKind::NoData => match &told.reason {
            Some(reason) => {
                let why = why(reason, now_ms);
                format!("{name} no data: {}", why.strip_prefix("no data: ").unwrap_or(&why))
            }
            None => format!("{name} no data: {words}"),
        },
        pb::HeadlineKind::NotWatched => format!("{name} is not active: it is not evaluated"),
        pb::HeadlineKind::AtRisk => {
            let why = told.reason.as_ref().map(|reason| why(reason, now_ms));
            format!("{name} at risk: {}", why.unwrap_or_default())
        }
    }
}

/// `no data: newest sample 13:55 (37m)`
pub fn silence(newest_ms: i64, now_ms: i64) -> String {
    let (time, ago) = (time_of_day(newest_ms, now_ms), lasting(now_ms - newest_ms));
    format!("no data: newest sample {time} ({ago})")
}

/// What a reason says: `no data: newest sample 13:55 (37m)`.
pub fn why(reason: &pb::Reason, now_ms: i64) -> String {
    let mut words = match reason.kind() {
        pb::ReasonKind::Unspecified => String::new(),
        pb::ReasonKind::WarningBound if reason.side() == pb::Side::Below => "below the warning bound".to_owned(),
        pb::ReasonKind::WarningBound => "above the warning bound".to_owned(),
        pb::ReasonKind::Forecast => format!(
            "{} to leave the range within {}",
            likelihood::fine(reason.probability),
            format_short_ms(reason.horizon_ms)
        ),
        pb::ReasonKind::Silent => {
            let newest_ms = reason.newest.as_ref().map_or(now_ms, millis);
            silence(newest_ms, now_ms)
        }
        pb::ReasonKind::NotFinite => "no data: only NaN or infinite samples".to_owned(),
        pb::ReasonKind::NoSeries => "no series matches the query".to_owned(),
        pb::ReasonKind::NotRead => match &reason.newest {
            Some(until) => format!(
                "not all of it could be read since {}",
                time_of_day(millis(until), now_ms)
            ),
            None => "not all of it was read yet".to_owned(),
        },
        pb::ReasonKind::NotYet => {
            let ahead = format_short_ms(reason.ahead_ms);
            format!("the instant lies {ahead} in the future: nothing is known of it yet")
        }
    };
    if let Some(since) = &reason.violated_since {
        let since = time_of_day(millis(since), now_ms);
        words = format!("{words}; violated when last seen, since {since}");
    }
    if !reason.series.is_empty() {
        words = format!("{}: {words}", reason.series);
    }
    words
}

#[cfg(test)]
mod tests {
    use sla_proto::convert::timestamp;

    use super::*;

    /// 2026-03-02 14:32:07 UTC.
    const NOW: i64 = 1_772_461_927_000;

    #[test]
    fn a_violation_is_one_sentence() {
        let violated = pb::Headline {
            kind: pb::HeadlineKind::Violated.into(),
            name: "node_load1 host-3".to_owned(),
            side: pb::Side::Above.into(),
            bound: 4.0,
            since: Some(timestamp(NOW - 667_000)),
            worst: 7.2,
            metric: "node_load1".to_owned(),
            ..pb::Headline::default()
        };
        assert_eq!(
            headline(&violated, NOW),
            "node_load1 host-3 above 4 since 14:21 (11m) worst 7.2"
        );
        let silent = pb::Headline {
            kind: pb::HeadlineKind::NoData.into(),
            name: "up host-4".to_owned(),
            reason: Some(pb::Reason {
                kind: pb::ReasonKind::Silent.into(),
                newest: Some(timestamp(NOW - 2_227_000)),
                ..pb::Reason::default()
            }),
            ..pb::Headline::default()
        };
        assert_eq!(headline(&silent, NOW), "up host-4 no data: newest sample 13:55 (37m)");
        assert_eq!(time_of_day(NOW - 86_400_000, NOW), "2026-03-01 14:32");
    }

    #[test]
    fn hostile_labels_stay_harmless_and_differences_are_named() {
        let a = Labels::from_pairs([("__name__", "node_load1"), ("instance", "host-3"), ("job", "node")]);
        let b = Labels::from_pairs([
            ("__name__", "node_load1"),
            ("instance", "host-\u{1b}[31m4"),
            ("job", "node"),
        ]);
        let sisters = [&a, &b];
        assert_eq!(series_name("x", &a, &sisters), "node_load1 host-3");
        assert_eq!(series_name("x", &b, &sisters), "node_load1 host-·[31m4");
        assert_eq!(series_name("x", &a, &[&a]), "node_load1 host-3");
        let snow = Labels::from_pairs([("__name__", "snow_mm"), ("city", "Oslo"), ("country", "NO")]);
        assert_eq!(series_name("x", &snow, &[&snow]), "snow_mm Oslo");
        let nameless = Labels::from_pairs([("job", "node")]);
        assert_eq!(series_name("p99 latency", &nameless, &[&nameless]), "p99 latency");
        let none = Labels::default();
        assert_eq!(series_name("expr", &none, &[&none]), "expr");
        assert_eq!(series_name("expr", &none, &[&none, &nameless]), "expr {}");
        assert_eq!(telling_labels(&nameless, &[&none, &nameless]), "node");
    }
}
