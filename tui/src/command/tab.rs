//! The tabs.

use crate::say::{self, Text};

/// One tab, in the order of the tab row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Tab {
    Now,
    Metrics,
    Sets,
    Past,
    Future,
    Runs,
    Weather,
}

impl Tab {
    /// A further tab is a line here, one in `screens::all` and one in the registry of commands.
    pub(crate) const ALL: [(Self, Text); 7] = [
        (Self::Now, say::tabs::now),
        (Self::Metrics, say::tabs::metrics),
        (Self::Sets, say::tabs::sets),
        (Self::Past, say::tabs::past),
        (Self::Future, say::tabs::future),
        (Self::Runs, say::tabs::runs),
        (Self::Weather, say::tabs::weather),
    ];

    pub(crate) fn title(self) -> &'static str {
        (Self::ALL[self.at()].1)()
    }

    /// One word, for a narrow screen.
    pub(crate) fn short(self) -> &'static str {
        say::tabs::short().split(' ').nth(self.at()).unwrap_or_default()
    }

    /// Its place among all.
    pub(crate) fn at(self) -> usize {
        self as usize
    }

    /// The role without which it is not there; `None` for one that always is.
    pub(crate) fn role(self) -> Option<&'static str> {
        (self == Self::Weather).then_some("weather")
    }

    /// The tab `by` places to the right among those that are `there`, round the end.
    pub(crate) fn step(self, by: isize, there: impl Fn(Self) -> bool) -> Self {
        let next = |at: Self| Self::ALL[(at.at() as isize + by).rem_euclid(Self::ALL.len() as isize) as usize].0;
        let mut tab = next(self);
        while !there(tab) && tab != self {
            tab = next(tab);
        }
        tab
    }
}
