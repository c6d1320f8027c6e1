//! Sentences for people: set, objective, value, bound, excess, since, probability, and the command that opens it. Outside text
//! passes through `SafeText`.

use std::fmt::Write as _;

use sla_domain::duration::format_short_ms;
use sla_domain::{METRIC_NAME, SafeText, Unit, quantity};
use sla_proto::convert::{self, millis};
use sla_proto::notify::v1::{Notice, NoticeKind};
use sla_proto::violation::v1::Side;

/// Most characters of a name.
const MAX_NAME_CHARS: usize = 80;
/// Most characters of a label value.
const MAX_LABEL_CHARS: usize = 40;
/// Most label values that tell a series.
const MAX_LABELS: usize = 3;
/// Most characters of a message: Telegram takes 4096 UTF-16 units.
const MAX_TEXT_CHARS: usize = 3_500;

/// Of several notices about the same thing the last one, in the order in which they began: a message tells how it is, not how it
/// came about.
pub(crate) fn newest(notices: &[Notice]) -> Vec<Notice> {
    let mut told: Vec<Notice> = Vec::new();
    for notice in notices {
        let same = |other: &&mut Notice| {
            !notice.handle.is_empty() && other.handle == notice.handle && subject_of(other) == subject_of(notice)
        };
        match told.iter_mut().find(same) {
            Some(other) => {
                // A second violation beside the first one is not the end of the first one: both are told.
                if other.since == notice.since || other.kind() != NoticeKind::Resolved {
                    *other = notice.clone();
                } else {
                    told.push(notice.clone());
                }
            }
            None => told.push(notice.clone()),
        }
    }
    told
}

/// Whether it is about what has not happened.
pub(crate) fn is_expected(notice: &Notice) -> bool {
    matches!(notice.kind(), NoticeKind::Coming | NoticeKind::Passed)
}

/// Whether it is about what is not known.
pub(crate) fn is_unknown(notice: &Notice) -> bool {
    matches!(
        notice.kind(),
        NoticeKind::NoData | NoticeKind::DataAgain | NoticeKind::SourceAway | NoticeKind::SourceBack
    )
}

/// What it is about: a violation, one to come, or that nothing is known. The three have one handle.
fn subject_of(notice: &Notice) -> (bool, bool) {
    (is_expected(notice), is_unknown(notice))
}

/// Whether it tells that something is wrong, or will be.
pub(crate) fn is_firing(notice: &Notice) -> bool {
    !matches!(
        notice.kind(),
        NoticeKind::Resolved | NoticeKind::Passed | NoticeKind::Calmed | NoticeKind::DataAgain | NoticeKind::SourceBack
    )
}

