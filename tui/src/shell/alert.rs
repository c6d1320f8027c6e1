//! What the launcher hands in beside the terminal: how violations are told, and how the configuration is read again.

use std::sync::Arc;

use crate::app::Settings;

/// Reads the configuration; a sentence when it is wrong.
pub type Reload = Arc<dyn Fn() -> Result<Settings, String> + Send + Sync>;

/// What a new violation does beside being told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alert {
    /// Nothing.
    #[default]
    Nothing,
    /// The terminal's bell.
    Bell,
    /// A notification of the desktop, where the terminal passes it on (OSC 9).
    Desktop,
}
