//! What the role counts about itself, and the weather itself, for a Prometheus.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sla_runtime::Metrics;
use sla_runtime::metrics::{Labels, single};

use crate::desk::Desk;
use crate::reading::ABOUT;

/// Registers all of it.
pub(crate) fn register(metrics: &Metrics, desk: &Arc<Desk>) {
    let here = desk.clone();
    metrics.counter("sla_weather_polls", "Polls of cities, by outcome", move || {
        let counts = &here.counts;
        [("answered", &counts.answered), ("failed", &counts.failed)]
            .map(|(outcome, count)| {
                (
                    vec![("outcome", outcome.to_owned())],
                    count.load(Ordering::Relaxed) as f64,
                )
            })
            .to_vec()
    });
    let here = desk.clone();
    metrics.gauge("sla_weather_cities", "Cities that are polled", move || {
        let known = here.known();
        known.map_or_else(Vec::new, |book| single(book.cities.len() as f64))
    });
    let here = desk.clone();
    metrics.gauge(
        "sla_weather_round_seconds",
        "Each city is polled once in this time",
        move || {
            let known = here.known();
            known.map_or_else(Vec::new, |book| single(book.rounds.round_ms() as f64 / 1_000.0))
        },
    );
    let here = desk.clone();
    metrics.gauge(
        "sla_weather_requests_left",
        "Requests that the provider's quota of this day (UTC) still has",
        move || {
            let (used, quota) = here.parts.pace.used(here.now_ms());
            single(f64::from(quota.saturating_sub(used)))
        },
    );
    for about in ABOUT {
        let here = desk.clone();
        let help = about.help.trim_end_matches('.');
        metrics.gauge(about.name, help, move || latest(&here, about.name));
    }
}

/// What is now, of each city that said it.
fn latest(desk: &Desk, metric: &str) -> Vec<(Labels, f64)> {
    let now_ms = desk.now_ms();
    let Some(book) = desk.known() else { return Vec::new() };
    let round_ms = book.rounds.round_ms();
    let of_city = |city: &crate::city::City| {
        let (_, reading) = city.now(now_ms, round_ms)?;
        let (_, value) = reading.values().find(|(name, _)| *name == metric)?;
        let [lat, lon] = city.place.coordinates();
        let labels = vec![
            ("city", city.place.name.clone()),
            ("country", city.place.country.clone()),
            ("lat", lat),
            ("lon", lon),
            ("provider", city.provider.clone()),
        ];
        Some((labels, value))
    };
    book.cities.values().filter_map(of_city).collect()
}
