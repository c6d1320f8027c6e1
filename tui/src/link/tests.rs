//! The link against a scripted instance that comes and goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::context::request::{LinkEvent, Reply, RequestId, Slot};
use crate::say;
use crate::tests::wire::FakeWire;

async fn next(link: &mut Link) -> LinkEvent {
    tokio::time::timeout(Duration::from_mins(1), link.events.recv())
        .await
        .unwrap()
        .unwrap()
}

async fn until_connected(link: &mut Link) {
    while next(link).await != LinkEvent::Connected {}
    assert!(matches!(next(link).await, LinkEvent::Violations(_)));
}

#[tokio::test(start_paused = true)]
async fn connects_watches_and_answers() {
    let mut link = Link::start(FakeWire::default(), None);
    assert_eq!(next(&mut link).await, LinkEvent::Connecting);
    until_connected(&mut link).await;
    link.commands
        .send(LinkCommand::Call {
            slot: Slot::Sets,
            id: RequestId(7),
            request: sla_proto::set::v1::ListSetsRequest::default().into(),
        })
        .await
        .unwrap();
    let LinkEvent::Reply { id, result, .. } = next(&mut link).await else {
        panic!()
    };
    assert_eq!(id, RequestId(7));
    assert!(matches!(result, Ok(Reply::Sets(_))));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_went_away_is_told_and_found_again() {
    let wire = FakeWire::default();
    let mut link = Link::start(wire.clone(), None);
    until_connected(&mut link).await;
    wire.away.store(true, Ordering::SeqCst);
    wire.cut.notify_one();
    let LinkEvent::Lost { retry_in_ms, .. } = next(&mut link).await else {
        panic!()
    };
    assert_eq!(retry_in_ms, 500);
    let command = LinkCommand::Call {
        slot: Slot::Sets,
        id: RequestId(8),
        request: sla_proto::set::v1::ListSetsRequest::default().into(),
    };
    link.commands.send(command).await.unwrap();
    assert!(
        matches!(next(&mut link).await, LinkEvent::Reply { result: Err(_), .. }),
        "nobody waits for ever"
    );
    wire.away.store(false, Ordering::SeqCst);
    until_connected(&mut link).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_of_a_living_instance_is_opened_again() {
    let wire = FakeWire::default();
    let mut link = Link::start(wire.clone(), None);
    until_connected(&mut link).await;
    wire.cut.notify_one();
    assert!(
        matches!(next(&mut link).await, LinkEvent::Violations(_)),
        "a snapshot again, without a lost connection"
    );
    assert_eq!(wire.watches.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_newer_call_of_a_slot_ends_the_older_and_a_stuck_one_has_a_deadline() {
    let wire = FakeWire::default();
    wire.stuck.store(true, Ordering::SeqCst);
    let mut link = Link::start(wire, None);
    until_connected(&mut link).await;
    let names = |id| LinkCommand::Call {
        slot: Slot::Names,
        id: RequestId(id),
        request: sla_proto::etl::v1::ListMetricNamesRequest::default().into(),
    };
    link.commands.send(names(1)).await.unwrap();
    link.commands.send(names(2)).await.unwrap();
    // Heartbeats are missing in this script: whatever else is told, the reply is that of the newer call.
    loop {
        if let LinkEvent::Reply { id, result, .. } = next(&mut link).await {
            assert_eq!(id, RequestId(2));
            assert!(result.is_err());
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_attach_hook_runs_before_each_attempt_and_its_words_are_told() {
    let tries = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&tries);
    let attach: Attach = Arc::new(move || {
        let n = count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if n < 2 {
                Err("no instance yet".to_owned())
            } else {
                Ok(())
            }
        })
    });
    let mut link = Link::start(FakeWire::default(), Some(attach));
    let mut lost = 0;
    loop {
        match next(&mut link).await {
            LinkEvent::Lost { why, .. } => {
                assert_eq!(why, "no instance yet");
                lost += 1;
            }
            LinkEvent::Connected => break,
            _ => {}
        }
    }
    assert_eq!((lost, tries.load(Ordering::SeqCst)), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_is_answered_all_the_same() {
    let wire = FakeWire::default();
    wire.panicking.store(true, Ordering::SeqCst);
    let mut link = Link::start(wire, None);
    until_connected(&mut link).await;
    let command = LinkCommand::Call {
        slot: Slot::Names,
        id: RequestId(5),
        request: sla_proto::etl::v1::ListMetricNamesRequest::default().into(),
    };
    link.commands.send(command).await.unwrap();
    let LinkEvent::Reply { id, result, .. } = next(&mut link).await else {
        panic!()
    };
    assert_eq!(id, RequestId(5));
    assert!(result.unwrap_err().sentence().contains("this console failed"));
}

#[tokio::test(start_paused = true)]
async fn a_change_is_not_given_up_for_a_newer_one() {
    let wire = FakeWire::default();
    let mut link = Link::start(wire.clone(), None);
    until_connected(&mut link).await;
    wire.slow.store(true, Ordering::SeqCst);
    for id in [1, 2] {
        let request = sla_proto::violation::v1::EvaluateNowRequest::default().into();
        let (slot, id) = (Slot::EvaluateNow, RequestId(id));
        link.commands
            .send(LinkCommand::Call { slot, id, request })
            .await
            .unwrap();
    }
    for expected in [1, 2] {
        wire.go_on.notify_one();
        let LinkEvent::Reply { id, .. } = next(&mut link).await else {
            panic!()
        };
        assert_eq!(id, RequestId(expected));
    }
    // Whether the next one happened cannot be known, and that is what is told.
    let request = sla_proto::violation::v1::EvaluateNowRequest::default().into();
    let (slot, id) = (Slot::EvaluateNow, RequestId(3));
    link.commands
        .send(LinkCommand::Call { slot, id, request })
        .await
        .unwrap();
    tokio::task::yield_now().await;
    wire.away.store(true, Ordering::SeqCst);
    wire.cut.notify_one();
    let LinkEvent::Reply { result, .. } = next(&mut link).await else {
        panic!()
    };
    assert_eq!(result.unwrap_err().text, say::link::lost_before_the_answer());
}
