//! ETL runs: what runs now, what ran before, how long each step took, and launching one.

mod failures;
mod launch;
mod letters;
mod rows;
mod timer;
mod view;

use crossterm::event::KeyEvent;
use sla_domain::SafeText;
use sla_proto::convert as time;
use sla_proto::etl::v1 as etl;

use crate::command::{Cmd, Need, Scope};
use crate::context::list::List;
use crate::context::remote::Remote;
use crate::context::request::{Answer, Effect, Problem, Reply, RequestId, Slot};
use crate::context::shown::Shown;
use crate::context::{Context, wire};
use crate::say;
use crate::screens::Screen;
use crate::widget::canvas::Canvas;
use launch::Launch;
use letters::{letters_told, read_letters, replay_letter};
use rows::RunRow;

/// Runs listed.
const RUNS_LISTED: u32 = 100;
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
pub(crate) struct RunsScreen {
    runs: Remote<Vec<RunRow>>,
    list: List,
    schedule: Remote<etl::Schedule>,
    /// The question about the timer whose answer is said, not only shown.
    told_timer: Option<RequestId>,
    log: Remote<Vec<LogLine>>,
    log_of: String,
    watching: Option<String>,
    launch: Option<Launch>,
    asked_ms: i64,
}

impl RunsScreen {
    fn items(&self) -> &[RunRow] {
        self.runs.rows()
    }

    fn current(&self) -> Option<&RunRow> {
        self.list.current().and_then(|at| self.items().get(at))
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
        let below = (steps as u16 + 6).min(screen * 2 / 3);
        let most = usize::from(screen.saturating_sub(below + 1).max(2));
        most.min(self.items().len().max(3))
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
            etl::TailLogRequest {
                run_id,
                lines: LOG_LINES,
            },
        );
        self.log.asked(id, cx.now.wall_ms);
    }

    fn apply(&mut self, cx: &Context) {
        let rows = self.runs.rows();
        let height = self.height(cx);
        self.list.apply(rows, height);
    }

    fn watch(&mut self, cx: &mut Context, run_id: Option<String>) {
        if self.watching != run_id {
            self.watching.clone_from(&run_id);
            cx.effect(Effect::WatchRun(run_id));
        }
    }

    fn change_timer(&mut self, cx: &mut Context, change: etl::UpdateScheduleRequest) {
        let id = if change == etl::UpdateScheduleRequest::default() {
            cx.call(Slot::Schedule, etl::GetScheduleRequest {})
        } else {
            cx.call(Slot::Schedule, change)
        };
        self.told_timer = Some(id);
        self.schedule.asked(id, cx.now.wall_ms);
    }

    /// How the timer stands; said when it was asked for by name.
    fn timer_told(&mut self, cx: &mut Context, id: RequestId, result: Answer<Option<etl::Schedule>>) {
        let asked = self.told_timer == Some(id);
        if asked {
            self.told_timer = None;
        }
        match result {
            Ok(schedule) => {
                let schedule = schedule.unwrap_or_default();
                if asked {
                    cx.say(timer::words(cx, &schedule));
                }
                self.schedule.answer(id, Ok(schedule), cx.now.wall_ms);
            }
            Err(problem) => {
                if asked {
                    cx.complain(problem.sentence());
                }
                self.schedule.answer(id, Err(problem), cx.now.wall_ms);
            }
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
    fn watched(&mut self, cx: &mut Context, response: etl::WatchRunResponse) {
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
            let text = say::runs::run(&row.run.number, &row.state_word(), &row.message);
            if row.run.state() == etl::RunState::Done {
                cx.say(text);
            } else {
                cx.complain(text);
            }
        }
    }
}

impl Screen for RunsScreen {
    fn scopes(&self) -> Vec<Scope> {
        if self.launch.is_some() {
            vec![Scope::Form]
        } else {
            vec![Scope::Runs, Scope::List]
        }
    }

    fn refresh(&mut self, cx: &mut Context) {
        self.asked_ms = cx.now.mono_ms;
        let id = cx.call(
            Slot::Runs,
            etl::ListRunsRequest {
                page_size: RUNS_LISTED,
                ..etl::ListRunsRequest::default()
            },
        );
        self.runs.asked(id, cx.now.wall_ms);
        let id = cx.call(Slot::Schedule, etl::GetScheduleRequest {});
        self.schedule.asked(id, cx.now.wall_ms);
        self.read_log(cx, true);
    }

    /// An evaluation has finished: the timer may have started a run meanwhile.
    fn figures_changed(&mut self, cx: &mut Context, visible: bool) {
        let due = cx.now.mono_ms - self.asked_ms >= RUNS_EVERY_MS;
        if visible && due && self.launch.is_none() && !self.runs.is_loading() {
            self.refresh(cx);
        }
    }

    fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        let rows = self.runs.rows();
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
                    cx.call(Slot::RunCancel, etl::CancelRunRequest { run_id });
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
                    cx.call(Slot::RunStart, request);
                }
            }
            Cmd::PauseSchedule => {
                let paused = self.schedule.get().is_some_and(|s| s.paused);
                let request = etl::UpdateScheduleRequest {
                    paused: Some(!paused),
                    ..etl::UpdateScheduleRequest::default()
                };
                self.change_timer(cx, request);
            }
            Cmd::Schedule => match timer::change(argument.unwrap_or_default()) {
                Ok(change) => self.change_timer(cx, change),
                Err(why) => cx.complain(why),
            },
            Cmd::Open => self.open_run(cx),
            Cmd::DeadLetters => read_letters(cx),
            Cmd::ReplayLetter => replay_letter(cx, argument.unwrap_or_default()),
            Cmd::Export => rows::export(self.list.passing(self.runs.rows())).write(cx, argument),
            Cmd::Sort => cx.say(say::runs::runs_stand_newest_first()),
            _ => return false,
        }
        true
    }

    fn back(&mut self, _: &mut Context) -> bool {
        self.launch.take().is_some()
    }

    fn set_filter(&mut self, cx: &Context, text: &str) {
        self.list.set_filter(text);
        self.apply(cx);
    }

    fn list(&self) -> &List {
        &self.list
    }

    fn resized(&mut self, cx: &mut Context) {
        self.apply(cx);
    }

    fn form_command(&mut self, cx: &mut Context, cmd: Cmd, key: KeyEvent) {
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

    fn type_key(&mut self, cx: &mut Context, key: KeyEvent) {
        if let Some(launch) = &mut self.launch {
            launch.type_key(cx, key);
        }
    }

    fn paste(&mut self, cx: &mut Context, text: &str) {
        if let Some(launch) = &mut self.launch {
            launch.paste(cx, text);
        }
    }

    fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
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
            (Slot::Schedule, Ok(Reply::Schedule(told))) => self.timer_told(cx, id, Ok(told.schedule)),
            (Slot::Schedule, Ok(Reply::UpdateSchedule(told))) => self.timer_told(cx, id, Ok(told.schedule)),
            (Slot::Schedule, Err(problem)) => self.timer_told(cx, id, Err(problem)),
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
            (Slot::DeadLetters, result) => letters_told(cx, result),
            (Slot::Estimate, result) => {
                if let Some(launch) = &mut self.launch {
                    launch.estimated(id, result, now_ms);
                }
            }
            (Slot::RunStart, Ok(Reply::StartRun(started))) => {
                self.launch = None;
                if let Some(run) = started.run {
                    cx.say(say::runs::run_started(&run.number));
                    self.list.follow(run.id.as_bytes());
                    let run_id = run.id.clone();
                    self.put(cx, run);
                    self.watch(cx, Some(run_id));
                    self.read_log(cx, false);
                }
            }
            (Slot::RunCancel, Ok(Reply::CancelRun(cancelled))) => {
                if let Some(run) = cancelled.run {
                    cx.say(say::runs::run_ends_between_two(&run.number));
                    self.put(cx, run);
                }
            }
            (_, Ok(other)) => cx.complain(Problem::unexpected(&other).text),
            (_, Err(problem)) => cx.complain(problem.sentence()),
        }
    }

    fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        self.draw_all(cx, canvas);
    }

    fn why(&self, cx: &Context) -> (String, Vec<String>) {
        self.provenance(cx)
    }

    fn slots(&self) -> &'static [Slot] {
        &[
            Slot::Runs,
            Slot::RunFailures,
            Slot::DeadLetters,
            Slot::RunLog,
            Slot::Estimate,
            Slot::RunStart,
            Slot::RunCancel,
            Slot::Schedule,
        ]
    }

    fn shown_query(&self, _: &Context) -> Option<Shown> {
        None
    }

    fn copied(&self, _: &Context) -> Option<String> {
        self.current().map(|row| row.run.id.clone())
    }

    fn has(&self, need: Need) -> bool {
        let chosen = self.current();
        match need {
            Need::GoingRun => chosen.is_some_and(RunRow::is_running),
            Need::FailedRun => chosen.is_some_and(|row| row.run.series_failed > 0 && !row.is_running()),
            _ => false,
        }
    }

    fn question(&self, cmd: Cmd) -> Option<String> {
        (cmd == Cmd::CancelRun).then(|| say::runs::cancel_this_run_series().to_owned())
    }

    fn run_news(&mut self, cx: &mut Context, response: etl::WatchRunResponse) {
        self.watched(cx, response);
    }
}
