//! What the instance answers to the metrics screen.

use std::collections::HashSet;

use sla_proto::retrieval::v1::ListSeriesRowsResponse;

use super::reach::{Page, Reach};
use super::rows::SeriesRow;
use super::{MetricsScreen, TableRead};
use crate::context::request::{Answer, Problem, Reply, RequestId, Slot};
use crate::context::{Context, wire};

impl MetricsScreen {
    pub(super) fn answered(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
        let now_ms = cx.now.wall_ms;
        match (slot, result) {
            (Slot::Names, Ok(Reply::Names(names))) => self.take_names(cx, id, *names),
            (Slot::Names, Err(problem)) => {
                self.names.answer(id, Err(problem), now_ms);
            }
            (Slot::Rows | Slot::RowsMore, Ok(Reply::Rows(rows))) => self.take_rows(cx, id, *rows),
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

    fn take_rows(&mut self, cx: &mut Context, id: RequestId, rows: ListSeriesRowsResponse) {
        let mut reading = TableRead {
            total: rows.total,
            passing: 0,
            as_of_ms: wire::ms(rows.as_of.as_ref()),
            bytes: rows.bytes_read,
            read_ms: rows.read_ms,
            problems: rows.problems,
        };
        reading.set_passing(rows.passing, &self.reach.asked);
        let unknown = Some(rows.unknown_field).filter(|name| !name.is_empty());
        cx.source_told(rows.source);
        if !self.rows.answer(id, Ok(reading), cx.now.wall_ms) {
            return;
        }
        let rows = rows.rows.into_iter().map(|row| {
            let mut row = SeriesRow::new(row);
            row.state = cx.agreed.get(&row.series.id[..]).map(|a| a.state);
            row
        });
        let rows: Vec<SeriesRow> = rows.collect();
        let next = self.place_rows(rows);
        if self.items.is_empty() {
            self.list.tell_unknown::<SeriesRow>(unknown.as_deref());
        }
        // What tells rows apart is known when all are here; the first page is on screen meanwhile.
        if matches!(self.reach.page, Page::First(_)) || next.is_none() {
            self.tell_apart();
        }
        self.take_order();
        let height = self.height(cx);
        self.list.apply(&self.items, height);
        self.cursor_moved(cx);
        if let Some(page) = next {
            self.ask_page(cx, page);
        }
    }

    /// Puts a page where it belongs; the page that is wanted next.
    fn place_rows(&mut self, rows: Vec<SeriesRow>) -> Option<Page> {
        match self.reach.page {
            Page::First(from) if from > 0 && rows.is_empty() && self.passing() > 0 => return Some(Page::First(0)),
            Page::First(from) => self.begin_read(from),
            Page::Next => {}
            Page::Below => {
                self.items = joined(std::mem::take(&mut self.items), rows);
                let surplus = self.items.len().saturating_sub(self.room());
                self.items.drain(..surplus);
                self.reach.from += surplus;
                return None;
            }
            Page::Above => {
                self.reach.from -= rows.len().min(self.reach.from);
                self.items = joined(rows, std::mem::take(&mut self.items));
                self.items.truncate(self.room());
                return None;
            }
        }
        let came = rows.len();
        let earlier = self.items.split_off(self.reach.fresh.min(self.items.len()));
        self.items = joined(std::mem::take(&mut self.items), rows);
        self.reach.fresh = self.items.len();
        if self.is_partial() && self.reach.held != self.wish() && self.reach.ask_at_ms.is_none() {
            // Only now it is known that the server has to filter, too.
            return Some(Page::First(0));
        }
        let until = self.reach.from + self.reach.fresh;
        if came == 0 || self.reach.fresh >= self.room() || until >= self.passing() {
            self.items.truncate(self.room());
            return None;
        }
        // A page takes the place of as many rows of the read before.
        let left = earlier.into_iter().skip(came).collect();
        self.items = joined(std::mem::take(&mut self.items), left);
        Some(Page::Next)
    }

    /// Rows that were asked for in the same way stay until newer ones take their place.
    fn begin_read(&mut self, from: usize) {
        let Reach { held, asked, .. } = &self.reach;
        let (is_elsewhere, is_other) = (self.reach.from != from, held != asked);
        if is_elsewhere || held.sort != asked.sort {
            // The cursor went to an end: it does not follow its row.
            self.list.follow(&[]);
        }
        if is_elsewhere || is_other {
            self.items.clear();
        }
        self.reach.held = self.reach.asked.clone();
        (self.reach.from, self.reach.fresh) = (from, 0);
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

/// The first rows and those of the others that are not among them.
fn joined(mut first: Vec<SeriesRow>, mut others: Vec<SeriesRow>) -> Vec<SeriesRow> {
    let here: HashSet<&[u8]> = first.iter().map(|row| &*row.series.id).collect();
    others.retain(|row| !here.contains(&*row.series.id));
    first.extend(others);
    first
}

/// The width that all but the widest twentieth need, terminal columns: a few long ones shall not take everybody's room.
fn usual_width(mut widths: Vec<usize>) -> u16 {
    widths.sort_unstable();
    let at = (widths.len() * 19 / 20).min(widths.len().saturating_sub(1));
    widths.get(at).copied().unwrap_or(0) as u16
}
