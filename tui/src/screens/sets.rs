//! SLA sets: one screen that tells the state of a set, past, now and to come, and what an edit would have meant.

mod answers;
mod bulk;
mod columns;
mod draft;
mod following;
mod form;
mod on_chart;
mod rows;
mod text_file;
mod view;
mod what_if;
mod whole;
mod why;

use std::collections::{BTreeSet, VecDeque};

use crossterm::event::KeyEvent;
use sla_proto::objective::v1::{Objective, SlaSet};
use sla_proto::retrieval::v1::GetChartResponse;
use sla_proto::series::v1::Query;
use sla_proto::set::v1 as set;
use sla_proto::violation::v1::{EvaluateResponse, ObjectiveStatus};

use crate::command::{Cmd, Need, Scope};
use crate::context::list::List;
use crate::context::remote::Remote;
use crate::context::request::{Answer, RequestId, Slot};
use crate::context::shown::Shown;
use crate::context::trial::Trial;
use crate::context::{Context, Jump};
use crate::filter::Filterable as _;
use crate::remembered::{KeptDraft, Remembered};
use crate::say;
use crate::screens::Screen;
use crate::widget::canvas::Canvas;
use crate::widget::columns::Columns;
use draft::{Aim, Bound, Draft, Early, Writing};
use form::Form;
use rows::{ObjectiveRow, WHAT_IF_WINDOW_MS};

/// How long typing must rest before a what-if is asked, milliseconds.
const WHAT_IF_REST_MS: i64 = 60;
/// Figures of a draft are judged again at most this often while evaluations come, milliseconds.
const WHAT_IF_EVERY_MS: i64 = 5_000;
/// Rows that a form wants below the table, its frame with it.
const FORM_PANE_ROWS: u16 = 9;

/// Sets, the draft of the open one, and the form over it.
#[derive(Debug, Default)]
pub(crate) struct SetsScreen {
    columns: Columns,
    draft: Option<Draft>,
    rows: Vec<ObjectiveRow>,
    list: List,
    bound: Bound,
    /// Which bound is moved on a chart.
    aim: Option<Aim>,
    /// A command given on a chart before the sets were listed.
    early: Option<Early>,
    form: Option<Form>,
    /// Keys of the objectives that are edited together.
    picked: BTreeSet<Vec<u8>>,
    what_if: Remote<EvaluateResponse>,
    what_if_at_ms: Option<i64>,
    judged_ms: i64,
    /// When the sets were listed because others may have saved, and when they will be again.
    listed_ms: Option<i64>,
    sets_at_ms: Option<i64>,
    /// Whether somebody looked at this tab when figures came last.
    looked_at: bool,
    /// Sets beyond those that are listed.
    unlisted: u64,
    chart: Remote<GetChartResponse>,
    /// Of which series the chart is.
    chart_of: Vec<u8>,
    /// Names of objectives that wait for a suggested range.
    suggest: VecDeque<String>,
    suggesting: Option<String>,
    /// Objectives that came before any set was known.
    waiting: Vec<(Query, String)>,
    /// Name of a set to open once it is listed.
    open_name: Option<String>,
    /// Whether the user has an editor.
    editor: bool,
    /// What was edited and could not be taken.
    kept_text: Option<String>,
    /// Changes of an earlier console that were not saved.
    kept: Option<KeptDraft>,
    /// What is being written, by call, and the commands that wait for its answer.
    writing: Vec<(RequestId, Writing)>,
    held: VecDeque<(Cmd, Option<String>)>,
}

impl SetsScreen {
    pub(crate) fn new(remembered: &Remembered, editor: bool) -> Self {
        Self {
            editor,
            kept: remembered.draft.clone(),
            columns: Columns::new(&columns::COLUMNS, remembered.columns_of("sets")),
            ..Self::default()
        }
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.draft.as_ref().is_some_and(Draft::is_dirty)
    }

    /// Whether what is typed or changed would be lost with the set that is open.
    fn is_edited(&self) -> bool {
        self.is_dirty() || self.has_typed()
    }

