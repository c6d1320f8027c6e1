//! What the reader has before it: how far the ledger was read, what each channel was told, whose sets are whose. What it does is
//! gathered in a [`Work`] and written at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sla_proto::Peer;
use sla_proto::convert::{millis, timestamp};
use sla_proto::notify::v1::{Channel, Mark, MarkKind, Notice, NoticeKind};
use sla_proto::objective::v1::SlaSet;
use sla_proto::storage::v1::{
    ApplyNoticesRequest, DueNotice, GetNotifyProgressRequest, ListStoredAccountsRequest, ListStoriesRequest, Story,
};
use sla_proto::stored_sets::SetsById;
use tokio::time::Instant;

use crate::book::{Book, Pages};
use crate::error::NotifyError;
use crate::options::NotifyOptions;
use crate::story::{Rules, Silence};
use crate::{story, timing};

/// Rows read at once.
const PAGE: u32 = 500;
/// How old what is known of users may be.
const FRESH: Duration = Duration::from_secs(5);
/// Names all sets that an owner sees.
pub(crate) use sla_domain::set::ALL_SETS;

/// Whose sets are whose.
#[derive(Debug)]
struct Estate {
    sets: Arc<SetsById<SlaSet>>,
    /// Names of users who may not call any more, and when that was asked.
    disabled: HashSet<String>,
    asked: Instant,
}

/// What the reader has before it.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) revision: u64,
    /// Number of the last change that was read.
    pub(crate) position: u64,
    /// The one that is stored.
    pub(crate) stored_position: u64,
    stories: HashMap<String, Story>,
    estate: Option<Estate>,
}

impl Desk {
    /// As it is stored.
    pub(crate) async fn load(peer: &Peer) -> Result<Self, NotifyError> {
        let progress = peer
            .notify_store()
            .get_notify_progress(GetNotifyProgressRequest {})
            .await;
        let progress = progress.map_err(|status| NotifyError::upstream("reading how far it came", status))?;
        let progress = progress.into_inner();
        let (mut stories, mut page_token) = (HashMap::new(), String::new());
        loop {
            let request = ListStoriesRequest {
                page_size: PAGE,
                page_token,
            };
            let answer = peer.notify_store().list_stories(request).await;
            let answer = answer.map_err(|status| NotifyError::upstream("reading what was told", status))?;
            let answer = answer.into_inner();
            stories.extend(answer.stories.into_iter().map(|story| (story.id.clone(), story)));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(Self {
            revision: progress.revision,
            position: progress.position,
            stored_position: progress.position,
            stories,
            estate: None,
        })
    }

    /// Reads what has changed of the sets, and the users again when that was long ago. A change of the ledger may be about a set
    /// that was made a moment ago, and is heard only once.
    pub(crate) async fn look_around(&mut self, peer: &Peer, book: &Book, pages: &Pages) -> Result<(), NotifyError> {
        let sets = book.sets(peer).await?;
        if let Some(estate) = self.estate.as_mut().filter(|estate| estate.asked.elapsed() < FRESH) {
            estate.sets = sets;
            return Ok(());
        }
        let asked = Instant::now();
        let owned = pages.channels.iter().any(|channel| !channel.owner.is_empty());
        let disabled = if owned { disabled(peer).await? } else { HashSet::new() };
        self.estate = Some(Estate { sets, disabled, asked });
        Ok(())
    }

    /// Whether time alone brings something to be done.
    pub(crate) fn has_due(&self, pages: &Pages, now_ms: i64) -> bool {
        let is_over = |mark: &Mark| is_slept_out(mark, now_ms);
        self.stories.values().any(|story| is_due(story, now_ms)) || pages.marks.iter().any(is_over)
    }

    /// Something to be done on it.
    pub(crate) fn work<'a>(&'a self, pages: &'a Pages, options: &'a NotifyOptions, now_ms: i64) -> Work<'a> {
        Work {
            desk: self,
            pages,
            options,
            now_ms,
            changed: BTreeMap::new(),
            forgotten: Vec::new(),
            notices: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// What was written is so.
    pub(crate) fn written(&mut self, done: ApplyNoticesRequest, revision: u64) {
        self.revision = revision;
        self.position = done.position;
        self.stored_position = done.position;
        for id in &done.forgotten {
            self.stories.remove(id);
        }
        self.stories
            .extend(done.stories.into_iter().map(|story| (story.id.clone(), story)));
    }

    fn set(&self, id: &str) -> Option<&SlaSet> {
        self.estate.as_ref()?.sets.get(id).map(Arc::as_ref)
    }

    fn may_be_told(&self, channel: &Channel) -> bool {
        let gone = self
            .estate
            .as_ref()
            .is_some_and(|estate| estate.disabled.contains(&channel.owner));
        !channel.disabled && !gone
    }
}

/// Names of users who may not call any more.
async fn disabled(peer: &Peer) -> Result<HashSet<String>, NotifyError> {
    let (mut names, mut page_token) = (HashSet::new(), String::new());
    loop {
        let request = ListStoredAccountsRequest {
            page_size: PAGE,
            page_token,
        };
        let answer = peer.account_store().list_stored_accounts(request).await;
        let answer = answer.map_err(|status| NotifyError::upstream("reading the users", status))?;
        let answer = answer.into_inner();
        let gone = answer.accounts.into_iter().filter(|account| account.disabled);
        names.extend(gone.map(|account| account.name));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(names);
        }
    }
}

