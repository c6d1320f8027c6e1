//! The set of the first start: five objectives suggested from what the server has, marked as suggested.

use std::time::Duration;

use sla_domain::objective::Objective;
use sla_domain::query::Query;
use sla_domain::range::{AllowedRange, Side};
use sla_domain::safe_text::SafeText;
use sla_domain::{Labels, METRIC_NAME, Selector};
use sla_proto::convert::{self, timestamp};
use sla_proto::etl::v1::{ListMetricNamesRequest, MetricName};
use sla_proto::objective::v1 as pb;
use sla_proto::series::v1::CounterMode;
use sla_proto::storage::v1::PutStoredSetRequest;

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::sets::catalog::Sets;
use crate::sets::plan::objective_message;
use crate::sets::suggestion;

/// Id and name of the set.
const NAME: &str = "default";
/// How many objectives it has.
const OBJECTIVES: usize = 5;
/// A favourite with more series than this is left out: five of them stay within the series that one run covers by default.
const MAX_FAVOURITE_SERIES: u32 = 400;
/// Any other metric with more series than this makes no good first objective.
const MAX_SERIES: u32 = 60;
/// How long until the second attempt; each further pause is twice as long …
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// … up to this, while the source is away.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// How long until more is suggested, while there is too little history for all of it.
const GROW_EVERY: Duration = Duration::from_secs(30);
/// With this much history what is not suggested will not be, milliseconds.
const ENOUGH_HISTORY_MS: i64 = 3_600_000;
/// File systems that are no disks of the machine: full or mounted later, they are nobody's trouble.
const NO_DISKS: &str = "autofs|cgroup2?|configfs|debugfs|devtmpfs|efivarfs|fuse.*|iso9660|nsfs|nfs4?|overlay|proc|ramfs|\
                        rpc_pipefs|squashfs|sysfs|tmpfs|tracefs";
/// Names of a page.
const PAGE_NAMES: u32 = 1_000;
/// Most pages of names looked at.
const MAX_PAGES: usize = 10;
/// Most metrics of which a suggestion is tried.
const MAX_TRIES: usize = 20;

/// What people watch first: each line one objective, its names in order of preference; the side that is bounded.
const FAVOURITES: [(&str, &[&str], Option<Side>); 8] = [
    ("Targets up", &["up"], Some(Side::Below)),
    (
        "Load",
        &["node_load1", "node_load5", "windows_system_processor_queue_length"],
        Some(Side::Above),
    ),
    (
        "Memory available",
        &[
            "node_memory_MemAvailable_bytes",
            "node_memory_MemFree_bytes",
            "windows_os_physical_memory_free_bytes",
        ],
        Some(Side::Below),
    ),
    (
        "Filesystem available",
        &[
            "node_filesystem_avail_bytes",
            "node_filesystem_free_bytes",
            "windows_logical_disk_free_bytes",
        ],
        Some(Side::Below),
    ),
    (
        "Requests per second",
        &[
            "http_requests_total",
            "http_server_requests_seconds_count",
            "http_request_duration_seconds_count",
        ],
        Some(Side::Above),
    ),
    (
        "Network received per second",
        &["node_network_receive_bytes_total", "windows_net_bytes_received_total"],
        Some(Side::Above),
    ),
    ("Disk busy", &["node_disk_io_time_seconds_total"], Some(Side::Above)),
    ("Scrape duration", &["scrape_duration_seconds"], Some(Side::Above)),
];
/// Metrics about the machinery rather than the service: taken only when nothing else is there.
const MACHINERY: [&str; 6] = [
    "go_",
    "prometheus_",
    "scrape_",
    "promhttp_",
    "net_conntrack_",
    "alertmanager_",
];

/// A metric that may become an objective.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    title: String,
    metric: String,
    side: Option<Side>,
}

