//! A provider for tests of whole instances: a sky that they make.

use std::sync::Arc;

use async_trait::async_trait;
use sla_domain::{Clock, SafeText};

use crate::error::ProviderError;
use crate::pace::Pace;
use crate::place::Place;
use crate::port::Provider;
use crate::reading::{Reading, Report};

/// Where a place of any name lies.
const LATITUDE: f64 = 37.5;
/// What the provider's intervals are long, milliseconds.
const INTERVAL_MS: i64 = 900_000;

/// What makes the weather.
#[async_trait]
pub trait Sky: Send + Sync + 'static {
    /// What it is now: of which instant (Unix milliseconds), and °C; words where nobody says it.
    async fn temperature(&self) -> Result<(i64, f64), String>;
}

/// The provider below a sky.
pub(crate) struct UnderSky {
    pub(crate) sky: Arc<dyn Sky>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Provider for UnderSky {
    async fn report(&self, _: &Place, _: bool) -> Result<Report, ProviderError> {
        self.pace.enter(self.clock.now_ms()).await?;
        let told = self.sky.temperature().await;
        let report = told.map(|(observed_ms, temperature)| Report {
            now: Reading {
                observed_ms,
                interval_ms: INTERVAL_MS,
                temperature: Some(temperature),
                ..Reading::default()
            },
            forecast: None,
        });
        let report = report.map_err(|words| ProviderError::Unreachable(SafeText::new(&words)));
        self.pace.told(&report, self.clock.now_ms());
        report
    }

    async fn search(&self, name: &str) -> Result<Vec<Place>, ProviderError> {
        Ok(Place::new(name, "", "IT", LATITUDE, LATITUDE).into_iter().collect())
    }
}
