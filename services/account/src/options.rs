//! What can be chosen.

use std::num::NonZeroUsize;

/// Who may make an account for himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Registration {
    /// Nobody: an admin adds users.
    #[default]
    Closed,
    /// Who has the code of an invitation.
    Invitation,
    /// Whoever reaches a door; he becomes a viewer.
    Open,
}

/// Options of the role.
#[derive(Debug, Clone, Copy)]
pub struct AccountOptions {
    /// Who may register.
    pub registration: Registration,
    /// Passwords that are hashed at once: half of the cores, at least one.
    pub hashers: usize,
}

impl Default for AccountOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            registration: Registration::default(),
            hashers: (cores / 2).max(1),
        }
    }
}
