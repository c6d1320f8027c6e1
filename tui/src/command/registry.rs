//! The table itself.

use super::{Cmd, Command, Danger, Need, Scope, Tab};
use crate::say::{Text, commands, help, tabs};

const fn entry(
    cmd: Cmd,
    id: &'static str,
    scope: Scope,
    chords: &'static [&'static str],
    title: Text,
    help: Text,
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
    entry(Cmd::Quit, "quit", Global, &["q", "ctrl-c"], commands::quit, help::quit).argument("HOW").footer(90),
    entry(Cmd::Help, "help", Global, &["?", "f1"], commands::help, help::help).footer(91),
    entry(Cmd::Palette, "commands", Global, &[":"], commands::commands, help::commands).footer(80),
    entry(Cmd::Find, "find", Global, &["ctrl-p"], commands::find, help::find).footer(81),
    entry(Cmd::Back, "back", Global, &["esc"], commands::back, help::back),
    entry(Cmd::JumpBack, "jump-back", Global, &["ctrl-o", "alt-left"], commands::jump_back, help::jump_back).needs(&[Back]),
    entry(Cmd::JumpForward, "jump-forward", Global, &["ctrl-e", "alt-right"], commands::jump_forward, help::jump_forward).needs(&[Forward]),
    entry(Cmd::Refresh, "refresh", Global, &["r", "ctrl-r", "f5"], commands::refresh, help::refresh),
    entry(Cmd::Redraw, "redraw", Global, &["ctrl-l"], commands::redraw, help::redraw),
    entry(Cmd::Suspend, "suspend", Global, &["ctrl-z"], commands::suspend, help::suspend),
    entry(Cmd::Zone, "zone", Global, &["Z"], commands::zone, help::zone),
    entry(Cmd::Log, "log", Global, &["L"], commands::log, help::log),
    entry(Cmd::Health, "health", Global, &["z,h"], commands::health, help::health).needs(&[Connection]),
    entry(Cmd::Why, "why", Global, &["i"], commands::why, help::why).footer(70),
    entry(Cmd::EvaluateNow, "evaluate-now", Global, &["E"], commands::evaluate_now, help::evaluate_now).needs(&[Write, Connection]),
    entry(Cmd::Go(Tab::Now), "now", Global, &["0"], tabs::now, help::now),
    entry(Cmd::Go(Tab::Metrics), "metrics", Global, &["1"], tabs::metrics, help::metrics),
    entry(Cmd::Go(Tab::Sets), "sla-sets", Global, &["2"], tabs::sets, help::sla_sets),
    entry(Cmd::Go(Tab::Past), "past", Global, &["3"], tabs::past, help::past),
    entry(Cmd::Go(Tab::Future), "future", Global, &["4"], tabs::future, help::future),
    entry(Cmd::Go(Tab::Runs), "runs", Global, &["5"], tabs::runs, help::runs),
    entry(Cmd::Go(Tab::Weather), "weather", Global, &["6"], tabs::weather, help::weather).needs(&[Cities]),
    entry(Cmd::NextTab, "next-tab", Global, &["tab"], commands::next_tab, help::next_tab),
    entry(Cmd::PreviousTab, "previous-tab", Global, &["backtab"], commands::previous_tab, help::previous_tab),
    entry(Cmd::Window, "window", Global, &["w"], commands::window, help::window).argument("LENGTH").footer(40),
    entry(Cmd::WindowBack, "window-back", Global, &["W"], commands::window_back, help::window_back),
    entry(Cmd::Show, "show", Global, &[], commands::show, help::show).argument("SELECTOR").needs(&[Connection]),
    entry(Cmd::Around, "around", Global, &["z,n"], commands::around, help::around).argument("SPAN").needs(&[Connection]).footer(57),
    entry(Cmd::SetList, "sets", Global, &["z,o"], commands::sets, help::sets).argument("SET").needs(&[Connection]),
    entry(Cmd::SaveView, "save-view", Global, &["z,s"], commands::save_view, help::save_view).argument("NAME"),
    entry(Cmd::Views, "views", Global, &["z,v"], commands::views, help::views).argument("VIEW"),
    entry(Cmd::DeleteView, "delete-view", Global, &[], commands::delete_view, help::delete_view).argument("VIEW"),
    entry(Cmd::CopyValue, "copy-value", Global, &["z,c"], commands::copy_value, help::copy_value),
    entry(Cmd::CopyRow, "copy-row", Global, &["z,r"], commands::copy_row, help::copy_row),
    entry(Cmd::Theme, "theme", Global, &["z,t"], commands::theme, help::theme).argument("THEME"),
    entry(Cmd::Language, "language", Global, &[], commands::language, help::language).argument("LANGUAGE"),
    entry(Cmd::Reload, "reload", Global, &["z,l"], commands::reload, help::reload),
    // Lists.
    entry(Cmd::Up, "up", List, &["k", "up"], commands::up, help::up),
    entry(Cmd::Down, "down", List, &["j", "down"], commands::down, help::down),
    entry(Cmd::PageUp, "page-up", List, &["pageup", "ctrl-u", "ctrl-b"], commands::page_up, help::page_up),
    entry(Cmd::PageDown, "page-down", List, &["pagedown", "ctrl-d", "ctrl-f"], commands::page_down, help::page_down),
    entry(Cmd::Top, "top", List, &["g", "home"], commands::top, help::top),
    entry(Cmd::Bottom, "bottom", List, &["G", "end"], commands::bottom, help::bottom),
    entry(Cmd::Open, "open", List, &["enter", "l", "right"], commands::open, help::open).footer(10),
    entry(Cmd::Filter, "filter", List, &["/"], commands::filter, help::filter).argument("FILTER").footer(50),
    entry(Cmd::Sort, "sort", List, &["s"], commands::sort, help::sort).argument("COLUMN").footer(45),
    entry(Cmd::SortReverse, "sort-reverse", List, &["o"], commands::sort_reverse, help::sort_reverse),
    entry(Cmd::Columns, "columns", List, &["C"], commands::columns, help::columns),
    entry(Cmd::Copy, "copy", List, &["y"], commands::copy, help::copy).footer(60),
    entry(Cmd::CopyCurl, "copy-curl", List, &["Y"], commands::copy_curl, help::copy_curl).footer(61),
    entry(Cmd::Export, "export", List, &["x"], commands::export, help::export).argument("FILE").footer(62),
    // Now and its timeline.
    entry(Cmd::Timeline, "timeline", Now, &["t"], commands::timeline, help::timeline).footer(12),
    entry(Cmd::EditRange, "edit-range", Now, &["e"], commands::edit_range, help::edit_range).needs(&[Instance]).footer(14),
    entry(Cmd::Fold, "fold", Now, &["space"], commands::fold, help::fold).footer(16),
    entry(Cmd::Snooze, "snooze", Now, &["m"], commands::snooze, help::snooze).needs(&[Write, Connection, Instance]),
    entry(Cmd::Acknowledge, "acknowledge", Now, &["M"], commands::acknowledge, help::acknowledge).needs(&[Write, Connection, Instance]),
    entry(Cmd::PreviousViolation, "previous-violation", Now, &["["], commands::previous_violation, help::previous_violation).footer(18),
    entry(Cmd::NextViolation, "next-violation", Now, &["]"], commands::next_violation, help::next_violation),
    entry(Cmd::LaneLeft, "lane-left", Timeline, &["h", "left"], commands::lane_left, help::lane_left).footer(11),
    entry(Cmd::LaneRight, "lane-right", Timeline, &["l", "right"], commands::lane_right, help::lane_right),
    // Metrics.
    entry(Cmd::Select, "select", Metrics, &["space"], commands::select, help::select).needs(&[Series]).footer(20),
    entry(Cmd::SelectAll, "select-all", Metrics, &["A"], commands::select_all, help::select_all),
    entry(Cmd::AddToSet, "add-to-set", Metrics, &["a"], commands::add_to_set, help::add_to_set).also(Detail).needs(&[Series]).footer(25),
    entry(Cmd::Names, "names", Metrics, &["n"], commands::names, help::names).footer(30),
    entry(Cmd::Preview, "preview", Metrics, &["v"], commands::preview, help::preview),
    // Detail.
    entry(Cmd::DetailNext, "next-page", Detail, &["tab", "space"], commands::next_page, help::next_page).footer(10),
    entry(Cmd::DetailPrevious, "previous-page", Detail, &["backtab"], commands::previous_page, help::previous_page),
    entry(Cmd::ZoomIn, "zoom-in", Detail, &["+", "="], commands::zoom_in, help::zoom_in).footer(12),
    entry(Cmd::ZoomOut, "zoom-out", Detail, &["-"], commands::zoom_out, help::zoom_out).footer(13),
    entry(Cmd::PanLeft, "pan-left", Detail, &["H", "shift-left"], commands::pan_left, help::pan_left),
    entry(Cmd::PanRight, "pan-right", Detail, &["shift-right"], commands::pan_right, help::pan_right),
    entry(Cmd::CursorLeft, "cursor-left", Detail, &["h", "left"], commands::cursor_left, help::cursor_left).footer(14),
    entry(Cmd::CursorRight, "cursor-right", Detail, &["l", "right"], commands::cursor_right, help::cursor_right),
    entry(Cmd::EarlierViolation, "earlier-violation", Detail, &["["], commands::earlier_violation, help::earlier_violation).footer(18),
    entry(Cmd::LaterViolation, "later-violation", Detail, &["]"], commands::later_violation, help::later_violation),
    entry(Cmd::LogScale, "log-scale", Detail, &["V"], commands::log_scale, help::log_scale),
    entry(Cmd::Compare, "compare", Detail, &["B"], commands::compare, help::compare),
    entry(Cmd::RaiseBound, "raise-bound", Detail, &["K", "shift-up"], commands::raise_bound, help::raise_bound).footer(11),
    entry(Cmd::LowerBound, "lower-bound", Detail, &["J", "shift-down"], commands::lower_bound, help::lower_bound),
    entry(Cmd::TurnBound, "turn-bound", Detail, &["b"], commands::turn_bound, help::turn_bound),
    entry(Cmd::Range, "range", Detail, &["t"], commands::range, help::range).argument("TIME").footer(16),
    // Sets.
    entry(Cmd::EditObjective, "edit-objective", Sets, &["enter"], commands::edit_objective, help::edit_objective).needs(&[Objective]).footer(12),
    entry(Cmd::EditFile, "edit-file", Sets, &["e"], commands::edit_file, help::edit_file).needs(&[Set, Editor]).footer(31),
    entry(Cmd::Ledger, "ledger", Sets, &["v"], commands::ledger, help::ledger).needs(&[Objective]).footer(24),
    entry(Cmd::NewObjective, "new-objective", Sets, &["n"], commands::new_objective, help::new_objective).needs(&[Set]).footer(14),
    entry(Cmd::DeleteObjective, "delete-objective", Sets, &["d", "delete"], commands::delete_objective, help::delete_objective).needs(&[Objective]),
    entry(Cmd::BoundUp, "bound-up", Sets, &["+", "="], commands::bound_up, help::bound_up).needs(&[Objective]).footer(30),
    entry(Cmd::BoundDown, "bound-down", Sets, &["-"], commands::bound_down, help::bound_down).needs(&[Objective]),
    entry(Cmd::SetBound, "bound", Sets, &[], commands::bound, help::bound).also(Detail).argument("BOUND").needs(&[Objective]),
    entry(Cmd::PickObjective, "select-objective", Sets, &["space"], commands::select_objective, help::select_objective).needs(&[Objective]),
    entry(Cmd::PickObjectives, "select-objectives", Sets, &["ctrl-a"], commands::select_objectives, help::select_objectives).needs(&[Objective]),
    entry(Cmd::OtherBound, "other-bound", Sets, &["t"], commands::other_bound, help::other_bound).needs(&[Objective]),
    entry(Cmd::Undo, "undo", Sets, &["u"], commands::undo, help::undo).also(Detail).needs(&[Undo]).footer(20),
    entry(Cmd::Redo, "redo", Sets, &["U", "ctrl-y"], commands::redo, help::redo).also(Detail).needs(&[Redo]),
    entry(Cmd::Revert, "revert", Sets, &["ctrl-x"], commands::revert, help::revert).also(Detail).needs(&[Changes]),
    entry(Cmd::Save, "save", Sets, &["S", "ctrl-s"], commands::save, help::save).also(Detail).needs(&[Write, Changes]).footer(22),
    entry(Cmd::Suggest, "suggest", Sets, &["ctrl-g"], commands::suggest, help::suggest).needs(&[Objective]).footer(28),
    entry(Cmd::NextSet, "next-set", Sets, &["]"], commands::next_set, help::next_set).argument("SET"),
    entry(Cmd::NewSet, "new-set", Sets, &["N"], commands::new_set, help::new_set).argument("NAME").needs(&[Write, Connection]),
    entry(Cmd::RenameSet, "rename-set", Sets, &["R"], commands::rename_set, help::rename_set).argument("NAME").needs(&[Write, Set]),
    entry(Cmd::DuplicateSet, "duplicate-set", Sets, &["D"], commands::duplicate_set, help::duplicate_set).argument("NAME").needs(&[Write, Set]),
    entry(Cmd::DeleteSet, "delete-set", Sets, &["X"], commands::delete_set, help::delete_set).needs(&[Write, Set]).dangerous(),
    entry(Cmd::ActivateSet, "activate-set", Sets, &["A"], commands::activate_set, help::activate_set).needs(&[Write, Set]).sometimes(),
    // Past.
    entry(Cmd::NextPane, "next-pane", Past, &["p"], commands::next_pane, help::next_pane).footer(14),
    entry(Cmd::Unfold, "unfold", Past, &["space"], commands::unfold, help::unfold).needs(&[Unfolding]).footer(12),
    entry(Cmd::Samples, "samples", Past, &["v"], commands::samples, help::samples).footer(16),
    // Runs.
    entry(Cmd::NewRun, "new-run", Runs, &["n"], commands::new_run, help::new_run).needs(&[Write, Connection]).footer(12),
    entry(Cmd::CancelRun, "cancel-run", Runs, &["c"], commands::cancel_run, help::cancel_run).needs(&[Write, Connection, GoingRun]).dangerous().footer(14),
    entry(Cmd::RetryFailed, "retry-failed", Runs, &["f"], commands::retry_failed, help::retry_failed).needs(&[Write, Connection, FailedRun]).footer(16),
    entry(Cmd::PauseSchedule, "pause-schedule", Runs, &["p"], commands::pause_schedule, help::pause_schedule).needs(&[Write, Connection]).footer(18),
    entry(Cmd::Schedule, "schedule", Runs, &[], commands::schedule, help::schedule).argument("TIMES").needs(&[Write, Connection]),
    entry(Cmd::DeadLetters, "dead-letters", Runs, &["D"], commands::dead_letters, help::dead_letters).needs(&[Connection]).footer(19),
    entry(Cmd::ReplayLetter, "replay-letter", Runs, &[], commands::replay_letter, help::replay_letter).argument("HASH").needs(&[Write, Connection]),
    // Weather.
    entry(Cmd::Subscribe, "subscribe", Weather, &["n"], commands::subscribe, help::subscribe).argument("CITY").needs(&[Write, Connection]).footer(12),
    entry(Cmd::ChangeSubscription, "change-subscription", Weather, &["e"], commands::change_subscription, help::change_subscription).needs(&[Write, Connection, Subscription]).footer(13),
    entry(Cmd::PauseSubscription, "pause-subscription", Weather, &["p"], commands::pause_subscription, help::pause_subscription).needs(&[Write, Connection, Subscription]).footer(15),
    entry(Cmd::Unsubscribe, "unsubscribe", Weather, &["X"], commands::unsubscribe, help::unsubscribe).needs(&[Write, Connection, Subscription]).dangerous().footer(14),
    // People.
    entry(Cmd::Login, "login", Global, &[], commands::login, help::login).argument("NAME"),
    entry(Cmd::Logout, "logout", Global, &["z,e"], commands::logout, help::logout).needs(&[Connection]),
    entry(Cmd::WhoAmI, "whoami", Global, &["z,w"], commands::whoami, help::whoami).needs(&[Connection]),
    entry(Cmd::Users, "users", Global, &["z,u"], commands::users, help::users).needs(&[Connection]),
    entry(Cmd::Sessions, "sessions", Global, &[], commands::sessions, help::sessions).argument("NAME").needs(&[Connection]),
    entry(Cmd::RevokeSession, "revoke-session", Global, &[], commands::revoke_session, help::revoke_session).argument("ID").dangerous().needs(&[Write, Connection]),
    entry(Cmd::Audit, "audit", Global, &["z,a"], commands::audit, help::audit).needs(&[Connection]),
    entry(Cmd::Deliveries, "deliveries", Global, &["z,d"], commands::deliveries, help::deliveries).needs(&[Connection]),
    entry(Cmd::Marks, "marks", Global, &["z,m"], commands::marks, help::marks).needs(&[Connection]),
    // Choosing, forms and questions.
    entry(Cmd::Tick, "tick", Pick, &["space"], commands::tick, help::tick),
    entry(Cmd::MoveUp, "move-up", Pick, &["K"], commands::move_up, help::move_up),
    entry(Cmd::MoveDown, "move-down", Pick, &["J"], commands::move_down, help::move_down),
    entry(Cmd::Submit, "submit", Form, &["enter", "ctrl-s"], commands::submit, help::submit).footer(10),
    entry(Cmd::NextField, "next-field", Form, &["tab", "down"], commands::next_field, help::next_field).footer(12),
    entry(Cmd::PreviousField, "previous-field", Form, &["backtab", "up"], commands::previous_field, help::previous_field),
    entry(Cmd::Yes, "yes", Confirm, &["y"], commands::yes, help::yes).footer(10),
    entry(Cmd::No, "no", Confirm, &["n", "esc", "q"], commands::no, help::no).footer(11),
];

/// The entry of `cmd`.
pub(crate) fn command(cmd: Cmd) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.cmd == cmd)
}
