//! The wire: one task that keeps a connection, carries calls and streams, and tells the app what happens.

mod backoff;
mod peer;
mod problem;
mod session;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sla_proto::etl::v1::WatchRunResponse;
use sla_proto::server::v1::GetServerInfoRequest;
use sla_proto::violation::v1::WatchViolationsResponse;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::context::request::{Answer, LinkEvent, Problem, Reply, Request, RequestId, Slot};
use crate::say;
use backoff::Backoff;
pub(crate) use peer::PeerWire;

/// Commands that may wait for the link, and events that may wait for the loop.
pub(crate) const COMMANDS_MAX: usize = 256;
pub(crate) const EVENTS_MAX: usize = 256;
/// A stream of violations that brings nothing for this long is dead, and what is on screen is old: two heartbeats, every 5 s.
const SILENCE: Duration = Duration::from_secs(10);
/// The same of a run's stream, whose heartbeats come every 10 s.
const RUN_SILENCE: Duration = Duration::from_secs(25);
/// How long a stream may take to begin.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Called before each attempt to connect: finds or starts the instance. An error is shown and the attempt counts as failed.
pub type Attach = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Takes the token of a login, or forgets it; an error is shown.
pub type KeepToken = Arc<dyn Fn(Option<&str>) -> Result<(), String> + Send + Sync>;

/// What the app wants of the link.
#[derive(Debug)]
pub(crate) enum LinkCommand {
    Call {
        slot: Slot,
        id: RequestId,
        request: Request,
    },
    Cancel(Slot),
    WatchRun(Option<String>),
    Reconnect,
}

/// The calls behind the link: a peer, or a script in tests.
pub(crate) trait Wire: Send + Sync + 'static {
    /// One unary call, ended by the deadline of the contract.
    fn call(&self, request: Request) -> impl Future<Output = Answer> + Send;
    /// The stream of violations.
    fn watch(
        &self,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<WatchViolationsResponse, Problem>>, Problem>> + Send;
    /// The stream of one run, after an event that is known already.
    fn watch_run(
        &self,
        run_id: String,
        after_sequence: u64,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<WatchRunResponse, Problem>>, Problem>> + Send;
}

/// Both ends that the loop holds. Dropping it ends the link.
pub(crate) struct Link {
    pub(crate) commands: mpsc::Sender<LinkCommand>,
    pub(crate) events: mpsc::Receiver<LinkEvent>,
    stop: CancellationToken,
    _task: JoinSet<()>,
}

impl Link {
    /// Starts the link's task.
    pub(crate) fn start(wire: impl Wire, attach: Option<Attach>) -> Self {
        let (commands, theirs) = mpsc::channel(COMMANDS_MAX);
        let (send, events) = mpsc::channel(EVENTS_MAX);
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        let token = stop.clone();
        task.spawn(async move {
            let keeper = Keeper {
                wire: Arc::new(wire),
                attach,
                events: send,
                calls: Vec::new(),
                turn: Arc::default(),
                tasks: JoinSet::new(),
            };
            tokio::select! {
                () = token.cancelled() => {}
                () = keeper.keep(theirs) => {}
            }
        });
        Self {
            commands,
            events,
            stop,
            _task: task,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One call that is under way.
struct Call {
    slot: Slot,
    id: RequestId,
    changes: bool,
    task: AbortHandle,
}

/// The task's state.
struct Keeper<W: Wire> {
    wire: Arc<W>,
    attach: Option<Attach>,
    events: mpsc::Sender<LinkEvent>,
    /// What is under way: of calls that only read, one in each slot.
    calls: Vec<Call>,
    /// Whose turn it is to change something.
    turn: Arc<tokio::sync::Mutex<()>>,
    tasks: JoinSet<()>,
}

impl<W: Wire> Keeper<W> {
    /// Connects, serves until the connection is lost, waits, and begins again.
    async fn keep(mut self, mut commands: mpsc::Receiver<LinkCommand>) {
        let mut backoff = Backoff::default();
        loop {
            self.tell(LinkEvent::Connecting).await;
            let why = match self.connect(&mut commands).await {
                Ok(()) => {
                    backoff.reset();
                    self.tell(LinkEvent::Connected).await;
                    match self.serve(&mut commands).await {
                        Some(why) => why,
                        // The loop is gone.
                        None => return,
                    }
                }
                Err(why) => why,
            };
            self.tasks.abort_all();
            // Who still waits is told that nothing will come.
            for call in std::mem::take(&mut self.calls) {
                if !call.task.is_finished() {
                    self.tell(LinkEvent::Reply {
                        slot: call.slot,
                        id: call.id,
                        result: Err(problem::unanswered(call.changes)),
                    })
                    .await;
                }
            }
            let wait = backoff.next_wait();
            tracing::warn!(why, wait_ms = wait.as_millis() as u64, "the link is lost");
            self.tell(LinkEvent::Lost {
                why,
                retry_in_ms: wait.as_millis() as u64,
            })
            .await;
            let until = tokio::time::Instant::now() + wait;
            if !self.rest(&mut commands, until).await {
                return;
            }
        }
    }

    async fn tell(&self, event: LinkEvent) {
        // The receiver ends with the console.
        let _ = self.events.send(event).await;
    }

    /// Finds the instance and asks who it is. Commands that come meanwhile are answered as failed.
    async fn connect(&self, commands: &mut mpsc::Receiver<LinkCommand>) -> Result<(), String> {
        let attempt = async {
            if let Some(attach) = &self.attach {
                attach().await?;
            }
            self.probe().await
        };
        tokio::pin!(attempt);
        loop {
            tokio::select! {
                result = &mut attempt => return result,
                Some(command) = commands.recv() => self.refuse(command).await,
            }
        }
    }

    /// Whether an instance answers that speaks our language.
    async fn probe(&self) -> Result<(), String> {
        let answer = tokio::time::timeout(OPEN_TIMEOUT, self.wire.call(GetServerInfoRequest {}.into())).await;
        match answer {
            Err(_) => Err(say::link::the_instance_does_not().to_owned()),
            Ok(Err(problem)) => {
                if problem.reason == "UNAUTHENTICATED" {
                    self.tell(LinkEvent::Stranger(problem.sentence())).await;
                }
                Err(problem.sentence())
            }
            Ok(Ok(Reply::Server(server))) if server.api_level != sla_proto::API_LEVEL => Err(
                say::link::the_instance_speaks_api(&server.api_level, &sla_proto::API_LEVEL),
            ),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// Without a connection nothing can be asked; the app keeps what it has. Logging in is what makes one.
    async fn refuse(&self, command: LinkCommand) {
        if let LinkCommand::Call { slot, id, request } = command {
            let result = match request {
                Request::Login(_) => self.wire.call(request).await,
                _ => Err(problem::no_connection()),
            };
            self.tell(LinkEvent::Reply { slot, id, result }).await;
        }
    }

    /// Waits for the next attempt, or until somebody wants it now. False when the loop is gone.
    async fn rest(&self, commands: &mut mpsc::Receiver<LinkCommand>, until: tokio::time::Instant) -> bool {
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return true,
                command = commands.recv() => match command {
                    None => return false,
                    Some(LinkCommand::Reconnect) => return true,
                    Some(command) => self.refuse(command).await,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
