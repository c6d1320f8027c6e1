//! Which rows of the server's table are here.

/// Rows asked for at once.
pub(super) const PAGE_ROWS: u32 = 500;
/// A table of at most so many rows is held as a whole …
pub(super) const ROWS_MAX: usize = 2_000;
/// … and of a longer one so many: a page between the two edges from which the next one is asked for.
pub(super) const WINDOW_ROWS: usize = 1_000;

/// What the server sifts and orders rows by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) filter: String,
    pub(super) sort: String,
}

impl Wish {
    pub(super) fn filters_nothing(&self) -> bool {
        self.filter.is_empty()
    }
}

/// Where a page goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// The first of a read that begins behind so many rows.
    First(usize),
    /// The next of that read.
    Next,
    /// Behind the window.
    Below,
    /// Before it.
    Above,
}

/// Which rows of the server's table are here.
#[derive(Debug)]
pub(super) struct Reach {
    /// What the rows here were asked for with.
    pub(super) held: Wish,
    /// What those on their way were asked for with.
    pub(super) asked: Wish,
    /// The page that is on its way, or came last.
    pub(super) page: Page,
    /// Rows that pass before the first one here.
    pub(super) from: usize,
    /// Of a read that is under way, the rows that came; behind them stand those of the read before.
    pub(super) fresh: usize,
    /// When typing has rested, monotonic milliseconds.
    pub(super) ask_at_ms: Option<i64>,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            held: Wish::default(),
            asked: Wish::default(),
            page: Page::First(0),
            from: 0,
            fresh: 0,
            ask_at_ms: None,
        }
    }
}
