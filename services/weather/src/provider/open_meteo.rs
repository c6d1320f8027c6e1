//! Open-Meteo (open-meteo.com/en/docs, "Weather Forecast API" and "Geocoding API"). `current` and `hourly` come with one
//! request. Rain is rain and showers; snowfall comes in centimetres, of which 7 are 10 mm of water ("Hourly Weather
//! Variables", snowfall).

use async_trait::async_trait;
use serde_json::Value;

use super::http::{Http, Question};
use super::wire::{CELSIUS, CENTIMETRES, METRES_PER_SECOND, MILLIMETRES, bounded, field, list, number, seconds};
use crate::error::ProviderError;
use crate::options::{MAX_CANDIDATES, MAX_FORECAST};
use crate::place::Place;
use crate::port::Provider;
use crate::reading::{Expected, Reading, Report};

const CURRENT: &str = "temperature_2m,rain,showers,snowfall,wind_speed_10m";
const HOURLY: &str = "temperature_2m,rain,showers,snowfall";
/// Of fresh snow one centimetre, as millimetres of water.
const WATER_MM_PER_CM: f64 = 10.0 / 7.0;
/// Hours that are asked for.
const FORECAST_HOURS: usize = 24;
const HOUR_MS: i64 = 3_600_000;
/// The units that are asked for; another one is not read as if it were this.
const UNITS: [(&str, &str); 5] = [
    ("temperature_2m", "°C"),
    ("rain", "mm"),
    ("showers", "mm"),
    ("snowfall", "cm"),
    ("wind_speed_10m", "m/s"),
];

/// The adapter.
pub(super) struct OpenMeteo {
    pub(super) forecast: Http,
    pub(super) geocoding: Http,
}

#[async_trait]
impl Provider for OpenMeteo {
    async fn report(&self, place: &Place, _: bool) -> Result<Report, ProviderError> {
        let [lat, lon] = place.coordinates();
        let parameters = [
            ("latitude", lat),
            ("longitude", lon),
            ("current", CURRENT.to_owned()),
            ("hourly", HOURLY.to_owned()),
            ("forecast_hours", FORECAST_HOURS.to_string()),
            ("timeformat", "unixtime".to_owned()),
            ("wind_speed_unit", "ms".to_owned()),
        ];
        let question = Question {
            path: "/v1/forecast",
            parameters: &parameters,
            key_parameter: "apikey",
        };
        report(&self.forecast.ask(&question).await?)
    }

    async fn search(&self, name: &str) -> Result<Vec<Place>, ProviderError> {
        let parameters = [
            ("name", name.to_owned()),
            ("count", MAX_CANDIDATES.to_string()),
            ("language", "en".to_owned()),
            ("format", "json".to_owned()),
        ];
        let question = Question {
            path: "/v1/search",
            parameters: &parameters,
            key_parameter: "apikey",
        };
        places(&self.geocoding.ask(&question).await?)
    }
}

/// Sum of what is known, if both are.
fn both(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? + b?)
}

fn report(answer: &Value) -> Result<Report, ProviderError> {
    let current = field(answer, "", "current")?;
    for units in ["current_units", "hourly_units"] {
        in_our_units(answer, units)?;
    }
    let of = |name: &str, bounds| number(current, "current", name, bounds);
    let snowfall = of("snowfall", CENTIMETRES)?;
    let interval = current.get("interval").and_then(Value::as_i64).unwrap_or(900);
    Ok(Report {
        now: Reading {
            observed_ms: seconds(current, "current", "time")?,
            interval_ms: interval.clamp(1, 86_400) * 1_000,
            temperature: of("temperature_2m", CELSIUS)?,
            rain_mm: both(of("rain", MILLIMETRES)?, of("showers", MILLIMETRES)?),
            snow_water_mm: snowfall.map(|cm| cm * WATER_MM_PER_CM),
            snowfall_cm: snowfall,
            wind_ms: of("wind_speed_10m", METRES_PER_SECOND)?,
        },
        forecast: Some(hours(field(answer, "", "hourly")?)?),
    })
}

/// Whether all units that the answer names are those that were asked for; a name that it leaves out is believed to be.
fn in_our_units(answer: &Value, units: &str) -> Result<(), ProviderError> {
    let of = |name: &str| answer.get(units).and_then(|units| units.get(name));
    match UNITS
        .iter()
        .find(|(name, unit)| of(name).is_some_and(|told| told != unit))
    {
        Some((name, _)) => Err(ProviderError::schema(
            format!("{units}.{name}"),
            "is another unit than was asked for",
        )),
        None => Ok(()),
    }
}

fn hours(hourly: &Value) -> Result<Vec<Expected>, ProviderError> {
    let times = list(hourly, "hourly", "time")?;
    let column = |name: &str| {
        let column = list(hourly, "hourly", name)?;
        if column.len() == times.len() {
            Ok(column)
        } else {
            Err(ProviderError::schema(
                format!("hourly.{name}"),
                "is not as long as `hourly.time`",
            ))
        }
    };
    let (temperature, rain) = (column("temperature_2m")?, column("rain")?);
    let (showers, snowfall) = (column("showers")?, column("snowfall")?);
    let mut out = Vec::with_capacity(times.len().min(MAX_FORECAST));
    for (at, time) in times.iter().enumerate().take(MAX_FORECAST) {
        let time = time.as_i64().filter(|time| (0..=221_845_392_000).contains(time));
        let time = time.ok_or_else(|| ProviderError::schema("hourly.time", "is no Unix time in seconds"))?;
        let snowfall = bounded(&snowfall[at], "hourly.snowfall", CENTIMETRES)?;
        out.push(Expected {
            at_ms: time * 1_000,
            span_ms: HOUR_MS,
            temperature: bounded(&temperature[at], "hourly.temperature_2m", CELSIUS)?,
            rain_mm: both(
                bounded(&rain[at], "hourly.rain", MILLIMETRES)?,
                bounded(&showers[at], "hourly.showers", MILLIMETRES)?,
            ),
            snow_water_mm: snowfall.map(|cm| cm * WATER_MM_PER_CM),
        });
    }
    Ok(out)
}

