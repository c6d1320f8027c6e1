//! The names of the source with their counts.

use sla_proto::etl::v1::{ListMetricNamesRequest, ListMetricNamesResponse};

use super::MetricsScreen;
use super::reach::{PAGE_ROWS, ROWS_MAX};
use super::rows::NameRow;
use crate::command::Cmd;
use crate::context::Context;
use crate::context::request::{RequestId, Slot};
use crate::say;
use crate::screens::Screen as _;

impl MetricsScreen {
    pub(super) fn read_names(&mut self, cx: &mut Context) {
        self.ask_names(cx, String::new());
    }

    /// From a page on; empty = the first.
    fn ask_names(&mut self, cx: &mut Context, page_token: String) {
        self.names_go_on = !page_token.is_empty();
        let request = ListMetricNamesRequest {
            page_size: PAGE_ROWS,
            page_token,
            ..ListMetricNamesRequest::default()
        };
        let id = cx.call(Slot::Names, request);
        self.names.asked(id, cx.now.wall_ms);
    }

    pub(super) fn take_names(&mut self, cx: &mut Context, id: RequestId, told: ListMetricNamesResponse) {
        let mut rows: Vec<NameRow> = Vec::new();
        if self.names_go_on {
            rows.extend_from_slice(self.names.rows());
        }
        rows.extend(told.names.into_iter().map(NameRow::new));
        let held = rows.len();
        if !self.names.answer(id, Ok(rows), cx.now.wall_ms) {
            return;
        }
        (self.total_names, self.total_series) = (told.total_names as usize, told.total_series);
        let height = self.height(cx);
        self.names_list.apply(self.names.rows(), height);
        if !told.next_page_token.is_empty() && held < ROWS_MAX {
            self.ask_names(cx, told.next_page_token);
        }
    }

    /// How many names there are; where they are more than are held here, of how many.
    pub(super) fn names_counted(&self) -> String {
        let held = self.names.rows().len();
        if self.total_names > held {
            let shown = self.names_list.shown().len();
            say::metrics::shown_of_those_here(&shown, &held, &self.total_names)
        } else {
            self.names_list.count(held, say::metrics::names())
        }
    }

    pub(super) fn names_command(&mut self, cx: &mut Context, cmd: Cmd, height: usize) -> bool {
        // Whoever works in the list keeps it.
        self.names_for_want = false;
        let rows = self.names.rows();
        if self.names_list.command(cmd, rows, height) {
            return true;
        }
        match cmd {
            Cmd::Open => {
                if let Some(name) = self
                    .names_list
                    .current()
                    .and_then(|at| rows.get(at))
                    .map(|row| row.raw.clone())
                {
                    self.show_query(cx, &name);
                }
            }
            Cmd::Sort => {
                self.names_list.next_sort(3);
                self.names_list.down = self.names_list.sort == 1;
                self.names_list.apply(rows, height);
            }
            Cmd::Names => {
                self.back(cx);
            }
            _ => return false,
        }
        true
    }
}
