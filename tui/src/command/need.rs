//! What a command needs before it can be done.

/// Something that must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Connection,
    /// The console may change things.
    Write,
    /// A chosen series.
    Series,
    /// An open set.
    Set,
    /// A chosen objective.
    Objective,
    /// An objective of several series.
    Unfolding,
    /// The user's editor.
    Editor,
    /// Changes that are not saved.
    Changes,
    /// A change that can be taken back.
    Undo,
    /// A change that was taken back.
    Redo,
    /// A row about one objective.
    Instance,
    /// A place that was left.
    Back,
    /// A place that was left by going back.
    Forward,
    /// A chosen run that goes on.
    GoingRun,
    /// A chosen run of which series failed.
    FailedRun,
    /// The role weather.
    Cities,
    /// One subscription to the chosen city.
    Subscription,
}

impl Need {
    /// What is said when it is not there.
    pub(crate) fn lacking(self) -> &'static str {
        match self {
            Self::Write => "this console is read-only",
            Self::Connection => "there is no connection to the instance",
            Self::Series => "no series is chosen",
            Self::Set => "there is no SLA set yet: create one with `new-set`",
            Self::Objective => "no objective is chosen",
            Self::Unfolding => "the chosen objective is about one series",
            Self::Editor => "no editor was found: set $VISUAL or $EDITOR",
            Self::Changes => "nothing was changed",
            Self::Undo => "there is nothing to undo",
            Self::Redo => "there is nothing to do again",
            Self::Instance => "choose a row about one objective",
            Self::Back => "this is where you began",
            Self::Forward => "this is the newest place",
            Self::GoingRun => "the chosen run has ended",
            Self::FailedRun => "no series of the chosen run failed",
            Self::Cities => "this instance does not watch the weather: see [weather] in its configuration",
            Self::Subscription => "choose a city to which you have one subscription; the tab SLA sets lists all",
        }
    }
}