fn places(answer: &Value) -> Result<Vec<Place>, ProviderError> {
    // Where nothing has the name there is no `results`.
    let Some(results) = answer.get("results") else {
        field(answer, "", "generationtime_ms")?;
        return Ok(Vec::new());
    };
    let results = results
        .as_array()
        .ok_or_else(|| ProviderError::schema("results", "is no list"))?;
    let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut out = Vec::new();
    for one in results.iter().take(MAX_CANDIDATES) {
        let degrees = |name: &str| {
            let value = field(one, "results[]", name)?.as_f64();
            value.ok_or_else(|| ProviderError::schema(format!("results[].{name}"), "is no number"))
        };
        let name = field(one, "results[]", "name")?.as_str().unwrap_or_default();
        let (lat, lon) = (degrees("latitude")?, degrees("longitude")?);
        out.extend(Place::new(
            name,
            &text(one, "admin1"),
            &text(one, "country_code"),
            lat,
            lon,
        ));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({
            "latitude": 37.5, "longitude": 15.0625, "utc_offset_seconds": 0, "elevation": 10.0,
            "current_units": {"time": "unixtime", "interval": "seconds", "temperature_2m": "°C", "rain": "mm",
                "showers": "mm", "snowfall": "cm", "wind_speed_10m": "m/s"},
            "current": {"time": 1_780_000_200, "interval": 900, "temperature_2m": 21.4, "rain": 0.1, "showers": 0.3,
                "snowfall": 0.7, "wind_speed_10m": 3.2},
            "hourly_units": {"time": "unixtime"},
            "hourly": {"time": [1_780_002_000, 1_780_005_600], "temperature_2m": [22.0, null], "rain": [0.0, 0.2],
                "showers": [0.0, null], "snowfall": [0.0, 0.14]},
        })
    }

    #[test]
    fn what_is_now_and_what_is_expected_are_told_apart() {
        let report = report(&answer()).unwrap();
        assert_eq!(report.now.temperature, Some(21.4));
        assert_eq!(report.now.rain_mm, Some(0.4));
        assert!(
            (report.now.snow_water_mm.unwrap() - 1.0).abs() < 1e-12,
            "7 cm are 10 mm"
        );
        assert_eq!(
            (report.now.observed_ms, report.now.interval_ms),
            (1_780_000_200_000, 900_000)
        );
        let forecast = report.forecast.unwrap();
        assert_eq!(forecast.len(), 2);
        assert_eq!(forecast[1].temperature, None);
        assert_eq!(
            forecast[1].rain_mm, None,
            "one part of the rain is not known, so it is not"
        );
    }

    #[test]
    fn what_has_changed_is_named() {
        type Change = fn(&mut Value);
        let cases: &[(Change, &str)] = &[
            (|a| a["current"] = Value::Null, "`current.snowfall` is missing"),
            (
                |a| drop(a["current"].as_object_mut().unwrap().remove("rain")),
                "`current.rain` is missing",
            ),
            (
                |a| a["current"]["temperature_2m"] = json!("21"),
                "`current.temperature_2m` is no number",
            ),
            (
                |a| a["current"]["temperature_2m"] = json!(294.5),
                "`current.temperature_2m` lies outside",
            ),
            (
                |a| a["current"]["time"] = json!("2026-05-28T12:00"),
                "`current.time` is no Unix time",
            ),
            (
                |a| a["current_units"]["snowfall"] = json!("inch"),
                "`current_units.snowfall` is another unit",
            ),
            (
                |a| a["hourly_units"]["temperature_2m"] = json!("°F"),
                "`hourly_units.temperature_2m` is another unit",
            ),
            (
                |a| a["hourly_units"]["rain"] = json!(1),
                "`hourly_units.rain` is another unit",
            ),
            (|a| a["hourly"]["rain"] = json!([0.0]), "`hourly.rain` is not as long"),
            (|a| a["hourly"]["rain"] = json!({}), "`hourly.rain` is no list"),
            (|a| *a = json!([]), "`current` is missing"),
        ];
        for (change, words) in cases {
            let mut changed = answer();
            change(&mut changed);
            let error = report(&changed).unwrap_err().to_string();
            assert!(error.contains(words), "{error} should say {words}");
        }
        let mut silent = answer();
        silent["current"]["temperature_2m"] = Value::Null;
        assert_eq!(report(&silent).unwrap().now.temperature, None, "not said is not zero");
    }

    #[test]
    fn places_come_as_they_are_ranked() {
        let found = places(&json!({"generationtime_ms": 0.5, "results": [
            {"id": 2_525_068, "name": "Catania", "latitude": 37.492_13, "longitude": 15.070_41, "country_code": "IT",
             "admin1": "Sicily", "country": "Italy", "population": 311_584},
            {"id": 1, "name": "Catania", "latitude": 8.0, "longitude": -73.0, "country_code": "CO"},
        ]}));
        let names: Vec<String> = found.unwrap().iter().map(Place::full_name).collect();
        assert_eq!(names, ["Catania, Sicily, IT", "Catania, CO"]);
        assert_eq!(places(&json!({"generationtime_ms": 0.2})).unwrap(), []);
        assert!(places(&json!({"found": []})).is_err(), "that is no answer of this kind");
        assert!(places(&json!({"results": [{"name": "x"}]})).is_err());
    }
}
