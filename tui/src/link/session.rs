//! One connection: calls in their slots, the violations stream, the stream of the run that is watched.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;

use super::{Call, Keeper, LinkCommand, OPEN_TIMEOUT, RUN_SILENCE, SILENCE, Wire, problem};
use crate::context::request::{LinkEvent, Problem, RequestId, Slot};
use crate::say;

/// How long a stream that broke rests while the instance itself still answers.
const STREAM_REST: Duration = Duration::from_secs(1);
/// The wire ends each call by its deadline, the longest of which is 15 s: one that outlives this is given up here.
const CALL_MAX: Duration = Duration::from_secs(20);
/// Streams tell their end here.
const ENDS_MAX: usize = 4;

impl<W: Wire> Keeper<W> {
    /// Carries calls and streams until the instance no longer answers; why, or `None` when the loop is gone.
    pub(super) async fn serve(&mut self, commands: &mut mpsc::Receiver<LinkCommand>) -> Option<String> {
        let (ended, mut ends) = mpsc::channel::<Problem>(ENDS_MAX);
        self.watch(ended.clone(), Duration::ZERO);
        let mut run_task: Option<tokio::task::AbortHandle> = None;
        loop {
            tokio::select! {
                command = commands.recv() => match command? {
                    LinkCommand::Call { slot, id, request } => self.call(slot, id, request),
                    LinkCommand::Cancel(slot) => self.give_up(slot),
                    LinkCommand::WatchRun(run_id) => {
                        if let Some(task) = run_task.take() {
                            task.abort();
                        }
                        run_task = run_id.map(|id| self.watch_run(id));
                    }
                    LinkCommand::Reconnect => {}
                },
                Some(problem) = ends.recv() => {
                    // Is it the stream, or the instance?
                    if let Err(why) = self.probe().await {
                        return Some(why);
                    }
                    tracing::warn!(problem = problem.sentence(), "the stream of violations ended; trying again");
                    if problem.sentence() == say::link::no_heartbeat_came() {
                        self.tell(LinkEvent::Connected).await;
                    }
                    self.watch(ended.clone(), STREAM_REST);
                }
                // Finished calls are only forgotten.
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => {}
            }
        }
    }

    fn call(&mut self, slot: Slot, id: RequestId, request: crate::context::request::Request) {
        let (wire, events) = (Arc::clone(&self.wire), self.events.clone());
        let changes = request.changes();
        if !changes {
            self.give_up(slot);
        }
        let turn = changes.then(|| Arc::clone(&self.turn));
        let task = self.tasks.spawn(async move {
            // One change after the other, in the order in which they were asked for.
            let _turn = match turn {
                Some(turn) => Some(turn.lock_owned().await),
                None => None,
            };
            // A panic is told by the hook; its pane must not wait for ever.
            let call = AssertUnwindSafe(tokio::time::timeout(CALL_MAX, wire.call(request))).catch_unwind();
            let result = match call.await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(problem::too_slow(CALL_MAX)),
                Err(_) => Err(problem::panicked()),
            };
            let _ = events.send(LinkEvent::Reply { slot, id, result }).await;
        });
        self.calls.retain(|call| !call.task.is_finished());
        self.calls.push(Call {
            slot,
            id,
            changes,
            task,
        });
    }

    /// Nobody wants the answer any more; what changes something goes on.
    fn give_up(&mut self, slot: Slot) {
        self.calls.retain(|call| {
            let unwanted = call.slot == slot && !call.changes;
            if unwanted {
                call.task.abort();
            }
            !unwanted
        });
    }

    fn watch(&mut self, ended: mpsc::Sender<Problem>, rest: Duration) {
        let (wire, events) = (Arc::clone(&self.wire), self.events.clone());
        self.tasks.spawn(async move {
            tokio::time::sleep(rest).await;
            let follow = async {
                let mut stream = match tokio::time::timeout(OPEN_TIMEOUT, wire.watch()).await {
                    Ok(stream) => stream?,
                    Err(_) => return Err(problem::too_slow(OPEN_TIMEOUT)),
                };
                loop {
                    match tokio::time::timeout(SILENCE, stream.next()).await {
                        Err(_) => {
                            // Told at once: an instance that stands still takes its time to fail the next question, too.
                            let silent = LinkEvent::Lost {
                                why: say::link::no_heartbeat_came().to_owned(),
                                retry_in_ms: 0,
                            };
                            let _ = events.send(silent).await;
                            return Err(Problem::plain(say::link::no_heartbeat_came()));
                        }
                        Ok(None) => return Err(Problem::plain(say::link::the_instance_ended_the())),
                        Ok(Some(response)) => {
                            if events.send(LinkEvent::Violations(Box::new(response?))).await.is_err() {
                                return Ok(());
                            }
                        }
                    }
                }
            };
            // However it ends, the keeper hears of it and opens the stream again.
            let end = AssertUnwindSafe(follow).catch_unwind().await;
            if let Err(problem) = end.unwrap_or_else(|_| Err(problem::panicked())) {
                let _ = ended.send(problem).await;
            }
        });
    }

    /// Follows a run to its end; a stream that breaks resumes after the last event seen.
    fn watch_run(&mut self, run_id: String) -> tokio::task::AbortHandle {
        let (wire, events) = (Arc::clone(&self.wire), self.events.clone());
        self.tasks.spawn(async move {
            let mut after = 0;
            loop {
                let opened = tokio::time::timeout(OPEN_TIMEOUT, wire.watch_run(run_id.clone(), after)).await;
                if let Ok(Ok(mut stream)) = opened {
                    while let Ok(Some(Ok(response))) = tokio::time::timeout(RUN_SILENCE, stream.next()).await {
                        after = after.max(response.sequence);
                        let last = response.run.as_ref().is_some_and(|run| run.finished.is_some());
                        if response.heartbeat {
                            continue;
                        }
                        if events.send(LinkEvent::Run(Box::new(response))).await.is_err() || last {
                            return;
                        }
                    }
                }
                tokio::time::sleep(STREAM_REST).await;
            }
        })
    }
}
