//! From the configuration to the options of the roles, and whether these could work with them.

use std::time::Duration;

use sla_account::AccountOptions;
use sla_etl::EtlOptions;
use sla_manager::SlaOptions;
use sla_runtime::status::chain;
use sla_source::{Call, MetricSource as _, Prometheus, SourceError};

use super::paths::Paths;
use super::plan::Serve;
use super::source::source_options;
use super::watching;
use crate::config::{Config, ConfigError};

/// What a role would refuse at its start, told before anything is bound.
pub(super) fn check(config: &Config, paths: &Paths, run: &Serve) -> Result<(), ConfigError> {
    let unusable = |error: &dyn std::error::Error| ConfigError::Unusable(chain(error));
    if run.has("etl") {
        etl_options(config, paths).check().map_err(|error| unusable(&error))?;
    }
    if run.has("sla") {
        sla_options(config, run).check().map_err(|error| unusable(&error))?;
    }
    if !run.has("etl") || run.demo.is_some() {
        return Ok(());
    }
    let mut names: Vec<String> = Vec::new();
    names.extend(config.own.watch.then(|| watching::NAME.to_owned()));
    names.extend(config.weather.is_on().then(|| sla_weather::SOURCE.to_owned()));
    for source in config.all_sources().into_iter().filter(|source| !source.url.is_empty()) {
        let options = source_options(&source, config.etl.max_series);
        let name = options.id.0.clone();
        if names.contains(&name) {
            let words = format!("two metric sources are called {name:?}; give each a `name` of its own");
            return Err(ConfigError::Unusable(words));
        }
        names.push(name);
        // Makes a client and asks nobody.
        Prometheus::new(options).map_err(|error| unusable(&error))?;
    }
    Ok(())
}

/// Asks the default source whether it is a server that can be read.
pub(crate) async fn probe(config: &Config, limit: Duration) -> Result<(), SourceError> {
    let Some(source) = config.all_sources().into_iter().next() else {
        return Ok(());
    };
    let source = Prometheus::new(source_options(&source, config.etl.max_series))?;
    source.probe(&Call::within(limit)).await.map(drop)
}

pub(super) fn account_options(config: &Config) -> AccountOptions {
    AccountOptions {
        registration: config.account.registration(),
        ..AccountOptions::default()
    }
}

pub(super) fn etl_options(config: &Config, paths: &Paths) -> EtlOptions {
    EtlOptions {
        max_series: config.etl.max_series,
        windows_ms: windows(config),
        horizon_ms: config.evaluation.horizon.ms(),
        results_every_ms: config.etl.results_every.ms(),
        metadata_every_ms: config.etl.metadata_every.ms(),
        metadata_windows_ms: config.etl.metadata_windows.iter().map(|window| window.ms()).collect(),
        cache_bytes: config.etl.cache_bytes,
        log_directory: Some(paths.log.clone()),
        address: config.etl.address.clone(),
        ..EtlOptions::default()
    }
}

pub(super) fn sla_options(config: &Config, run: &Serve) -> SlaOptions {
    // A demo with finer samples than the floor is judged as often as they come.
    let floor_ms = run.demo.as_ref().map_or(config.evaluation.floor.ms(), |demo| {
        config
            .evaluation
            .floor
            .ms()
            .min(demo.step_ms.max(sla_manager::options::MIN_FLOOR_MS))
    });
    SlaOptions {
        floor_ms,
        windows_ms: windows(config),
        horizon_ms: config.evaluation.horizon.ms(),
        max_series: config.etl.max_series as u32,
        memory_bytes: config.evaluation.memory_mib.saturating_mul(1 << 20),
        max_objectives: config.evaluation.max_objectives,
        max_objectives_per_user: config.evaluation.max_objectives_per_user,
        max_outlooks: config.evaluation.max_outlooks,
        ..SlaOptions::default()
    }
}

pub(super) fn windows(config: &Config) -> Vec<i64> {
    config.evaluation.windows.iter().map(|window| window.ms()).collect()
}
