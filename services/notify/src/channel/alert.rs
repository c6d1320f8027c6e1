//! A notice in the words that Prometheus and Alertmanager share: labels that name it, annotations that tell of it.

use std::collections::BTreeMap;

use serde::Serialize;
use sla_domain::METRIC_NAME;
use sla_domain::instant::format_ms;
use sla_proto::convert::millis;
use sla_proto::notify::v1::{Notice, NoticeKind};

use crate::wording;

/// Names and values, sorted.
pub(super) type Pairs = BTreeMap<String, String>;
/// Labels that are ours; those of the series stand beside them under another name.
const OWN: [&str; 6] = [
    "alertname",
    "sla_set",
    "sla_objective",
    "sla_handle",
    "sla_source",
    "severity",
];

/// One alert.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    pub(super) labels: Pairs,
    pub(super) annotations: Pairs,
    /// RFC 3339.
    pub(super) starts_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ends_at: Option<String>,
}

/// The alert of a notice. Its labels are the same from its beginning to its end.
pub(super) fn alert(notice: &Notice, message_id: &str, now_ms: i64) -> Alert {
    let mut labels = Pairs::new();
    for label in notice.series.iter().flat_map(|series| &series.labels) {
        let name = match label.name.as_str() {
            METRIC_NAME => "metric".to_owned(),
            name if OWN.contains(&name) => format!("exported_{name}"),
            name => name.to_owned(),
        };
        labels.insert(name, label.value.clone());
    }
    let name = match notice.kind() {
        NoticeKind::Test => "SlaTest",
        NoticeKind::Disabled => "SlaChannelDisabled",
        NoticeKind::SourceAway | NoticeKind::SourceBack => "SlaSourceAway",
        _ if wording::is_unknown(notice) => "SlaNoData",
        _ if wording::is_expected(notice) => "SlaViolationExpected",
        _ => "SlaViolated",
    };
    let severity = if wording::is_expected(notice) || wording::is_unknown(notice) {
        "warning"
    } else {
        "critical"
    };
    let own = [
        ("alertname", name),
        ("sla_set", notice.set_name.as_str()),
        ("sla_objective", notice.objective_name.as_str()),
        ("sla_handle", notice.handle.as_str()),
        ("sla_source", notice.source.as_str()),
        ("severity", severity),
    ];
    labels.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // Alertmanager takes an empty value for a label that is not there.
    labels.retain(|_, value| !value.is_empty());
    let mut annotations = Pairs::new();
    let mut tell = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            annotations.insert(name.to_owned(), value);
        }
    };
    let number = |value: Option<f64>| value.map(|value| value.to_string());
    tell("summary", Some(wording::summary(notice, now_ms)));
    tell("command", wording::command(notice));
    tell("value", number(notice.value));
    tell("bound", number(notice.bound));
    tell("excess", number(notice.excess));
    tell("probability", number(notice.probability));
    tell("message_id", Some(message_id.to_owned()));
    let starts_ms = notice.since.as_ref().or(notice.made.as_ref()).map_or(now_ms, millis);
    let ends_ms = notice.until.as_ref().map_or(now_ms, millis);
    Alert {
        labels,
        annotations,
        starts_at: format_ms(starts_ms),
        ends_at: (!wording::is_firing(notice)).then(|| format_ms(ends_ms)),
    }
}
