//! How rows of the server's table are asked for.
//!
//! A table of at most [`ROWS_MAX`] series is here as a whole, sorted and filtered here. Of a longer one [`WINDOW_ROWS`] are here: the server
//! sorts and filters it, and rows that the cursor comes near are asked for while those far from it go.

use sla_proto::retrieval::v1::ListSeriesRowsRequest;

use super::reach::{PAGE_ROWS, Page, ROWS_MAX, Reach, WINDOW_ROWS, Wish};
use super::rows::SORTS;
use super::{MetricsScreen, TableRead};
use crate::command::Cmd;
use crate::context::Context;
use crate::context::request::Slot;
use crate::say;

/// The cursor is near an edge of the window from so many rows on.
const EDGE_ROWS: usize = 250;
/// The server filters once typing has rested this long, milliseconds.
const FILTER_REST_MS: i64 = 150;
/// Columns of a sparkline asked for.
const SPARK_COLUMNS: u32 = 40;

impl MetricsScreen {
    /// Whether the table is longer than what is held here.
    pub(super) fn is_partial(&self) -> bool {
        self.rows.get().is_some_and(|read| read.total as usize > ROWS_MAX)
    }

    /// How many rows are held at most.
    pub(super) fn room(&self) -> usize {
        if self.is_partial() { WINDOW_ROWS } else { ROWS_MAX }
    }

    /// Rows that pass at the server.
    pub(super) fn passing(&self) -> usize {
        self.rows.get().map_or(0, |read| read.passing as usize)
    }

    pub(super) fn wish(&self) -> Wish {
        let partial = self.is_partial();
        let filter = if partial { self.list.filter().text() } else { "" };
        Wish {
            filter: filter.to_owned(),
            sort: self.order(partial),
        }
    }

    /// The order of the table in the words of the contract. States are asked for only where they cannot be known here.
    fn order(&self, partial: bool) -> String {
        let word = match SORTS.get(self.list.sort) {
            Some(&"SERIES") => "name",
            Some(&"LAST") => "last",
            Some(&"MIN") => "min",
            Some(&"MEAN") => "mean",
            Some(&"MAX") => "max",
            Some(&"S") if partial => "state",
            _ => return String::new(),
        };
        if self.list.down {
            format!("-{word}")
        } else {
            word.to_owned()
        }
    }

    /// The rows here anew, in their place.
    pub(super) fn read_rows(&mut self, cx: &mut Context) {
        let from = if self.is_partial() { self.reach.from } else { 0 };
        self.ask_page(cx, Page::First(from));
    }

    pub(super) fn ask_page(&mut self, cx: &mut Context, page: Page) {
        let queries = self.queries(cx);
        if queries.is_empty() {
            self.show_names_for_want(cx);
            return;
        }
        let Reach { from, fresh, .. } = self.reach;
        let (slot, skip, size) = match page {
            Page::First(at) => (Slot::Rows, at, PAGE_ROWS),
            Page::Next => (Slot::RowsMore, from + fresh, PAGE_ROWS),
            Page::Below => (Slot::RowsMore, from + self.items.len(), PAGE_ROWS),
            Page::Above => {
                let size = (PAGE_ROWS as usize).min(from);
                (Slot::RowsMore, from - size, size as u32)
            }
        };
        if let Page::First(_) = page {
            self.asked_ms = cx.now.mono_ms;
            self.reach.asked = self.wish();
            self.reach.ask_at_ms = None;
        }
        self.reach.page = page;
        let request = ListSeriesRowsRequest {
            queries,
            window_ms: cx.window_ms(),
            columns: SPARK_COLUMNS,
            page_size: size,
            sort: self.reach.asked.sort.clone(),
            filter: self.reach.asked.filter.clone(),
            skip: skip as u32,
            ..ListSeriesRowsRequest::default()
        };
        let id = cx.call(slot, request);
        self.rows.asked(id, cx.now.wall_ms);
    }

    /// Forgets the rows: others are shown now.
    pub(super) fn forget_rows(&mut self) {
        self.rows.clear();
        self.items.clear();
        // Nothing that is shown points at them any more.
        self.list.apply(&self.items, 0);
        self.reach = Reach::default();
    }

    /// The rows that come first in another order may not be here.
    pub(super) fn order_changed(&mut self, cx: &mut Context) {
        if self.is_partial() {
            self.list.command(Cmd::Top, &self.items, self.height(cx));
            self.ask_page(cx, Page::First(0));
        }
    }

    /// Rows stand as the server ordered them; where they are all here, or another order is wanted meanwhile, they are sorted here.
    pub(super) fn take_order(&mut self) {
        let by_server = self.is_partial() && self.reach.held.sort == self.wish().sort;
        self.list.keep_order(by_server);
    }

    /// The server filters when typing has rested.
    pub(super) fn filter_changed(&mut self, cx: &Context) {
        let differs = self.is_partial() && self.wish() != self.reach.asked;
        self.reach.ask_at_ms = differs.then_some(cx.now.mono_ms + FILTER_REST_MS);
    }

    pub(super) fn filter_when_due(&mut self, cx: &mut Context) {
        if self.reach.ask_at_ms.take_if(|at| *at <= cx.now.mono_ms).is_some() && self.wish() != self.reach.asked {
            self.ask_page(cx, Page::First(0));
        }
    }

    /// The cursor went to an end of the whole table, or near an edge of what is here.
    pub(super) fn cursor_went(&mut self, cx: &mut Context, cmd: Cmd) {
        if !self.is_partial() || self.reach.ask_at_ms.is_some() {
            return;
        }
        let (from, until, passing) = (self.reach.from, self.reach.from + self.items.len(), self.passing());
        match cmd {
            Cmd::Top if from > 0 => self.ask_page(cx, Page::First(0)),
            Cmd::Bottom if until < passing => {
                self.ask_page(cx, Page::First(passing.saturating_sub(PAGE_ROWS as usize)));
            }
            // What is on its way comes first.
            _ if self.rows.is_loading() => {}
            _ => {
                let (at, shown) = (self.list.place(), self.list.shown().len());
                if at + EDGE_ROWS >= shown && until < passing {
                    self.ask_page(cx, Page::Below);
                } else if at < EDGE_ROWS && from > 0 {
                    self.ask_page(cx, Page::Above);
                }
            }
        }
    }

    /// How many are shown, of how many; where not all are here, which.
    pub(super) fn counted(&self, total: usize) -> String {
        let (held, shown) = (self.items.len(), self.list.shown().len());
        let noun = say::metrics::noun();
        if !self.is_partial() {
            return if held >= total {
                self.list.count(total, noun)
            } else {
                say::metrics::first_of_series(&held, &total)
            };
        }
        let passing = self.passing();
        if self.wish() != self.reach.held {
            // Of those that are here, until the server has answered.
            say::metrics::shown_of_those_here(&shown, &held, &total)
        } else if held >= passing {
            self.list.count_of(passing, total, noun)
        } else {
            let (first, last) = (self.reach.from + 1, self.reach.from + held);
            if self.list.filter().is_empty() {
                say::metrics::rows_of_series(&first, &last, &total)
            } else {
                say::metrics::rows_of_those_that(&first, &last, &passing, &total)
            }
        }
    }
}

impl TableRead {
    /// Where nothing was filtered, all pass: an instance of an earlier version tells no more.
    pub(super) fn set_passing(&mut self, told: u32, wish: &Wish) {
        self.passing = if wish.filter.is_empty() { self.total } else { told };
    }
}
