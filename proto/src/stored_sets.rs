//! The stored sets, known to a role: what was saved since is read, not what is known already.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::Status;

use crate::Peer;
use crate::objective::v1::SlaSet;
use crate::storage::v1::{ListStoredSetsRequest, ListStoredSetsResponse};

/// Sets of one page.
const PAGE: u32 = 500;

/// By id.
pub type SetsById<T> = BTreeMap<String, Arc<T>>;

/// All sets that are stored, each as a role wants it. Begins empty.
#[derive(Debug)]
pub struct StoredSets<T> {
    make: fn(SlaSet) -> T,
    by_id: Arc<SetsById<T>>,
    revision: u64,
}

/// What a refresh has brought.
#[derive(Debug)]
pub enum Refreshed<T> {
    /// Nothing was saved or deleted.
    Same,
    /// These were saved, and none was deleted.
    Saved(Vec<Arc<T>>),
    /// Something was deleted too, or nothing was known before.
    Anew,
}

impl<T> StoredSets<T> {
    /// Knows nothing yet; `make` gives each set its shape.
    pub fn new(make: fn(SlaSet) -> T) -> Self {
        Self {
            make,
            by_id: Arc::default(),
            revision: 0,
        }
    }

    /// As they are known now; a refresh changes nothing in it.
    pub fn by_id(&self) -> &Arc<SetsById<T>> {
        &self.by_id
    }

    /// All of them, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.by_id.values()
    }

    /// Reads what was saved and deleted since the last time.
    ///
    /// # Errors
    /// The storage's; what was known stays known.
    pub async fn refresh(&mut self, peer: &Peer) -> Result<Refreshed<T>, Status> {
        let first = page(peer, self.revision, String::new()).await?;
        if self.revision > 0 && first.revision == self.revision {
            return Ok(Refreshed::Same);
        }
        let (revision, total) = (first.revision, first.total);
        let saved = self.rest(peer, self.revision, first).await?;
        let known = saved.iter().filter(|(id, _)| !self.by_id.contains_key(id)).count() + self.by_id.len();
        if self.revision > 0 && known as u64 <= total {
            self.revision = revision;
            let list = saved.iter().map(|(_, set)| set.clone()).collect();
            Arc::make_mut(&mut self.by_id).extend(saved);
            return Ok(Refreshed::Saved(list));
        }
        // Something is gone: only a look at all of them tells what.
        let (revision, all) = if self.revision == 0 {
            (revision, saved)
        } else {
            let first = page(peer, 0, String::new()).await?;
            (first.revision, self.rest(peer, 0, first).await?)
        };
        self.revision = revision;
        self.by_id = Arc::new(all.into_iter().collect());
        Ok(Refreshed::Anew)
    }

    /// The first page and those after it.
    async fn rest(
        &self,
        peer: &Peer,
        after: u64,
        first: ListStoredSetsResponse,
    ) -> Result<Vec<(String, Arc<T>)>, Status> {
        let (mut found, mut answer) = (Vec::new(), first);
        loop {
            let sets = answer.sets.into_iter();
            found.extend(sets.map(|set| (set.id.clone(), Arc::new((self.make)(set)))));
            if answer.next_page_token.is_empty() {
                return Ok(found);
            }
            answer = page(peer, after, answer.next_page_token).await?;
        }
    }
}

async fn page(peer: &Peer, changed_after: u64, page_token: String) -> Result<ListStoredSetsResponse, Status> {
    let request = ListStoredSetsRequest {
        changed_after,
        page_size: PAGE,
        page_token,
    };
    Ok(peer.set_store().list_stored_sets(request).await?.into_inner())
}
