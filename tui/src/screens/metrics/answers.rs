//! What the instance answers to the metrics screen.

use sla_proto::retrieval::v1::ListSeriesRowsResponse;

use super::pages::{ROWS_MAX, rows_request};
use super::rows::{NameRow, SeriesRow};
use super::{MetricsScreen, TableRead};
use crate::context::request::{Answer, Problem, Reply, RequestId, Slot};
use crate::context::{Context, wire};

impl MetricsScreen {
    pub(super) fn answered(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
        let now_ms = cx.now.wall_ms;
        match (slot, result) {
            (Slot::Names, Ok(Reply::Names(names))) => {
                self.total_series = names.total_series;
                let rows: Vec<NameRow> = names.names.into_iter().map(NameRow::new).collect();
                self.names.answer(id, Ok(rows), now_ms);
                let height = self.height(cx);
                self.names_list.apply(self.names.rows(), height);
            }
            (Slot::Names, Err(problem)) => {
                self.names.answer(id, Err(problem), now_ms);
            }
            (Slot::Rows | Slot::RowsMore, Ok(Reply::Rows(rows))) => self.take_rows(cx, slot, id, *rows),
            (Slot::Rows | Slot::RowsMore, Err(problem)) => {
                self.rows.answer(id, Err(problem), now_ms);
            }
            (
                Slot::Detail
                | Slot::DetailChart
                | Slot::DetailUsual
                | Slot::DetailCompanion
                | Slot::DetailLedger
                | Slot::DetailTried
                | Slot::DetailTriedAll
                | Slot::Export,
                result,
            ) => {
                for detail in [&mut self.detail, &mut self.preview].into_iter().flatten() {
                    detail.reply(cx, slot, id, &result);
                }
            }
            (_, Ok(other)) => cx.complain(Problem::unexpected(&other).text),
            (_, Err(problem)) => cx.complain(problem.sentence()),
        }
    }

    fn take_rows(&mut self, cx: &mut Context, slot: Slot, id: RequestId, rows: ListSeriesRowsResponse) {
        let reading = TableRead {
            total: rows.total,
            as_of_ms: wire::ms(rows.as_of.as_ref()),
            bytes: rows.bytes_read,
            read_ms: rows.read_ms,
            problems: rows.problems,
            next_page: rows.next_page_token,
        };
        cx.source_told(rows.source);
        let next = reading.next_page.clone();
        if !self.rows.answer(id, Ok(reading), cx.now.wall_ms) {
            return;
        }
        if slot == Slot::Rows {
            self.items.clear();
        }
        for row in rows.rows {
            let mut row = SeriesRow::new(row);
            row.state = cx.agreed.get(&row.series.id[..]).map(|a| a.state);
            self.items.push(row);
        }
        // What tells rows apart is known when all are here; the first page is on screen meanwhile.
        if slot == Slot::Rows || next.is_empty() {
            self.tell_apart();
        }
        let height = self.height(cx);
        self.list.apply(&self.items, height);
        self.cursor_moved(cx);
        if !next.is_empty() && self.items.len() < ROWS_MAX {
            let request = rows_request(cx, self.queries(cx), &self.order(), next);
            let id = cx.call(Slot::RowsMore, request);
            self.rows.asked(id, cx.now.wall_ms);
        }
    }

    /// Labels without those that all share, and the room that names and labels need.
    fn tell_apart(&mut self) {
        let labels = wire::telling_labels(&self.items.iter().map(|row| &row.series).collect::<Vec<_>>());
        for (row, labels) in self.items.iter_mut().zip(labels) {
            row.labels = labels;
        }
        let usual = |text: fn(&SeriesRow) -> usize| usual_width(self.items.iter().map(text).collect());
        self.widths = (usual(|row| row.name.width()), usual(|row| row.labels.width()));
    }
}

/// The width that all but the widest twentieth need, terminal columns: a few long ones shall not take everybody's room.
fn usual_width(mut widths: Vec<usize>) -> u16 {
    widths.sort_unstable();
    let at = (widths.len() * 19 / 20).min(widths.len().saturating_sub(1));
    widths.get(at).copied().unwrap_or(0) as u16
}
