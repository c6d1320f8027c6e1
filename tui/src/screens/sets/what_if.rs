//! What the draft would have meant: asked when typing rests, with the chart beside it.

use sla_proto::convert as time;
use sla_proto::etl::v1::CheckQueryRequest;
use sla_proto::retrieval::v1::GetChartRequest;
use sla_proto::violation::v1::EvaluateRequest;

use super::SetsScreen;
use super::rows::WHAT_IF_WINDOW_MS;
use crate::context::request::Slot;
use crate::context::{Context, wire};

impl SetsScreen {
    pub(super) fn ask_what_if(&mut self, cx: &Context, rest_ms: i64) {
        self.what_if_at_ms = Some(cx.now.mono_ms + rest_ms);
    }

    /// Asks what has rested long enough.
    pub(super) fn ask_what_is_due(&mut self, cx: &mut Context) {
        if self.sets_at_ms.is_some_and(|at| at <= cx.now.mono_ms) {
            self.sets_at_ms = None;
            self.listed_ms = Some(cx.now.mono_ms);
            Self::read_sets(cx);
        }
        if self.what_if_at_ms.is_none_or(|at| at > cx.now.mono_ms) {
            return;
        }
        self.what_if_at_ms = None;
        let Some(draft) = &self.draft else { return };
        let mut objectives = draft.set.objectives.clone();
        if let Some(form) = &self.form
            && let Some(objective) = form.preview()
        {
            match objectives.get_mut(form.at) {
                Some(have) => *have = objective,
                None => objectives.push(objective),
            }
        }
        objectives.retain(|o| sla_proto::convert::objective(o).is_ok());
        if !objectives.is_empty() {
            let request = EvaluateRequest {
                objectives,
                windows: vec![time::duration(WHAT_IF_WINDOW_MS)],
                cached_only: true,
                ..EvaluateRequest::default()
            };
            self.judged_ms = cx.now.mono_ms;
            let id = cx.call(Slot::WhatIf, request);
            self.what_if.asked(id, cx.now.wall_ms);
        }
        self.read_chart(cx);
        if let Some(form) = &mut self.form
            && let Some(query) = form.unchecked_query()
        {
            let id = cx.call(Slot::CheckQuery, CheckQueryRequest { query: Some(query) });
            form.checking(id);
        }
    }

    /// The chart beside the form: the first series of the chosen objective over the last 12 h.
    fn read_chart(&mut self, cx: &mut Context) {
        let Some(row) = self.current() else { return };
        let (query, id) = row.chart_query();
        let key = [id.as_slice(), wire::query_text(Some(&query)).as_bytes()].concat();
        if key == self.chart_of && (self.chart.is_loading() || cx.now.wall_ms - self.chart.got_ms() < 15_000) {
            return;
        }
        if key != self.chart_of {
            self.chart.clear();
        }
        self.chart_of = key;
        let until = cx.data_now_ms();
        let request = GetChartRequest {
            query: Some(query),
            series_id: id,
            after: Some(time::timestamp(until - WHAT_IF_WINDOW_MS)),
            until: Some(time::timestamp(until)),
            columns: u32::from(cx.size.0) * 2,
            counter_mode: 0,
        };
        let id = cx.call(Slot::WhatIfChart, request);
        self.chart.asked(id, cx.now.wall_ms);
    }
}
