//! A place with a name.

use serde::{Deserialize, Serialize};
use sla_domain::{Labels, METRIC_NAME, SafeText, Selector};
use sla_proto::weather::v1::City;

/// Characters of a name that are kept.
const MAX_NAME_CHARS: usize = 60;

/// A city, or whatever the geocoding knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) name: String,
    /// Empty when the provider names none.
    pub(crate) region: String,
    /// ISO 3166-1 alpha-2; empty on the sea.
    pub(crate) country: String,
    /// Degrees, two digits: about a kilometre.
    pub(crate) lat: f64,
    pub(crate) lon: f64,
}

/// Two digits after the point; no negative zero.
fn rounded(degrees: f64) -> f64 {
    (degrees * 100.0).round() / 100.0 + 0.0
}

impl Place {
    /// From what a provider says; `None` for coordinates that are none or a name of nothing.
    pub(crate) fn new(name: &str, region: &str, country: &str, lat: f64, lon: f64) -> Option<Self> {
        let safe = |text: &str| {
            let text = SafeText::with_limit(text.trim(), MAX_NAME_CHARS).into_string();
            // Commas and @ part a name from what tells it from others.
            text.replace([',', '@'], " ")
        };
        let is_on_earth = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        let place = Self {
            name: safe(name),
            region: safe(region),
            country: safe(country),
            lat: rounded(lat),
            lon: rounded(lon),
        };
        (is_on_earth && !place.name.is_empty()).then_some(place)
    }

    /// Latitude and longitude as they stand in labels.
    pub(crate) fn coordinates(&self) -> [String; 2] {
        [format!("{:.2}", self.lat), format!("{:.2}", self.lon)]
    }

    /// Stays the same, unique.
    pub(crate) fn key(&self) -> String {
        self.coordinates().join(",")
    }

    /// `Catania, Sicily, IT`.
    pub(crate) fn full_name(&self) -> String {
        let parts = [&self.name, &self.region, &self.country];
        let parts: Vec<&str> = parts
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(", ")
    }

    /// The series of a metric here.
    pub(crate) fn labels(&self, metric: &str, provider: &str) -> Labels {
        let [lat, lon] = self.coordinates();
        Labels::from_pairs([
            (METRIC_NAME, metric),
            ("city", self.name.as_str()),
            ("country", self.country.as_str()),
            ("lat", lat.as_str()),
            ("lon", lon.as_str()),
            ("provider", provider),
        ])
    }

    /// Selects the series of a metric here, whoever provides it.
    pub(crate) fn selector(&self, metric: &str) -> Option<String> {
        let [lat, lon] = self.coordinates();
        let labels = Labels::from_pairs([
            (METRIC_NAME, metric),
            ("city", self.name.as_str()),
            ("lat", lat.as_str()),
            ("lon", lon.as_str()),
        ]);
        Selector::of_labels(&labels).map(|selector| selector.text().to_owned())
    }

    /// For an answer.
    pub(crate) fn message(&self) -> City {
        City {
            key: self.key(),
            name: self.name.clone(),
            region: self.region.clone(),
            country: self.country.clone(),
            latitude: self.lat,
            longitude: self.lon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_harmless_and_rounded() {
        let place = Place::new("Cata\u{1b}nia, old", "Sicily", "IT", 37.492_13, -0.001).unwrap();
        assert_eq!(place.key(), "37.49,0.00");
        assert!(!place.name.contains(['\u{1b}', ',']), "{}", place.name);
        assert!(Place::new("Nowhere", "", "", 91.0, 0.0).is_none());
        assert!(Place::new("Nowhere", "", "", f64::NAN, 0.0).is_none());
        assert!(Place::new(" ", "", "", 0.0, 0.0).is_none());
        assert_eq!(Place::new("Pole", "", "", 90.0, 0.0).unwrap().full_name(), "Pole");
    }

    #[test]
    fn its_selector_finds_its_series() {
        let place = Place::new("Sant'Agata \"li\" Battiati", "Sicily", "IT", 37.56, 15.08).unwrap();
        let selector = sla_domain::Query::parse_selector(&place.selector("weather_rain_mm").unwrap()).unwrap();
        let labels = place.labels("weather_rain_mm", "open-meteo");
        let matches = selector.matchers().iter();
        assert!(matches.clone().count() >= 3);
        assert!({ matches }.all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or(""))));
    }
}
