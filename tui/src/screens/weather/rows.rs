//! Rows of the weather screen.

use std::cmp::Ordering;

use serde_json::{Map, json};
use sla_domain::{SafeText, Unit};
use sla_proto::weather::v1::{CityState, ForecastHour, Limits, Reading, Subscription};

use crate::context::list::{Row, by_number};
use crate::context::wire;
use crate::filter::{Filterable, Value};
use crate::format::iso;
use crate::say;
use crate::screens::table_file::TableFile;

/// Sort columns, in the order of [`Row::compare`].
pub(super) const SORTS: [&str; 4] = ["CITY", "°C", "RAIN", "SNOW"];

/// A city, and the subscriptions to it that this user sees.
#[derive(Debug, Clone)]
pub(super) struct CityRow {
    pub(super) name: SafeText,
    pub(super) state: CityState,
    pub(super) subscriptions: Vec<Subscription>,
    /// What its subscriptions agree on, in words.
    pub(super) limits: String,
    key: Vec<u8>,
    haystack: String,
}

impl CityRow {
    pub(super) fn new(state: CityState, all: &[Subscription]) -> Self {
        let city = state.city.clone().unwrap_or_default();
        let parts = [&city.name, &city.region, &city.country];
        let parts: Vec<&str> = parts
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        let name = SafeText::new(&parts.join(", "));
        let is_here = |one: &&Subscription| one.city.as_ref().is_some_and(|other| other.key == city.key);
        let subscriptions: Vec<Subscription> = all.iter().filter(is_here).cloned().collect();
        let limits = match subscriptions.as_slice() {
            [] => String::new(),
            [one] if one.active => one.limits.unwrap_or_default().to_string(),
            [one] => say::weather::paused(&one.limits.unwrap_or_default()),
            several => say::weather::subscriptions(&several.len()),
        };
        Self {
            haystack: format!("{name} {limits}"),
            key: city.key.into_bytes(),
            name,
            state,
            subscriptions,
            limits,
        }
    }

    pub(super) fn now(&self) -> Reading {
        self.state.now.unwrap_or_default()
    }

    /// Whether what is now lies outside of what any of its subscriptions agrees on.
    pub(super) fn is_outside(&self) -> bool {
        let now = self.now();
        let active = self.subscriptions.iter().filter(|one| one.active);
        active.filter_map(|one| one.limits.as_ref()).any(|limits| {
            leaves(limits, now.temperature_celsius)
                || falls(limits.rain, now.rain_mm)
                || falls(limits.snow, now.snow_water_mm)
        })
    }

    /// The first span of the provider's forecast outside of a subscription's limits.
    pub(super) fn first_outside(&self, limits: &Limits) -> Option<&ForecastHour> {
        self.state.forecast.iter().find(|hour| {
            leaves(limits, hour.temperature_celsius)
                || falls(limits.rain, hour.rain_mm)
                || falls(limits.snow, hour.snow_water_mm)
        })
    }
}

fn leaves(limits: &Limits, temperature: Option<f64>) -> bool {
    let Some(value) = temperature else { return false };
    limits.t_min.is_some_and(|t_min| value < t_min) || limits.t_max.is_some_and(|t_max| value > t_max)
}

fn falls(asked: bool, millimetres: Option<f64>) -> bool {
    asked && millimetres.is_some_and(|millimetres| millimetres > 0.0)
}

fn plain(value: f64) -> Value<'static> {
    Value::Number(value, Unit::PLAIN)
}

impl Filterable for CityRow {
    const FIELDS: &'static [&'static str] = &["city", "celsius", "rain", "snow"];

    fn haystack(&self) -> &str {
        &self.haystack
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "city" => Some(Value::Text(self.name.as_str())),
            "celsius" => self.now().temperature_celsius.map(plain),
            "rain" => self.now().rain_mm.map(plain),
            "snow" => self.now().snow_water_mm.map(plain),
            _ => None,
        }
    }
}

impl Row for CityRow {
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            1 => by_number(other.now().temperature_celsius, self.now().temperature_celsius),
            2 => by_number(other.now().rain_mm, self.now().rain_mm),
            3 => by_number(other.now().snow_water_mm, self.now().snow_water_mm),
            _ => Ordering::Equal,
        }
        .then_with(|| self.name.cmp(&other.name))
    }
}

/// The rows as a file: what is now, not what is expected.
pub(super) fn export<'r>(rows: impl Iterator<Item = &'r CityRow>) -> TableFile {
    let rows = rows.map(|row| {
        let now = row.now();
        json!({
            "city": row.name.as_str(), "polled": wire::ms(now.polled.as_ref()).map(iso),
            "temperature_celsius": now.temperature_celsius, "rain_mm": now.rain_mm, "snow_water_mm": now.snow_water_mm,
            "limits": row.limits,
        })
    });
    TableFile {
        columns: "city,polled,temperature_celsius,rain_mm,snow_water_mm,limits",
        name: "rows",
        rows: rows.collect(),
        beside: Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use sla_proto::weather::v1::City;

    use super::*;

    fn city() -> City {
        City {
            key: "59.91,10.75".to_owned(),
            name: "Oslo".to_owned(),
            country: "NO".to_owned(),
            ..City::default()
        }
    }

    fn row(temperature: Option<f64>, snow: Option<f64>, limits: Limits, active: bool) -> CityRow {
        let state = CityState {
            city: Some(city()),
            now: Some(Reading {
                temperature_celsius: temperature,
                snow_water_mm: snow,
                ..Reading::default()
            }),
            forecast: vec![ForecastHour {
                temperature_celsius: Some(-20.0),
                ..ForecastHour::default()
            }],
            ..CityState::default()
        };
        let subscription = Subscription {
            city: Some(city()),
            limits: Some(limits),
            active,
            ..Subscription::default()
        };
        CityRow::new(state, &[subscription])
    }

    #[test]
    fn outside_is_what_leaves_or_falls_and_nothing_unknown() {
        let limits = Limits {
            t_min: Some(0.0),
            t_max: Some(10.0),
            rain: false,
            snow: true,
        };
        let is_outside = |temperature, snow, active| row(temperature, snow, limits, active).is_outside();
        assert!(!is_outside(Some(0.0), Some(0.0), true));
        assert!(is_outside(Some(-0.1), Some(0.0), true));
        assert!(is_outside(Some(10.1), None, true));
        assert!(is_outside(None, Some(0.1), true));
        assert!(!is_outside(None, None, true), "what is not known is not outside");
        assert!(!is_outside(Some(20.0), Some(1.0), false), "nobody judges it now");
        let expected = row(Some(5.0), Some(0.0), limits, true);
        assert!(!expected.is_outside(), "what is expected is not now");
        assert!(expected.first_outside(&limits).is_some());
        assert_eq!(expected.limits, "0 to 10 °C, no snow");
    }
}
