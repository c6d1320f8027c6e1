//! What a bound that is being moved on the chart would have meant: asked when the keys rest, drawn when it is told.

use sla_proto::convert as time;
use sla_proto::objective::v1::Objective;
use sla_proto::violation::v1::{EvaluateRequest, EvaluateResponse, Interval, ObjectiveStatus, SeriesStatus};

use super::detail::Detail;
use super::tried::Tried;
use crate::context::remote::Remote;
use crate::context::request::Slot;
use crate::context::trial::Trial;
use crate::context::{Context, wire};
use crate::format::duration;
use crate::say;
use crate::screens::{past_words, trust};
use crate::theme::Role;

/// How long the keys must rest before it is asked, milliseconds.
const REST_MS: i64 = 60;
/// It is asked again at most this often while evaluations come, milliseconds.
const AGAIN_MS: i64 = 5_000;

impl Detail {
    /// The range that is tried is another one now, or none.
    pub(super) fn trial_changed(&mut self, cx: &Context) {
        if cx.trial.is_some() {
            self.tried.ask_at_ms = Some(cx.now.mono_ms + REST_MS);
        } else {
            self.tried = Tried::default();
        }
    }

    pub(super) fn try_when_due(&mut self, cx: &mut Context) {
        if self.tried.ask_at_ms.is_some_and(|at| at <= cx.now.mono_ms) {
            self.tried.ask_at_ms = None;
            self.ask_trial(cx);
        }
    }

    /// New samples may have changed what it would have meant.
    pub(super) fn try_again(&mut self, cx: &mut Context) {
        let waits = self.tried.ask_at_ms.is_some() || self.tried.series.is_loading();
        if cx.trial.is_some() && !waits && cx.now.mono_ms - self.tried.asked_ms >= AGAIN_MS {
            self.ask_trial(cx);
        }
    }

    fn ask_trial(&mut self, cx: &mut Context) {
        let Some(trial) = cx.trial.clone() else { return };
        self.tried.asked_ms = cx.now.mono_ms;
        let windows = cx.windows_ms().iter().copied().map(time::duration).collect();
        let whole = EvaluateRequest {
            objectives: vec![trial.objective.clone()],
            windows,
            cached_only: true,
            ..EvaluateRequest::default()
        };
        let alone = trial.objective.query.as_ref() == Some(&self.query);
        let of_series = EvaluateRequest {
            objectives: vec![Objective {
                query: Some(self.query.clone()),
                ..trial.objective
            }],
            with_intervals: true,
            with_outlook: true,
            ..whole.clone()
        };
        let now_ms = cx.now.wall_ms;
        let id = cx.call(Slot::DetailTried, of_series);
        self.tried.series.asked(id, now_ms);
        if alone {
            self.tried.whole.clear();
        } else {
            let id = cx.call(Slot::DetailTriedAll, whole);
            self.tried.whole.asked(id, now_ms);
        }
    }

    /// What was told about this series.
    fn tried_series(&self) -> Option<&SeriesStatus> {
        let status = told(&self.tried.series)?;
        let same = |one: &&SeriesStatus| one.series.as_ref().is_some_and(|series| series.id == self.series_id);
        status.series.iter().find(same)
    }

    /// When it would have been violated, Unix milliseconds; `None` until that was told.
    pub(super) fn tried_spans(&self, cx: &Context) -> Option<Vec<(i64, i64)>> {
        cx.trial.as_ref()?;
        let series = self.tried_series()?;
        let longest = series.windows.iter().max_by_key(|window| window.window_ms)?;
        let now = cx.data_now_ms();
        let span = |one: &Interval| {
            let start = wire::ms(one.start.as_ref())?;
            let end = wire::ms(one.end.as_ref()).filter(|_| !one.open_end);
            Some((start, end.unwrap_or(now)))
        };
        Some(longest.intervals.iter().filter_map(span).collect())
    }

    /// Three lines: what is tried and comes next, what this series would have done, what all of them would have.
    pub(super) fn trial_words(&self, cx: &Context, trial: &Trial) -> Vec<(Role, String)> {
        let unit = wire::objective_unit(&trial.objective);
        let (range, stored) = (trial.objective.range, Some(trial.stored));
        let (new, old) = (
            wire::range_text(range.as_ref(), unit),
            wire::range_text(stored.as_ref(), unit),
        );
        let next = self.tried_series().and_then(|series| {
            let outlook = series.outlook.as_ref()?;
            let horizon = duration(trust::horizon_ms(cx, outlook));
            Some(say::detail::next_outside(&horizon, &trust::probability(outlook)?))
        });
        let set = sla_domain::SafeText::new(&trial.set_name);
        let first = say::detail::was_s_saves_u(&new, &old, &next.unwrap_or_default(), &set);
        let mut lines = vec![(Role::AtRisk, first)];
        if let Some(problem) = self.tried.series.problem().or(self.tried.whole.problem()) {
            lines.push((Role::Error, problem.sentence()));
            return lines;
        }
        let Some(status) = told(&self.tried.series) else {
            lines.push((Role::Dim, say::detail::what_this_would_have().to_owned()));
            return lines;
        };
        let here = match self.tried_series() {
            Some(series) => past_words::windows(&series.windows),
            None if status.problem.is_empty() => say::detail::this_series_is_not().to_owned(),
            None => status.problem.clone(),
        };
        lines.push((Role::Text, say::detail::here(&here)));
        let all = told(&self.tried.whole).unwrap_or(status);
        if let Some(longest) = all.windows.iter().max_by_key(|window| window.window_ms) {
            let promise = past_words::promise(longest, &trial.objective.target_percent);
            lines.push((
                Role::Text,
                say::detail::all(&format_args!("{:<2}", all.series_known), &promise),
            ));
        }
        lines
    }
}

fn told(remote: &Remote<EvaluateResponse>) -> Option<&ObjectiveStatus> {
    remote.get()?.objectives.first()
}
