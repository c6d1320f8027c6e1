//! The names of the source with their counts.

use sla_proto::etl::v1::ListMetricNamesRequest;

use super::MetricsScreen;
use super::pages::PAGE_ROWS;
use crate::command::Cmd;
use crate::context::Context;
use crate::context::request::Slot;
use crate::screens::Screen as _;

impl MetricsScreen {
    pub(super) fn read_names(&mut self, cx: &mut Context) {
        let request = ListMetricNamesRequest {
            page_size: PAGE_ROWS,
            ..ListMetricNamesRequest::default()
        };
        let id = cx.call(Slot::Names, request);
        self.names.asked(id, cx.now.wall_ms);
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
