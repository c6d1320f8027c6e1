//! The port to whoever knows the weather.

use async_trait::async_trait;

use crate::error::ProviderError;
use crate::place::Place;
use crate::reading::Report;

/// Whoever knows the weather. Each question is paced, and counts against the quota.
#[async_trait]
pub(crate) trait Provider: Send + Sync + 'static {
    /// What is now at a place; with what is expected where that costs nothing, or when it is `wanted`.
    async fn report(&self, place: &Place, forecast_wanted: bool) -> Result<Report, ProviderError>;

    /// Places of a name, as the provider ranks them.
    async fn search(&self, name: &str) -> Result<Vec<Place>, ProviderError>;
}
