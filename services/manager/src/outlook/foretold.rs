//! What the provider of weather foretells, held against the range of an objective: told beside our outlook, and scored with it.

use std::collections::HashMap;

use sla_domain::range::AllowedRange;
use sla_proto::Peer;
use sla_proto::convert::{duration_ms, millis, timestamp};
use sla_proto::violation::v1::ProviderOutlook;
use sla_proto::weather::v1::{ForecastHour, ListCitiesRequest, ListCitiesResponse};

use crate::outlook::case::Case;

/// The metric source whose provider foretells a course.
const SOURCE: &str = "weather";
/// It is asked what it knows of all cities at most this often, milliseconds.
const ASK_EVERY_MS: i64 = 300_000;
/// At least this share of a horizon must be foretold to say that the range is kept.
const KNOWN_SHARE: f64 = 0.9;

/// What a span of the forecast says about a metric.
type Reading = fn(&ForecastHour) -> Option<f64>;

/// The forecast of one city.
#[derive(Debug, Default)]
struct Course {
    made_ms: Option<i64>,
    spans: Vec<ForecastHour>,
}

/// The forecasts of all cities.
#[derive(Debug, Default)]
pub(crate) struct Foretold {
    asked_ms: Option<i64>,
    provider: String,
    /// By "LAT,LON".
    courses: HashMap<String, Course>,
}

impl Foretold {
    /// Asks, where an objective is about it and it was not asked lately. What cannot be asked keeps what was said before: spans
    /// that are over count no longer.
    pub(crate) async fn ask(&mut self, peer: &Peer, cases: &[Case], now_ms: i64) {
        if !cases.iter().any(|case| case.known.objective.source == SOURCE) {
            *self = Self::default();
            return;
        }
        let lately = |asked_ms: i64| (0..ASK_EVERY_MS).contains(&(now_ms - asked_ms));
        if self.asked_ms.is_some_and(lately) {
            return;
        }
        self.asked_ms = Some(now_ms);
        let request = ListCitiesRequest {
            forecast: true,
            ..ListCitiesRequest::default()
        };
        match peer.weather().list_cities(request).await {
            Ok(answer) => self.take(answer.into_inner()),
            Err(status) => tracing::debug!(problem = status.message(), "the provider's forecasts cannot be read"),
        }
    }

    fn take(&mut self, answer: ListCitiesResponse) {
        self.provider = answer.provider.unwrap_or_default().name;
        let courses = answer.cities.into_iter().filter_map(|state| {
            let course = Course {
                made_ms: state.forecast_made.as_ref().map(millis),
                spans: state.forecast,
            };
            Some((state.city?.key, course))
        });
        self.courses = courses.collect();
    }

    /// What it foretells of a series; `None` where it foretells nothing, not the whole horizon, or nothing that the range could be
    /// held against.
    pub(crate) fn of(&self, case: &Case) -> Option<ProviderOutlook> {
        let objective = &case.known.objective;
        if objective.source != SOURCE {
            return None;
        }
        let labels = &case.series.head.labels;
        let course = self
            .courses
            .get(&format!("{},{}", labels.get("lat")?, labels.get("lon")?))?;
        let reading = reading(labels.metric_name(), &objective.range)?;
        let found = held_against(&course.spans, reading, &objective.range, case.at_ms, case.horizon_ms)?.first();
        Some(ProviderOutlook {
            name: self.provider.clone(),
            leaves: found.is_some(),
            first: found.map(|(at_ms, _)| timestamp(at_ms)),
            value: found.map(|(_, value)| value),
            made: course.made_ms.map(timestamp),
        })
    }
}

/// How a metric is read from a forecast. Rain and snow are sums over spans of another length than those of the samples: only
/// whether there is any can be held against a range.
fn reading(metric: &str, range: &AllowedRange) -> Option<Reading> {
    let is_dry = range.min().is_none() && range.max() == Some(0.0);
    match metric {
        "weather_temperature_celsius" => Some(|span| span.temperature_celsius),
        "weather_rain_mm" if is_dry => Some(|span| span.rain_mm),
        "weather_snow_water_mm" if is_dry => Some(|span| span.snow_water_mm),
        _ => None,
    }
}

/// What a course does within a horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Held {
    /// It stays inside.
    Inside,
    /// It is outside first at this instant, Unix milliseconds, with this value.
    Leaves(i64, f64),
}

impl Held {
    fn first(self) -> Option<(i64, f64)> {
        match self {
            Self::Inside => None,
            Self::Leaves(at_ms, value) => Some((at_ms, value)),
        }
    }
}

/// What it does within (`at_ms`, `at_ms` + `horizon_ms`]; `None` when too little is foretold to say.
fn held_against(
    spans: &[ForecastHour],
    reading: Reading,
    range: &AllowedRange,
    at_ms: i64,
    horizon_ms: i64,
) -> Option<Held> {
    let mut known_ms = 0;
    for span in spans {
        let end_ms = span.at.as_ref().map_or(i64::MIN, millis);
        let Some(value) = reading(span).filter(|value| value.is_finite()) else {
            continue;
        };
        if !(1..=horizon_ms).contains(&end_ms.saturating_sub(at_ms)) {
            continue;
        }
        if !range.contains(value) {
            return Some(Held::Leaves(end_ms, value));
        }
        known_ms += span.span.as_ref().map_or(0, duration_ms);
    }
    (known_ms as f64 >= horizon_ms as f64 * KNOWN_SHARE).then_some(Held::Inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::convert::duration;

    const HOUR_MS: i64 = 3_600_000;

    fn spans(temperatures: &[Option<f64>]) -> Vec<ForecastHour> {
        let one = |(at, temperature): (usize, &Option<f64>)| ForecastHour {
            at: Some(timestamp((at as i64 + 1) * HOUR_MS)),
            temperature_celsius: *temperature,
            span: Some(duration(HOUR_MS)),
            ..ForecastHour::default()
        };
        temperatures.iter().enumerate().map(one).collect()
    }

    #[test]
    fn a_course_leaves_stays_or_says_too_little() {
        let range = AllowedRange::at_most(30.0).unwrap();
        let reading = reading("weather_temperature_celsius", &range).unwrap();
        let held = |temperatures: &[Option<f64>], hours: i64| {
            held_against(&spans(temperatures), reading, &range, 0, hours * HOUR_MS)
        };
        let day = [Some(20.0); 24];
        assert_eq!(held(&day, 24), Some(Held::Inside));
        assert_eq!(held(&day[..20], 24), None, "20 of 24 hours are not the whole of it");
        let mut hot = day;
        hot[5] = Some(30.5);
        assert_eq!(held(&hot, 24), Some(Held::Leaves(6 * HOUR_MS, 30.5)));
        assert_eq!(held(&hot, 5), Some(Held::Inside), "beyond the horizon");
        let mut unknown = day;
        unknown[..4].fill(None);
        assert_eq!(held(&unknown, 24), None, "what is not said is not fine");
    }

    #[test]
    fn sums_over_another_span_are_held_against_nothing_but_dry() {
        let dry = AllowedRange::at_most(0.0).unwrap();
        let little = AllowedRange::at_most(2.0).unwrap();
        assert!(reading("weather_rain_mm", &dry).is_some());
        assert!(reading("weather_rain_mm", &little).is_none());
        assert!(reading("weather_snow_water_mm", &dry).is_some());
        assert!(
            reading("weather_wind_speed_ms", &little).is_none(),
            "it is not foretold"
        );
    }
}
