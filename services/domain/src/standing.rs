//! Whether a probability may be believed, after its track record.

/// What a track record allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Too few scored forecasts: the probability is shown as unproven.
    Unproven,
    /// Enough of them, and not shown to be worse than last-value.
    Proven,
    /// Shown to be worse than last-value: no probability is given.
    Withheld,
}

impl Standing {
    /// The word used on screens and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Proven => "proven",
            Self::Withheld => "withheld",
        }
    }
}