    /// Whether the form that is open was changed.
    fn has_typed(&self) -> bool {
        self.form.as_ref().is_some_and(|form| !form.is_untouched())
    }

    pub(crate) fn set_name(&self) -> String {
        self.draft.as_ref().map(|d| d.set.name.clone()).unwrap_or_default()
    }

    fn current(&self) -> Option<&ObjectiveRow> {
        self.list.current().and_then(|at| self.rows.get(at))
    }

    /// Rows of the table: what the set needs, at most two fifths of the screen; the chart has the rest.
    fn height(&self, cx: &Context) -> usize {
        let most = usize::from((cx.screen_height() * 2 / 5).saturating_sub(1).max(1));
        // A form needs its fields; on a small terminal they take the table's place.
        let form = if self.form.is_some() { FORM_PANE_ROWS } else { 0 };
        let free = usize::from(cx.screen_height().saturating_sub(2 + form));
        most.min(self.rows.len().max(3)).min(free)
    }

    /// What is known of each objective of the draft: the what-if of the draft, else the last evaluation.
    fn rebuild(&mut self, cx: &Context) {
        let Some(draft) = &self.draft else {
            self.rows.clear();
            let height = self.height(cx);
            self.list.apply(&self.rows, height);
            return;
        };
        let evaluated = cx.overview.get().map_or(&[][..], |o| o.objectives.as_slice());
        let judged = self.what_if.get().map_or(&[][..], |r| r.objectives.as_slice());
        let named = |statuses: &[ObjectiveStatus], objective: &Objective, in_set: bool| {
            let same = |s: &&ObjectiveStatus| {
                (!in_set || s.set_id == draft.set.id) && s.objective.as_ref().is_some_and(|o| o.name == objective.name)
            };
            statuses.iter().find(same).cloned()
        };
        self.rows = draft
            .set
            .objectives
            .iter()
            .enumerate()
            .map(|(at, objective)| {
                let now = named(evaluated, objective, true);
                let what_if = named(judged, objective, false);
                ObjectiveRow::new(at, objective, now, what_if)
            })
            .collect();
        let height = self.height(cx);
        self.list.apply(&self.rows, height);
    }

    fn changed(&mut self, cx: &mut Context) {
        self.rebuild(cx);
        self.ask_what_if(cx, WHAT_IF_REST_MS);
    }

    fn edit(&mut self, cx: &mut Context) {
        if self.has_typed() {
            // It lies below a text, or on a tab that was left by the mouse.
            cx.complain(say::sets::this_form_has_changes());
        } else if let Some(row) = self.current() {
            self.form = Some(Form::new(row.at, &row.objective));
            self.ask_what_if(cx, 0);
        }
    }

    /// The form of an objective of any set; a set with changes is not left for another.
    fn edit_of(&mut self, cx: &mut Context, set_id: &str, objective_id: &str) {
        if !self.turn_to(cx, set_id) {
            return;
        }
        self.list.set_filter("");
        self.list.follow(objective_id.as_bytes());
        self.rebuild(cx);
        self.edit(cx);
    }

    /// From an objective to its ledger; a new one has none and is edited.
    fn open_past(&mut self, cx: &mut Context) {
        let (Some(row), Some(draft)) = (self.current(), &self.draft) else {
            return;
        };
        if row.objective.id.is_empty() {
            self.edit(cx);
        } else {
            cx.jump = Some(Jump::Past {
                set_id: draft.set.id.clone(),
                objective_id: row.objective.id.clone(),
            });
        }
    }

