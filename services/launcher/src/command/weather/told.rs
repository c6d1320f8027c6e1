//! Cities and subscriptions in words, rows and JSON.

use serde_json::{Value, json};
use sla_domain::{duration, instant};
use sla_proto::convert;
use sla_proto::weather::v1::{City, CityState, ForecastHour, ProviderStatus, Subscription};

/// What is not known.
const UNKNOWN: &str = "–";

pub(super) const STATE_HEAD: [&str; 8] = [
    "CITY",
    "LAT,LON",
    "°C>",
    "RAIN mm>",
    "SNOW mm>",
    "WIND m/s>",
    "SUBSCRIPTIONS>",
    "",
];
pub(super) const EXPECTED_HEAD: [&str; 4] = ["UNTIL", "°C>", "RAIN mm>", "SNOW mm>"];
pub(super) const SUBSCRIPTION_HEAD: [&str; 6] = ["ID", "CITY", "LIMITS", "OWNER", "SEEN BY", "STATE"];

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value:.1}"))
}

fn time(at: Option<&prost_types::Timestamp>) -> String {
    at.map_or_else(|| UNKNOWN.to_owned(), |at| instant::format_ms(convert::millis(at)))
}

/// `Catania, Sicily, IT`.
pub(super) fn city(city: Option<&City>) -> String {
    let parts = city.map_or(["", "", ""], |city| [city.name.as_str(), &city.region, &city.country]);
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    sla_domain::SafeText::new(&parts.join(", ")).into_string()
}

/// `21.4 °C, rain 0.0 mm, snow 0.0 mm`.
pub(super) fn now(state: &CityState) -> String {
    let Some(now) = &state.now else {
        return "nothing is known now".to_owned();
    };
    let (temperature, rain, snow) = (
        number(now.temperature_celsius),
        number(now.rain_mm),
        number(now.snow_water_mm),
    );
    format!("{temperature} °C, rain {rain} mm, snow {snow} mm")
}

pub(super) fn state_row(state: &CityState) -> Vec<String> {
    let now = state.now.unwrap_or_default();
    vec![
        city(state.city.as_ref()),
        state.city.as_ref().map(|city| city.key.clone()).unwrap_or_default(),
        number(now.temperature_celsius),
        number(now.rain_mm),
        number(now.snow_water_mm),
        number(now.wind_speed_ms),
        state.subscriptions.to_string(),
        state.problem.clone(),
    ]
}

pub(super) fn expected_row(expected: &ForecastHour) -> Vec<String> {
    vec![
        time(expected.at.as_ref()),
        number(expected.temperature_celsius),
        number(expected.rain_mm),
        number(expected.snow_water_mm),
    ]
}

pub(super) fn subscription_row(one: &Subscription) -> Vec<String> {
    let owner = if one.owner.is_empty() { "nobody" } else { &one.owner };
    vec![
        one.id.clone(),
        city(one.city.as_ref()),
        one.limits.unwrap_or_default().to_string(),
        owner.to_owned(),
        if one.private { "owner and admins" } else { "everybody" }.to_owned(),
        if one.active { "judged" } else { "paused" }.to_owned(),
    ]
}

/// How the provider does, and whom the data is from.
pub(super) fn provider(provider: &ProviderStatus) -> String {
    let round = provider.round.as_ref().map_or(0, convert::duration_ms);
    let mut words = format!(
        "{}; each city is asked for once in {}; {} of {} requests of this day (UTC)",
        provider.attribution,
        duration::format_ms((round + 999) / 1_000 * 1_000),
        provider.calls_today,
        provider.daily_quota
    );
    if !provider.pause.is_empty() {
        words = format!(
            "{words}; nothing is asked until {}: {}",
            time(provider.paused_until.as_ref()),
            provider.pause
        );
    }
    sla_domain::SafeText::new(&words).into_string()
}

pub(super) fn city_json(city: &City) -> Value {
    json!({
        "key": city.key, "name": city.name, "region": city.region, "country": city.country,
        "latitude": city.latitude, "longitude": city.longitude,
    })
}

fn time_json(at: Option<&prost_types::Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(instant::format_ms(convert::millis(at))))
}

pub(super) fn state_json(state: &CityState) -> Value {
    let now = state.now.as_ref().map(|now| {
        json!({
            "polled": time_json(now.polled.as_ref()), "observed": time_json(now.observed.as_ref()),
            "temperature_celsius": now.temperature_celsius, "rain_mm": now.rain_mm,
            "snow_water_mm": now.snow_water_mm, "snowfall_cm": now.snowfall_cm, "wind_speed_ms": now.wind_speed_ms,
        })
    });
    let expected = |one: &ForecastHour| {
        json!({
            "until": time_json(one.at.as_ref()), "temperature_celsius": one.temperature_celsius,
            "rain_mm": one.rain_mm, "snow_water_mm": one.snow_water_mm,
        })
    };
    json!({
        "city": state.city.as_ref().map(city_json), "now": now, "problem": state.problem,
        "next_poll": time_json(state.next_poll.as_ref()), "subscriptions": state.subscriptions,
        "pinned": state.pinned, "expected_by_provider": state.forecast.iter().map(expected).collect::<Vec<_>>(),
    })
}

pub(super) fn provider_json(provider: &ProviderStatus) -> Value {
    json!({
        "name": provider.name, "attribution": provider.attribution,
        "round_seconds": provider.round.as_ref().map_or(0, convert::duration_ms) as f64 / 1_000.0,
        "calls_today": provider.calls_today, "daily_quota": provider.daily_quota,
        "pause": provider.pause, "paused_until": time_json(provider.paused_until.as_ref()),
    })
}

pub(super) fn subscription_json(one: &Subscription) -> Value {
    let limits = one.limits.unwrap_or_default();
    json!({
        "id": one.id, "version": one.version, "name": one.name, "city": one.city.as_ref().map(city_json),
        "limits": { "t_min": limits.t_min, "t_max": limits.t_max, "rain": limits.rain, "snow": limits.snow },
        "active": one.active, "owner": one.owner, "private": one.private,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_zero() {
        let row = state_row(&CityState::default());
        assert_eq!(row[2..6], [UNKNOWN; 4]);
        assert!(now(&CityState::default()).contains("nothing is known"));
        assert_eq!(state_json(&CityState::default())["now"], Value::Null);
    }
}
