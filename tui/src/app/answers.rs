//! What the link tells: the connection, answers, news.

use super::App;
use super::Tab;
use super::context::Connection;
use super::request::{LinkEvent, Problem, Reply, RequestId, Slot};

impl App {
    pub(super) fn link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connecting => {
                let again = self.cx.connection != Connection::Connecting(false);
                self.cx.connection = Connection::Connecting(again);
            }
            LinkEvent::Connected => {
                if matches!(
                    self.cx.connection,
                    Connection::Lost { .. } | Connection::Connecting(true)
                ) {
                    self.cx.say("connected again");
                }
                self.cx.connection = Connection::Connected;
                self.cx.ask_server();
                self.sets.connected(&mut self.cx);
                self.refresh();
            }
            LinkEvent::Lost { why, retry_in_ms } => {
                let since_wall_ms = match &self.cx.connection {
                    Connection::Lost { since_wall_ms, .. } => *since_wall_ms,
                    _ => self.cx.now.wall_ms,
                };
                let retry_at_ms = self.cx.now.mono_ms + retry_in_ms as i64;
                self.cx.connection = Connection::Lost {
                    why,
                    since_wall_ms,
                    retry_at_ms,
                };
            }
            LinkEvent::Reply { slot, id, result } => self.reply(slot, id, result),
            LinkEvent::Violations(response) => {
                if self.cx.watch(*response) {
                    self.figures_changed();
                }
            }
            LinkEvent::Run(response) => self.runs.watched(&mut self.cx, *response),
        }
    }

    /// An evaluation has finished: what is on screen may have changed.
    fn figures_changed(&mut self) {
        self.metrics.figures_changed(&mut self.cx, self.tab == Tab::Metrics);
        self.sets.figures_changed(&mut self.cx, self.tab == Tab::Sets);
        self.past.figures_changed(&mut self.cx, self.tab == Tab::Past);
        self.future.figures_changed(&mut self.cx, self.tab == Tab::Future);
        self.runs.figures_changed(&mut self.cx, self.tab == Tab::Runs);
    }

    fn reply(&mut self, slot: Slot, id: RequestId, result: Result<Reply, Problem>) {
        if let Err(problem) = &result {
            tracing::warn!(
                ?slot,
                reason = problem.reason,
                problem = problem.sentence(),
                "a request failed"
            );
            let told = self.cx.source().is_some_and(|s| !s.problem.is_empty());
            if problem.reason.starts_with("SOURCE") && !told && !self.cx.server.is_loading() {
                // The banner shall say since when and in how long.
                self.cx.ask_server();
            }
        }
        match slot {
            Slot::Server => {
                let result = result.and_then(|reply| match reply {
                    Reply::Server(server) => Ok(*server),
                    other => Err(unexpected(&other)),
                });
                let now_ms = self.cx.now.wall_ms;
                self.cx.server.answer(id, result, now_ms);
                let window_ms = self.cx.window_ms();
                self.cx.server_known();
                if self.cx.window_ms() != window_ms {
                    self.metrics.window_changed(&mut self.cx);
                }
            }
            Slot::EvaluateNow => match result {
                Ok(_) => self.cx.say("all active sets were judged"),
                Err(problem) => self.cx.complain(problem.sentence()),
            },
            Slot::RetrySource => match result {
                Ok(Reply::Source(source)) => {
                    if source.problem.is_empty() {
                        self.cx.say("the metric source answers again");
                    }
                    self.cx.source_told(Some(*source));
                }
                Ok(other) => self.cx.complain(unexpected(&other).text),
                Err(problem) => self.cx.complain(problem.sentence()),
            },
            Slot::Names | Slot::Rows | Slot::RowsMore | Slot::Detail | Slot::DetailChart | Slot::Export => {
                self.metrics.reply(&mut self.cx, slot, id, result);
            }
            Slot::Sets | Slot::SetWrite | Slot::Suggest | Slot::CheckQuery | Slot::WhatIf | Slot::WhatIfChart => {
                self.sets.reply(&mut self.cx, slot, id, result);
                if slot == Slot::Sets && self.tab == Tab::Metrics {
                    self.metrics.sets_known(&mut self.cx);
                }
            }
            Slot::Ledger | Slot::Gaps | Slot::Samples => self.past.reply(&mut self.cx, slot, id, result),
            Slot::Future => self.future.reply(&mut self.cx, id, result),
            Slot::Runs
            | Slot::RunFailures
            | Slot::DeadLetters
            | Slot::RunLog
            | Slot::Estimate
            | Slot::RunStart
            | Slot::RunCancel
            | Slot::Schedule => {
                self.runs.reply(&mut self.cx, slot, id, result);
            }
        }
        self.show_texts();
    }
}

/// A reply of another kind than the request's.
pub(crate) fn unexpected(reply: &Reply) -> Problem {
    let kind = format!("{reply:?}");
    let kind = kind.split(['(', ' ']).next().unwrap_or_default();
    Problem::plain(format!(
        "the instance gave an answer of another kind ({kind}): is it of the same version?"
    ))
}
