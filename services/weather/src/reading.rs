//! What a provider says: what is now, and what it expects. The two never mix.

use serde::{Deserialize, Serialize};
use sla_proto::convert::{duration, timestamp};
use sla_proto::weather::v1 as pb;
use sla_source::kept::AboutMetric;

/// Names of the series.
pub(crate) const TEMPERATURE: &str = "weather_temperature_celsius";
pub(crate) const RAIN: &str = "weather_rain_mm";
pub(crate) const SNOW: &str = "weather_snow_water_mm";
const SNOWFALL: &str = "weather_snowfall_cm";
const WIND: &str = "weather_wind_speed_ms";

/// What is told of the series.
pub const ABOUT: &[AboutMetric] = &[
    AboutMetric {
        name: TEMPERATURE,
        help: "Air temperature at 2 m.",
        unit: "celsius",
    },
    AboutMetric {
        name: RAIN,
        help: "Rain in the provider's last interval.",
        unit: "millimeters",
    },
    AboutMetric {
        name: SNOW,
        help: "Snow in the provider's last interval, as water.",
        unit: "millimeters",
    },
    AboutMetric {
        name: SNOWFALL,
        help: "Fresh snow in the provider's last interval.",
        unit: "centimeters",
    },
    AboutMetric {
        name: WIND,
        help: "Wind speed at 10 m.",
        unit: "meters_per_second",
    },
];

/// What is now. What was not said is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// What time it is about, Unix milliseconds.
    pub(crate) observed_ms: i64,
    /// What rain and snow are summed over, milliseconds.
    pub(crate) interval_ms: i64,
    pub(crate) temperature: Option<f64>,
    pub(crate) rain_mm: Option<f64>,
    pub(crate) snow_water_mm: Option<f64>,
    pub(crate) snowfall_cm: Option<f64>,
    pub(crate) wind_ms: Option<f64>,
}

impl Reading {
    /// Metric and value, as far as they were said.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'static str, f64)> {
        [
            (TEMPERATURE, self.temperature),
            (RAIN, self.rain_mm),
            (SNOW, self.snow_water_mm),
            (SNOWFALL, self.snowfall_cm),
            (WIND, self.wind_ms),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    /// For an answer.
    pub(crate) fn message(&self, polled_ms: i64) -> pb::Reading {
        pb::Reading {
            polled: Some(timestamp(polled_ms)),
            observed: Some(timestamp(self.observed_ms)),
            temperature_celsius: self.temperature,
            rain_mm: self.rain_mm,
            snow_water_mm: self.snow_water_mm,
            snowfall_cm: self.snowfall_cm,
            wind_speed_ms: self.wind_ms,
            interval: Some(duration(self.interval_ms)),
        }
    }
}

/// One span of the provider's forecast.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Expected {
    /// Its end, Unix milliseconds.
    pub(crate) at_ms: i64,
    /// Its length, milliseconds.
    pub(crate) span_ms: i64,
    pub(crate) temperature: Option<f64>,
    pub(crate) rain_mm: Option<f64>,
    pub(crate) snow_water_mm: Option<f64>,
}

impl Expected {
    /// For an answer.
    pub(crate) fn message(&self) -> pb::ForecastHour {
        pb::ForecastHour {
            at: Some(timestamp(self.at_ms)),
            temperature_celsius: self.temperature,
            rain_mm: self.rain_mm,
            snow_water_mm: self.snow_water_mm,
            span: Some(duration(self.span_ms)),
        }
    }
}

/// An answer of a provider.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) now: Reading,
    /// `None` where it was not asked for.
    pub(crate) forecast: Option<Vec<Expected>>,
}
