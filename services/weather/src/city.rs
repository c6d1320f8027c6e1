//! A city that is polled, and how it is stored.

use serde::{Deserialize, Serialize};
use sla_proto::convert::timestamp;
use sla_proto::weather::v1::CityState;

use crate::error::ProviderError;
use crate::options::MAX_READINGS;
use crate::place::Place;
use crate::reading::{Expected, Reading, Report};

/// A reading is told as what is now for this long, milliseconds: four rounds at the usual distance.
const NOW_MS: i64 = 3_600_000;

/// A city.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct City {
    pub(crate) place: Place,
    /// Of whom the readings are.
    pub(crate) provider: String,
    /// Stays without subscriptions.
    pub(crate) pinned: bool,
    /// When it was asked, Unix milliseconds, and what was said; oldest first.
    pub(crate) readings: Vec<(i64, Reading)>,
    pub(crate) forecast: Vec<Expected>,
    pub(crate) forecast_made_ms: Option<i64>,
    /// Why the newest poll failed; empty when it did not.
    #[serde(skip)]
    pub(crate) problem: String,
}

impl City {
    pub(crate) fn new(place: Place, provider: &str, pinned: bool) -> Self {
        Self {
            place,
            provider: provider.to_owned(),
            pinned,
            readings: Vec::new(),
            forecast: Vec::new(),
            forecast_made_ms: None,
            problem: String::new(),
        }
    }

    /// When it has answered last.
    pub(crate) fn answered_ms(&self) -> Option<i64> {
        self.readings.last().map(|(polled_ms, _)| *polled_ms)
    }

    /// What is now, as far as it is known at `now_ms`; an old reading is none. A round may be longer than an hour.
    pub(crate) fn now(&self, now_ms: i64, round_ms: i64) -> Option<(i64, Reading)> {
        let (polled_ms, reading) = *self.readings.last()?;
        // A clock that was set back has polled in the future.
        let is_now = (now_ms - polled_ms).abs() <= NOW_MS.max(2 * round_ms);
        is_now.then_some((polled_ms.min(now_ms), reading))
    }

    /// Takes over what was said at `polled_ms`.
    pub(crate) fn take(&mut self, report: Report, polled_ms: i64) {
        self.problem.clear();
        self.readings.retain(|(earlier_ms, _)| *earlier_ms < polled_ms);
        self.readings.push((polled_ms, report.now));
        let over = self.readings.len().saturating_sub(MAX_READINGS);
        self.readings.drain(..over);
        if let Some(forecast) = report.forecast {
            (self.forecast, self.forecast_made_ms) = (forecast, Some(polled_ms));
        }
    }

    /// It could not be asked.
    pub(crate) fn fail(&mut self, error: &ProviderError) {
        self.problem = error.to_string();
    }

    /// For an answer; spans of the forecast that are over are left out.
    pub(crate) fn message(&self, now_ms: i64, round_ms: i64, due_ms: Option<i64>, forecast: bool) -> CityState {
        let ahead = self
            .forecast
            .iter()
            .filter(|expected| expected.at_ms > now_ms && forecast);
        CityState {
            city: Some(self.place.message()),
            now: self
                .now(now_ms, round_ms)
                .map(|(polled_ms, reading)| reading.message(polled_ms)),
            problem: self.problem.clone(),
            next_poll: due_ms.map(timestamp),
            forecast: ahead.map(Expected::message).collect(),
            forecast_made: self.forecast_made_ms.filter(|_| forecast).map(timestamp),
            subscriptions: 0,
            pinned: self.pinned,
            outlooks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_780_000_000_000;

    fn report(temperature: f64) -> Report {
        Report {
            now: Reading {
                temperature: Some(temperature),
                ..Reading::default()
            },
            forecast: Some(vec![Expected {
                at_ms: NOW + 3_600_000,
                span_ms: 3_600_000,
                temperature: Some(99.0),
                rain_mm: None,
                snow_water_mm: None,
            }]),
        }
    }

    #[test]
    fn what_is_old_or_expected_is_not_now() {
        let place = Place::new("Oslo", "", "NO", 59.91, 10.75).unwrap();
        let mut city = City::new(place, "open-meteo", false);
        assert!(city.message(NOW, 900_000, None, true).now.is_none());
        city.take(report(1.5), NOW);
        let told = city.message(NOW + 60_000, 900_000, None, true);
        assert_eq!(told.now.unwrap().temperature_celsius, Some(1.5));
        assert_eq!(told.forecast[0].temperature_celsius, Some(99.0));
        assert!(
            city.readings
                .iter()
                .all(|(_, reading)| reading.temperature != Some(99.0))
        );
        city.fail(&ProviderError::TooLarge(1));
        let told = city.message(NOW + 3_600_001, 900_000, None, true);
        assert!(told.now.is_none() && told.forecast.is_empty() && !told.problem.is_empty());
        assert!(city.message(NOW + 3_600_001, 7_200_000, None, false).now.is_some());
    }

    #[test]
    fn what_was_told_by_a_clock_that_was_ahead_gives_way_to_what_is_told_next() {
        let place = Place::new("Oslo", "", "NO", 59.91, 10.75).unwrap();
        let mut city = City::new(place, "open-meteo", false);
        let told = |city: &City, at_ms: i64| city.now(at_ms, 900_000).map(|(at_ms, now)| (at_ms, now.temperature));
        city.take(report(2.5), NOW + 3_000_000);
        assert_eq!(told(&city, NOW), Some((NOW, Some(2.5))), "never polled in the future");
        assert_eq!(told(&city, NOW - 3_600_000), None, "a clock so wrong says nothing");
        city.take(report(3.5), NOW + 60_000);
        assert_eq!(told(&city, NOW + 60_000), Some((NOW + 60_000, Some(3.5))));
        assert_eq!(city.readings.len(), 1);
    }

    #[test]
    fn a_day_fits_into_what_is_stored_of_a_city() {
        let place = Place::new(&"Ü".repeat(60), &"Ü".repeat(60), "NO", 59.91, 10.75).unwrap();
        let mut city = City::new(place, "openweathermap", true);
        for at in 0..500 {
            let mut full = report(-12.345_678_901);
            full.now.rain_mm = Some(0.123_456_789_012);
            full.now.snow_water_mm = Some(1.0 / 3.0);
            full.now.snowfall_cm = Some(1.0 / 3.0);
            full.now.wind_ms = Some(12.345_678_9);
            full.forecast = full.forecast.map(|one| vec![one[0]; crate::options::MAX_FORECAST]);
            city.take(full, NOW + at);
        }
        let bytes = serde_json::to_vec(&city).unwrap();
        assert!(bytes.len() < 64 << 10, "{}", bytes.len());
        assert_eq!(serde_json::from_slice::<City>(&bytes).unwrap(), city);
    }
}
