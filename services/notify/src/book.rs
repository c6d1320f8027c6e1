//! Channels and marks as they are stored, read again when something changed here, and now and then, since other processes may
//! change them too.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sla_proto::Peer;
use sla_proto::notify::v1::{Channel, Mark};
use sla_proto::objective::v1::SlaSet;
use sla_proto::storage::v1::{ListStoredChannelsRequest, ListStoredMarksRequest};
use sla_proto::stored_sets::{SetsById, StoredSets};
use tokio::time::Instant;

use crate::error::NotifyError;

/// Rows read at once.
const PAGE: u32 = 500;
/// How old what was read may be where it is gone by.
pub(crate) const FRESH: Duration = Duration::from_secs(10);
/// How old while nothing happens: another process may have made a channel that wants to be told of more.
pub(crate) const QUIET: Duration = Duration::from_mins(1);

/// All of it at one time.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) channels: Vec<Channel>,
    pub(crate) marks: Vec<Mark>,
}

impl Pages {
    /// The channel with this id.
    pub(crate) fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// The marks of a handle.
    pub(crate) fn marks_of<'a>(&'a self, handle: &'a str) -> impl Iterator<Item = &'a Mark> {
        self.marks.iter().filter(move |mark| mark.handle == handle)
    }
}

/// The last pages that were read, and the sets.
#[derive(Debug)]
pub(crate) struct Book {
    pages: Mutex<Option<(Instant, Arc<Pages>)>>,
    sets: tokio::sync::Mutex<StoredSets<SlaSet>>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            pages: Mutex::default(),
            sets: tokio::sync::Mutex::new(StoredSets::new(|set| set)),
        }
    }
}

impl Book {
    /// The pages, read again when they are older than `at_most`.
    pub(crate) async fn pages(&self, peer: &Peer, at_most: Duration) -> Result<Arc<Pages>, NotifyError> {
        if let Some((read, pages)) = &*self.pages.lock().unwrap_or_else(PoisonError::into_inner)
            && read.elapsed() < at_most
        {
            return Ok(pages.clone());
        }
        self.read(peer).await
    }

    /// As they are stored now.
    pub(crate) async fn read(&self, peer: &Peer) -> Result<Arc<Pages>, NotifyError> {
        let begun = Instant::now();
        let pages = Arc::new(Pages {
            channels: channels(peer).await?,
            marks: marks(peer).await?,
        });
        *self.pages.lock().unwrap_or_else(PoisonError::into_inner) = Some((begun, pages.clone()));
        Ok(pages)
    }

    /// Somebody has changed something.
    pub(crate) fn is_old(&self) {
        *self.pages.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// All sets as they are stored now, whoever may see them.
    pub(crate) async fn sets(&self, peer: &Peer) -> Result<Arc<SetsById<SlaSet>>, NotifyError> {
        let mut sets = self.sets.lock().await;
        let refreshed = sets.refresh(peer).await;
        refreshed.map_err(|status| NotifyError::upstream("reading the sets", status))?;
        Ok(sets.by_id().clone())
    }
}

async fn channels(peer: &Peer) -> Result<Vec<Channel>, NotifyError> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListStoredChannelsRequest {
            page_size: PAGE,
            page_token,
        };
        let answer = peer.notify_store().list_stored_channels(request).await;
        let answer = answer.map_err(|status| NotifyError::upstream("reading the channels", status))?;
        let answer = answer.into_inner();
        all.extend(answer.channels);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn marks(peer: &Peer) -> Result<Vec<Mark>, NotifyError> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListStoredMarksRequest {
            page_size: PAGE,
            page_token,
        };
        let answer = peer.notify_store().list_stored_marks(request).await;
        let answer = answer.map_err(|status| NotifyError::upstream("reading acknowledgements", status))?;
        let answer = answer.into_inner();
        all.extend(answer.marks);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}