    pub(crate) fn add_objectives(&mut self, cx: &mut Context, mut objectives: Vec<(Query, String)>) {
        // A set that names the default source would not go with it to another instance.
        for (query, _) in &mut objectives {
            if cx.default_source() == Some(query.source.as_str()) {
                query.source.clear();
            }
        }
        let Some(draft) = &mut self.draft else {
            self.waiting.extend(objectives);
            if cx.sets.get().is_some_and(Vec::is_empty) {
                let fresh = SlaSet {
                    name: "default".to_owned(),
                    active: true,
                    ..SlaSet::default()
                };
                self.write(cx, set::CreateSetRequest { set: Some(fresh) }, Writing::Fresh);
            } else {
                Self::read_sets(cx);
            }
            return;
        };
        let added = draft.add(objectives);
        let count = added.len();
        self.suggest.extend(added);
        self.list.set_filter("");
        self.changed(cx);
        let height = self.height(cx);
        self.list.command(Cmd::Bottom, &self.rows, height);
        if count > 0 {
            cx.say(say::sets::added_to_ranges_are(&count, &self.set_name()));
        } else {
            cx.say(say::sets::these_are_in_the());
        }
        self.next_suggestion(cx);
    }

    fn next_suggestion(&mut self, cx: &mut Context) {
        if self.suggesting.is_some() {
            return;
        }
        while let Some(name) = self.suggest.pop_front() {
            let objective = self
                .draft
                .as_ref()
                .and_then(|d| d.set.objectives.iter().find(|o| o.name == name));
            let Some(objective) = objective else { continue };
            let request = set::SuggestRangeRequest {
                query: objective.query.clone(),
                counter_mode: objective.counter_mode,
            };
            self.suggesting = Some(name);
            cx.call(Slot::Suggest, request);
            return;
        }
    }
}

impl Screen for SetsScreen {
    fn scopes(&self) -> Vec<Scope> {
        if self.form.is_some() {
            vec![Scope::Form]
        } else {
            vec![Scope::Sets, Scope::List]
        }
    }

    fn refresh(&mut self, cx: &mut Context) {
        self.looked_at = true;
        Self::read_sets(cx);
        self.ask_what_if(cx, 0);
    }

    fn figures_changed(&mut self, cx: &mut Context, visible: bool) {
        self.looked_at = visible;
        self.follow_others(cx);
        self.rebuild(cx);
        if visible && !self.what_if.is_loading() && cx.now.mono_ms - self.judged_ms >= WHAT_IF_EVERY_MS {
            self.ask_what_if(cx, 0);
        }
    }

    fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        let height = self.height(cx);
        if self.list.command(cmd, &self.rows, height) {
            // The chart follows the chosen objective.
            self.ask_what_if(cx, WHAT_IF_REST_MS * 2);
            return true;
        }
        match cmd {
            Cmd::EditObjective | Cmd::Open => self.edit(cx),
            Cmd::EditFile => self.edit_file(cx),
            Cmd::NewObjective if self.has_typed() => cx.complain(say::sets::this_form_has_changes()),
            Cmd::NewObjective => {
                let at = self.draft.as_ref().map_or(0, |d| d.set.objectives.len());
                self.form = Some(Form::new(at, &Objective::default()));
                cx.say(say::sets::f1_tells_what_the());
            }
            Cmd::Ledger => self.open_past(cx),
            Cmd::DeleteObjective => {
                let all = self.chosen();
                if let Some(draft) = &mut self.draft {
                    draft.remove_all(&all);
                    self.picked.clear();
                    self.changed(cx);
                    let what = say::counts::objectives(&all.len());
                    cx.say(say::sets::taken_out_here_u(&what));
                }
            }
            Cmd::BoundUp | Cmd::BoundDown => {
                let by = if cmd == Cmd::BoundUp { 1.0 } else { -1.0 };
                let (all, bound) = (self.chosen(), self.bound);
                if let Some(draft) = &mut self.draft {
                    match draft.move_bounds(&all, bound, by) {
                        Ok(()) => self.changed(cx),
                        Err(why) => cx.complain(why),
                    }
                }
            }
            Cmd::SetBound => {
                let all = self.chosen();
                self.set_bound(cx, &all, argument.unwrap_or_default());
            }
            Cmd::PickObjective | Cmd::PickObjectives => self.pick(cx, cmd),
            Cmd::OtherBound => {
                self.bound = self.bound.other();
                cx.say(say::sets::and_move(&self.bound.word()));
            }
            Cmd::Undo | Cmd::Redo | Cmd::Revert => {
                if let Some(draft) = &mut self.draft {
                    match cmd {
                        Cmd::Undo => draft.undo(),
                        Cmd::Redo => draft.redo(),
                        _ => draft.revert(),
                    }
                }
                self.changed(cx);
            }
            Cmd::Suggest => {
                let names = self.names_of_chosen();
                self.suggest.extend(names);
                self.next_suggestion(cx);
            }
            Cmd::Sort => {
                let named = argument.map(|word| {
                    if word.eq_ignore_ascii_case("objective") {
                        "name"
                    } else {
                        word
                    }
                });
                if let Err(why) = self.list.sort_by(&rows::SORTS, named) {
                    cx.complain(why);
                }
                self.list.apply(&self.rows, height);
            }
            Cmd::Export => rows::export(&self.set_name(), &self.rows).write(cx, argument),
            _ => return self.set_command(cx, cmd, argument),
        }
        true
    }

    fn back(&mut self, cx: &mut Context) -> bool {
        let Some(form) = &mut self.form else {
            // What is selected is let go before the place is left.
            let had = !self.picked.is_empty();
            self.picked.clear();
            return had;
        };
        if form.may_close() {
            self.form = None;
            self.ask_what_if(cx, 0);
        } else {
            cx.complain(say::sets::this_form_has_changes());
        }
        true
    }

    fn set_filter(&mut self, cx: &Context, text: &str) {
        self.list.set_filter(text);
        let height = self.height(cx);
        self.list.apply(&self.rows, height);
    }

    fn list(&self) -> &List {
        &self.list
    }

    fn resized(&mut self, cx: &mut Context) {
        let height = self.height(cx);
        self.list.apply(&self.rows, height);
    }

    /// The chosen objective over the window of the what-if.
    fn shown_query(&self, cx: &Context) -> Option<Shown> {
        let query = self.current()?.objective.query.clone()?;
        let now = cx.data_now_ms();
        Some(Shown::new(&query, now - WHAT_IF_WINDOW_MS, now))
    }

    fn connected(&mut self, cx: &mut Context) {
        self.writing.clear();
        self.held.clear();
        Self::read_sets(cx);
    }

    fn form_command(&mut self, cx: &mut Context, cmd: Cmd, key: KeyEvent) {
        let Some(form) = &mut self.form else { return };
        if form.complete(cx, key) {
            self.ask_what_if(cx, WHAT_IF_REST_MS);
            return;
        }
        match cmd {
            Cmd::NextField | Cmd::PreviousField => {
                form.turn(if cmd == Cmd::NextField { 1 } else { -1 });
            }
            Cmd::Submit => match form.objective() {
                Ok(objective) => {
                    let at = form.at;
                    self.form = None;
                    if let Some(draft) = &mut self.draft {
                        draft.put(at, objective);
                    }
                    self.changed(cx);
                    cx.say(say::sets::changed_here_s_saves());
                }
                Err(problems) => cx.complain(problems.first().map(ToString::to_string).unwrap_or_default()),
            },
            _ => self.type_key(cx, key),
        }
    }

    fn type_key(&mut self, cx: &mut Context, key: KeyEvent) {
        let Some(form) = &mut self.form else { return };
        if key.code == crossterm::event::KeyCode::Char('g')
            && key.modifiers.contains(crossterm::event::KeyModifiers::CONTROL)
        {
            let request = set::SuggestRangeRequest {
                query: Some(form.query()),
                counter_mode: 0,
            };
            self.suggesting = None;
            cx.call(Slot::Suggest, request);
            return;
        }
        if form.type_key(key) {
            if let Some(text) = form.query_typed().map(str::to_owned) {
                cx.want_words(&text);
            }
            self.ask_what_if(cx, WHAT_IF_REST_MS);
        }
    }

    fn at_arrival(&self) -> bool {
        self.list.filter().is_empty() && self.form.as_ref().is_none_or(Form::is_untouched)
    }

    fn form_help(&self) -> Option<Vec<String>> {
        self.form.as_ref().map(|_| form::help())
    }

    fn paste(&mut self, cx: &mut Context, text: &str) {
        if let Some(form) = &mut self.form {
            form.paste(text);
            self.ask_what_if(cx, WHAT_IF_REST_MS);
        }
    }

    fn remember(&self, out: &mut Remembered) {
        out.keep_columns("sets", &self.columns);
        out.draft = self.kept_draft();
    }

    fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        self.draw_all(cx, canvas);
    }

    fn why(&self, cx: &Context) -> (String, Vec<String>) {
        self.provenance(cx)
    }

    fn slots(&self) -> &'static [Slot] {
        &[
            Slot::Sets,
            Slot::SetWrite,
            Slot::Suggest,
            Slot::CheckQuery,
            Slot::WhatIf,
            Slot::WhatIfChart,
        ]
    }

    fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
        self.answered(cx, slot, id, result);
    }

    fn has(&self, need: Need) -> bool {
        match need {
            Need::Set => self.draft.is_some(),
            Need::Objective => self.form.is_some() || self.current().is_some(),
            Need::Editor => self.editor,
            Need::Changes => self.is_dirty(),
            Need::Undo => self.draft.as_ref().is_some_and(Draft::can_undo),
            Need::Redo => self.draft.as_ref().is_some_and(Draft::can_redo),
            _ => false,
        }
    }

    fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    fn question(&self, cmd: Cmd) -> Option<String> {
        let name = self.set_name();
        match cmd {
            Cmd::DeleteSet => Some(say::sets::delete_the_sla_set(&name)),
            Cmd::ActivateSet => self.stop_question(),
            _ => None,
        }
    }

    fn click(&mut self, cx: &mut Context, (x, row): (u16, u16)) -> bool {
        self.clicked(cx, x, row)
    }

    fn filter_fields(&self) -> &'static [&'static str] {
        ObjectiveRow::FIELDS
    }

    fn sorts(&self) -> &'static [&'static str] {
        &rows::SORTS
    }

    fn value(&self, _: &Context) -> Option<String> {
        self.current()?.last().map(sla_domain::quantity::bare)
    }

    fn row_text(&self, _: &Context) -> Option<String> {
        let row = self.current()?;
        let range = crate::context::wire::range_text(row.objective.range.as_ref(), row.unit);
        let now = row.mark().map_or("", crate::context::wire::Mark::word);
        Some(format!(
            "{}  {range}  {now} {}",
            row.name,
            crate::format::maybe(row.last(), row.unit)
        ))
    }

    fn proposal(&self, cmd: Cmd) -> Option<String> {
        match cmd {
            Cmd::RenameSet => Some(self.set_name()),
            Cmd::DuplicateSet => Some(say::sets::copy(&self.set_name())),
            _ => None,
        }
    }

    fn arrive(&mut self, cx: &mut Context, jump: Jump) {
        match jump {
            Jump::AddObjectives(objectives) => self.add_objectives(cx, objectives),
            Jump::Edit { set_id, objective_id } => self.edit_of(cx, &set_id, &objective_id),
            _ => {}
        }
    }

    fn command_of_chart(&mut self, cx: &mut Context, series_id: &[u8], cmd: Cmd, argument: Option<&str>) {
        self.moved_on_chart(cx, series_id, cmd, argument);
    }

    fn trial(&self, cx: &Context, series_id: &[u8]) -> Option<Trial> {
        self.trial_of(cx, series_id)
    }

    fn edited(&mut self, cx: &mut Context, result: Result<Option<String>, String>) {
        self.take_text(cx, result);
    }

    fn columns_mut(&mut self) -> Option<&mut Columns> {
        Some(&mut self.columns)
    }

    fn deadline_ms(&self) -> Option<i64> {
        self.what_if_at_ms.into_iter().chain(self.sets_at_ms).min()
    }

    fn tick(&mut self, cx: &mut Context) {
        self.ask_what_is_due(cx);
    }
}
