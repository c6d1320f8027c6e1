//! What a command needs before it can be done.

use crate::say;

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
            Self::Write => say::needs::this_console_is_read(),
            Self::Connection => say::needs::there_is_no_connection(),
            Self::Series => say::needs::no_series_is_chosen(),
            Self::Set => say::needs::there_is_no_sla(),
            Self::Objective => say::needs::no_objective_is_chosen(),
            Self::Unfolding => say::needs::the_chosen_objective_is(),
            Self::Editor => say::needs::no_editor_was_found(),
            Self::Changes => say::needs::nothing_was_changed(),
            Self::Undo => say::needs::there_is_nothing_to(),
            Self::Redo => say::needs::there_is_nothing_to_do(),
            Self::Instance => say::needs::choose_a_row_about(),
            Self::Back => say::needs::this_is_where_you(),
            Self::Forward => say::needs::this_is_the_newest(),
            Self::GoingRun => say::needs::the_chosen_run_has(),
            Self::FailedRun => say::needs::no_series_of_the(),
            Self::Cities => say::needs::this_instance_does_not(),
            Self::Subscription => say::needs::choose_a_city_to(),
        }
    }
}
