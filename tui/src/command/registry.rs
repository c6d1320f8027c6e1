//! The table itself.

use super::{Cmd, Command, Danger, Need, Scope, Tab};

const fn entry(
    cmd: Cmd,
    id: &'static str,
    scope: Scope,
    chords: &'static [&'static str],
    title: &'static str,
    help: &'static str,
) -> Command {
    Command {
        cmd,
        id,
        title,
        help,
        scope,
        also: None,
        chords,
        argument: None,
        danger: Danger::None,
        footer: 0,
        needs: &[],
    }
}

impl Command {
    const fn argument(mut self, name: &'static str) -> Self {
        self.argument = Some(name);
        self
    }

    const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    const fn footer(mut self, rank: u8) -> Self {
        self.footer = rank;
        self
    }

    /// Works there with the same keys, too.
    const fn also(mut self, scope: Scope) -> Self {
        self.also = Some(scope);
        self
    }

    const fn dangerous(mut self) -> Self {
        self.danger = Danger::Confirm;
        self
    }

    const fn sometimes(mut self) -> Self {
        self.danger = Danger::Sometimes;
        self
    }
}

use Need::{
    Back, Changes, Cities, Connection, Editor, FailedRun, Forward, GoingRun, Instance, Objective, Redo, Series, Set,
    Subscription, Undo, Unfolding, Write,
};
use Scope::{Confirm, Detail, Form, Global, List, Metrics, Now, Past, Pick, Runs, Sets, Timeline, Weather};