/// The head of a message: `sla prod: 2 violated, 1 ended`.
pub(crate) fn subject(instance: &str, notices: &[Notice]) -> String {
    let count = |kinds: &[NoticeKind]| notices.iter().filter(|notice| kinds.contains(&notice.kind())).count();
    let parts = [
        (
            count(&[NoticeKind::Opened, NoticeKind::Still, NoticeKind::Flapping]),
            "violated",
        ),
        (count(&[NoticeKind::Coming]), "expected"),
        (count(&[NoticeKind::Resolved, NoticeKind::Calmed]), "ended"),
        (count(&[NoticeKind::Passed]), "expected no more"),
        (count(&[NoticeKind::SourceAway]), "source away"),
        (count(&[NoticeKind::NoData]), "without data"),
        (count(&[NoticeKind::SourceBack]), "source back"),
        (count(&[NoticeKind::DataAgain]), "known again"),
        (count(&[NoticeKind::Disabled]), "channel disabled"),
        (count(&[NoticeKind::Test]), "test"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    format!("sla {}: {}", safe(instance), parts.join(", "))
}

/// All of a message, with the id by which a second copy of it is known.
pub(crate) fn text(instance: &str, notices: &[Notice], message_id: &str, now_ms: i64) -> String {
    let mut text = subject(instance, notices);
    let mut left = notices.len();
    for notice in notices {
        let more = format!("\n\n{}", paragraph(notice, now_ms));
        if text.chars().count() + more.chars().count() > MAX_TEXT_CHARS {
            let _ = write!(text, "\n\n… and {left} more: sla notify log");
            break;
        }
        text.push_str(&more);
        left -= 1;
    }
    let short: String = message_id.chars().take(12).collect();
    let _ = write!(text, "\n\n#{short}");
    text
}

fn paragraph(notice: &Notice, now_ms: i64) -> String {
    let mut text = summary(notice, now_ms);
    if let Some(command) = command(notice) {
        text.push('\n');
        text.push_str(&command);
    }
    if matches!(
        notice.kind(),
        NoticeKind::Opened | NoticeKind::Still | NoticeKind::Flapping
    ) {
        let _ = write!(text, "\nsla notify ack {}", notice.handle);
    }
    text
}

/// The command that opens it.
pub(crate) fn command(notice: &Notice) -> Option<String> {
    if notice.set_name.is_empty() {
        return None;
    }
    // For a shell: quotes of its own kind end and begin again.
    let set = safe(&notice.set_name).replace('\'', r"'\''");
    Some(if is_expected(notice) {
        format!("sla forecast '{set}'")
    } else if is_unknown(notice) {
        format!("sla check '{set}'")
    } else {
        format!("sla violations '{set}' --ledger")
    })
}

/// One or two lines: what, where, how bad, since when.
pub(crate) fn summary(notice: &Notice, now_ms: i64) -> String {
    let what = what(notice);
    let since_ms = notice.since.as_ref().map_or(now_ms, millis);
    let since = clock(since_ms, now_ms);
    let lasted = format_short_ms(notice.until.as_ref().map_or(now_ms, millis) - since_ms);
    let bound = bound(notice);
    let worst = worst(notice);
    match notice.kind() {
        NoticeKind::Opened => format!("VIOLATED {what}\n{bound} since {since}{worst}"),
        NoticeKind::Still if notice.count > 1 => format!(
            "STILL VIOLATED {what}\n{bound} since {since} ({lasted}){worst}, after {} violations",
            notice.count
        ),
        NoticeKind::Still => format!("STILL VIOLATED {what}\n{bound} since {since} ({lasted}){worst}"),
        NoticeKind::Resolved => {
            let end = notice.until.as_ref().map_or(now_ms, millis);
            format!(
                "ENDED {what}\n{bound} from {since} to {} ({lasted}){worst}",
                clock(end, now_ms)
            )
        }
        NoticeKind::Flapping => format!(
            "COMES AND GOES {what}\n{} violations since {since}, {bound}{worst}; further ones are counted, not told",
            notice.count
        ),
        NoticeKind::Calmed => format!("CALM AGAIN {what}\n{} violations from {since} on{worst}", notice.count),
        NoticeKind::Coming => format!("EXPECTED {what}\n{bound}{}", expectation(notice, now_ms)),
        NoticeKind::Passed => format!("EXPECTED NO MORE {what}\n{bound}{}", expectation(notice, now_ms)),
        NoticeKind::NoData => format!("NO DATA {what}\n{}; neither kept nor violated", reason(notice)),
        NoticeKind::DataAgain => format!("KNOWN AGAIN {what}\nafter {lasted} without data"),
        NoticeKind::SourceAway => format!(
            "SOURCE AWAY {}\nsince {since}: {}; nothing is known of {} that are agreed about it",
            safe(&notice.source),
            reason(notice),
            notice.count
        ),
        NoticeKind::SourceBack => format!("SOURCE BACK {}\nafter {lasted}", safe(&notice.source)),
        NoticeKind::Disabled | NoticeKind::Test | NoticeKind::Unspecified => {
            SafeText::with_limit(&notice.text, 4 * MAX_NAME_CHARS).into_string()
        }
    }
}

/// Why nothing is known.
fn reason(notice: &Notice) -> String {
    SafeText::with_limit(&notice.text, 2 * MAX_NAME_CHARS).into_string()
}

/// `Web / latency p99 host-3`.
fn what(notice: &Notice) -> String {
    let mut text = format!("{} / {}", safe(&notice.set_name), safe(&notice.objective_name));
    let labels = notice.series.iter().flat_map(|series| &series.labels);
    // The host first: that is where somebody has to go.
    let mut labels: Vec<_> = labels.filter(|label| label.name != METRIC_NAME).collect();
    labels.sort_by_key(|label| !matches!(label.name.as_str(), "instance" | "city"));
    for label in labels.into_iter().take(MAX_LABELS) {
        text.push(' ');
        text.push_str(SafeText::with_limit(&label.value, MAX_LABEL_CHARS).as_str());
    }
    text
}

/// What the values are measured in.
fn unit(notice: &Notice) -> Unit {
    let metric = notice.series.iter().flat_map(|series| &series.labels);
    let metric = metric.into_iter().find(|label| label.name == METRIC_NAME);
    metric.map_or(Unit::PLAIN, |label| Unit::judged(&label.value, notice.raw))
}

/// `above 4`.
fn bound(notice: &Notice) -> String {
    let side = match notice.side() {
        Side::Above => "above",
        Side::Below => "below",
        Side::Unspecified => "outside",
    };
    match notice.bound {
        Some(bound) => format!("{side} {}", quantity::exact(bound, unit(notice))),
        None => format!("{side} its range"),
    }
}

/// `, worst 7.2 (3.2 over)`; nothing where nothing is known.
fn worst(notice: &Notice) -> String {
    let unit = unit(notice);
    let Some(value) = notice.value else {
        return String::new();
    };
    let by = match notice.side() {
        Side::Below => "under",
        _ => "over",
    };
    let excess = notice.excess.map_or_else(String::new, |excess| {
        format!(" ({} {by})", quantity::short(excess, unit))
    });
    format!(", worst {}{excess}", quantity::short(value, unit))
}

/// ` within 10m: 71 %, about 14:40 (58 of 61, better than last value)`.
fn expectation(notice: &Notice, now_ms: i64) -> String {
    let horizon = notice.horizon.as_ref().map_or(0, convert::duration_ms);
    let mut text = format!(" within {}", format_short_ms(horizon));
    if let Some(probability) = notice.probability {
        let _ = write!(text, ": {}", percent(probability));
    }
    if let Some(crossing) = &notice.first_crossing {
        let _ = write!(text, ", about {}", clock(millis(crossing), now_ms));
    }
    if !notice.track_record.is_empty() {
        let _ = write!(text, " ({})", safe(&notice.track_record));
    }
    text
}

/// A whole percentage that never says 0 or 100: those would be promises.
fn percent(probability: f64) -> String {
    match (probability * 100.0).round() {
        whole if whole < 1.0 => "<1 %".to_owned(),
        whole if whole > 99.0 => ">99 %".to_owned(),
        whole => format!("{whole:.0} %"),
    }
}

/// `14:21 UTC`, with the date when it is long ago.
fn clock(time_ms: i64, now_ms: i64) -> String {
    let Some(time) = chrono::DateTime::from_timestamp_millis(time_ms) else {
        return "?".to_owned();
    };
    let form = if (now_ms - time_ms).abs() > 12 * 3_600_000 {
        "%Y-%m-%d %H:%M UTC"
    } else {
        "%H:%M UTC"
    };
    time.format(form).to_string()
}

fn safe(text: &str) -> String {
    SafeText::with_limit(text, MAX_NAME_CHARS).into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::convert::timestamp;
    use sla_proto::series::v1::{Label, Series};

    /// 2026-03-02 14:32:07 UTC.
    const NOW: i64 = 1_772_461_927_000;

    fn notice(kind: NoticeKind) -> Notice {
        let label = |name: &str, value: &str| Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        Notice {
            kind: kind.into(),
            handle: "0123456789".to_owned(),
            set_name: "Web's \u{1b}[31mset".to_owned(),
            objective_name: "load".to_owned(),
            series: Some(Series {
                labels: vec![
                    label("__name__", "node_load1"),
                    label("job", "node"),
                    label("instance", "host-3"),
                ],
                ..Series::default()
            }),
            side: Side::Above.into(),
            value: Some(7.2),
            bound: Some(4.0),
            excess: Some(3.2),
            since: Some(timestamp(NOW - 667_000)),
            count: 1,
            ..Notice::default()
        }
    }

    #[test]
    fn a_message_says_what_where_how_bad_and_since_when() {
        let opened = notice(NoticeKind::Opened);
        assert_eq!(
            text("prod", std::slice::from_ref(&opened), "abcdef0123456789", NOW),
            "sla prod: 1 violated\n\n\
             VIOLATED Web's ·[31mset / load host-3 node\nabove 4 since 14:21 UTC, worst 7.2 (3.2 over)\n\
             sla violations 'Web'\\''s ·[31mset' --ledger\nsla notify ack 0123456789\n\n#abcdef012345"
        );
        let mut ended = notice(NoticeKind::Resolved);
        ended.until = Some(timestamp(NOW - 7_000));
        assert!(summary(&ended, NOW).ends_with("above 4 from 14:21 UTC to 14:32 UTC (11m), worst 7.2 (3.2 over)"));
        let mut coming = notice(NoticeKind::Coming);
        coming.probability = Some(0.714);
        coming.horizon = Some(convert::duration(600_000));
        coming.first_crossing = Some(timestamp(NOW + 480_000));
        coming.track_record = "58 of 61".to_owned();
        assert!(summary(&coming, NOW).ends_with("above 4 within 10m: 71 %, about 14:40 UTC (58 of 61)"));
        assert!(command(&coming).unwrap().starts_with("sla forecast "));
        let mut often = notice(NoticeKind::Flapping);
        often.count = 3;
        assert!(summary(&often, NOW).contains("3 violations since 14:21 UTC"));
        assert_eq!((percent(0.0), percent(0.999)), ("<1 %".to_owned(), ">99 %".to_owned()));
    }

    #[test]
    fn a_digest_tells_how_it_is_now() {
        let mut first = notice(NoticeKind::Opened);
        let mut other = first.clone();
        other.handle = "other".to_owned();
        let mut ended = notice(NoticeKind::Resolved);
        ended.until = Some(timestamp(NOW));
        let told = newest(&[first.clone(), other.clone(), ended.clone()]);
        assert_eq!(
            told,
            [ended.clone(), other],
            "what began and ended meanwhile is one line"
        );
        first.since = Some(timestamp(NOW));
        assert_eq!(
            newest(&[ended.clone(), first.clone()]),
            [ended, first],
            "two violations are two"
        );
    }

    #[test]
    fn a_storm_is_cut_and_says_so() {
        let many: Vec<Notice> = (0..50)
            .map(|n| Notice {
                handle: n.to_string(),
                ..notice(NoticeKind::Opened)
            })
            .collect();
        let text = text("prod", &many, "id", NOW);
        assert!(text.starts_with("sla prod: 50 violated") && text.contains(" more: sla notify log"));
        assert!(text.chars().count() < 4_000, "{}", text.chars().count());
    }
}
