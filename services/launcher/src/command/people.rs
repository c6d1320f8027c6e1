//! The commands about people: users, logging in, sessions, tokens, the audit log.

pub(crate) mod audit;
pub(crate) mod keyring;
pub(crate) mod login;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod users;
