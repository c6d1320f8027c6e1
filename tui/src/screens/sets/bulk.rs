//! Several objectives at once: selecting them, and what is then done to all of them as one change.

use super::SetsScreen;
use super::draft::Bound;
use crate::command::Cmd;
use crate::context::Context;
use crate::context::list::Row as _;
use crate::context::wire;
use crate::say;
use crate::widget::table;
use sla_domain::{Invalid, quantity};

impl SetsScreen {
    /// Places in the draft of the selected objectives, or of the one under the cursor.
    pub(super) fn chosen(&self) -> Vec<usize> {
        let picked = self.rows.iter().filter(|row| self.picked.contains(row.key()));
        let all: Vec<usize> = picked.map(|row| row.at).collect();
        if all.is_empty() {
            self.current().map(|row| row.at).into_iter().collect()
        } else {
            all
        }
    }

    pub(super) fn names_of_chosen(&self) -> Vec<String> {
        let all = self.chosen();
        let rows = self.rows.iter().filter(|row| all.contains(&row.at));
        rows.map(|row| row.objective.name.clone()).collect()
    }

    pub(super) fn pick(&mut self, cx: &mut Context, cmd: Cmd) {
        let height = self.height(cx);
        if cmd == Cmd::PickObjective {
            let Some(key) = self.current().map(|row| row.key().to_vec()) else {
                return;
            };
            if !self.picked.remove(&key) {
                self.picked.insert(key);
            }
            self.list.command(Cmd::Down, &self.rows, height);
        } else {
            let shown = self.list.shown().iter().map(|&at| self.rows[at].key().to_vec());
            let shown: std::collections::BTreeSet<Vec<u8>> = shown.collect();
            let all = shown.is_subset(&self.picked);
            self.picked = if all { std::collections::BTreeSet::new() } else { shown };
        }
        if !self.picked.is_empty() {
            let count = say::counts::objectives(&self.picked.len());
            cx.say(say::sets::selected_d_ctrl_g(&count));
        }
    }

    /// `max 4`, `min 2G`, `max none`, for these places in the draft.
    pub(super) fn set_bound(&mut self, cx: &mut Context, all: &[usize], text: &str) {
        let (side, value) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let bound = match side {
            "min" => Bound::Min,
            "max" => Bound::Max,
            other => {
                cx.complain(say::sets::bound_begin_with_min(&other));
                return;
            }
        };
        let value = value.trim();
        let number = match self.read_bound(all, value) {
            Ok(number) => number,
            Err(why) => {
                cx.complain(say::sets::bound_or_none(&side, &why));
                return;
            }
        };
        let Some(draft) = &mut self.draft else { return };
        match draft.set_bounds(all, bound, number) {
            Ok(()) => {
                let count = say::counts::objectives(&all.len());
                self.changed(cx);
                cx.say(say::sets::for_u_takes_it(&side, &value, &count));
            }
            Err(why) => cx.complain(why),
        }
    }

    /// What was typed, in the units of all the rows it is for; `None` for `none`.
    fn read_bound(&self, all: &[usize], value: &str) -> Result<Option<f64>, String> {
        if value == "none" {
            return Ok(None);
        }
        let objectives = self.rows.iter().filter(|row| all.contains(&row.at));
        let units = objectives.map(|row| wire::bound_unit(row.objective.query.as_ref(), row.objective.counter_mode()));
        let read: Result<Vec<f64>, Invalid> = units.map(|unit| quantity::parse(value, unit)).collect();
        let read = read.map_err(|why| why.to_string())?;
        match read.first() {
            Some(first) if read.iter().all(|number| number == first) => Ok(Some(*first)),
            Some(_) => Err(say::sets::means_different_numbers_in(&value)),
            None => Err(say::sets::needs_an_objective().to_owned()),
        }
    }

    /// A header sorts, a row is chosen.
    pub(super) fn clicked(&mut self, cx: &mut Context, x: u16, row: u16) -> bool {
        if self.form.is_some() {
            return false;
        }
        if row == 1 {
            let columns = self.columns.shown();
            let title = table::title_at(&columns, &self.placed(&columns, cx.size.0), x);
            let sort = match title {
                Some("OBJECTIVE") => Some("name"),
                Some("NOW") => Some("state"),
                _ => None,
            };
            if let Some(sort) = sort
                && self.list.sort_by(&super::rows::SORTS, Some(sort)).is_ok()
            {
                let height = self.height(cx);
                self.list.apply(&self.rows, height);
            }
            return false;
        }
        let height = self.height(cx);
        let line = row.checked_sub(2).map(usize::from);
        let Some(line) = line.filter(|line| *line < height.min(self.list.shown().len())) else {
            return false;
        };
        self.list.choose(line, &self.rows, height);
        self.ask_what_if(cx, 0);
        true
    }
}
