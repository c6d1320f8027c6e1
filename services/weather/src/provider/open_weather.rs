//! OpenWeatherMap (openweathermap.org/current, /forecast5, /api/geocoding-api). Where it is dry there is no `rain` and no `snow`:
//! that is 0. Without `main` there is no data. Snow comes as millimetres of water.

use async_trait::async_trait;
use serde_json::Value;

use super::http::{Http, Question};
use super::wire::{CELSIUS, METRES_PER_SECOND, MILLIMETRES, field, list, number, seconds};
use crate::error::ProviderError;
use crate::options::MAX_FORECAST;
use crate::place::Place;
use crate::port::Provider;
use crate::reading::{Expected, Reading, Report};

/// Spans of the forecast that are asked for: two days.
const SPANS: usize = 16;
const HOUR_MS: i64 = 3_600_000;
/// Its geocoding gives no more.
const CANDIDATES: usize = 5;

/// The adapter.
pub(super) struct OpenWeather {
    pub(super) data: Http,
    pub(super) geocoding: Http,
}

impl OpenWeather {
    async fn ask(&self, path: &str, place: &Place, further: &[(&str, String)]) -> Result<Value, ProviderError> {
        let [lat, lon] = place.coordinates();
        let mut parameters = vec![("lat", lat), ("lon", lon), ("units", "metric".to_owned())];
        parameters.extend(further.iter().cloned());
        ask(&self.data, path, &parameters).await
    }
}

async fn ask(http: &Http, path: &str, parameters: &[(&str, String)]) -> Result<Value, ProviderError> {
    if !http.has_key() {
        let words = "is not set, and OpenWeatherMap answers nobody without a key".to_owned();
        return Err(ProviderError::KeyFile(words));
    }
    let question = Question {
        path,
        parameters,
        key_parameter: "appid",
    };
    http.ask(&question).await
}

#[async_trait]
impl Provider for OpenWeather {
    async fn report(&self, place: &Place, forecast_wanted: bool) -> Result<Report, ProviderError> {
        let now = reading(&self.ask("/data/2.5/weather", place, &[]).await?)?;
        let forecast = if forecast_wanted {
            let count = [("cnt", SPANS.to_string())];
            // What is now counts even when nobody says what will be.
            match self
                .ask("/data/2.5/forecast", place, &count)
                .await
                .and_then(|answer| spans(&answer))
            {
                Ok(forecast) => Some(forecast),
                Err(error) => {
                    tracing::warn!(city = place.full_name(), %error, "there is no forecast");
                    None
                }
            }
        } else {
            None
        };
        Ok(Report { now, forecast })
    }

    async fn search(&self, name: &str) -> Result<Vec<Place>, ProviderError> {
        let parameters = [("q", name.to_owned()), ("limit", CANDIDATES.to_string())];
        places(&ask(&self.geocoding, "/geo/1.0/direct", &parameters).await?)
    }
}

/// `cod` is a number or a text, 200 where all is well.
fn check_cod(answer: &Value) -> Result<(), ProviderError> {
    let cod = field(answer, "", "cod")?;
    if cod.as_i64() == Some(200) || cod.as_str() == Some("200") {
        Ok(())
    } else {
        Err(ProviderError::schema("cod", "is not 200"))
    }
}

/// Millimetres of `rain` or `snow` over `span`; 0 where there is no such object.
fn fallen(one: &Value, path: &str, what: &str, span: &str) -> Result<Option<f64>, ProviderError> {
    match one.get(what) {
        None => Ok(Some(0.0)),
        Some(object) => number(object, &format!("{path}{what}"), span, MILLIMETRES),
    }
}

fn reading(answer: &Value) -> Result<Reading, ProviderError> {
    check_cod(answer)?;
    let main = field(answer, "", "main")?;
    let wind = match answer.get("wind") {
        Some(wind) => number(wind, "wind", "speed", METRES_PER_SECOND)?,
        None => None,
    };
    Ok(Reading {
        observed_ms: seconds(answer, "", "dt")?,
        interval_ms: HOUR_MS,
        temperature: number(main, "main", "temp", CELSIUS)?,
        rain_mm: fallen(answer, "", "rain", "1h")?,
        snow_water_mm: fallen(answer, "", "snow", "1h")?,
        snowfall_cm: None,
        wind_ms: wind,
    })
}

