//! The role `weather`: polls the weather of cities, once a place and round however many people watch it, hands it as samples
//! to the source `weather`, and makes sets with an owner of subscriptions.
//!
//! Invariant: only what the provider says is now becomes a sample; its forecast is kept apart. What it does not say is unknown,
//! never zero. A key never reaches a log, an error or an answer.

mod absent;
mod asking;
mod book;
mod choice;
mod city;
mod desk;
mod error;
mod grpc;
mod metrics;
mod options;
mod pace;
mod place;
mod polling;
mod port;
mod provider;
mod reading;
mod rounds;
mod service;
#[cfg(feature = "test-support")]
pub mod sky;
mod subscribing;
mod subscription;

pub use absent::absent;
pub use options::{ProviderKind, SOURCE, WeatherOptions};
pub use reading::ABOUT;
pub use service::{StartError, WeatherService};
