//! One shared stream: who follows the role, and who reads.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::{Stream, stream};
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use sla_proto::Peer;
use sla_proto::etl::v1::WatchRunRequest;
use sla_proto::violation::v1::WatchViolationsRequest;
use sla_runtime::backlog::{self, Backlog};
use sla_runtime::status::{Problem, reason};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::story::{Story, Told, Wish};
use crate::options::{LOOK_EVERY, RING_BYTES, RING_MESSAGES};
use crate::passing::Identity;

/// What readers are told.
#[derive(Debug, Clone)]
enum News {
    Told(Told),
    /// The stream of the role has ended so; an orderly end is OK.
    End(Box<Status>),
}

/// What has happened on the stream.
#[derive(Debug)]
struct Past {
    story: Story,
    end: Option<Box<Status>>,
}

/// A shared stream.
#[derive(Debug)]
pub(super) struct Feed {
    past: Mutex<Past>,
    ring: Backlog<News>,
}

impl Feed {
    pub(super) fn new(wish: &Wish) -> Self {
        Self {
            past: Mutex::new(Past {
                story: Story::of(wish),
                end: None,
            }),
            ring: Backlog::holding(RING_MESSAGES, RING_BYTES),
        }
    }

    /// A reader of what follows, with the story so far to be asked for.
    pub(super) fn reader(self: &Arc<Self>) -> Reader {
        Reader {
            news: self.ring.reader(),
            feed: self.clone(),
        }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.ring.readers() == 0
    }

    /// Tells all readers how the stream ended.
    pub(super) fn end(&self, status: Status) {
        let status = Box::new(status);
        let mut past = self.past();
        past.end = Some(status.clone());
        self.ring.tell([(News::End(status), 0)]);
    }

    /// Takes a message into the story and tells it, at once for those who join meanwhile.
    fn tell(&self, take: impl FnOnce(&mut Story) -> Told) {
        let mut past = self.past();
        let told = take(&mut past.story);
        let bytes = told.frame.len();
        self.ring.tell([(News::Told(told), bytes)]);
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        // A crash while a message is taken in leaves an older story, which the next snapshot mends.
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the role until its stream ends, nobody reads any more, or the process ends; how it ended.
pub(super) async fn follow(
    peer: &Peer,
    wish: &Wish,
    identity: &Identity,
    feed: &Feed,
    end: &CancellationToken,
    give_up: impl Fn() -> bool,
) -> Status {
    let followed = async {
        match wish {
            Wish::Violations { set } => {
                let request = by(identity, WatchViolationsRequest { set: set.clone() });
                let mut events = peer.violations().watch_violations(request).await?.into_inner();
                while let Some(event) = events.message().await? {
                    feed.tell(|story| story.violations(&event));
                }
            }
            Wish::Run { id } => {
                let request = WatchRunRequest {
                    run_id: id.clone(),
                    after_sequence: 0,
                };
                let mut events = peer.runs().watch_run(by(identity, request)).await?.into_inner();
                while let Some(event) = events.message().await? {
                    feed.tell(|story| story.run(&event));
                }
            }
        }
        Ok(())
    };
    let alone = async {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if give_up() {
                return;
            }
        }
    };
    tokio::select! {
        followed = followed => followed.err().unwrap_or_else(|| Status::ok("")),
        () = alone => Status::ok(""),
        () = end.cancelled() => {
            Problem::new(Code::Unavailable, reason::UNAVAILABLE, "this gateway is going down").hint("connect again").status()
        }
    }
}

fn by<T>(identity: &Identity, request: T) -> tonic::Request<T> {
    let mut headers = HeaderMap::new();
    identity.put(&mut headers);
    tonic::Request::from_parts(
        MetadataMap::from_headers(headers),
        tonic::Extensions::default(),
        request,
    )
}

/// One who reads a shared stream.
pub(super) struct Reader {
    news: backlog::Reader<News>,
    feed: Arc<Feed>,
}

/// Where a reader stands.
struct Reading {
    reader: Reader,
    /// Part of the story that it must still be told.
    ahead: VecDeque<Told>,
    /// The number of the last message it was told.
    last: u64,
    /// How the stream ended, to be told when nothing else is.
    end: Option<Box<Status>>,
    over: bool,
}

impl Reader {
    /// The frames of the answer, for one who knows the events up to `after`: messages, then how it ended.
    pub(super) fn read(self, after: u64) -> impl Stream<Item = Result<Frame<Bytes>, Status>> + Send {
        let mut reading = Reading {
            reader: self,
            ahead: VecDeque::new(),
            last: after,
            end: None,
            over: false,
        };
        reading.catch_up();
        stream::unfold(reading, Reading::next)
    }
}

impl Reading {
    /// From the story so far on; what the ring still holds is part of it.
    fn catch_up(&mut self) {
        let past = self.reader.feed.past();
        self.reader.news.skip();
        self.ahead = past.story.so_far(self.last).into();
        self.end.clone_from(&past.end);
    }

    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Status>, Self)> {
        if self.over {
            return None;
        }
        loop {
            if let Some(told) = self.ahead.pop_front() {
                self.last = self.last.max(told.sequence);
                return Some((Ok(Frame::data(told.frame)), self));
            }
            if let Some(status) = self.end.take() {
                self.over = true;
                return Some((Ok(trailers(&status)), self));
            }
            match self.reader.news.next().await {
                Some(News::Told(told)) => self.ahead.push_back(told),
                Some(News::End(status)) => self.end = Some(status),
                None => self.catch_up(),
            }
        }
    }
}

fn trailers(status: &Status) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        trailers.insert("grpc-status", HeaderValue::from(Code::Internal as i32));
    }
    Frame::trailers(trailers)
}
