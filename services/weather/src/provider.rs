//! The adapters of the port to whoever knows the weather, and which of them is configured.

mod http;
mod key;
mod open_meteo;
mod open_weather;
mod wire;

use std::sync::Arc;

use sla_domain::Clock;

use crate::error::ProviderError;
use crate::options::{ProviderKind, WeatherOptions};
use crate::pace::Pace;
use crate::port::Provider;
use http::Http;
use key::Key;

/// The configured provider.
///
/// # Errors
/// [`ProviderError::Unreachable`] for an address that is none.
pub(crate) fn provider(
    options: &WeatherOptions,
    pace: &Arc<Pace>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Provider>, ProviderError> {
    let key = options.key_file.clone().map(Key::in_file);
    let (own, own_geocoding) = options.provider.addresses();
    let given = |text: &str, or: &str| {
        if text.is_empty() {
            or.to_owned()
        } else {
            text.to_owned()
        }
    };
    let base = given(&options.base_url, own);
    let fallback = if options.base_url.is_empty() {
        own_geocoding
    } else {
        &base
    };
    let geocoding = given(&options.geocoding_url, fallback);
    let http = |base: &str| Http::new(base, key.clone(), pace.clone(), clock.clone());
    Ok(match options.provider {
        ProviderKind::OpenMeteo => Arc::new(open_meteo::OpenMeteo {
            forecast: http(&base)?,
            geocoding: http(&geocoding)?,
        }),
        ProviderKind::OpenWeatherMap => Arc::new(open_weather::OpenWeather {
            data: http(&base)?,
            geocoding: http(&geocoding)?,
        }),
    })
}
