//! Channels, stories and the outbox: one transaction with the position, messages that keep their id, an order for each channel.

use sla_proto::convert::timestamp;
use sla_proto::notify::v1::{Channel, Delivery, DeliveryState, Mark, MarkKind, Notice};
use sla_proto::storage::v1::{
    ApplyNoticesRequest, ChangeChannelsRequest, ChangeMarksRequest, ClaimMessagesRequest, DueNotice, Message,
    SettleMessageRequest, Story,
};
use sla_runtime::reason;
use tonic::Code;

use super::refusals::refused;
use crate::port::{Page, Store};

/// How long the suite holds what it takes, milliseconds.
const HOLD_MS: i64 = 10_000;
/// When notices are made.
const MADE_MS: i64 = 900;

/// The suite of [`crate::port::NotifyStore`].
pub async fn notify(store: &dyn Store) {
    let channels = names(store).await;
    let revision = positions(store, &channels[0]).await;
    outbox(store, &channels, revision).await;
    overtaken(store).await;
    marks(store).await;
    removal(store, &channels[0]).await;
}

fn put(channel: Channel) -> ChangeChannelsRequest {
    ChangeChannelsRequest {
        puts: vec![channel],
        ..ChangeChannelsRequest::default()
    }
}

fn channel(owner: &str, name: &str) -> Channel {
    Channel {
        owner: owner.to_owned(),
        name: name.to_owned(),
        ..Channel::default()
    }
}

async fn names(store: &dyn Store) -> [Channel; 2] {
    let ada = store
        .change_channels(put(channel("ada", "phone")))
        .await
        .unwrap()
        .remove(0);
    let bob = store
        .change_channels(put(channel("bob", "phone")))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        (ada.version, ada.id == bob.id),
        (1, false),
        "each owner has names of his own"
    );
    refused(
        store.change_channels(put(channel("Ada", " PHONE "))).await,
        Code::AlreadyExists,
        reason::NAME_TAKEN,
    );
    let disabled = Channel {
        disabled: true,
        ..ada.clone()
    };
    let newer = store.change_channels(put(disabled)).await.unwrap().remove(0);
    assert_eq!((newer.version, newer.disabled), (2, true));
    assert!(store.change_channels(put(ada)).await.is_err(), "an older version");
    let listed = store.channels(Page::first(10)).await.unwrap().rows;
    assert!(listed.contains(&newer) && listed.contains(&bob));
    [newer, bob]
}

fn due(id: &str, channel: &Channel, due_ms: i64) -> DueNotice {
    DueNotice {
        notice: Some(Notice {
            id: id.to_owned(),
            channel_id: channel.id.clone(),
            made: Some(timestamp(due_ms.min(MADE_MS))),
            ..Notice::default()
        }),
        due: Some(timestamp(due_ms)),
    }
}

fn read_to(position: u64, expected_revision: u64, notices: Vec<DueNotice>) -> ApplyNoticesRequest {
    ApplyNoticesRequest {
        expected_revision,
        position,
        notices,
        ..ApplyNoticesRequest::default()
    }
}

async fn positions(store: &dyn Store, channel: &Channel) -> u64 {
    let before = store.notify_progress().await.unwrap();
    let story = Story {
        id: "story".to_owned(),
        channel_id: channel.id.clone(),
        number: 1,
        ..Story::default()
    };
    let mut told = read_to(7, before.revision, vec![due("first", channel, 1_000)]);
    told.stories.push(story.clone());
    let revision = store.apply_notices(told).await.unwrap();
    let now = store.notify_progress().await.unwrap();
    assert_eq!((now.revision, now.position), (revision, 7));
    assert!(store.stories(Page::first(10)).await.unwrap().rows.contains(&story));
    // Another one that had read the same: nothing of it is written.
    refused(
        store
            .apply_notices(read_to(9, before.revision, vec![due("twice", channel, 1_000)]))
            .await,
        Code::Aborted,
        reason::STALE_VERSION,
    );
    assert_eq!(store.notify_progress().await.unwrap(), now);
    assert!(delivery(store, "twice").await.is_none());
    let mut told = read_to(8, revision, Vec::new());
    told.forgotten.push(story.id.clone());
    let revision = store.apply_notices(told).await.unwrap();
    assert!(!store.stories(Page::first(10)).await.unwrap().rows.contains(&story));
    revision
}

