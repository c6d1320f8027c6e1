//! Sentences for screens: what is wrong, how bad, since when. Outside text passes through `SafeText`.

use sla_domain::duration::format_short_ms;
use sla_domain::safe_text::SafeText;
use sla_domain::{Labels, METRIC_NAME, Unit, quantity};

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
/// single series its instance or its city, when it has one.
pub fn telling_labels(labels: &Labels, sisters: &[&Labels]) -> String {
    let mut telling: Vec<&str> = labels
        .iter()
        .filter(|(name, value)| {
            *name != METRIC_NAME && sisters.iter().any(|other| other.get(name).unwrap_or("") != *value)
        })
        .map(|(name, _)| name)
        .collect();
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

/// A violation that goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenViolationWords<'a> {
    /// As [`series_name`] gives it.
    pub series: &'a str,
    /// `above` or `below`.
    pub side: &'a str,
    /// The bound that is broken.
    pub bound: f64,
    /// Since when, Unix milliseconds.
    pub start_ms: i64,
    /// The instant, Unix milliseconds.
    pub now_ms: i64,
    /// The worst value.
    pub worst: f64,
    /// What the values are measured in.
    pub unit: Unit,
}

/// `node_load1 host-3 above 4 since 14:21 (11m) worst 7.2`
pub fn violated(words: &OpenViolationWords<'_>) -> String {
    format!(
        "{} {} {} since {} ({}) worst {}",
        words.series,
        words.side,
        quantity::exact(words.bound, words.unit),
        time_of_day(words.start_ms, words.now_ms),
        lasting(words.now_ms - words.start_ms),
        quantity::short(words.worst, words.unit),
    )
}

/// `up host-4 no data: newest sample 13:55 (37m)`
pub fn no_data(series: &str, newest_ms: Option<i64>, now_ms: i64) -> String {
    match newest_ms {
        Some(newest) => format!("{series} {}", silence(newest, now_ms)),
        None => format!("{series} no data: never seen"),
    }
}

/// `no data: newest sample 13:55 (37m)`
pub fn silence(newest_ms: i64, now_ms: i64) -> String {
    format!(
        "no data: newest sample {} ({})",
        time_of_day(newest_ms, now_ms),
        lasting(now_ms - newest_ms)
    )
}

/// `node_memory host-1 at risk: 71 % within 10m`
pub fn at_risk(series: &str, why: &str) -> String {
    format!("{series} at risk: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02 14:32:07 UTC.
    const NOW: i64 = 1_772_461_927_000;

    #[test]
    fn a_violation_is_one_sentence() {
        let words = OpenViolationWords {
            series: "node_load1 host-3",
            side: "above",
            bound: 4.0,
            start_ms: NOW - 667_000,
            now_ms: NOW,
            worst: 7.2,
            unit: Unit::PLAIN,
        };
        assert_eq!(
            violated(&words),
            "node_load1 host-3 above 4 since 14:21 (11m) worst 7.2"
        );
        assert_eq!(
            no_data("up host-4", Some(NOW - 2_227_000), NOW),
            "up host-4 no data: newest sample 13:55 (37m)"
        );
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
    }
}
