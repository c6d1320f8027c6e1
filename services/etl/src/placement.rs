//! Which partitions this worker owns, told to all others by rows in the database. An owner raises the epoch of a row by
//! compare-and-set: of two that believe to own a partition one can say so, and after a revoke nothing is claimed before a new
//! assignment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_proto::Peer;
use sla_proto::storage::v1::{ClaimPartitionsRequest, ListPlacementsRequest, PartitionClaim};
use tokio::sync::Notify;
use tonic::{Code, Status};

/// Pause before another attempt to say what is ours.
const AGAIN: Duration = Duration::from_secs(1);

/// What we know of a partition that was assigned to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Its row does not say so yet.
    Wanted,
    /// Its row names us, since this epoch.
    Held(u64),
}

#[derive(Debug, Default)]
struct State {
    assigned: BTreeMap<u32, Claim>,
    /// Whether anything was ever said about what is ours.
    told: bool,
}

#[derive(Debug)]
struct Desk {
    address: String,
    state: Mutex<State>,
    news: Notify,
}

/// The partitions of this worker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Placement(Arc<Desk>);

impl Placement {
    /// Of a worker that others reach at `address` (`http://host:port`; empty = they do not).
    pub fn at(address: &str) -> Self {
        Self(Arc::new(Desk {
            address: address.to_owned(),
            state: Mutex::default(),
            news: Notify::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Entries are replaced whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are ours from now on.
    pub fn assigned(&self, partitions: &[u32]) {
        let mut state = self.state();
        state.told = true;
        state
            .assigned
            .extend(partitions.iter().map(|&partition| (partition, Claim::Wanted)));
        drop(state);
        self.0.news.notify_one();
    }

    /// These are ours no longer.
    pub fn revoked(&self, partitions: &[u32]) {
        let mut state = self.state();
        state.assigned.retain(|partition, _| !partitions.contains(partition));
    }

    /// Whether a partition is ours.
    pub fn has(&self, partition: u32) -> bool {
        self.state().assigned.contains_key(&partition)
    }

    /// How many are ours.
    pub fn len(&self) -> usize {
        self.state().assigned.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is known what is ours, or that nothing is.
    pub fn is_told(&self) -> bool {
        self.state().told
    }

    /// Whether the first partition is ours: its owner starts runs by the clock and ends those that are complete.
    pub fn is_first(&self) -> bool {
        self.has(0)
    }

    /// Says in the database what is ours, whenever that has changed, until it is dropped.
    pub async fn keep(self, peer: Peer) {
        loop {
            let wanted: Vec<u32> = {
                let state = self.state();
                let wanted = state.assigned.iter().filter(|(_, claim)| **claim == Claim::Wanted);
                wanted.map(|(partition, _)| *partition).collect()
            };
            if wanted.is_empty() {
                self.0.news.notified().await;
                continue;
            }
            match self.claim(&peer, &wanted).await {
                Ok(true) => continue,
                // Somebody else was faster; perhaps we are told in a moment that it is no longer ours.
                Ok(false) => {}
                // A storage of before placements.
                Err(status) if status.code() == Code::Unimplemented => return,
                Err(status) => tracing::debug!(code = ?status.code(), "owners cannot be written yet"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Whether all rows say now that these are ours.
    async fn claim(&self, peer: &Peer, wanted: &[u32]) -> Result<bool, Status> {
        let known = peer
            .placements()
            .list_placements(ListPlacementsRequest {})
            .await?
            .into_inner();
        let known: BTreeMap<u32, u64> = known.placements.iter().map(|one| (one.partition, one.epoch)).collect();
        // What was revoked meanwhile is not claimed.
        let claims = wanted.iter().filter(|partition| self.has(**partition));
        let claims = claims.map(|partition| PartitionClaim {
            partition: *partition,
            expected_epoch: known.get(partition).copied().unwrap_or(0),
        });
        let request = ClaimPartitionsRequest {
            address: self.0.address.clone(),
            claims: claims.collect(),
        };
        let answer = peer.placements().claim_partitions(request).await?.into_inner();
        let all = answer.partitions.iter().all(|one| one.won);
        let mut state = self.state();
        for one in answer.partitions.into_iter().filter(|one| one.won) {
            let placement = one.placement.unwrap_or_default();
            if let Some(claim) = state.assigned.get_mut(&placement.partition) {
                *claim = Claim::Held(placement.epoch);
            }
        }
        Ok(all)
    }

    /// Gives up what our rows still say is ours, so that nobody asks us in vain.
    pub async fn give_up(&self, peer: &Peer) {
        let held: Vec<PartitionClaim> = {
            let mut state = self.state();
            let assigned = std::mem::take(&mut state.assigned);
            let held = assigned.into_iter().filter_map(|(partition, claim)| match claim {
                Claim::Held(expected_epoch) => Some(PartitionClaim {
                    partition,
                    expected_epoch,
                }),
                Claim::Wanted => None,
            });
            held.collect()
        };
        if !held.is_empty() {
            let request = ClaimPartitionsRequest {
                address: String::new(),
                claims: held,
            };
            let _ = peer.placements().claim_partitions(request).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_revoked_is_not_ours_before_it_is_assigned_again() {
        let placement = Placement::at("http://h:1");
        assert!(!placement.is_told() && placement.is_empty());
        placement.assigned(&[0, 3]);
        assert!(placement.is_first() && placement.has(3) && placement.is_told());
        placement.revoked(&[0]);
        assert!(!placement.is_first() && placement.len() == 1);
        placement.assigned(&[0]);
        assert!(placement.is_first());
    }
}