/// Everything the console can do.
// One line an entry: a table is read across.
#[rustfmt::skip]
pub(crate) static COMMANDS: &[Command] = &[
    entry(Cmd::Quit, "quit", Global, &["q", "ctrl-c"], "quit", "Leaves the console; the instance keeps watching. What becomes of changes that are not saved is asked, or told: `save`, `keep`, `drop`.").argument("HOW").footer(90),
    entry(Cmd::Help, "help", Global, &["?", "f1"], "help", "Shows what works here, and which keys do it.").footer(91),
    entry(Cmd::Palette, "commands", Global, &[":"], "commands", "Runs any command by its name; Tab completes, Up at the top brings back earlier ones.").footer(80),
    entry(Cmd::Find, "find", Global, &["ctrl-p"], "find anything", "One list of everything: series, also of the server, sets, objectives, commands and metric names.").footer(81),
    entry(Cmd::Back, "back", Global, &["esc"], "back", "Closes what is open and returns to where you came from, or clears the filter."),
    entry(Cmd::JumpBack, "jump-back", Global, &["ctrl-o", "alt-left"], "place before", "Goes back to the place you were at before.").needs(&[Back]),
    entry(Cmd::JumpForward, "jump-forward", Global, &["ctrl-e", "alt-right"], "place after", "Goes forward again after going back.").needs(&[Forward]),
    entry(Cmd::Refresh, "refresh", Global, &["r", "ctrl-r", "f5"], "refresh", "Reads this screen again; without a connection, tries again now."),
    entry(Cmd::Redraw, "redraw", Global, &["ctrl-l"], "redraw", "Paints the whole screen again."),
    entry(Cmd::Suspend, "suspend", Global, &["ctrl-z"], "suspend", "Gives the terminal back to the shell; `fg` returns."),
    entry(Cmd::Zone, "zone", Global, &["Z"], "UTC or local", "Shows times in UTC or in local time."),
    entry(Cmd::Log, "log", Global, &["L"], "log", "Shows the console's own log."),
    entry(Cmd::Health, "health", Global, &["z,h"], "health", "Shows the processes of this estate: roles, versions, storage, source; who does not answer is unknown.").needs(&[Connection]),
    entry(Cmd::Why, "why", Global, &["i"], "why", "Says where the numbers of the chosen row come from: source, way of reading, window, time.").footer(70),
    entry(Cmd::EvaluateNow, "evaluate-now", Global, &["E"], "evaluate now", "Judges all active sets now instead of at the next tick.").needs(&[Write, Connection]),
    entry(Cmd::Go(Tab::Now), "now", Global, &["0"], "Now", "Goes to what is wrong now, what is coming, what is silent."),
    entry(Cmd::Go(Tab::Metrics), "metrics", Global, &["1"], "Metrics", "Goes to the metrics."),
    entry(Cmd::Go(Tab::Sets), "sla-sets", Global, &["2"], "SLA sets", "Goes to the SLA sets."),
    entry(Cmd::Go(Tab::Past), "past", Global, &["3"], "Past", "Goes to the past violations."),
    entry(Cmd::Go(Tab::Future), "future", Global, &["4"], "Future", "Goes to the future violations."),
    entry(Cmd::Go(Tab::Runs), "runs", Global, &["5"], "Runs", "Goes to the ETL runs."),
    entry(Cmd::Go(Tab::Weather), "weather", Global, &["6"], "Weather", "Goes to the weather of cities, where the instance watches it.").needs(&[Cities]),
    entry(Cmd::NextTab, "next-tab", Global, &["tab"], "next tab", "Goes to the next tab."),
    entry(Cmd::PreviousTab, "previous-tab", Global, &["backtab"], "previous tab", "Goes to the tab before."),
    entry(Cmd::Window, "window", Global, &["w"], "window", "Takes the next window length, or the one given: `:window 6h`.").argument("LENGTH").footer(40),
    entry(Cmd::WindowBack, "window-back", Global, &["W"], "window back", "Takes the window length before."),
    entry(Cmd::Show, "show", Global, &[], "show series", "Shows the series of a selector or expression: `:show node_load1{job=\"node\"}`.").argument("SELECTOR").needs(&[Connection]),
    entry(Cmd::Around, "around", Global, &["z,n"], "what else moved", "Lists the series that changed around the moment of the chosen row, each held against its own past; Enter shows one: `:around 30m`.").argument("SPAN").needs(&[Connection]).footer(57),
    entry(Cmd::SetList, "sets", Global, &["z,o"], "list of sets", "Opens an SLA set from the list of all, or the one named.").argument("SET").needs(&[Connection]),
    entry(Cmd::SaveView, "save-view", Global, &["z,s"], "save view", "Keeps tab, window, filter, order and chart under a name.").argument("NAME"),
    entry(Cmd::Views, "views", Global, &["z,v"], "views", "Goes to a kept view, or to the one named.").argument("VIEW"),
    entry(Cmd::DeleteView, "delete-view", Global, &[], "delete view", "Forgets a kept view.").argument("VIEW"),
    entry(Cmd::CopyValue, "copy-value", Global, &["z,c"], "copy value", "Copies the value of the chosen row to the clipboard (OSC 52)."),
    entry(Cmd::CopyRow, "copy-row", Global, &["z,r"], "copy row", "Copies the chosen row as it is shown."),
    entry(Cmd::Theme, "theme", Global, &["z,t"], "theme", "Takes the next theme, or the one named: auto, dark, light, high-contrast, or one of your own.").argument("THEME"),
    entry(Cmd::Reload, "reload", Global, &["z,l"], "reload config", "Reads the configuration file again: keys, theme, times."),
    // Lists.
    entry(Cmd::Up, "up", List, &["k", "up"], "up", "Moves one row up."),
    entry(Cmd::Down, "down", List, &["j", "down"], "down", "Moves one row down."),
    entry(Cmd::PageUp, "page-up", List, &["pageup", "ctrl-u", "ctrl-b"], "page up", "Moves a page up."),
    entry(Cmd::PageDown, "page-down", List, &["pagedown", "ctrl-d", "ctrl-f"], "page down", "Moves a page down."),
    entry(Cmd::Top, "top", List, &["g", "home"], "top", "Goes to the first row."),
    entry(Cmd::Bottom, "bottom", List, &["G", "end"], "bottom", "Goes to the last row."),
    entry(Cmd::Open, "open", List, &["enter", "l", "right"], "open", "Opens the chosen row.").footer(10),
    entry(Cmd::Filter, "filter", List, &["/"], "filter", "Filters: text, !not, ~fuzzy, /regex/, field=value, state>=at_risk.").argument("FILTER").footer(50),
    entry(Cmd::Sort, "sort", List, &["s"], "sort", "Sorts by the next column, or by the one given.").argument("COLUMN").footer(45),
    entry(Cmd::SortReverse, "sort-reverse", List, &["o"], "reverse order", "Turns the order round."),
    entry(Cmd::Columns, "columns", List, &["C"], "columns", "Chooses which columns are shown, and in which order; remembered."),
    entry(Cmd::Copy, "copy", List, &["y"], "copy query", "Copies what is on screen as PromQL to the clipboard (OSC 52).").footer(60),
    entry(Cmd::CopyCurl, "copy-curl", List, &["Y"], "copy curl", "Copies a curl line that asks the server for what is on screen.").footer(61),
    entry(Cmd::Export, "export", List, &["x"], "export", "Writes what is shown to a .json or .csv file.").argument("FILE").footer(62),
    // Now and its timeline.
    entry(Cmd::Timeline, "timeline", Now, &["t"], "timeline", "Shows past and future of each objective as one lane, or the list again.").footer(12),
    entry(Cmd::EditRange, "edit-range", Now, &["e"], "edit range", "Opens the form of the objective.").needs(&[Instance]).footer(14),
    entry(Cmd::Fold, "fold", Now, &["space"], "list", "Lists what one line stands for, or folds it again.").footer(16),
    entry(Cmd::Snooze, "snooze", Now, &["m"], "snooze", "Nobody is sent a message about the row for an hour; what still goes on then is told.").needs(&[Write, Connection, Instance]),
    entry(Cmd::Acknowledge, "acknowledge", Now, &["M"], "take care", "Says that somebody takes care of the violation: no message about it until it ends.").needs(&[Write, Connection, Instance]),
    entry(Cmd::PreviousViolation, "previous-violation", Now, &["["], "violation before", "Goes to the violation before.").footer(18),
    entry(Cmd::NextViolation, "next-violation", Now, &["]"], "next violation", "Goes to the next violation."),
    entry(Cmd::LaneLeft, "lane-left", Timeline, &["h", "left"], "earlier", "Moves the cursor of the timeline to the left and reads the cell.").footer(11),
    entry(Cmd::LaneRight, "lane-right", Timeline, &["l", "right"], "later", "Moves the cursor of the timeline to the right."),
    // Metrics.
    entry(Cmd::Select, "select", Metrics, &["space"], "select", "Selects or unselects the chosen series.").needs(&[Series]).footer(20),
    entry(Cmd::SelectAll, "select-all", Metrics, &["A"], "select all", "Selects every series shown, or none."),
    entry(Cmd::AddToSet, "add-to-set", Metrics, &["a"], "add to set", "Adds the selected series to the open SLA set.").needs(&[Series]).footer(25),
    entry(Cmd::Names, "names", Metrics, &["n"], "names", "Lists the metric names of the source with their counts.").footer(30),
    entry(Cmd::Preview, "preview", Metrics, &["v"], "preview", "Shows or hides the chart beside the table."),
    // Detail.
    entry(Cmd::DetailNext, "next-page", Detail, &["tab", "space"], "next page", "Shows the next page about this series.").footer(10),
    entry(Cmd::DetailPrevious, "previous-page", Detail, &["backtab"], "previous page", "Shows the page before."),
    entry(Cmd::ZoomIn, "zoom-in", Detail, &["+", "="], "zoom in", "Shows half the time range.").footer(12),
    entry(Cmd::ZoomOut, "zoom-out", Detail, &["-"], "zoom out", "Shows twice the time range.").footer(13),
    entry(Cmd::PanLeft, "pan-left", Detail, &["H", "shift-left"], "earlier", "Moves the time range back by half."),
    entry(Cmd::PanRight, "pan-right", Detail, &["shift-right"], "later", "Moves the time range forward by half."),
    entry(Cmd::CursorLeft, "cursor-left", Detail, &["h", "left"], "crosshair left", "Moves the crosshair to the left and reads the value.").footer(14),
    entry(Cmd::CursorRight, "cursor-right", Detail, &["l", "right"], "crosshair right", "Moves the crosshair to the right and reads the value."),
    entry(Cmd::EarlierViolation, "earlier-violation", Detail, &["["], "violation before", "Puts the crosshair on the start of the violation before.").footer(18),
    entry(Cmd::LaterViolation, "later-violation", Detail, &["]"], "violation after", "Puts the crosshair on the start of the next violation."),
    entry(Cmd::LogScale, "log-scale", Detail, &["V"], "log scale", "Draws the values by ratio, or by difference again."),
    entry(Cmd::Compare, "compare", Detail, &["B"], "compare", "Keeps this series: the next chart that is opened shows it, too; again ends it."),
    entry(Cmd::RaiseBound, "raise-bound", Detail, &["K", "shift-up"], "raise bound", "Raises a bound of this series by one step and tells what it would have meant; nothing is saved before S.").footer(11),
    entry(Cmd::LowerBound, "lower-bound", Detail, &["J", "shift-down"], "lower bound", "Lowers a bound of this series by one step and tells what it would have meant; nothing is saved before S."),
    entry(Cmd::TurnBound, "turn-bound", Detail, &["b"], "next bound", "Chooses which bound K and J move: min, max, or one of another objective about this series."),
    entry(Cmd::Range, "range", Detail, &["t"], "time range", "Chooses a time range, or takes the one given: `:range last 6h`, `14:00-15:30`, `14:00`, `2h` (ago), `now`.").argument("TIME").footer(16),
    // Sets.
    entry(Cmd::EditObjective, "edit-objective", Sets, &["enter"], "edit", "Edits the chosen objective in a form.").needs(&[Objective]).footer(12),
    entry(Cmd::EditFile, "edit-file", Sets, &["e"], "$EDITOR", "Edits the whole set as TOML in $VISUAL or $EDITOR; what is written becomes changes that can be undone.").needs(&[Set, Editor]).footer(31),
    entry(Cmd::Ledger, "ledger", Sets, &["v"], "violations", "Goes to the past violations of the chosen objective.").needs(&[Objective]).footer(24),
    entry(Cmd::NewObjective, "new-objective", Sets, &["n"], "new objective", "Adds an objective to the set.").needs(&[Set]).footer(14),
    entry(Cmd::DeleteObjective, "delete-objective", Sets, &["d", "delete"], "delete", "Takes the chosen objective out of the set (undo brings it back).").needs(&[Objective]),
    entry(Cmd::BoundUp, "bound-up", Sets, &["+", "="], "raise bound", "Raises the bound by one step.").needs(&[Objective]).footer(30),
    entry(Cmd::BoundDown, "bound-down", Sets, &["-"], "lower bound", "Lowers the bound by one step.").needs(&[Objective]),
    entry(Cmd::SetBound, "bound", Sets, &[], "set bound", "Sets a bound of the chosen objective, or of all selected: `:bound max 4`, `:bound min 2G`, `:bound max none`.").also(Detail).argument("BOUND").needs(&[Objective]),
    entry(Cmd::PickObjective, "select-objective", Sets, &["space"], "select", "Selects or unselects the chosen objective: + - d ctrl-g and :bound then act on all selected.").needs(&[Objective]),
    entry(Cmd::PickObjectives, "select-objectives", Sets, &["ctrl-a"], "select all", "Selects every objective shown, or none.").needs(&[Objective]),
    entry(Cmd::OtherBound, "other-bound", Sets, &["t"], "other bound", "Chooses whether + and - move min or max.").needs(&[Objective]),
    entry(Cmd::Undo, "undo", Sets, &["u"], "undo", "Takes back the last change that is not saved.").also(Detail).needs(&[Undo]).footer(20),
    entry(Cmd::Redo, "redo", Sets, &["U", "ctrl-y"], "redo", "Makes the change again that was taken back last.").also(Detail).needs(&[Redo]),
    entry(Cmd::Revert, "revert", Sets, &["ctrl-x"], "revert", "Goes back to what is stored; undo brings the changes back.").also(Detail).needs(&[Changes]),
    entry(Cmd::Save, "save", Sets, &["S", "ctrl-s"], "save", "Saves the set; refused when somebody else saved first.").also(Detail).needs(&[Write, Changes]).footer(22),
    entry(Cmd::Suggest, "suggest", Sets, &["ctrl-g"], "suggest range", "Suggests a range from the last 12 h.").needs(&[Objective]).footer(28),
    entry(Cmd::NextSet, "next-set", Sets, &["]"], "next set", "Opens the next SLA set, or the one named.").argument("SET"),
    entry(Cmd::NewSet, "new-set", Sets, &["N"], "new set", "Creates an SLA set.").argument("NAME").needs(&[Write, Connection]),
    entry(Cmd::RenameSet, "rename-set", Sets, &["R"], "rename set", "Gives the set another name.").argument("NAME").needs(&[Write, Set]),
    entry(Cmd::DuplicateSet, "duplicate-set", Sets, &["D"], "duplicate set", "Copies the set under another name.").argument("NAME").needs(&[Write, Set]),
    entry(Cmd::DeleteSet, "delete-set", Sets, &["X"], "delete set", "Deletes the set; its past violations are kept, marked retired.").needs(&[Write, Set]).dangerous(),
    entry(Cmd::ActivateSet, "activate-set", Sets, &["A"], "watch or not", "Starts or stops the evaluation of the set; stopping asks first. Nothing else is saved.").needs(&[Write, Set]).sometimes(),
    // Past.
    entry(Cmd::NextPane, "next-pane", Past, &["p"], "other pane", "Moves between the objectives and the ledger below.").footer(14),
    entry(Cmd::Unfold, "unfold", Past, &["space"], "series", "Shows or hides the series of an objective, each with its state.").needs(&[Unfolding]).footer(12),
    entry(Cmd::Samples, "samples", Past, &["v"], "samples", "Lists the violating samples of the chosen interval.").footer(16),
    // Runs.
    entry(Cmd::NewRun, "new-run", Runs, &["n"], "new run", "Launches an ETL run; its cost is shown before.").needs(&[Write, Connection]).footer(12),
    entry(Cmd::CancelRun, "cancel-run", Runs, &["c"], "cancel", "Ends the chosen run between two series.").needs(&[Write, Connection, GoingRun]).dangerous().footer(14),
    entry(Cmd::RetryFailed, "retry-failed", Runs, &["f"], "retry failed", "Runs the series that failed again.").needs(&[Write, Connection, FailedRun]).footer(16),
    entry(Cmd::PauseSchedule, "pause-schedule", Runs, &["p"], "pause timer", "Stops or starts the runs that start by themselves.").needs(&[Write, Connection]).footer(18),
    entry(Cmd::Schedule, "schedule", Runs, &[], "timer", "Says when runs start by themselves, or changes it: `:schedule results 5m metadata 1d`, `:schedule pause`.").argument("TIMES").needs(&[Write, Connection]),
    entry(Cmd::DeadLetters, "dead-letters", Runs, &["D"], "dead letters", "Lists the records that could not be decoded; Enter tries one again.").needs(&[Connection]).footer(19),
    entry(Cmd::ReplayLetter, "replay-letter", Runs, &[], "try again", "Tries to apply a dead letter again, by its hash.").argument("HASH").needs(&[Write, Connection]),
    // Weather.
    entry(Cmd::Subscribe, "subscribe", Weather, &["n"], "subscribe", "Subscribes to the weather of a city: opens a form, with the city given.").argument("CITY").needs(&[Write, Connection]).footer(12),
    entry(Cmd::Unsubscribe, "unsubscribe", Weather, &["X"], "delete", "Deletes your subscription to the chosen city; its past violations are kept.").needs(&[Write, Connection, Subscription]).dangerous().footer(14),
    // People.
    entry(Cmd::Login, "login", Global, &[], "log in", "Asks for name and password, and opens a session; the token is kept for the next console.").argument("NAME"),
    entry(Cmd::Logout, "logout", Global, &["z,e"], "log out", "Ends the session and forgets its token.").needs(&[Connection]),
    entry(Cmd::WhoAmI, "whoami", Global, &["z,w"], "who am I", "Says who you are to the instance, and what you may do.").needs(&[Connection]),
    entry(Cmd::Users, "users", Global, &["z,u"], "users", "Lists the users; for admins.").needs(&[Connection]),
    entry(Cmd::Sessions, "sessions", Global, &[], "sessions", "Lists your sessions and tokens, or those of NAME, or of all; Enter ends one.").argument("NAME").needs(&[Connection]),
    entry(Cmd::RevokeSession, "revoke-session", Global, &[], "end session", "Ends a session or token by its id: whoever calls with it is nobody from then on.").argument("ID").dangerous().needs(&[Write, Connection]),
    entry(Cmd::Audit, "audit", Global, &["z,a"], "audit log", "Who changed what, newest first, with before and after; for admins.").needs(&[Connection]),
    entry(Cmd::Deliveries, "deliveries", Global, &["z,d"], "deliveries", "Lists what was sent, waits or was given up, newest first.").needs(&[Connection]),
    entry(Cmd::Marks, "marks", Global, &["z,m"], "taken care of", "Lists what is acknowledged or snoozed now, by whom.").needs(&[Connection]),
    // Choosing, forms and questions.
    entry(Cmd::Tick, "tick", Pick, &["space"], "show or hide", "Shows or hides the chosen column."),
    entry(Cmd::MoveUp, "move-up", Pick, &["K"], "move up", "Moves the chosen column one place to the left."),
    entry(Cmd::MoveDown, "move-down", Pick, &["J"], "move down", "Moves the chosen column one place to the right."),
    entry(Cmd::Submit, "submit", Form, &["enter", "ctrl-s"], "take it", "Takes what was typed.").footer(10),
    entry(Cmd::NextField, "next-field", Form, &["tab", "down"], "next field", "Goes to the next field.").footer(12),
    entry(Cmd::PreviousField, "previous-field", Form, &["backtab", "up"], "field before", "Goes to the field before."),
    entry(Cmd::Yes, "yes", Confirm, &["y"], "yes", "Does it.").footer(10),
    entry(Cmd::No, "no", Confirm, &["n", "esc", "q"], "no", "Does not do it.").footer(11),
];

/// The entry of `cmd`.
pub(crate) fn command(cmd: Cmd) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.cmd == cmd)
}
