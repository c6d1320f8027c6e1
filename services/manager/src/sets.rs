//! SLA sets: kept, checked, planned, suggested.

pub mod catalog;
pub mod default_set;
pub mod editor;
pub mod identity;
pub mod plan;
pub mod room;
pub mod sight;
pub mod suggestion;
pub mod validation;
