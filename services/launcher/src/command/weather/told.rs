//! Cities and subscriptions in words, rows and JSON.

use serde_json::{Value, json};
use sla_domain::{duration, instant, likelihood};
use sla_proto::convert;
use sla_proto::violation::v1::{ProviderOutlook, TrackRecord};
use sla_proto::weather::v1::{City, CityOutlook, CityState, ForecastHour, ProviderStatus, Subscription};
use sla_views as views;

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
pub(super) const OUTLOOK_HEAD: [&str; 6] = [
    "AGREED",
    "WITHIN>",
    "OURS>",
    "PROVIDER",
    "RECORD OF OURS",
    "OF THE PROVIDER",
];
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

/// Ours and the provider's, and how both did so far.
pub(super) fn outlook_row(one: &CityOutlook) -> Vec<String> {
    let outlook = one.outlook.clone().unwrap_or_default();
    let record = outlook.track_record.clone().unwrap_or_default();
    let ours = match outlook.probability {
        Some(p) if outlook.low_confidence => likelihood::coarse(p),
        Some(p) => likelihood::fine(p),
        None if outlook.problem.is_empty() => UNKNOWN.to_owned(),
        None => sla_domain::SafeText::new(&outlook.problem).into_string(),
    };
    vec![
        sla_domain::SafeText::new(&one.objective).into_string(),
        outlook.horizon.as_ref().map_or_else(
            || UNKNOWN.to_owned(),
            |ms| duration::format_ms(convert::duration_ms(ms)),
        ),
        ours,
        outlook.provider.as_ref().map_or_else(|| UNKNOWN.to_owned(), foretold),
        record.text.clone(),
        provider_record(&record),
    ]
}

/// `outside from 2026-03-02T14:00:00Z on (-4.5)`, `inside`.
fn foretold(provider: &ProviderOutlook) -> String {
    if !provider.leaves {
        return "inside".to_owned();
    }
    let value = provider
        .value
        .map_or_else(String::new, |value| format!(" ({value:.1})"));
    format!("outside by {}{value}", time(provider.first.as_ref()))
}

/// `right in 38 of 48; Brier 0.21, ours there 0.14`.
fn provider_record(record: &TrackRecord) -> String {
    let (Some(brier), Some(ours)) = (record.brier_provider, record.brier_beside_provider) else {
        return "none is scored yet".to_owned();
    };
    // It says 0 or 1: its Brier score is the share that was wrong.
    let right = (f64::from(record.provider_scored) * (1.0 - brier)).round();
    format!(
        "right in {right} of {}; Brier {brier:.2}, ours there {ours:.2}",
        record.provider_scored
    )
}

fn outlook_json(one: &CityOutlook) -> Value {
    json!({
        "set": one.set_id, "objective": one.objective, "outlook": one.outlook.as_ref().map(views::Outlook::from),
    })
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
        "outlooks": state.outlooks.iter().map(outlook_json).collect::<Vec<_>>(),
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
    fn both_forecasts_stand_beside_each_other_with_their_records() {
        use sla_proto::violation::v1::Outlook;
        let one = |probability, problem: &str, provider_scored: u32| CityOutlook {
            objective: "Snow".to_owned(),
            outlook: Some(Outlook {
                probability,
                problem: problem.to_owned(),
                horizon: Some(convert::duration(86_400_000)),
                provider: Some(ProviderOutlook {
                    leaves: true,
                    first: Some(convert::timestamp(3_600_000)),
                    value: Some(0.7),
                    ..ProviderOutlook::default()
                }),
                track_record: Some(TrackRecord {
                    text: "unproven".to_owned(),
                    provider_scored,
                    brier_provider: (provider_scored > 0).then_some(0.25),
                    brier_beside_provider: (provider_scored > 0).then_some(0.1),
                    ..TrackRecord::default()
                }),
                ..Outlook::default()
            }),
            ..CityOutlook::default()
        };
        let row = outlook_row(&one(Some(0.62), "", 8));
        assert_eq!(row[1..3], ["1d", "62 %"]);
        assert_eq!(row[3], "outside by 1970-01-01T01:00:00Z (0.7)");
        assert_eq!(row[5], "right in 6 of 8; Brier 0.25, ours there 0.10");
        let young = outlook_row(&one(None, "history too short", 0));
        assert_eq!(
            (young[2].as_str(), young[5].as_str()),
            ("history too short", "none is scored yet")
        );
        assert_eq!(foretold(&ProviderOutlook::default()), "inside");
    }

    #[test]
    fn what_is_not_known_is_not_zero() {
        let row = state_row(&CityState::default());
        assert_eq!(row[2..6], [UNKNOWN; 4]);
        assert!(now(&CityState::default()).contains("nothing is known"));
        assert_eq!(state_json(&CityState::default())["now"], Value::Null);
    }
}
