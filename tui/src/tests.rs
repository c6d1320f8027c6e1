//! Flow tests: the real app, a scripted instance behind it, keys in, pictures out.

mod accounts;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod charts;
pub(crate) mod driver;
mod figures;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod hands;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod languages;
#[cfg(test)]
mod people;
#[cfg(test)]
mod pictures;
#[cfg(test)]
mod pty;
#[cfg(test)]
mod questions;
pub(crate) mod script;
#[cfg(test)]
mod tables;
mod town;
#[cfg(test)]
mod walk;
#[cfg(test)]
pub(crate) mod wire;
