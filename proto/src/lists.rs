//! Lists that come in pages, read to their end.

use tonic::Status;

use crate::Peer;
use crate::objective::v1::SlaSet;
use crate::set::v1::ListSetsRequest;
use crate::violation::v1::{GetOverviewRequest, Overview};
use crate::weather::v1::{ListSubscriptionsRequest, Subscription};

/// Rows of a page.
const PAGE: u32 = 1_000;
/// How often an overview is begun anew.
const MAX_READS: usize = 5;

/// Every set that the caller sees, by name.
///
/// # Errors
/// Of the first page that cannot be read.
pub async fn sets(peer: &Peer) -> Result<Vec<SlaSet>, Status> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListSetsRequest {
            page_size: PAGE,
            page_token,
        };
        let answer = peer.sets().list_sets(request).await?.into_inner();
        all.extend(answer.sets);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// Every subscription that the caller sees, by name.
///
/// # Errors
/// Of the first page that cannot be read.
pub async fn subscriptions(peer: &Peer) -> Result<Vec<Subscription>, Status> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListSubscriptionsRequest {
            page_size: PAGE,
            page_token,
        };
        let answer = peer.weather().list_subscriptions(request).await?.into_inner();
        all.extend(answer.subscriptions);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// An overview with what one answer leaves out. What is judged meanwhile may stand elsewhere then, and all is read anew.
///
/// # Errors
/// Of the first part that cannot be read; `UNAVAILABLE` where reading anew does not end.
pub async fn overview(peer: &Peer, first: GetOverviewRequest) -> Result<Overview, Status> {
    for _ in 0..MAX_READS {
        let mut whole = part(peer, first.clone()).await?;
        while whole.left_out > 0 {
            let skip = whole.objectives.len() as u32;
            let rest = part(peer, GetOverviewRequest { skip, ..first.clone() }).await?;
            if rest.evaluated != whole.evaluated || rest.objectives.is_empty() {
                break;
            }
            whole.left_out = rest.left_out;
            whole.objectives.extend(rest.objectives);
        }
        if whole.left_out == 0 {
            return Ok(whole);
        }
    }
    Err(Status::unavailable(
        "the objectives were judged anew each time while they were read; try again",
    ))
}

async fn part(peer: &Peer, request: GetOverviewRequest) -> Result<Overview, Status> {
    let answer = peer.violations().get_overview(request).await?;
    Ok(answer.into_inner().overview.unwrap_or_default())
}
