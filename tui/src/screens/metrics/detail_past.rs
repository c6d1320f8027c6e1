//! The violations of the series on the chart: its spans, and the way from one to the next.

use sla_proto::convert as time;
use sla_proto::violation::v1::{ListViolationsRequest, ListViolationsResponse};

use super::detail::Detail;
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::{Context, Jump, wire};
use crate::say;

/// Violations read of one series.
const LEDGER_ROWS: u32 = 200;

impl Detail {
    pub(super) fn read_past(&mut self, cx: &mut Context) {
        let request = ListViolationsRequest {
            series_id: self.series_id.clone(),
            page_size: LEDGER_ROWS,
            ..ListViolationsRequest::default()
        };
        let id = cx.call(Slot::DetailLedger, request);
        self.past.asked(id, cx.now.wall_ms);
    }

    pub(super) fn past_told(&mut self, cx: &Context, id: RequestId, result: Answer) {
        let spans = result.and_then(Reply::take::<ListViolationsResponse>).map(|told| {
            let mut spans: Vec<(i64, Option<i64>)> = told
                .violations
                .iter()
                .map(|v| (v.start.as_ref().map_or(0, time::millis), wire::ms(v.end.as_ref())))
                .collect();
            spans.sort_unstable();
            spans
        });
        self.past.answer(id, spans, cx.now.wall_ms);
    }

    /// When it was violated, oldest first, Unix milliseconds.
    pub(super) fn violated(&self, cx: &Context) -> Vec<(i64, i64)> {
        let spans = self.past.rows().iter();
        spans
            .map(|(from, to)| (*from, to.unwrap_or_else(|| cx.data_now_ms())))
            .collect()
    }

    /// Its chart at the moment in question: where the crosshair is, else where it was violated last within what is drawn.
    pub(super) fn moment(&self, cx: &Context) -> Jump {
        let until = self.until_ms.unwrap_or_else(|| cx.data_now_ms());
        let drawn = until - self.span_ms..until;
        let mut starts = self.past.rows().iter().map(|(from, _)| *from);
        Jump::Chart {
            query: self.query.clone(),
            series_id: self.series_id.clone(),
            title: self.title.clone(),
            at_ms: self.cursor_ms.or_else(|| starts.rfind(|from| drawn.contains(from))),
        }
    }

    /// The crosshair goes to the start of the violation before or after it; the range follows when it must.
    pub(super) fn next_violation(&mut self, cx: &mut Context, later: bool) {
        let (after, until) = self.range(cx);
        let here = self.cursor_ms.unwrap_or(until);
        let starts = self.violated(cx).into_iter().map(|(from, _)| from);
        let next = if later {
            starts.filter(|start| *start > here).min()
        } else {
            starts.filter(|start| *start < here).max()
        };
        let Some(start) = next else {
            cx.say(if later {
                say::detail::no_later_violation_of()
            } else {
                say::detail::no_earlier_violation_of()
            });
            return;
        };
        if start > after && start <= until {
            self.cursor_ms = Some(start);
        } else {
            self.go_to(Some(start));
            self.read_chart(cx);
        }
    }
}