/// Creates the set once the source answers, if none is stored, and adds to it, while nobody has touched it, until it is
/// whole or the server has an hour of history: a server that began a minute ago has little to suggest from.
pub(crate) async fn ensure(core: &ManagerCore) {
    // One manager suggests, not each.
    tokio::select! {
        () = core.shutdown.token().cancelled() => return,
        _ = core.mandate.active() => {}
    }
    let mut pause = FIRST_RETRY;
    loop {
        let wait = match attempt(core).await {
            Ok(Suggested::Whole) => return,
            Ok(Suggested::InPart) => GROW_EVERY,
            Err(error) => {
                tracing::debug!(error = %error.words(), "no default set yet");
                pause = (pause * 2).min(RETRY_EVERY);
                pause
            }
        };
        tokio::select! {
            () = core.shutdown.token().cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// How far the suggestion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suggested {
    /// Nothing is left to do, or it is somebody else's set.
    Whole,
    /// There may be more to suggest later.
    InPart,
}

/// The stored set that may be added to: suggested, and not touched since. An empty one where none is stored at all;
/// `None` where it is whole, or somebody's.
fn to_fill(sets: &Sets) -> Option<pb::SlaSet> {
    let Some(stored) = sets.by_id(NAME) else {
        return sets.all.is_empty().then(pb::SlaSet::default);
    };
    let set = &stored.message;
    let untouched = set.author == sla_runtime::caller::SYSTEM && set.objectives.iter().all(|one| one.suggested);
    (untouched && set.objectives.len() < OBJECTIVES).then(|| set.clone())
}

async fn attempt(core: &ManagerCore) -> Result<Suggested, SlaError> {
    let Some(mut set) = to_fill(&*core.catalog.refresh().await?) else {
        return Ok(Suggested::Whole);
    };
    let names = metric_names(core).await?;
    let before = set.objectives.len();
    let mut spanned_ms = 0;
    let mut last_error = None;
    for candidate in candidates(&names).into_iter().take(MAX_TRIES) {
        if set.objectives.len() == OBJECTIVES {
            break;
        }
        match objective(core, &candidate).await {
            Ok((objective, spanned)) => {
                spanned_ms = spanned.max(spanned_ms);
                if !set.objectives.iter().any(|have| have.query == objective.query) {
                    set.objectives.push(objective);
                }
            }
            Err(error) => {
                tracing::debug!(metric = %SafeText::new(&candidate.metric), error = %error.words(), "not suggested");
                last_error = Some(error);
            }
        }
    }
    if set.objectives.is_empty() {
        // A server without history: it is asked again until there is some.
        return Err(last_error.unwrap_or(SlaError::NotFound {
            what: "metric to suggest",
            name: SafeText::new(""),
        }));
    }
    let is_whole = set.objectives.len() == OBJECTIVES || spanned_ms >= ENOUGH_HISTORY_MS;
    let done = if is_whole { Suggested::Whole } else { Suggested::InPart };
    let description = description(set.objectives.len(), is_whole);
    // Somebody may have been faster; and what says the same is not saved again.
    let is_old = to_fill(&*core.catalog.refresh().await?).is_none_or(|now| now.version != set.version);
    if is_old || (set.objectives.len() == before && set.description == description) {
        return Ok(done);
    }
    store(core, pb::SlaSet { description, ..set }).await?;
    Ok(done)
}

/// What it stands on, and why it is not whole.
fn description(objectives: usize, is_whole: bool) -> String {
    let made = "Suggested from the last 12 h of what the server has.";
    if is_whole {
        return format!("{made} Edit it, or keep what fits.");
    }
    format!(
        "{made} {objectives} of {OBJECTIVES} so far: its other metrics have too little history. More are added until there is \
         an hour of it, unless you edit the set."
    )
}

async fn store(core: &ManagerCore, set: pb::SlaSet) -> Result<(), SlaError> {
    let expected_version = set.version;
    let set = pb::SlaSet {
        id: NAME.to_owned(),
        name: NAME.to_owned(),
        author: sla_runtime::caller::SYSTEM.to_owned(),
        updated: Some(timestamp(core.clock.now_ms())),
        active: true,
        ..set
    };
    let request = PutStoredSetRequest {
        set: Some(set),
        expected_version,
    };
    core.peer
        .set_store()
        .put_stored_set(request)
        .await
        .map_err(|status| SlaError::upstream("save the default set", status))?;
    core.catalog.refresh().await?;
    tracing::info!("the default set was suggested");
    Ok(())
}

async fn metric_names(core: &ManagerCore) -> Result<Vec<MetricName>, SlaError> {
    let mut names = Vec::new();
    let mut page_token = String::new();
    for _ in 0..MAX_PAGES {
        let answer = core
            .peer
            .source()
            .list_metric_names(ListMetricNamesRequest {
                page_size: PAGE_NAMES,
                page_token,
                ..ListMetricNamesRequest::default()
            })
            .await
            .map_err(|status| SlaError::upstream("list the metrics", status))?
            .into_inner();
        names.extend(answer.names);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(names)
}

/// What to try, best first: the favourites that exist, then small gauges, then machinery.
fn candidates(names: &[MetricName]) -> Vec<Candidate> {
    let favoured = |name: &MetricName| (1..=MAX_FAVOURITE_SERIES).contains(&name.series);
    let fits = |name: &MetricName| (1..=MAX_SERIES).contains(&name.series);
    let mut out: Vec<Candidate> = FAVOURITES
        .iter()
        .filter_map(|(title, metrics, side)| {
            let found = metrics
                .iter()
                .find(|metric| names.iter().any(|name| name.name == **metric && favoured(name)))?;
            Some(Candidate {
                title: (*title).to_owned(),
                metric: (*found).to_owned(),
                side: *side,
            })
        })
        .collect();
    let mut rest: Vec<&MetricName> = names
        .iter()
        .filter(|name| fits(name) && !out.iter().any(|have| have.metric == name.name))
        .filter(|name| !["info", "histogram", "summary"].contains(&name.r#type.as_str()))
        .filter(|name| {
            !name.name.ends_with("_info") && !name.name.ends_with("_bucket") && !name.name.ends_with("_created")
        })
        .collect();
    rest.sort_by_key(|name| {
        let machinery = MACHINERY.iter().any(|prefix| name.name.starts_with(prefix));
        (machinery, name.r#type == "counter", name.name.clone())
    });
    out.extend(rest.into_iter().map(|name| Candidate {
        title: name.name.chars().take(Objective::MAX_NAME_CHARS).collect(),
        metric: name.name.clone(),
        side: None,
    }));
    out
}

/// What an objective about a metric reads: machine disks only, where it is about file systems.
fn query(metric: &str) -> Result<Query, SlaError> {
    let unknown = || SlaError::NotFound {
        what: "metric",
        name: SafeText::new(metric),
    };
    if metric.starts_with("node_filesystem_") {
        return Query::parse(&format!("{metric}{{fstype!~\"{NO_DISKS}\"}}")).map_err(|_| unknown());
    }
    let selector = Selector::of_labels(&Labels::from_pairs([(METRIC_NAME, metric)]));
    selector.map(Query::Selector).ok_or_else(unknown)
}

/// An objective, and the length of the history it stands on, milliseconds.
async fn objective(core: &ManagerCore, candidate: &Candidate) -> Result<(pb::Objective, i64), SlaError> {
    let what = "the metric cannot be suggested";
    let query = query(&candidate.metric)?;
    let message = convert::query_message(&query, Objective::DEFAULT_STEP_MS);
    let found = suggestion::propose(core, &query, message, CounterMode::Auto).await?;
    let range = if candidate.metric == "up" {
        // A target is up or it is not; an outage in the history must not make outages normal.
        AllowedRange::at_least(1.0).unwrap_or(found.range)
    } else {
        one_sided(found.range, candidate.side)
    };
    let asked = pb::Objective {
        id: core.ids.fresh(&candidate.title),
        name: candidate.title.clone(),
        query: Some(convert::query_message(&query, 0)),
        range: Some(convert::range_message(&range)),
        suggested: true,
        ..pb::Objective::default()
    };
    let objective = convert::objective(&asked).map_err(|problems| SlaError::Invalid { what, problems })?;
    Ok((objective_message(&objective, &asked), found.spanned_ms))
}

/// Keeps the bound that hurts: more memory than usual is no violation.
fn one_sided(range: AllowedRange, side: Option<Side>) -> AllowedRange {
    let one = match side {
        Some(Side::Above) => range.max().map(AllowedRange::at_most),
        Some(Side::Below) => range.min().map(AllowedRange::at_least),
        None => None,
    };
    one.and_then(Result::ok).unwrap_or(range)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sets::catalog::KnownSet;

    fn name(name: &str, series: u32, kind: &str) -> MetricName {
        MetricName {
            name: name.into(),
            series,
            r#type: kind.into(),
            ..MetricName::default()
        }
    }

    #[test]
    fn what_people_watch_comes_first() {
        let names = [
            name("go_goroutines", 1, "gauge"),
            name("node_load1", 3, "gauge"),
            name("node_load5", 3, "gauge"),
            name("queue_length", 2, "gauge"),
            name("requests_total", 2, "counter"),
            name("requests_bucket", 20, "histogram"),
            name("build_info", 1, "gauge"),
            name("up", 300, "gauge"),
            name("queue_of_each_user", 300, "gauge"),
            name("node_filesystem_avail_bytes", 5000, "gauge"),
        ];
        let metrics: Vec<String> = candidates(&names).into_iter().map(|c| c.metric).collect();
        assert_eq!(
            metrics,
            [
                "up",
                "node_load1",
                "node_load5",
                "queue_length",
                "requests_total",
                "go_goroutines"
            ]
        );
        assert_eq!(candidates(&names)[1].title, "Load");
    }

    #[test]
    fn only_what_was_suggested_and_not_touched_is_added_to() {
        let one = pb::Objective {
            suggested: true,
            ..pb::Objective::default()
        };
        let set = |count: usize, author: &str| pb::SlaSet {
            id: NAME.into(),
            name: NAME.into(),
            author: author.into(),
            objectives: vec![one.clone(); count],
            ..pb::SlaSet::default()
        };
        let system = sla_runtime::caller::SYSTEM;
        let fills = |sets: Vec<pb::SlaSet>| {
            to_fill(&Sets::new(
                sets.into_iter().map(|set| Arc::new(KnownSet::new(set))).collect(),
            ))
            .map(|set| set.objectives.len())
        };
        assert_eq!(fills(vec![]), Some(0));
        assert_eq!(fills(vec![set(1, system)]), Some(1));
        assert_eq!(fills(vec![set(OBJECTIVES, system)]), None);
        assert_eq!(fills(vec![set(1, "anna")]), None, "it is hers now");
        let other = pb::SlaSet {
            id: "web".into(),
            ..set(1, "anna")
        };
        assert_eq!(fills(vec![other]), None, "there are sets, and none was suggested");
        assert!(description(1, false).contains("1 of 5 so far: its other metrics have too little history"));
    }

    #[test]
    fn file_systems_are_those_of_the_machine() {
        let text = |metric: &str| query(metric).unwrap().text().to_owned();
        let disks = text("node_filesystem_avail_bytes");
        assert!(
            disks.contains("fstype!~") && disks.contains("tmpfs") && disks.contains("squashfs"),
            "{disks}"
        );
        assert_eq!(text("node_load1"), "node_load1");
    }

    #[test]
    fn only_the_bound_that_hurts_is_kept() {
        let both = AllowedRange::new(Some(1.0), Some(4.0)).unwrap();
        assert_eq!(one_sided(both, Some(Side::Above)), AllowedRange::at_most(4.0).unwrap());
        assert_eq!(one_sided(both, Some(Side::Below)), AllowedRange::at_least(1.0).unwrap());
        assert_eq!(one_sided(both, None), both);
    }
}