async fn delivery(store: &dyn Store, id: &str) -> Option<Delivery> {
    let mut after = None;
    loop {
        let page = store.deliveries(Vec::new(), Page { size: 2, after }).await.unwrap();
        let found = page
            .rows
            .into_iter()
            .find(|row| row.notice.as_ref().is_some_and(|notice| notice.id == id));
        if found.is_some() || page.next.is_none() {
            return found;
        }
        after = page.next;
    }
}

async fn claim(store: &dyn Store, now_ms: i64) -> Vec<Message> {
    let wanted = ClaimMessagesRequest {
        now: Some(timestamp(now_ms)),
        hold_ms: HOLD_MS,
        max_messages: 10,
    };
    store.claim_messages(wanted).await.unwrap()
}

fn ids(message: &Message) -> Vec<&str> {
    message.notices.iter().map(|notice| notice.id.as_str()).collect()
}

fn settled(message: &Message, state: DeliveryState, time_ms: i64) -> SettleMessageRequest {
    SettleMessageRequest {
        id: message.id.clone(),
        attempts: message.attempts,
        state: state.into(),
        time: Some(timestamp(time_ms)),
        problem: "x".repeat(2_000),
    }
}

async fn outbox(store: &dyn Store, [ada, bob]: &[Channel; 2], revision: u64) {
    let more = vec![
        due("first", ada, 999_999),
        due("second", ada, 1_001),
        due("later", ada, 5_000),
        due("other", bob, 1_002),
    ];
    let revision = store.apply_notices(read_to(8, revision, more)).await.unwrap();
    assert!(claim(store, 999).await.is_empty(), "nothing is due");
    let taken = claim(store, 2_000).await;
    let [first, other] = &taken[..] else {
        panic!("{taken:?}");
    };
    assert_eq!(
        (ids(first), first.attempts),
        (vec!["first", "second"], 1),
        "gathered by channel"
    );
    assert_eq!(ids(other), ["other"]);
    store
        .settle_message(settled(other, DeliveryState::Sent, 2_100))
        .await
        .unwrap();
    // While the message is under way, what comes later for the same channel waits, even when it is due.
    assert!(claim(store, 6_000).await.is_empty());
    // The process died: the same message again, under the same id, and nothing was added to it.
    let again = claim(store, 2_000 + HOLD_MS).await.remove(0);
    assert_eq!((&again.id, ids(&again), again.attempts), (&first.id, ids(first), 2));
    // The first attempt reports late that it failed: it is not its turn any more.
    store
        .settle_message(settled(first, DeliveryState::GivenUp, 3_000))
        .await
        .unwrap();
    store
        .settle_message(settled(&again, DeliveryState::Due, 20_000))
        .await
        .unwrap();
    let row = delivery(store, "second").await.unwrap();
    assert_eq!(
        (row.state(), row.attempts, row.problem.len()),
        (DeliveryState::Due, 2, 1_024)
    );
    assert_eq!(
        (row.message_id.as_str(), row.channel.as_str()),
        (first.id.as_str(), ada.id.as_str())
    );
    assert!(
        claim(store, 19_999).await.is_empty(),
        "it is tried again later, and holds back what follows"
    );
    let third = claim(store, 20_000).await.remove(0);
    // An attempt that was thought lost succeeded after all.
    store
        .settle_message(settled(first, DeliveryState::Sent, 21_000))
        .await
        .unwrap();
    store
        .settle_message(settled(&third, DeliveryState::Due, 22_000))
        .await
        .unwrap();
    assert_eq!(delivery(store, "first").await.unwrap().state(), DeliveryState::Sent);
    let last = claim(store, 22_000).await.remove(0);
    assert_eq!(ids(&last), ["later"]);
    // Made by a clock that was ahead: it waits no longer than it was to.
    let mut ahead = due("ahead", bob, 8_000_000);
    if let Some(notice) = &mut ahead.notice {
        notice.made = Some(timestamp(7_999_000));
    }
    store.apply_notices(read_to(9, revision, vec![ahead])).await.unwrap();
    assert!(claim(store, 22_500).await.is_empty(), "a second is left");
    assert_eq!(ids(&claim(store, 23_500).await.remove(0)), ["ahead"]);
    // Put off by a clock that was a year ahead.
    store
        .settle_message(settled(&last, DeliveryState::Due, 365 * 86_400_000))
        .await
        .unwrap();
    assert_eq!(ids(&claim(store, 24_000).await.remove(0)), ["later"]);
    let of_bob = store.deliveries(vec![bob.id.clone()], Page::first(10)).await.unwrap();
    assert_eq!(of_bob.rows.len(), 2);
    let bad = ClaimMessagesRequest {
        hold_ms: 1,
        ..ClaimMessagesRequest::default()
    };
    refused(
        store.claim_messages(bad).await,
        Code::InvalidArgument,
        reason::INVALID_FIELD,
    );
}

