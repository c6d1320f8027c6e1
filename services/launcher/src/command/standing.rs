//! The states of objectives, now or at an instant asked for: what `check` and `violations` are about.

use color_eyre::eyre::Report;
use prost_types::Timestamp;
use sla_proto::series::v1::SourceStatus;
use sla_proto::violation::v1::{EvaluateRequest, GetOverviewRequest, ObjectiveStatus};
use sla_proto::{Peer, convert, lists};

use super::away;

/// How long the first evaluation of a fresh instance is waited for, in slices …
const FIRST_EVALUATION_SLICES: u32 = 14;
/// … of this length, milliseconds: after each it is asked whether the source is away.
const SLICE_MS: i64 = 1_000;

/// The objectives of a set, or of all active ones.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Worst first where they are of now.
    pub(super) objectives: Vec<ObjectiveStatus>,
    /// When they were judged.
    pub(super) evaluated: Option<Timestamp>,
    /// How the source does, when that is known.
    pub(super) source: Option<SourceStatus>,
}

impl Standing {
    /// Whether nothing was judged because the source is away.
    pub(super) fn is_away(&self) -> bool {
        self.objectives.is_empty() && self.source.as_ref().is_some_and(|source| !source.problem.is_empty())
    }
}

/// What the instance knows, or finds out for `at_ms` (Unix milliseconds). `set` is an id or a name; empty = all active.
pub(super) async fn standing(peer: &Peer, set: &str, at_ms: Option<i64>) -> Result<Standing, Report> {
    let mut standing = match at_ms {
        Some(at_ms) => at(peer, set, at_ms).await?,
        None => now(peer, set).await?,
    };
    if standing.source.as_ref().is_none_or(|source| source.problem.is_empty()) {
        // Before anything was judged only the instance itself can say how its source is.
        standing.source = away::source(peer).await?;
    }
    Ok(standing)
}

async fn at(peer: &Peer, set: &str, at_ms: i64) -> Result<Standing, Report> {
    let request = EvaluateRequest {
        set: set.to_owned(),
        at: Some(convert::timestamp(at_ms)),
        ..EvaluateRequest::default()
    };
    let answer = peer.violations().evaluate(request).await?.into_inner();
    Ok(Standing {
        objectives: answer.objectives,
        evaluated: answer.at,
        source: answer.source,
    })
}

async fn now(peer: &Peer, set: &str) -> Result<Standing, Report> {
    let mut standing = Standing::default();
    for _ in 0..FIRST_EVALUATION_SLICES {
        let request = GetOverviewRequest {
            set: set.to_owned(),
            wait: Some(convert::duration(SLICE_MS)),
            skip: 0,
        };
        let overview = lists::overview(peer, request).await?;
        standing = Standing {
            objectives: overview.objectives,
            evaluated: overview.evaluated,
            source: overview.source,
        };
        if !standing.objectives.is_empty() {
            break;
        }
        standing.source = away::source(peer).await?;
        if standing.is_away() {
            break;
        }
    }
    Ok(standing)
}
