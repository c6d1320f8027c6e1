//! ETL runs: what runs now, what ran before, how long each step took, and launching one.

mod failures;
mod launch;
mod letters;
mod rows;
mod view;

use crossterm::event::KeyEvent;
use sla_domain::SafeText;
use sla_proto::convert as time;
use sla_proto::etl::v1 as etl;

use crate::app::list::List;
use crate::app::remote::Remote;
use crate::app::request::{Effect, Problem, Reply, Request, RequestId, Slot};
use crate::app::{Context, wire};
use crate::command::{Cmd, Scope};
use crate::overlay::Pick;
use launch::Launch;
use rows::RunRow;

/// Log lines read and kept.
const LOG_LINES: u32 = 100;
const LOG_KEPT: usize = 200;
/// The history is read again at most this often while figures change, milliseconds.
const RUNS_EVERY_MS: i64 = 10_000;

/// One line of the log pane.
#[derive(Debug, Clone)]
pub(crate) struct LogLine {
    time_ms: i64,
    level: SafeText,
    text: SafeText,
}

/// History, schedule, log.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    runs: Remote<Vec<RunRow>>,
    list: List,
    schedule: Remote<etl::Schedule>,
    log: Remote<Vec<LogLine>>,
    log_of: String,
    watching: Option<String>,
    launch: Option<Launch>,
    asked_ms: i64,
    /// A list that wants to be shown over the screen.
    pick: Option<Pick>,
    text: Option<(String, Vec<String>)>,
}

impl Screen {
    fn items(&self) -> &[RunRow] {
        self.runs.get().map_or(&[], Vec::as_slice)
    }

    fn current(&self) -> Option<&RunRow> {
        self.list.current().and_then(|at| self.items().get(at))
    }

    pub(crate) fn chosen_is_running(&self) -> bool {
        self.current().is_some_and(RunRow::is_running)
    }

    pub(crate) fn chosen_has_failures(&self) -> bool {
        self.current()
            .is_some_and(|row| row.run.series_failed > 0 && !row.is_running())
    }

    pub(crate) fn scopes(&self) -> Vec<Scope> {
        if self.launch.is_some() {
            vec![Scope::Form]
        } else {
            vec![Scope::Runs, Scope::List]
        }
    }

    /// Rows of the history: what it needs, at most a third when steps and log need the room.
    fn height(&self, cx: &Context) -> usize {
        let screen = cx.screen_height();
        let steps = self
            .items()
            .iter()
            .map(|row| row.run.step_summaries.len())
            .max()
            .unwrap_or(0);
        let below = (steps as u16 + 4).min(screen * 2 / 3);
        let most = usize::from(screen.saturating_sub(below + 1).max(2));
        most.min(self.items().len().max(3))
    }

    /// An evaluation has finished: the timer may have started a run meanwhile.
    pub(crate) fn figures_changed(&mut self, cx: &mut Context, visible: bool) {
        let due = cx.now.mono_ms - self.asked_ms >= RUNS_EVERY_MS;
        if visible && due && self.launch.is_none() && !self.runs.is_loading() {
            self.refresh(cx);
        }
    }

    pub(crate) fn refresh(&mut self, cx: &mut Context) {
        self.asked_ms = cx.now.mono_ms;
        let id = cx.call(Slot::Runs, Request::Runs);
        self.runs.asked(id, cx.now.wall_ms);
        let id = cx.call(Slot::Schedule, Request::Schedule);
        self.schedule.asked(id, cx.now.wall_ms);
        self.read_log(cx, true);
    }

    fn read_log(&mut self, cx: &mut Context, again: bool) {
        let Some(run_id) = self.current().map(|row| row.run.id.clone()) else {
            return;
        };
        if run_id == self.log_of && !again {
            return;
        }
        if run_id != self.log_of {
            self.log.clear();
            self.log_of.clone_from(&run_id);
        }
        let id = cx.call(
            Slot::RunLog,
            Request::RunLog(etl::TailLogRequest {
                run_id,
                lines: LOG_LINES,
            }),
        );
        self.log.asked(id, cx.now.wall_ms);
    }

    fn apply(&mut self, cx: &Context) {
        let rows = self.runs.get().map_or(&[][..], Vec::as_slice);
        let height = self.height(cx);
        self.list.apply(rows, height);
    }