/// A message that failed again and again is passed; then it says no more about what was told since.
async fn overtaken(store: &dyn Store) {
    let channel = &store.change_channels(put(channel("eve", "phone"))).await.unwrap()[0];
    let about = |id: &str, handle: &str, due_ms: i64| {
        let mut due = due(id, channel, due_ms);
        handle.clone_into(&mut due.notice.as_mut().unwrap().handle);
        due
    };
    // What waits for others is theirs.
    let claim = async |now_ms: i64| -> Vec<Message> {
        let taken = claim(store, now_ms).await.into_iter();
        taken.filter(|message| message.channel_id == channel.id).collect()
    };
    let post = async |notices: Vec<DueNotice>| {
        let now = store.notify_progress().await.unwrap();
        store
            .apply_notices(read_to(now.position, now.revision, notices))
            .await
            .unwrap();
    };
    let fail = async |message: &Message, until_ms: i64| {
        let failed = settled(message, DeliveryState::Due, until_ms);
        store.settle_message(failed).await.unwrap();
    };
    let mut now_ms = 100_000;
    post(vec![about("a began", "a", now_ms), about("b began", "b", now_ms)]).await;
    for attempt in 1..=4 {
        let old = claim(now_ms).await.remove(0);
        assert_eq!((ids(&old), old.attempts), (vec!["a began", "b began"], attempt));
        if attempt == 1 {
            post(vec![about("a ended", "a", now_ms)]).await;
        }
        assert!(claim(now_ms).await.is_empty(), "one at a time");
        now_ms += 1_000;
        fail(&old, now_ms).await;
        let early = claim(now_ms - 1).await;
        assert_eq!(early.is_empty(), attempt < 4, "it holds back what follows for so long");
        if let [new] = &early[..] {
            assert_eq!(ids(new), ["a ended"]);
            assert!(claim(now_ms).await.is_empty(), "one at a time, whichever was first");
            store
                .settle_message(settled(new, DeliveryState::Sent, now_ms))
                .await
                .unwrap();
        }
    }
    let old = claim(now_ms).await.remove(0);
    assert_eq!(ids(&old), ["b began"], "nobody hears that it began after it ended");
    let given_up = delivery(store, "a began").await.unwrap();
    assert_eq!(given_up.state(), DeliveryState::GivenUp);
    assert!(given_up.problem.contains("newer"), "{}", given_up.problem);
    fail(&old, now_ms + 1_000).await;
    post(vec![about("b ended", "b", now_ms)]).await;
    let new = claim(now_ms).await.remove(0);
    assert_eq!(ids(&new), ["b ended"]);
    store
        .settle_message(settled(&new, DeliveryState::Sent, now_ms))
        .await
        .unwrap();
    assert!(claim(now_ms + 1_000).await.is_empty(), "nothing is left to say");
    let state = delivery(store, "b began").await.unwrap().state();
    assert_eq!(state, DeliveryState::GivenUp);
}

async fn marks(store: &dyn Store) {
    let mark = |author: &str| Mark {
        kind: MarkKind::Snoozed.into(),
        handle: "abc".to_owned(),
        author: author.to_owned(),
        ..Mark::default()
    };
    let put = |mark| ChangeMarksRequest {
        puts: vec![mark],
        ..ChangeMarksRequest::default()
    };
    store.change_marks(put(mark("ada"))).await.unwrap();
    store.change_marks(put(mark("bob"))).await.unwrap();
    assert_eq!(store.marks(Page::first(10)).await.unwrap().rows, [mark("bob")]);
    let gone = ChangeMarksRequest {
        removed: vec![mark("whoever")],
        ..ChangeMarksRequest::default()
    };
    store.change_marks(gone).await.unwrap();
    assert!(store.marks(Page::first(10)).await.unwrap().rows.is_empty());
}

async fn removal(store: &dyn Store, channel: &Channel) {
    let gone = ChangeChannelsRequest {
        removed: vec![channel.id.clone()],
        ..ChangeChannelsRequest::default()
    };
    store.change_channels(gone).await.unwrap();
    assert!(delivery(store, "later").await.is_none(), "what waited is dropped");
    assert!(delivery(store, "first").await.is_some(), "what was sent is told");
}
