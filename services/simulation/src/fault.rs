//! What can go wrong around an instance.

/// How the source does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SourceMood {
    #[default]
    Fine,
    /// No answer.
    Away,
    /// HTTP 503.
    Refusing,
    /// Each answer takes so long, milliseconds.
    Slow(u64),
    /// It has nothing of the last so many milliseconds.
    Lagging(i64),
    /// Series of one name fail, the others are there.
    Partial(usize),
    /// It says that there is nothing at all.
    Empty,
}

/// How the provider of weather does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SkyMood {
    #[default]
    Fine,
    /// No answer.
    Away,
    /// Each answer takes so long, milliseconds.
    Slow(u64),
    /// It tells of hours ago.
    Old,
}

/// How the disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DiskMood {
    #[default]
    Fine,
    /// Every write finds it full.
    Full,
    /// So many percent of writes fail.
    Failing(u64),
    /// The next write is cut in the middle, and the process with it.
    Tearing,
}

/// Something that goes wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Source(SourceMood),
    Disk(DiskMood),
    Sky(SkyMood),
    /// Percent of calls that are lost.
    Wire(u64),
    /// Percent of results that are refused, doubled or overtaken.
    Bus(u64),
    /// Percent of messages to people that do not arrive, or whose receipt does not.
    Post(u64),
    /// Samples of one series come late.
    Late(usize),
    /// The machine's clock is ahead by so much, milliseconds.
    Jump(i64),
    /// Another folder stands in the place of the data folder.
    FolderSwapped,
}
