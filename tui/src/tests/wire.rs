//! The scripted instance as a wire that comes and goes.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use sla_proto::etl::v1::WatchRunResponse;
use sla_proto::violation::v1::{WatchViolationsResponse, watch_violations_response::Event};

use super::script::Script;
use crate::context::request::{Answer, Problem, Request};
use crate::link::Wire;

/// A script behind the trait of the link.
#[derive(Clone, Default)]
pub(crate) struct FakeWire {
    pub(crate) script: Arc<Mutex<Script>>,
    /// Nothing answers.
    pub(crate) away: Arc<AtomicBool>,
    /// Calls of names never answer.
    pub(crate) stuck: Arc<AtomicBool>,
    /// Each change waits until it is told to go on.
    pub(crate) slow: Arc<AtomicBool>,
    pub(crate) go_on: Arc<tokio::sync::Notify>,
    /// Calls of names panic.
    pub(crate) panicking: Arc<AtomicBool>,
    /// Breaks the stream of violations.
    pub(crate) cut: Arc<tokio::sync::Notify>,
    /// How often the stream was opened.
    pub(crate) watches: Arc<AtomicU32>,
}

impl Wire for FakeWire {
    async fn call(&self, request: Request) -> Answer {
        if self.away.load(Ordering::SeqCst) {
            return Err(Problem::plain("the instance does not answer"));
        }
        if self.stuck.load(Ordering::SeqCst) && matches!(request, Request::Names(_)) {
            std::future::pending::<()>().await;
        }
        if self.slow.load(Ordering::SeqCst) && request.changes() {
            self.go_on.notified().await;
        }
        assert!(
            !(self.panicking.load(Ordering::SeqCst) && matches!(request, Request::Names(_))),
            "a scripted panic"
        );
        self.script.lock().unwrap().answer(&request)
    }

    async fn watch(&self) -> Result<BoxStream<'static, Result<WatchViolationsResponse, Problem>>, Problem> {
        self.watches.fetch_add(1, Ordering::SeqCst);
        let snapshot = Event::Snapshot(self.script.lock().unwrap().overview());
        let cut = Arc::clone(&self.cut);
        let first = futures::stream::once(async {
            Ok(WatchViolationsResponse {
                event: Some(snapshot),
                ..Default::default()
            })
        });
        let end = futures::stream::once(async move {
            cut.notified().await;
            Err(Problem::plain("the stream broke"))
        });
        Ok(first.chain(end).boxed())
    }

    async fn watch_run(
        &self,
        _: String,
        _: u64,
    ) -> Result<BoxStream<'static, Result<WatchRunResponse, Problem>>, Problem> {
        Ok(futures::stream::pending().boxed())
    }
}
