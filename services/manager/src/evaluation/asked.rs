//! What is asked of an evaluation.

use sla_domain::window::Window;

/// What is asked of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The instant, Unix milliseconds.
    pub at_ms: i64,
    /// Window lengths, milliseconds, in the order of the answer.
    pub windows_ms: Vec<i64>,
    /// Overrides how long a sample holds, milliseconds.
    pub cap_ms: Option<i64>,
}

impl Asked {
    /// The windows, all ending at the instant.
    pub fn windows(&self) -> impl Iterator<Item = Window> {
        let end_ms = self.at_ms;
        self.windows_ms
            .iter()
            .map(move |&length_ms| Window { end_ms, length_ms })
    }

    /// The longest window, milliseconds.
    pub fn longest_ms(&self) -> i64 {
        self.windows_ms.iter().copied().max().unwrap_or(0)
    }
}
