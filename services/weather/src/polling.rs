//! Asks for one city after the other, and forgets cities that nobody watches any more. Of several processes one does, under a
//! lease; the others read what it stores.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use sla_runtime::Shutdown;
use sla_runtime::mandate::Mandate;
use sla_runtime::status::chain;
use tokio::time::Instant;

use crate::desk::Desk;
use crate::options::{MAX_AT_ONCE, MAX_UNSTORED};
use crate::rounds::Next;
use crate::subscribing::Subscriptions;

/// How long until the second attempt to read the cities; each further pause is twice as long …
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// … up to this.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// Longest sleep: a clock that jumps is seen after it.
const MAX_SLEEP_MS: i64 = 60_000;
/// How often cities without subscriptions are looked for, milliseconds.
const SWEEP_EVERY_MS: i64 = 3_600_000;

/// How often one that stands by reads what the active one has stored: readings come a quarter of an hour apart.
const FOLLOW_EVERY: Duration = Duration::from_mins(1);
/// How often it looks for new cities at most while somebody misses a series, as in the moment after one was subscribed to.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs until shutdown.
pub(crate) async fn run(desk: Arc<Desk>, subscriptions: Subscriptions, mandate: Arc<Mandate>, shutdown: Shutdown) {
    let token = shutdown.token().clone();
    tokio::select! {
        () = token.cancelled() => {}
        () = take_turns(&desk, &subscriptions, &mandate) => {}
    }
}

async fn take_turns(desk: &Desk, subscriptions: &Subscriptions, mandate: &Mandate) {
    loop {
        let term = tokio::select! {
            term = mandate.active() => term,
            () = follow(desk, mandate) => None,
        };
        let Some(term) = term else { return };
        read(desk).await;
        tokio::select! {
            () = mandate.over(term) => {}
            () = poll(desk, subscriptions) => {}
        }
    }
}

/// Reads again and again what another process stores, once it is known that one works.
async fn follow(desk: &Desk, mandate: &Mandate) {
    mandate.standby().await;
    let follower = desk.parts.samples.follow();
    loop {
        read(desk).await;
        follower.has_read();
        let next = Instant::now() + FOLLOW_EVERY;
        while Instant::now() < next && tokio::time::timeout_at(next, follower.missed()).await.is_ok() {
            if let Err(error) = desk.read_new().await {
                tracing::warn!(error = chain(&error), "new cities could not be looked for");
            }
            follower.has_read();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Reads the cities, however long that takes.
async fn read(desk: &Desk) {
    let mut pause = FIRST_RETRY;
    while let Err(error) = desk.read().await {
        // The roles of one process are wired within milliseconds: the first refusals are no news.
        if pause >= RETRY_EVERY {
            tracing::warn!(error = chain(&error), "the cities cannot be read yet");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_EVERY);
    }
}

async fn poll(desk: &Desk, subscriptions: &Subscriptions) {
    let mut under_way = FuturesUnordered::new();
    let mut sweep_ms = desk.now_ms() + SWEEP_EVERY_MS;
    loop {
        let now_ms = desk.now_ms();
        sweep_ms = sweep_ms.min(now_ms + SWEEP_EVERY_MS);
        if now_ms >= sweep_ms {
            sweep_ms = now_ms + SWEEP_EVERY_MS;
            if let Err(error) = subscriptions.sweep().await {
                tracing::warn!(
                    error = chain(&error),
                    "cities without subscriptions could not be looked for"
                );
            }
        }
        let wait_ms = if under_way.len() >= MAX_AT_ONCE {
            MAX_SLEEP_MS
        } else {
            match desk.next() {
                Next::Poll(slot) => {
                    under_way.push(desk.poll(slot));
                    continue;
                }
                Next::Wait(until_ms) => (until_ms - now_ms).clamp(1, MAX_SLEEP_MS),
            }
        };
        tokio::select! {
            Some(()) = under_way.next() => {
                if under_way.is_empty() || desk.count_unstored() >= MAX_UNSTORED {
                    desk.store_polled().await;
                }
            }
            () = desk.changed.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())) => {}
        }
    }
}