    pub(crate) fn set_filter(&mut self, cx: &Context, text: &str) {
        self.list.set_filter(text);
        self.apply(cx);
    }

    pub(crate) fn filter_text(&self) -> &str {
        self.list.filter().text()
    }

    pub(crate) fn resized(&mut self, cx: &mut Context) {
        self.apply(cx);
    }

    pub(crate) fn back(&mut self, _: &mut Context) -> bool {
        self.launch.take().is_some()
    }

    pub(crate) fn paste(&mut self, cx: &mut Context, text: &str) {
        if let Some(launch) = &mut self.launch {
            launch.paste(cx, text);
        }
    }

    pub(crate) fn type_key(&mut self, cx: &mut Context, key: KeyEvent) {
        if let Some(launch) = &mut self.launch {
            launch.type_key(cx, key);
        }
    }

    pub(crate) fn form_command(&mut self, cx: &mut Context, cmd: Cmd, key: KeyEvent) {
        let Some(launch) = &mut self.launch else { return };
        match cmd {
            Cmd::NextField => launch.turn(1),
            Cmd::PreviousField => launch.turn(-1),
            Cmd::Submit => match launch.submit(cx) {
                Ok(()) => {}
                Err(why) => cx.complain(why),
            },
            _ => launch.type_key(cx, key),
        }
    }

