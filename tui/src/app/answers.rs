//! What the link tells: the connection, answers, news.

use sla_proto::etl::v1::RetrySourceResponse;

use super::people::UNAUTHENTICATED;
use super::{App, health};
use crate::command::Tab;
use crate::context::Connection;
use crate::context::request::{Answer, LinkEvent, Reply, RequestId, Slot};
use crate::say;

impl App {
    pub(super) fn link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connecting => {
                let since_wall_ms = match &self.cx.connection {
                    Connection::Lost { since_wall_ms, .. } => Some(*since_wall_ms),
                    Connection::Connecting(since) => *since,
                    Connection::Connected => Some(self.cx.now.wall_ms),
                };
                self.cx.connection = Connection::Connecting(since_wall_ms);
            }
            LinkEvent::Connected => {
                if matches!(
                    self.cx.connection,
                    Connection::Lost { .. } | Connection::Connecting(Some(_))
                ) {
                    self.cx.say(say::notices::connected_again());
                }
                self.cx.connection = Connection::Connected;
                self.cx.ask_server();
                for screen in &mut self.screens {
                    screen.connected(&mut self.cx);
                }
                self.refresh();
            }
            LinkEvent::Lost { why, retry_in_ms } => {
                let since_wall_ms = match &self.cx.connection {
                    Connection::Lost { since_wall_ms, .. } | Connection::Connecting(Some(since_wall_ms)) => {
                        *since_wall_ms
                    }
                    _ => self.cx.now.wall_ms,
                };
                let retry_at_ms = self.cx.now.mono_ms + retry_in_ms as i64;
                self.cx.connection = Connection::Lost {
                    why,
                    since_wall_ms,
                    retry_at_ms,
                };
            }
            LinkEvent::Stranger(why) => self.stranger(&why),
            LinkEvent::Reply { slot, id, result } => self.reply(slot, id, result),
            LinkEvent::Violations(response) => {
                if self.cx.watch(*response) {
                    self.figures_changed();
                }
            }
            LinkEvent::Run(response) => {
                let (runs, cx) = self.of(Tab::Runs);
                runs.run_news(cx, *response);
            }
        }
    }

    /// An evaluation has finished: what is on screen may have changed.
    fn figures_changed(&mut self) {
        for (at, screen) in self.screens.iter_mut().enumerate() {
            screen.figures_changed(&mut self.cx, at == self.tab.at());
        }
    }

    fn reply(&mut self, slot: Slot, id: RequestId, result: Answer) {
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
        if let Some(problem) = result
            .as_ref()
            .err()
            .filter(|problem| problem.reason == UNAUTHENTICATED)
            && slot != Slot::Login
        {
            let why = problem.sentence();
            self.stranger(&why);
        }
        let Some(result) = self.people_told(slot, result) else {
            return;
        };
        let Some(result) = self.messages_told(slot, result) else {
            return;
        };
        match slot {
            Slot::WordNames | Slot::WordLabels => {
                self.cx.words_told(slot, id, result);
                self.find_again();
            }
            Slot::FindSeries => self.search_told(id, result),
            Slot::Moved => self.around_told(result),
            Slot::Server => self.server_told(id, result),
            Slot::EvaluateNow => match result {
                Ok(_) => self.cx.say(say::notices::all_active_sets_were()),
                Err(problem) => self.cx.complain(problem.sentence()),
            },
            Slot::RetrySource => match result.and_then(Reply::take::<RetrySourceResponse>) {
                Ok(told) => {
                    if told.status.as_ref().is_none_or(|source| source.problem.is_empty()) {
                        self.cx.say(say::notices::the_metric_source_answers());
                    }
                    self.cx.source_told(told.status);
                }
                Err(problem) => self.cx.complain(problem.sentence()),
            },
            Slot::Processes => health::told(&self.cx, &mut self.overlay, result),
            _ => {
                if let Some(screen) = self.screens.iter_mut().find(|screen| screen.slots().contains(&slot)) {
                    screen.reply(&mut self.cx, slot, id, result);
                }
            }
        }
        if slot == Slot::SetWrite {
            self.leave_when_saved();
        }
        if slot == Slot::Sets {
            let (screen, cx) = self.here();
            screen.sets_known(cx);
        }
    }

    fn server_told(&mut self, id: RequestId, result: Answer) {
        let now_ms = self.cx.now.wall_ms;
        self.cx.server.answer(id, result.and_then(Reply::take), now_ms);
        let window_ms = self.cx.window_ms();
        self.cx.server_known();
        if self.cx.window_ms() != window_ms {
            for screen in &mut self.screens {
                screen.window_changed(&mut self.cx);
            }
        }
    }
}
