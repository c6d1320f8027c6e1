//! The tabs.

/// One tab, in the order of the tab row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Tab {
    Now,
    Metrics,
    Sets,
    Past,
    Future,
    Runs,
}

impl Tab {
    /// A further tab is a line here, one in `screens::all` and one in the registry of commands.
    pub(crate) const ALL: [(Self, &'static str); 6] = [
        (Self::Now, "Now"),
        (Self::Metrics, "Metrics"),
        (Self::Sets, "SLA sets"),
        (Self::Past, "Past"),
        (Self::Future, "Future"),
        (Self::Runs, "Runs"),
    ];

    pub(crate) fn title(self) -> &'static str {
        Self::ALL[self.at()].1
    }

    /// Its place among all.
    pub(crate) fn at(self) -> usize {
        self as usize
    }

    /// The tab `by` places to the right, round the end.
    pub(crate) fn step(self, by: isize) -> Self {
        Self::ALL[(self.at() as isize + by).rem_euclid(Self::ALL.len() as isize) as usize].0
    }
}
