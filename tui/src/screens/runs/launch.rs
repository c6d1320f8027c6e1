//! The launch dialog: which series, which steps, and what that costs, before anything is read.

use crossterm::event::{KeyCode, KeyEvent};
use sla_proto::etl::v1::{EstimateRunRequest, EstimateRunResponse, RunScope, StartRunRequest};

use crate::context::remote::{Phase, Remote};
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::{Context, wire};
use crate::format::{bytes, duration};
use crate::say;
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::field::{Choice, TextField};

/// Steps before the server has told its own.
const STEPS: [&str; 3] = ["statistics", "metadata", "forecast"];

/// The dialog.
#[derive(Debug)]
pub(crate) struct Launch {
    scope: Choice,
    query: TextField,
    steps: Vec<(String, Choice)>,
    focus: usize,
    cost: Remote<EstimateRunResponse>,
    request_id: String,
}

/// An id that no other console makes: a run is started once, however often the request is sent.
pub(crate) fn request_id(cx: &Context) -> String {
    format!("console-{}-{}-{}", std::process::id(), cx.now.wall_ms, cx.now.mono_ms)
}

impl Launch {
    pub(crate) fn new(cx: &Context) -> Self {
        let told: Vec<String> = cx.server.get().map(|s| s.steps.clone()).unwrap_or_default();
        let wanted = |step: &&String| STEPS.contains(&step.as_str());
        let names: Vec<String> = told.iter().filter(wanted).cloned().collect();
        let names = if names.is_empty() {
            STEPS.iter().map(|s| (*s).to_owned()).collect()
        } else {
            names
        };
        Self {
            scope: Choice::new(
                &[
                    say::runs::sets_in_use(),
                    say::runs::query(),
                    say::runs::sets_and_query(),
                ],
                0,
            ),
            query: TextField::default(),
            steps: names
                .into_iter()
                .map(|name| (name, Choice::new(&[say::runs::yes(), say::runs::no()], 0)))
                .collect(),
            focus: 0,
            cost: Remote::default(),
            request_id: request_id(cx),
        }
    }

    fn scope(&self) -> RunScope {
        let text = self.query.value().trim();
        let with_query = self.scope.at > 0 && !text.is_empty();
        RunScope {
            sets_in_use: self.scope.at != 1,
            queries: if with_query {
                vec![wire::query_from_text(text)]
            } else {
                Vec::new()
            },
            retry_failed_of: String::new(),
        }
    }

    fn steps(&self) -> Vec<String> {
        self.steps
            .iter()
            .filter(|(_, choice)| choice.at == 0)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Asks what it would cost.
    pub(crate) fn estimate(&mut self, cx: &mut Context) {
        let request = EstimateRunRequest {
            scope: Some(self.scope()),
            steps: self.steps(),
        };
        let id = cx.call(Slot::Estimate, request);
        self.cost.asked(id, cx.now.wall_ms);
    }

    pub(crate) fn estimated(&mut self, id: RequestId, result: Answer, now_ms: i64) {
        let result = result.and_then(Reply::take);
        if result.is_err() {
            // A cost that is not known must not look like the one before.
            let pending = self.cost.is_loading();
            if pending {
                self.cost.clear();
                self.cost.asked(id, now_ms);
            }
        }
        self.cost.answer(id, result, now_ms);
    }

    pub(crate) fn turn(&mut self, by: isize) {
        let count = 2 + self.steps.len() as isize;
        self.focus = (self.focus as isize + by).rem_euclid(count) as usize;
    }

    pub(crate) fn paste(&mut self, cx: &mut Context, text: &str) {
        if self.focus == 1 {
            self.query.paste(text);
            self.estimate(cx);
        }
    }

    pub(crate) fn type_key(&mut self, cx: &mut Context, key: KeyEvent) {
        let step = match key.code {
            KeyCode::Left => -1,
            KeyCode::Right | KeyCode::Char(' ') => 1,
            _ => 0,
        };
        match self.focus {
            1 if self.query.handle(key) => {
                self.scope.at = self.scope.at.max(1);
                self.estimate(cx);
            }
            0 if step != 0 => {
                self.scope.turn(step);
                self.estimate(cx);
            }
            at if step != 0 => {
                if let Some((_, choice)) = self.steps.get_mut(at.saturating_sub(2)) {
                    choice.turn(step);
                    self.estimate(cx);
                }
            }
            _ => {}
        }
    }

    /// Starts the run, or says why not.
    pub(crate) fn submit(&mut self, cx: &mut Context) -> Result<(), String> {
        if self.steps().is_empty() {
            return Err(say::runs::steps_none_is_chosen().to_owned());
        }
        if self.scope.at == 1 && self.query.value().trim().is_empty() {
            return Err(say::runs::query_is_empty_type().to_owned());
        }
        if let Some(cost) = self.cost.get()
            && cost.max_series > 0
            && cost.series > cost.max_series
        {
            return Err(say::runs::series_are_more_than(&cost.series, &cost.max_series));
        }
        let request = StartRunRequest {
            request_id: self.request_id.clone(),
            scope: Some(self.scope()),
            steps: self.steps(),
        };
        cx.call(Slot::RunStart, request);
        Ok(())
    }

    fn cost_words(&self) -> (String, Role) {
        match (self.cost.phase(), self.cost.get(), self.cost.problem()) {
            (Phase::Loading(_), ..) => (say::runs::counting().to_owned(), Role::Dim),
            (_, _, Some(problem)) => (problem.sentence(), Role::Error),
            (_, Some(cost), _) => {
                let time = wire::span_ms(cost.duration.as_ref())
                    .map_or_else(String::new, |ms| say::runs::about_length(&duration(ms)));
                let over = cost.max_series > 0 && cost.series > cost.max_series;
                let limit = if over {
                    say::runs::more_than_the_limit(&cost.max_series)
                } else {
                    String::new()
                };
                let role = if over { Role::Error } else { Role::Strong };
                (
                    say::runs::series_samples(&cost.series, &cost.samples, &bytes(cost.bytes), &time, &limit),
                    role,
                )
            }
            _ => (String::new(), Role::Dim),
        }
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let width = canvas.width().min(74);
        let height = (self.steps.len() as u16 + 8).min(canvas.height());
        let x = (canvas.width() - width) / 2;
        let mut popup = canvas.part(x, 0, width, height);
        popup.clear();
        let mut inside = popup.frame(say::runs::new_etl_run(), Role::Title);
        let room = inside.width().saturating_sub(14);
        inside.text(1, 0, say::runs::series(), Role::Dim);
        self.scope.draw(&mut inside, 13, 0, 18.min(room), self.focus == 0);
        inside.text(1, 1, say::runs::query(), Role::Dim);
        self.query.draw(&mut inside, 13, 1, room, self.focus == 1);
        for (at, (name, choice)) in self.steps.iter().enumerate() {
            let y = 2 + at as u16;
            inside.field(1, y, 11, name, Align::Left, Role::Dim);
            choice.draw(&mut inside, 13, y, 6, self.focus == at + 2);
        }
        let y = self.steps.len() as u16 + 3;
        inside.text(1, y, say::runs::cost(), Role::Dim);
        let (text, role) = self.cost_words();
        for (row, line) in crate::widget::wrap::wrap(&text, usize::from(room))
            .iter()
            .take(2)
            .enumerate()
        {
            inside.text(13, y + row as u16, line, role);
        }
        inside.field(
            1,
            y + 2,
            room + 12,
            say::runs::enter_starts_tab_next(),
            Align::Left,
            Role::Key,
        );
    }
}