    pub(crate) fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        let rows = self.runs.get().map_or(&[][..], Vec::as_slice);
        let height = self.height(cx);
        if self.list.command(cmd, rows, height) {
            self.read_log(cx, false);
            return true;
        }
        match cmd {
            Cmd::NewRun => {
                let mut launch = Launch::new(cx);
                launch.estimate(cx);
                self.launch = Some(launch);
            }
            Cmd::CancelRun => {
                if let Some(run_id) = self.current().map(|row| row.run.id.clone()) {
                    cx.call(Slot::RunCancel, Request::CancelRun(etl::CancelRunRequest { run_id }));
                }
            }
            Cmd::RetryFailed => {
                if let Some(run) = self.current().map(|row| row.run.clone()) {
                    let scope = etl::RunScope {
                        retry_failed_of: run.id.clone(),
                        ..etl::RunScope::default()
                    };
                    let request = etl::StartRunRequest {
                        request_id: launch::request_id(cx),
                        scope: Some(scope),
                        steps: run.steps,
                    };
                    cx.call(Slot::RunStart, Request::StartRun(request));
                }
            }
            Cmd::PauseSchedule => {
                let paused = self.schedule.get().is_some_and(|s| s.paused);
                let request = etl::UpdateScheduleRequest {
                    paused: Some(!paused),
                    ..etl::UpdateScheduleRequest::default()
                };
                let id = cx.call(Slot::Schedule, Request::UpdateSchedule(request));
                self.schedule.asked(id, cx.now.wall_ms);
            }
            Cmd::Open => self.open_run(cx),
            Cmd::DeadLetters => letters::read(cx),
            Cmd::ReplayLetter => letters::replay(cx, argument.unwrap_or_default()),
            Cmd::Export => {
                let path = argument.unwrap_or("sla-runs.json").to_owned();
                let rows: Vec<&RunRow> = self.list.shown().iter().map(|&at| &self.items()[at]).collect();
                let text = rows::export(&rows, crate::format::is_csv(&path));
                cx.effect(Effect::WriteFile { path, text });
            }
            Cmd::Sort => cx.say("runs stand newest first; o turns the order round"),
            _ => return false,
        }
        true
    }

    /// A text that wants to be shown over the screen.
    pub(crate) fn take_pick(&mut self) -> Option<Pick> {
        self.pick.take()
    }

    pub(crate) fn take_text(&mut self) -> Option<(String, Vec<String>)> {
        self.text.take()
    }

    /// Copies the id of the chosen run; false when there is none.
    pub(crate) fn copy_id(&self, cx: &mut Context) -> bool {
        let id = self.current().map(|row| row.run.id.clone());
        let chosen = id.is_some();
        if let Some(id) = id {
            cx.copy(id);
        }
        chosen
    }

    fn watch(&mut self, cx: &mut Context, run_id: Option<String>) {
        if self.watching != run_id {
            self.watching.clone_from(&run_id);
            cx.effect(Effect::WatchRun(run_id));
        }
    }

    fn put(&mut self, cx: &Context, run: etl::Run) {
        let row = RunRow::new(run);
        let mut rows = self.runs.get().cloned().unwrap_or_default();
        match rows.iter_mut().find(|have| have.run.id == row.run.id) {
            Some(have) => *have = row,
            None => rows.insert(0, row),
        }
        self.runs.put(rows, cx.now.wall_ms);
        self.apply(cx);
    }

    /// An event of the run that is watched.
    pub(crate) fn watched(&mut self, cx: &mut Context, response: etl::WatchRunResponse) {
        if !response.line.is_empty() && self.watching.as_ref() == Some(&self.log_of) {
            let line = LogLine {
                time_ms: wire::ms(response.time.as_ref()).unwrap_or(cx.now.wall_ms),
                level: SafeText::new("info"),
                text: SafeText::new(&response.line),
            };
            let mut lines = self.log.get().cloned().unwrap_or_default();
            lines.push(line);
            let surplus = lines.len().saturating_sub(LOG_KEPT);
            lines.drain(..surplus);
            self.log.put(lines, cx.now.wall_ms);
        }
        let Some(run) = response.run else { return };
        let row = RunRow::new(run.clone());
        self.put(cx, run);
        if !row.is_running() && self.watching.as_ref() == Some(&row.run.id) {
            self.watch(cx, None);
            let text = format!("run #{} {}: {}", row.run.number, row.state_word(), row.message);
            if row.run.state() == etl::RunState::Done {
                cx.say(text);
            } else {
                cx.complain(text);
            }
        }
    }

    pub(crate) fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Result<Reply, Problem>) {
        let now_ms = cx.now.wall_ms;
        match (slot, result) {
            (Slot::Runs, Ok(Reply::Runs(runs))) => {
                let rows: Vec<RunRow> = runs.runs.into_iter().map(RunRow::new).collect();
                let running = rows.iter().find(|row| row.is_running()).map(|row| row.run.id.clone());
                if self.runs.answer(id, Ok(rows), now_ms) {
                    self.apply(cx);
                    self.watch(cx, running);
                    self.read_log(cx, false);
                }
            }
            (Slot::Runs, Err(problem)) => {
                self.runs.answer(id, Err(problem), now_ms);
            }
            (Slot::Schedule, Ok(Reply::Schedule(schedule))) => {
                self.schedule.answer(id, Ok(schedule), now_ms);
            }
            (Slot::Schedule, Err(problem)) => {
                self.schedule.answer(id, Err(problem), now_ms);
            }
            (Slot::RunLog, Ok(Reply::RunLog(log))) => {
                let lines = log.lines.iter().map(|line| LogLine {
                    time_ms: line.time.as_ref().map_or(0, time::millis),
                    level: SafeText::new(&line.level),
                    text: SafeText::new(&line.text),
                });
                self.log.answer(id, Ok(lines.collect()), now_ms);
            }
            (Slot::RunLog, Err(problem)) => {
                self.log.answer(id, Err(problem), now_ms);
            }
            (Slot::RunFailures, result) => self.failures_read(cx, result),
            (Slot::DeadLetters, result) => self.letters_read(cx, result),
            (Slot::Estimate, result) => {
                if let Some(launch) = &mut self.launch {
                    launch.estimated(id, result, now_ms);
                }
            }
            (Slot::RunStart, Ok(Reply::RunStarted(started))) => {
                self.launch = None;
                if let Some(run) = started.run {
                    cx.say(format!("run #{} started", run.number));
                    self.list.follow(run.id.as_bytes());
                    let run_id = run.id.clone();
                    self.put(cx, run);
                    self.watch(cx, Some(run_id));
                    self.read_log(cx, false);
                }
            }
            (Slot::RunCancel, Ok(Reply::RunCancelled(cancelled))) => {
                if let Some(run) = cancelled.run {
                    cx.say(format!("run #{} ends between two series", run.number));
                    self.put(cx, run);
                }
            }
            (_, Ok(other)) => cx.complain(crate::app::unexpected(&other).text),
            (_, Err(problem)) => cx.complain(problem.sentence()),
        }
    }
}
