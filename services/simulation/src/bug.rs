//! Faults that the product once had, or might get: planted around its ports, so that the checks can be checked. Nothing of
//! the product knows of them.

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// V3: what was read up to an instant in the future counts as known.
    BlindAfterJump,
    /// V4: the server's clock is not looked at.
    ClockNotSeen,
    /// V8: the stored spacing of an objective is forgotten.
    SpacingForgotten,
    /// F10: an edit is acknowledged though the folder it was written to has gone.
    GoneAcknowledged,
    /// What is committed is not flushed to the disk.
    NotFlushed,
    /// A write that is refused for want of room is there all the same.
    RefusedButStored,
    /// A write to the ledger that fails is taken for done.
    LedgerSwallowed,
    /// A save does not look at the version that was read.
    LastWriterWins,
    /// Samples that arrive late are never read.
    LateIgnored,
    /// A result is acknowledged and lost.
    ResultLost,
    /// A watcher misses what changed now and then.
    UpdateMissed,
    /// A message is taken for sent that never arrived.
    MessageSwallowed,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::BlindAfterJump,
        Self::ClockNotSeen,
        Self::SpacingForgotten,
        Self::GoneAcknowledged,
        Self::NotFlushed,
        Self::RefusedButStored,
        Self::LedgerSwallowed,
        Self::LastWriterWins,
        Self::LateIgnored,
        Self::ResultLost,
        Self::UpdateMissed,
        Self::MessageSwallowed,
    ];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::BlindAfterJump => "blind-after-jump",
            Self::ClockNotSeen => "clock-not-seen",
            Self::SpacingForgotten => "spacing-forgotten",
            Self::GoneAcknowledged => "gone-acknowledged",
            Self::NotFlushed => "not-flushed",
            Self::RefusedButStored => "refused-but-stored",
            Self::LedgerSwallowed => "ledger-swallowed",
            Self::LastWriterWins => "last-writer-wins",
            Self::LateIgnored => "late-ignored",
            Self::ResultLost => "result-lost",
            Self::UpdateMissed => "update-missed",
            Self::MessageSwallowed => "message-swallowed",
        }
    }
}
