//! The tab of cities: there where its role runs, read as it is, subscribed to by a form that keeps what was typed.

use sla_proto::convert as time;
use sla_proto::weather::v1 as weather;

use super::driver::Driver;
use super::script::{MIN, NOW_MS, at};
use crate::context::request::{Answer, Effect, Problem, Request};

fn oslo() -> weather::City {
    weather::City {
        key: "59.91,10.75".into(),
        name: "Oslo".into(),
        country: "NO".into(),
        latitude: 59.91,
        longitude: 10.75,
        ..weather::City::default()
    }
}

fn subscription() -> weather::Subscription {
    weather::Subscription {
        id: "set-oslo".into(),
        version: 1,
        name: "Weather in Oslo".into(),
        city: Some(oslo()),
        limits: Some(weather::Limits {
            t_min: Some(-5.0),
            t_max: None,
            rain: false,
            snow: true,
        }),
        active: true,
        owner: "edith".into(),
        private: true,
    }
}

/// What the instance would answer.
pub(super) fn answer(request: &Request, more: u32) -> Answer {
    Ok(match request {
        Request::Cities(_) => weather::ListCitiesResponse {
            cities: vec![weather::CityState {
                city: Some(oslo()),
                now: Some(weather::Reading {
                    polled: at(NOW_MS - 5 * MIN),
                    observed: at(NOW_MS - 10 * MIN),
                    temperature_celsius: Some(-1.5),
                    rain_mm: Some(0.0),
                    snow_water_mm: Some(0.4),
                    interval: Some(time::duration(15 * MIN)),
                    ..weather::Reading::default()
                }),
                forecast: vec![weather::ForecastHour {
                    at: at(NOW_MS + 58 * MIN),
                    temperature_celsius: Some(-6.0),
                    span: Some(time::duration(60 * MIN)),
                    ..weather::ForecastHour::default()
                }],
                subscriptions: 1,
                ..weather::CityState::default()
            }],
            provider: Some(weather::ProviderStatus {
                name: "open-meteo".into(),
                attribution: "Weather data by Open-Meteo.com".into(),
                round: Some(time::duration(15 * MIN)),
                calls_today: 96,
                daily_quota: 10_000,
                ..weather::ProviderStatus::default()
            }),
        }
        .into(),
        Request::Subscriptions(_) => weather::ListSubscriptionsResponse {
            subscriptions: vec![subscription()],
            total: 1 + u64::from(more),
            ..weather::ListSubscriptionsResponse::default()
        }
        .into(),
        Request::Subscribe(m) if m.city == "Springfield" => {
            return Err(Problem::plain(
                "city `Springfield`: several places have this name; give one of Springfield, Illinois, US; Springfield, Ohio, US",
            ));
        }
        Request::Subscribe(_) => weather::SubscribeResponse {
            subscription: Some(subscription()),
        }
        .into(),
        Request::UpdateSubscription(m) => weather::UpdateSubscriptionResponse {
            subscription: Some(weather::Subscription {
                active: m.active.unwrap_or(true),
                ..subscription()
            }),
        }
        .into(),
        _ => weather::UnsubscribeResponse {}.into(),
    })
}

fn driver() -> Driver {
    let mut driver = Driver::offline(100, 30, crate::theme::caps::Caps::default());
    driver.script.town = true;
    driver.connect();
    driver
}

#[test]
fn the_tab_is_there_where_its_role_runs() {
    let mut without = Driver::new(100, 30);
    without.says_not("6 Weather");
    without.keys("6");
    without.says_not("Oslo");
    let mut with = driver();
    with.says("6 Weather");
    with.keys("6");
    println!("{}", with.screen());
    with.says("Oslo, NO");
    with.says("-1.5");
    with.says("from -5 °C, no snow");
    with.says("the provider expects it outside by 15:30");
    with.says("Weather data by Open-Meteo.com");
}

#[test]
fn a_refused_city_keeps_what_was_typed() {
    let mut driver = driver();
    driver.keys("6 n \"Springfield\" Tab \"2\" Enter");
    println!("{}", driver.screen());
    driver.says("Springfield, Illinois, US");
    driver.says("Springfield");
    driver.keys("Esc Esc");
    driver.says_not("Illinois");
}

#[test]
fn a_subscription_is_paused_and_changed_by_key() {
    let mut driver = driver();
    driver.keys("6 p");
    driver.says("Weather in Oslo is paused");
    driver.keys("e");
    println!("{}", driver.screen());
    driver.says("Weather in Oslo");
    driver.says("Enter saves");
    driver.keys("Enter");
    driver.says("Weather in Oslo is judged as agreed now");
    driver.says_not("Enter saves");
}

#[test]
fn a_chart_is_read_from_the_source_of_its_series() {
    let mut driver = driver();
    driver.keys("6 Enter");
    let charts = driver.outside.iter().filter_map(|effect| match effect {
        Effect::Call {
            request: Request::Chart(chart),
            ..
        } => chart.query.as_ref(),
        _ => None,
    });
    let sources: Vec<&str> = charts.map(|query| query.source.as_str()).collect();
    assert!(
        !sources.is_empty() && sources.iter().all(|source| *source == "weather"),
        "{sources:?}"
    );
    driver.says("sla  prom-eu");
}

#[test]
fn what_is_not_listed_is_counted() {
    let mut few = driver();
    few.keys("6");
    few.says_not("left out");
    let mut crowd = Driver::offline(100, 30, crate::theme::caps::Caps::default());
    (crowd.script.town, crowd.script.more) = (true, 1_499);
    crowd.connect();
    crowd.keys("6");
    println!("{}", crowd.screen());
    crowd.says("1499 more subscriptions are left out");
}
