//! The least and the greatest of each number of the configuration: beyond it something would overflow, panic, or be cut without a
//! word.

use std::ops::RangeInclusive;

use sla_domain::duration::format_ms;
use sla_etl::options::{
    MAX_EVERY_MS, MAX_METADATA_WINDOWS, MIN_CACHE_BYTES, MIN_METADATA_EVERY_MS, MIN_METADATA_WINDOW_MS,
    MIN_RESULTS_EVERY_MS,
};
use sla_manager::options::{MAX_HORIZON_MS, MAX_WINDOW_MS, MAX_WINDOWS, MIN_FLOOR_MS, MIN_MEMORY_BYTES};
use sla_source::port::LONG_VIEW_LENGTH_MS;

use super::schema::Config;
use super::source::{CONCURRENCY, TIMEOUT_MS};
use super::{ConfigError, Span};

/// More threads than any machine has cores.
const MAX_THREADS: u64 = 1_024;
/// Ten times what was measured.
const MAX_SERIES: u64 = 1_000_000;
/// More memory than any machine has, bytes.
const MAX_MEMORY_BYTES: u64 = 1 << 44;
const MAX_OBJECTIVES: u64 = 10_000_000;
/// Each start of a violation is kept until it is told.
const FLAPS: RangeInclusive<u64> = 2..=1_000;
const FLAP_WINDOW_MS: RangeInclusive<i64> = 60_000..=MAX_EVERY_MS;
/// The least horizon and window, milliseconds.
const MINUTE_MS: i64 = 60_000;
/// A key that is pressed must be seen, milliseconds.
const MAX_ESC_HOLD_MS: i64 = 1_000;

impl Config {
    /// Refuses what lies outside.
    pub(super) fn check_limits(&self) -> Result<(), ConfigError> {
        let usual = Self::default();
        for ((key, given, allowed), (_, usual, _)) in numbers(self).into_iter().zip(numbers(&usual)) {
            if !allowed.contains(&given) {
                let rule = format!("lies between {} and {}", allowed.start(), allowed.end());
                return refused(key, given.to_string(), rule, format!("leave it out for {usual}"));
            }
        }
        for ((key, given, allowed), (_, usual, _)) in spans(self).into_iter().zip(spans(&usual)) {
            if !allowed.contains(&given.ms()) {
                return refused(
                    key,
                    given.to_string(),
                    between(&allowed),
                    format!("leave it out for {usual}"),
                );
            }
        }
        windows(self)
    }
}

