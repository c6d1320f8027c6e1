//! The demo's own agreements, so that a newcomer sees one that is violated, one that will be, and one that is kept.

use std::time::Duration;

use sla_domain::Query;
use sla_proto::objective::v1::{AllowedRange, Objective, SlaSet};
use sla_proto::set::v1::{CreateSetRequest, ListSetsRequest};
use sla_proto::{Peer, convert};
use sla_runtime::shutdown::Shutdown;
use sla_source::replay::{LOAD_LIMIT, MEMORY_FLOOR_BYTES};

/// Name, query, least and greatest value allowed.
const AGREEMENTS: [(&str, &str, Option<f64>, Option<f64>); 4] = [
    ("Load", "node_load1", None, Some(LOAD_LIMIT)),
    (
        "Memory available",
        "node_memory_MemAvailable_bytes",
        Some(MEMORY_FLOOR_BYTES),
        None,
    ),
    ("Targets up", "up", Some(1.0), None),
    (
        "Disk space",
        "node_filesystem_avail_bytes",
        Some(8.0 * 1024.0 * 1024.0 * 1024.0),
        None,
    ),
];

/// How long the suggested set is waited for; it is suggested only where there is no other.
const SUGGESTION_LIMIT: Duration = Duration::from_secs(20);
/// Pause between two looks.
const SUGGESTION_POLL: Duration = Duration::from_millis(200);

/// Creates the set beside the suggested one. A demo without it is still a demo: a failure is logged.
pub(super) async fn make(peer: Peer, shutdown: Shutdown) {
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < SUGGESTION_LIMIT {
        let listed = peer.sets().list_sets(ListSetsRequest::default()).await;
        if listed.is_ok_and(|listed| listed.into_inner().total > 0) {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(SUGGESTION_POLL) => {}
            () = shutdown.token().cancelled() => return,
        }
    }
    let objectives = AGREEMENTS
        .iter()
        .filter_map(|&(name, query, min, max)| objective(name, query, min, max))
        .collect();
    let set = SlaSet {
        name: "shop".to_owned(),
        description: "What the demo's operators have agreed with their shop.".to_owned(),
        objectives,
        active: true,
        ..SlaSet::default()
    };
    if let Err(status) = peer.sets().create_set(CreateSetRequest { set: Some(set) }).await {
        tracing::warn!(error = status.message(), "the demo's agreements could not be made");
    }
}

fn objective(name: &str, query: &str, min: Option<f64>, max: Option<f64>) -> Option<Objective> {
    let query = Query::parse(query).ok()?;
    Some(Objective {
        name: name.to_owned(),
        query: Some(convert::query_message(&query, 0)),
        range: Some(AllowedRange {
            min,
            max,
            ..AllowedRange::default()
        }),
        ..Objective::default()
    })
}