fn spans(answer: &Value) -> Result<Vec<Expected>, ProviderError> {
    check_cod(answer)?;
    list(answer, "", "list")?.iter().take(MAX_FORECAST).map(span).collect()
}

fn span(one: &Value) -> Result<Expected, ProviderError> {
    Ok(Expected {
        at_ms: seconds(one, "list[]", "dt")?,
        span_ms: 3 * HOUR_MS,
        temperature: number(field(one, "list[]", "main")?, "list[].main", "temp", CELSIUS)?,
        rain_mm: fallen(one, "list[].", "rain", "3h")?,
        snow_water_mm: fallen(one, "list[].", "snow", "3h")?,
    })
}

fn places(answer: &Value) -> Result<Vec<Place>, ProviderError> {
    let all = answer
        .as_array()
        .ok_or_else(|| ProviderError::schema("[]", "is no list"))?;
    let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut out = Vec::new();
    for one in all.iter().take(CANDIDATES) {
        let degrees = |name: &str| {
            let value = field(one, "[]", name)?.as_f64();
            value.ok_or_else(|| ProviderError::schema(format!("[].{name}"), "is no number"))
        };
        let name = field(one, "[]", "name")?.as_str().unwrap_or_default();
        let (lat, lon) = (degrees("lat")?, degrees("lon")?);
        out.extend(Place::new(name, &text(one, "state"), &text(one, "country"), lat, lon));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({
            "coord": {"lon": 10.75, "lat": 59.91}, "weather": [{"id": 600, "main": "Snow"}], "base": "stations",
            "main": {"temp": -3.5, "pressure": 1013, "humidity": 93}, "wind": {"speed": 2.1, "deg": 20},
            "snow": {"1h": 0.4}, "dt": 1_780_000_000, "id": 3_143_244, "name": "Oslo", "cod": 200,
        })
    }

    #[test]
    fn where_it_is_dry_nothing_is_said_and_that_is_zero() {
        let now = reading(&answer()).unwrap();
        assert_eq!((now.rain_mm, now.snow_water_mm), (Some(0.0), Some(0.4)));
        assert_eq!((now.temperature, now.wind_ms), (Some(-3.5), Some(2.1)));
        let mut texts = answer();
        texts["cod"] = json!("200");
        assert!(reading(&texts).is_ok(), "cod comes as a text too");
    }

    #[test]
    fn without_main_there_is_no_data() {
        type Change = fn(&mut Value);
        let cases: &[(Change, &str)] = &[
            (|a| drop(a.as_object_mut().unwrap().remove("main")), "`main` is missing"),
            (|a| a["main"]["temp"] = json!(269.6), "`main.temp` lies outside"),
            (|a| a["snow"] = json!({"6h": 1}), "`snow.1h` is missing"),
            (|a| a["cod"] = json!("404"), "`cod` is not 200"),
            (|a| a["dt"] = Value::Null, "`dt` is no Unix time"),
        ];
        for (change, words) in cases {
            let mut changed = answer();
            change(&mut changed);
            let error = reading(&changed).unwrap_err().to_string();
            assert!(error.contains(words), "{error} should say {words}");
        }
    }

    #[test]
    fn spans_of_three_hours_and_places() {
        let answer = json!({"cod": "200", "cnt": 1, "list": [{"dt": 1_780_002_000, "main": {"temp": 1.0},
            "rain": {"3h": 2.5}}]});
        let expected = spans(&answer).unwrap();
        assert_eq!((expected[0].rain_mm, expected[0].span_ms), (Some(2.5), 3 * HOUR_MS));
        let found =
            places(&json!([{"name": "Oslo", "local_names": {}, "lat": 59.913_3, "lon": 10.739, "country": "NO"}]));
        assert_eq!(found.unwrap()[0].full_name(), "Oslo, NO");
        assert!(places(&json!({"cod": 400})).is_err());
    }
}
