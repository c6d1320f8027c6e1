//! Flow tests: the real app, a scripted instance behind it, keys in, pictures out.

mod driver;
mod figures;
mod flows;
mod frames;
mod hostile;
mod pty;
mod questions;
pub(crate) mod script;
pub(crate) mod wire;
