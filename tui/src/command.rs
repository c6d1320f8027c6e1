//! One registry of everything the console can do. Keys, footer, `?` help, `:` palette, man page, docs table, rebinding and
//! tests are all derived from it.

mod docs;
pub(crate) mod keymap;
mod need;
pub(crate) mod palette;
mod registry;
mod tab;

pub use docs::{commands_markdown, commands_roff};
pub(crate) use need::Need;
pub(crate) use registry::{COMMANDS, command};
pub(crate) use tab::Tab;

use crate::say::{self, Text};

/// What can be done. The names are those of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cmd {
    Quit,
    Help,
    Palette,
    Find,
    Around,
    SetList,
    Theme,
    Language,
    Reload,
    SaveView,
    Views,
    DeleteView,
    CopyValue,
    CopyRow,
    Back,
    Refresh,
    Redraw,
    Suspend,
    Zone,
    Log,
    Health,
    EvaluateNow,
    Go(Tab),
    NextTab,
    PreviousTab,
    JumpBack,
    JumpForward,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Open,
    Select,
    SelectAll,
    Filter,
    Sort,
    SortReverse,
    Window,
    WindowBack,
    Copy,
    CopyCurl,
    Columns,
    Why,
    Export,
    Show,
    Timeline,
    Fold,
    EditRange,
    Snooze,
    Acknowledge,
    PreviousViolation,
    NextViolation,
    LaneLeft,
    LaneRight,
    Names,
    AddToSet,
    Preview,
    DetailNext,
    DetailPrevious,
    ZoomIn,
    ZoomOut,
    PanLeft,
    PanRight,
    CursorLeft,
    CursorRight,
    EarlierViolation,
    LogScale,
    Compare,
    RaiseBound,
    LowerBound,
    TurnBound,
    LaterViolation,
    Range,
    NewObjective,
    EditObjective,
    EditFile,
    Ledger,
    DeleteObjective,
    BoundUp,
    BoundDown,
    SetBound,
    PickObjective,
    PickObjectives,
    OtherBound,
    Undo,
    Redo,
    Revert,
    Save,
    Suggest,
    NewSet,
    RenameSet,
    DuplicateSet,
    DeleteSet,
    ActivateSet,
    NextSet,
    Samples,
    NextPane,
    Unfold,
    NewRun,
    CancelRun,
    RetryFailed,
    PauseSchedule,
    Schedule,
    DeadLetters,
    ReplayLetter,
    Subscribe,
    ChangeSubscription,
    PauseSubscription,
    Unsubscribe,
    Login,
    Logout,
    WhoAmI,
    Users,
    Sessions,
    RevokeSession,
    Audit,
    Deliveries,
    Marks,
    Tick,
    MoveUp,
    MoveDown,
    Submit,
    NextField,
    PreviousField,
    Yes,
    No,
}

/// Where a command works. The active scopes form a stack, the innermost is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Everywhere that nothing is being typed.
    Global,
    /// Any list.
    List,
    Now,
    Timeline,
    Metrics,
    Detail,
    Sets,
    Past,
    Future,
    Runs,
    Weather,
    /// A form or a line that is being typed.
    Form,
    /// A question.
    Confirm,
    /// A list to choose from.
    Pick,
}

impl Scope {
    /// As config, help and docs write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Global => say::places::global(),
            Self::List => say::places::list(),
            Self::Now => say::places::now(),
            Self::Timeline => say::places::timeline(),
            Self::Metrics => say::places::metrics(),
            Self::Detail => say::places::detail(),
            Self::Sets => say::places::sets(),
            Self::Past => say::places::past(),
            Self::Future => say::places::future(),
            Self::Runs => say::places::runs(),
            Self::Weather => say::places::weather(),
            Self::Form => say::places::form(),
            Self::Confirm => say::places::confirm(),
            Self::Pick => say::places::choosing(),
        }
    }
}

/// What cannot be undone asks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Danger {
    None,
    /// Asks before it is done.
    Confirm,
    /// Asks when there is something to ask.
    Sometimes,
}

/// One entry of the registry.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) cmd: Cmd,
    /// Stable name, used in `:` and in the config.
    pub(crate) id: &'static str,
    /// Two or three words for footer and palette.
    title: Text,
    /// A sentence.
    help: Text,
    pub(crate) scope: Scope,
    /// Where else it works, with the same keys.
    pub(crate) also: Option<Scope>,
    /// Default keys, the first is shown.
    pub(crate) chords: &'static [&'static str],
    /// Name of the argument that `:id …` takes.
    pub(crate) argument: Option<&'static str>,
    pub(crate) danger: Danger,
    /// Rank in the footer; 0 = not there.
    pub(crate) footer: u8,
    /// All must be there.
    pub(crate) needs: &'static [Need],
}

impl Command {
    /// The scopes it works in.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = Scope> {
        std::iter::once(self.scope).chain(self.also)
    }

    /// Whether it works in one of these.
    pub(crate) fn works_in(&self, scopes: &[Scope]) -> bool {
        self.scopes().any(|scope| scopes.contains(&scope))
    }

    /// Where it works, as help and docs write it.
    pub(crate) fn place(&self) -> String {
        let words: Vec<&str> = self.scopes().map(Scope::word).collect();
        words.join(", ")
    }

    /// Two or three words for footer and palette.
    pub(crate) fn title(&self) -> &'static str {
        (self.title)()
    }

    /// A sentence.
    pub(crate) fn help(&self) -> &'static str {
        (self.help)()
    }
}

#[cfg(test)]
mod tests;
