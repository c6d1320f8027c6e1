//! One stream of a role, many readers: consoles that watch the same thing share what a role sends for it. Messages pass through
//! a bounded ring, encoded once; who comes later, or lags behind the ring, gets the story so far and then what follows, under
//! the numbers of the one stream.

mod feed;
mod story;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt as _;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use sla_proto::Peer;
use sla_runtime::Shutdown;
use sla_runtime::status::{Problem, reason};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::options::{MAX_FEEDS, MAX_FILTER_BYTES};
use crate::passing::Identity;
use feed::Feed;
use story::{PREFIX, Wish, unreadable};

/// What tells streams apart: what is watched, and by whom as far as he is known. Who is another gets a stream of their own, which the
/// role behind it grants or refuses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    wish: Wish,
    identity: Identity,
}

/// The shared streams of a gateway. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Fan {
    peer: Peer,
    shutdown: Shutdown,
    feeds: Arc<Mutex<HashMap<Key, Arc<Feed>>>>,
}

impl Fan {
    pub(crate) fn new(peer: Peer, shutdown: Shutdown) -> Self {
        Self {
            peer,
            shutdown,
            feeds: Arc::default(),
        }
    }

    /// Whether the rpc at `path` is one whose stream is shared.
    pub(crate) fn shares(path: &str) -> bool {
        story::WATCH_VIOLATIONS == path || story::WATCH_RUN == path
    }

    /// Joins the caller to the stream it asks for, which is opened when it is the first.
    pub(crate) async fn join(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let identity = Identity::of(request.extensions());
        let path = request.uri().path().to_owned();
        let body = Limited::new(request.into_body(), MAX_FILTER_BYTES);
        let body = body.collect().await.map_err(|_| unreadable())?.to_bytes();
        let (wish, after) = Wish::read(&path, message(&body)?)?;
        let feed = self.feed(wish, identity)?;
        let frames = feed.read(after).boxed();
        let mut answer = http::Response::new(Body::new(StreamBody::new(frames)));
        answer
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        Ok(answer)
    }

    /// The feed of `wish`, with a reader of its own already counted.
    fn feed(&self, wish: Wish, identity: Identity) -> Result<feed::Reader, Status> {
        let key = Key { wish, identity };
        let mut feeds = self.lock();
        if let Some(feed) = feeds.get(&key) {
            return Ok(feed.reader());
        }
        if feeds.len() >= MAX_FEEDS {
            let words = format!("this gateway watches {MAX_FEEDS} different things at once, no more");
            return Err(Problem::new(Code::ResourceExhausted, reason::OVERLOADED, words)
                .hint("watch all sets at once, or go through another gateway")
                .status());
        }
        let feed = Arc::new(Feed::new(&key.wish));
        let reader = feed.reader();
        feeds.insert(key.clone(), feed.clone());
        drop(feeds);
        let fan = self.clone();
        self.shutdown.spawn("shared stream", async move {
            let end = feed::follow(&fan.peer, &key.wish, &key.identity, &feed, fan.shutdown.token(), || {
                // Under the lock under which readers come: none can join a feed that is given up.
                let mut feeds = fan.lock();
                let alone = feed.is_alone();
                if alone {
                    feeds.remove(&key);
                }
                alone
            })
            .await;
            fan.lock().retain(|_, other| !Arc::ptr_eq(other, &feed));
            feed.end(end);
        });
        Ok(reader)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Feed>>> {
        // Insertions and removals, each whole.
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one message of a request.
fn message(body: &Bytes) -> Result<Bytes, Status> {
    let length = body.get(1..PREFIX).and_then(|length| length.try_into().ok());
    let length = u32::from_be_bytes(length.ok_or_else(unreadable)?) as usize;
    if body[0] != 0 || body.len() != PREFIX + length {
        return Err(unreadable());
    }
    Ok(body.slice(PREFIX..))
}

#[cfg(test)]
mod tests;
