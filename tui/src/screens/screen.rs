//! What a tab is to the rest of the console. The defaults are those of a tab that has nothing of the kind.

use crossterm::event::KeyEvent;
use sla_proto::etl::v1::WatchRunResponse;

use crate::command::{Cmd, Need, Scope};
use crate::context::list::List;
use crate::context::request::{Answer, RequestId, Slot};
use crate::context::shown::Shown;
use crate::context::trial::Trial;
use crate::context::{Context, Jump};
use crate::remembered::{Remembered, View};
use crate::widget::canvas::Canvas;
use crate::widget::columns::Columns;

/// One tab: its rows, its update and its view.
pub(crate) trait Screen {
    fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>);

    /// The scopes that are active, innermost first; the global one is added unless something is typed.
    fn scopes(&self) -> Vec<Scope>;

    /// Whose answers it takes.
    fn slots(&self) -> &'static [Slot];

    /// An answer of one of its slots.
    fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer);

    /// Reads again what it shows.
    fn refresh(&mut self, cx: &mut Context);

    /// An evaluation has finished.
    fn figures_changed(&mut self, cx: &mut Context, visible: bool);

    /// A command; false when it is none of this tab.
    fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool;

    /// Closes the innermost thing that is open; false when there is none.
    fn back(&mut self, _: &mut Context) -> bool {
        false
    }

    /// The list that has the keys.
    fn list(&self) -> &List;

    fn set_filter(&mut self, cx: &Context, text: &str);

    fn filter_text(&self) -> &str {
        self.list().filter().text()
    }

    fn resized(&mut self, cx: &mut Context);

    /// Where the numbers of the chosen row come from: a title and lines.
    fn why(&self, cx: &Context) -> (String, Vec<String>);

    /// What is on screen as a query.
    fn shown_query(&self, cx: &Context) -> Option<Shown>;

    /// What `copy` copies.
    fn copied(&self, cx: &Context) -> Option<String> {
        self.shown_query(cx).map(|shown| shown.promql)
    }

    /// Whether it has what a command needs.
    fn has(&self, _: Need) -> bool {
        false
    }

    /// Whether the answer to a write is still to come.
    fn is_writing(&self) -> bool {
        false
    }

    /// Whether a command that works in its scope means anything on the page that is open.
    fn offers(&self, _: Cmd) -> bool {
        true
    }

    /// What a command asks before it is done, when its help does not say enough.
    fn question(&self, _: Cmd) -> Option<String> {
        None
    }

    /// What stands in the line that asks for the argument of a command.
    fn proposal(&self, _: Cmd) -> Option<String> {
        None
    }

    /// The place that is open, when it can be asked for again.
    fn place(&self) -> Option<Jump> {
        None
    }

    /// A command about the bounds of a series, given where its chart is.
    fn command_of_chart(&mut self, _: &mut Context, _series_id: &[u8], _: Cmd, _argument: Option<&str>) {}

    /// What the draft says about a series, while it differs from what is stored.
    fn trial(&self, _: &Context, _series_id: &[u8]) -> Option<Trial> {
        None
    }

    /// What the draft says about the series on its chart is another than before.
    fn trial_changed(&mut self, _: &mut Context) {}

    /// The chosen series, and the moment in question where there is one.
    fn moment(&self, _: &Context) -> Option<Jump> {
        None
    }

    /// Whether it still shows what another tab asked for, so that going back leads there.
    fn at_arrival(&self) -> bool {
        true
    }

    /// What the fields of the open form mean.
    fn form_help(&self) -> Option<Vec<String>> {
        None
    }

    /// Fields that its filter knows beside labels.
    fn filter_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Columns it can be sorted by.
    fn sorts(&self) -> &'static [&'static str] {
        &[]
    }

    /// The value of the chosen row, to copy.
    fn value(&self, _: &Context) -> Option<String> {
        None
    }

    /// The chosen row as it is read, its cells two blanks apart, the name first.
    fn row_text(&self, _: &Context) -> Option<String> {
        None
    }

    /// Series that it holds: their text and where they lead.
    fn series(&self) -> Vec<(String, Jump)> {
        Vec::new()
    }

    /// Shows what was kept under a name.
    fn show_view(&mut self, cx: &mut Context, view: &View) {
        self.set_filter(cx, &view.filter);
    }

    /// What is wrong with the filter that was typed.
    fn filter_problem(&self) -> Option<&str> {
        self.list().problem()
    }

    /// Shows a place that another tab asked for.
    fn arrive(&mut self, _: &mut Context, _: Jump) {}

    fn connected(&mut self, _: &mut Context) {}

    /// The sets are listed, and this tab is on screen.
    fn sets_known(&mut self, _: &mut Context) {}

    fn window_changed(&mut self, _: &mut Context) {}

    /// News of the run that is watched.
    fn run_news(&mut self, _: &mut Context, _: WatchRunResponse) {}

    /// The editor has ended: its text, nothing when it was left as it was, or why there is none.
    fn edited(&mut self, _: &mut Context, _: Result<Option<String>, String>) {}

    /// A command of the form that is open.
    fn form_command(&mut self, _: &mut Context, _: Cmd, _: KeyEvent) {}

    fn type_key(&mut self, _: &mut Context, _: KeyEvent) {}

    fn paste(&mut self, _: &mut Context, _: &str) {}

    /// A click on a place of the screen, column and row from its top left; true when a row was chosen.
    fn click(&mut self, _: &mut Context, _: (u16, u16)) -> bool {
        false
    }

    /// When something here moves by itself, monotonic milliseconds; asked while the tab is on screen.
    fn deadline_ms(&self) -> Option<i64> {
        None
    }

    /// A deadline has passed.
    fn tick(&mut self, _: &mut Context) {}

    /// The columns of its table; `None` where there is none to choose.
    fn columns_mut(&mut self) -> Option<&mut Columns> {
        None
    }

    fn remember(&self, _: &mut Remembered) {}
}