/// Whether a channel is to be told what becomes of a set.
pub(crate) fn concerns(channel: &Channel, set: &SlaSet) -> bool {
    if set.private && set.owner != channel.owner {
        return false;
    }
    if channel.sets.is_empty() {
        // Where nobody has a name everything is everybody's.
        return set.owner.is_empty() || set.owner == channel.owner || channel.owner.is_empty();
    }
    channel
        .sets
        .iter()
        .any(|wanted| wanted == ALL_SETS || *wanted == set.id)
}

/// What one round does.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    desk: &'a Desk,
    pages: &'a Pages,
    options: &'a NotifyOptions,
    pub(crate) now_ms: i64,
    changed: BTreeMap<String, Story>,
    forgotten: Vec<String>,
    notices: Vec<DueNotice>,
    ended: Vec<Mark>,
}

impl<'a> Work<'a> {
    /// How much there is to write.
    pub(crate) fn len(&self) -> usize {
        self.changed.len().max(self.notices.len()).max(self.forgotten.len())
    }

    /// A set, as far as it is known.
    pub(crate) fn set(&self, id: &str) -> Option<&'a SlaSet> {
        self.desk.set(id)
    }

    /// Channels that may be told of a set, or of an open story that began when they might.
    pub(crate) fn channels(&self, set: Option<&SlaSet>, handle: &str, suffix: &str) -> Vec<&'a Channel> {
        let all = self
            .pages
            .channels
            .iter()
            .filter(|channel| self.desk.may_be_told(channel));
        all.filter(|channel| {
            set.is_some_and(|set| concerns(channel, set))
                || self
                    .story(&story_id(channel, handle, suffix))
                    .is_some_and(|story| story.open)
        })
        .collect()
    }

    fn story(&self, id: &str) -> Option<&Story> {
        self.changed.get(id).or_else(|| self.desk.stories.get(id))
    }

    /// Moves one story on.
    pub(crate) fn act(
        &mut self,
        channel: &Channel,
        handle: &str,
        suffix: &str,
        step: impl FnOnce(&mut Story, &Rules<'_>, Silence, i64) -> Option<NoticeKind>,
    ) {
        let id = story_id(channel, handle, suffix);
        let before = self.story(&id).cloned();
        let mut story = before.clone().unwrap_or_else(|| Story {
            id: id.clone(),
            channel_id: channel.id.clone(),
            handle: handle.to_owned(),
            ..Story::default()
        });
        let rules = Rules {
            channel,
            flap_count: self.options.flap_count,
            flap_window_ms: self.options.flap_window_ms,
        };
        let silence = Silence::of(self.pages.marks_of(handle), self.now_ms);
        if let Some(kind) = step(&mut story, &rules, silence, self.now_ms) {
            let notice = story::notice(&mut story, kind, self.now_ms);
            self.tell(channel, notice);
        }
        // Something that never began leaves nothing behind.
        let is_empty = before.is_none() && story.start.is_none();
        if !is_empty && before.as_ref() != Some(&story) && !only_figures(before.as_ref(), &story) {
            self.changed.insert(id, story);
        }
    }

    fn tell(&mut self, channel: &Channel, notice: Notice) {
        self.notices.push(DueNotice {
            notice: Some(notice),
            due: Some(timestamp(timing::due_ms(channel, self.now_ms))),
        });
    }

    /// Marks that a closed violation ends.
    pub(crate) fn closed(&mut self, handle: &str, start_ms: i64) {
        let of_it = |mark: &&Mark| {
            mark.kind() == MarkKind::Acknowledged && mark.start.as_ref().is_none_or(|start| millis(start) <= start_ms)
        };
        self.ended.extend(self.pages.marks_of(handle).filter(of_it).cloned());
    }

    /// What the passing of time brings: repetitions, the end of flapping, what is forgotten.
    pub(crate) fn tick(&mut self, most: usize) {
        let over = self.pages.marks.iter();
        let over = over.filter(|mark| is_slept_out(mark, self.now_ms));
        self.ended.extend(over.cloned());
        let due = self.desk.stories.values().filter(|story| is_due(story, self.now_ms));
        let due: Vec<(String, String, String)> = due
            .map(|story| (story.id.clone(), story.channel_id.clone(), story.handle.clone()))
            .collect();
        for (id, channel_id, handle) in due {
            if self.len() >= most {
                break;
            }
            let channel = self.pages.channel(&channel_id);
            let is_over = self.story(&id).is_some_and(|story| story::is_over(story, self.now_ms));
            match channel {
                Some(_) if is_over => self.forgotten.push(id),
                Some(channel) if self.desk.may_be_told(channel) => {
                    let suffix = id.rsplit_once('/').map_or("", |(_, suffix)| suffix);
                    self.act(channel, &handle, suffix, story::tick);
                }
                Some(_) => {}
                None => self.forgotten.push(id),
            }
        }
    }

    /// Handles of stories of this kind that are open.
    pub(crate) fn open(&self, suffix: &str) -> Vec<(String, String)> {
        let ending = format!("/{suffix}");
        let open = self
            .desk
            .stories
            .values()
            .filter(|story| story.open && story.id.ends_with(&ending));
        open.map(|story| (story.channel_id.clone(), story.handle.clone()))
            .collect()
    }

    /// The channel with this id.
    pub(crate) fn channel(&self, id: &str) -> Option<&'a Channel> {
        self.pages.channel(id)
    }

    /// What is to be written, with the ledger read up to `position`; `None` when that is nothing.
    pub(crate) fn done(self, position: u64) -> Option<ApplyNoticesRequest> {
        let is_nothing =
            self.changed.is_empty() && self.notices.is_empty() && self.forgotten.is_empty() && self.ended.is_empty();
        (!is_nothing).then(|| ApplyNoticesRequest {
            expected_revision: self.desk.revision,
            position,
            stories: self.changed.into_values().collect(),
            forgotten: self.forgotten,
            notices: self.notices,
            ended_marks: self.ended,
        })
    }
}

/// Whether somebody has snoozed until now.
fn is_slept_out(mark: &Mark, now_ms: i64) -> bool {
    let until = mark.until.as_ref().map(millis);
    mark.kind() == MarkKind::Snoozed && until.is_some_and(|until| until <= now_ms)
}

/// Whether the passing of time brings something to a story.
fn is_due(story: &Story, now_ms: i64) -> bool {
    story.flaps > 0 || story.next.as_ref().is_some_and(|next| millis(next) <= now_ms) || story::is_over(story, now_ms)
}

/// What goes on, with other figures: they are in the ledger, and come again.
fn only_figures(before: Option<&Story>, after: &Story) -> bool {
    before.is_some_and(|before| {
        let last = before.last.clone();
        Story { last, ..after.clone() } == *before && after.next.is_none()
    })
}

fn story_id(channel: &Channel, handle: &str, suffix: &str) -> String {
    format!("{}/{handle}/{suffix}", channel.id)
}