fn numbers(config: &Config) -> [(&'static str, u64, RangeInclusive<u64>); 9] {
    let (evaluation, etl) = (&config.evaluation, &config.etl);
    let objectives = 1..=MAX_OBJECTIVES;
    [
        ("source.concurrency", config.source.concurrency as u64, CONCURRENCY),
        ("etl.threads", etl.threads as u64, 0..=MAX_THREADS),
        ("etl.max_series", etl.max_series as u64, 1..=MAX_SERIES),
        ("etl.cache_bytes", etl.cache_bytes, MIN_CACHE_BYTES..=MAX_MEMORY_BYTES),
        (
            "evaluation.memory_mib",
            evaluation.memory_mib,
            MIN_MEMORY_BYTES >> 20..=MAX_MEMORY_BYTES >> 20,
        ),
        (
            "evaluation.max_objectives",
            evaluation.max_objectives as u64,
            objectives.clone(),
        ),
        (
            "evaluation.max_objectives_per_user",
            evaluation.max_objectives_per_user as u64,
            objectives,
        ),
        (
            "evaluation.max_outlooks",
            evaluation.max_outlooks as u64,
            0..=MAX_OBJECTIVES,
        ),
        ("notify.flap_count", u64::from(config.notify.flap_count), FLAPS),
    ]
}

fn spans(config: &Config) -> [(&'static str, Span, RangeInclusive<i64>); 7] {
    let (evaluation, etl) = (&config.evaluation, &config.etl);
    [
        ("source.timeout", config.source.timeout, TIMEOUT_MS),
        (
            "etl.results_every",
            etl.results_every,
            MIN_RESULTS_EVERY_MS..=MAX_EVERY_MS,
        ),
        (
            "etl.metadata_every",
            etl.metadata_every,
            MIN_METADATA_EVERY_MS..=MAX_EVERY_MS,
        ),
        ("evaluation.floor", evaluation.floor, MIN_FLOOR_MS..=MAX_WINDOW_MS),
        ("evaluation.horizon", evaluation.horizon, MINUTE_MS..=MAX_HORIZON_MS),
        ("notify.flap_window", config.notify.flap_window, FLAP_WINDOW_MS),
        ("console.esc_hold", config.console.esc_hold, 1..=MAX_ESC_HOLD_MS),
    ]
}

fn windows(config: &Config) -> Result<(), ConfigError> {
    let (evaluation, etl) = (&config.evaluation, &config.etl);
    for (key, given, most, allowed, usual) in [
        (
            "evaluation.windows",
            &evaluation.windows,
            MAX_WINDOWS,
            MINUTE_MS..=MAX_WINDOW_MS,
            "1h, 3h, 6h, 12h",
        ),
        (
            "etl.metadata_windows",
            &etl.metadata_windows,
            MAX_METADATA_WINDOWS,
            MIN_METADATA_WINDOW_MS..=LONG_VIEW_LENGTH_MS,
            "12h",
        ),
    ] {
        let fix = format!("leave it out for {usual}");
        if !(1..=most).contains(&given.len()) {
            let rule = format!("1 to {most} windows are possible");
            return refused(key, format!("{} windows", given.len()), rule, fix);
        }
        if let Some(wrong) = given.iter().find(|window| !allowed.contains(&window.ms())) {
            return refused(key, wrong.to_string(), format!("each {}", between(&allowed)), fix);
        }
    }
    let grow = evaluation.windows.windows(2).all(|pair| pair[0].ms() < pair[1].ms());
    if !grow {
        let given: Vec<String> = evaluation.windows.iter().map(ToString::to_string).collect();
        let rule = "windows grow from left to right".to_owned();
        return refused(
            "evaluation.windows",
            given.join(", "),
            rule,
            "sort them, shortest first".to_owned(),
        );
    }
    match evaluation.windows.first() {
        Some(shortest) if evaluation.floor.ms() > shortest.ms() => {
            let rule = format!("is not longer than the shortest window, {shortest}");
            refused(
                "evaluation.floor",
                evaluation.floor.to_string(),
                rule,
                "leave it out for 15s".to_owned(),
            )
        }
        _ => Ok(()),
    }
}

fn between(allowed: &RangeInclusive<i64>) -> String {
    format!(
        "lies between {} and {}",
        format_ms(*allowed.start()),
        format_ms(*allowed.end())
    )
}

fn refused(key: &'static str, value: String, rule: String, fix: String) -> Result<(), ConfigError> {
    Err(ConfigError::Rule { key, value, rule, fix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_and_what_lies_outside_is_named_by_its_key() {
        Config::default().check_limits().unwrap();
        for (text, words) in [
            (
                "source.concurrency = 0",
                "source.concurrency is \"0\": lies between 1 and 256; leave it out for 2",
            ),
            ("source.concurrency = 9223372036854775807", "source.concurrency is"),
            ("etl.threads = 9223372036854775807", "etl.threads is"),
            ("etl.max_series = 0", "etl.max_series is"),
            ("etl.max_series = 4294967297", "etl.max_series is"),
            ("etl.cache_bytes = 1", "etl.cache_bytes is"),
            ("etl.cache_bytes = 9223372036854775807", "etl.cache_bytes is"),
            (
                "evaluation.memory_mib = 0",
                "evaluation.memory_mib is \"0\": lies between 1 and",
            ),
            (
                "evaluation.memory_mib = 9223372036854775807",
                "evaluation.memory_mib is",
            ),
            ("evaluation.max_objectives = 0", "evaluation.max_objectives is"),
            (
                "evaluation.max_objectives_per_user = 9223372036854775807",
                "max_objectives_per_user is",
            ),
            (
                "evaluation.max_outlooks = 9223372036854775807",
                "evaluation.max_outlooks is",
            ),
            (
                "evaluation.floor = \"1ms\"",
                "evaluation.floor is \"1ms\": lies between 1s and",
            ),
            (
                "evaluation.floor = \"2h\"",
                "evaluation.floor is \"2h\": is not longer than",
            ),
            ("evaluation.horizon = \"2h\"", "evaluation.horizon is"),
            ("evaluation.windows = []", "evaluation.windows is"),
            (
                "evaluation.windows = [\"1y\"]",
                "evaluation.windows is \"365d\": each lies between 1m and",
            ),
            ("evaluation.windows = [\"2h\", \"1h\"]", "windows grow"),
            ("etl.metadata_windows = [\"1s\"]", "etl.metadata_windows is"),
            ("etl.results_every = \"1s\"", "etl.results_every is"),
            ("source.timeout = \"290000000y\"", "source.timeout is"),
            ("notify.flap_count = 1", "notify.flap_count is"),
            ("notify.flap_window = \"1s\"", "notify.flap_window is"),
            ("console.esc_hold = \"2s\"", "console.esc_hold is"),
        ] {
            let config: Config = toml::from_str(text).unwrap();
            let told = config.check().unwrap_err().to_string();
            assert!(told.contains(words), "{text}: {told}");
        }
    }
}
