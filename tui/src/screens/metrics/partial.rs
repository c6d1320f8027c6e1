//! Tables larger than what the console holds: the server sorts them and sends the rows that come first.

use super::MetricsScreen;
use super::rows::SORTS;
use crate::context::Context;
use crate::say;

impl MetricsScreen {
    /// Whether the server has more rows than are here.
    fn is_partial(&self) -> bool {
        let held = self.items.len();
        self.rows.get().is_some_and(|read| read.total as usize > held)
    }

    /// The rows that come first in another order may not be here.
    pub(super) fn order_changed(&mut self, cx: &mut Context) {
        if self.is_partial() {
            self.read_rows(cx);
        }
    }

    /// How many are shown, of how many; where not all are here, of which.
    pub(super) fn counted(&self, total: usize) -> String {
        let (held, shown) = (self.items.len(), self.list.shown().len());
        if held >= total {
            self.list.count(total, say::metrics::noun())
        } else if self.list.filter().is_empty() {
            say::metrics::first_of_series(&held, &total)
        } else {
            say::metrics::shown_of_the_first(&shown, &held, &total)
        }
    }

    /// The order of the table in the words of the contract. States are not known where series are read: by name.
    pub(super) fn order(&self) -> String {
        let word = match SORTS.get(self.list.sort) {
            Some(&"SERIES") => "name",
            Some(&"LAST") => "last",
            Some(&"MIN") => "min",
            Some(&"MEAN") => "mean",
            Some(&"MAX") => "max",
            _ => return String::new(),
        };
        if self.list.down {
            format!("-{word}")
        } else {
            word.to_owned()
        }
    }
}
