//! The real servers that `dev/test` has started. Tests that need one are `#[ignore = "real server: dev/test"]`: plain
//! `cargo test` does not count them as passed.

use serde::de::DeserializeOwned;

/// Prometheus servers, each with what its generator wrote down (the truth file of `dev/prometheus/up.sh`).
///
/// # Panics
/// When the environment names none: a test that nothing is read in must not pass.
pub fn servers<T: DeserializeOwned>() -> Vec<(String, T)> {
    named("SLA_TEST_PROMETHEUS")
}

/// Servers with easily mistaken series, each with its world (`dev/prometheus/world.sh`).
///
/// # Panics
/// When the environment names none.
pub fn worlds<T: DeserializeOwned>() -> Vec<(String, T)> {
    named("SLA_TEST_WORLDS")
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where real servers are"
)]
fn named<T: DeserializeOwned>(variable: &str) -> Vec<(String, T)> {
    let list = std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable}=URL=FILE.json[,…] is not set: dev/test starts the servers and sets it"));
    provide_tls();
    list.split(',')
        .map(|entry| {
            let (url, file) = entry.split_once('=').expect("URL=FILE.json");
            let truth = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
            let truth = serde_json::from_slice(&truth).unwrap_or_else(|error| panic!("{file}: {error}"));
            (url.to_owned(), truth)
        })
        .collect()
}

/// The one TLS provider of the product, for processes that are tests; a second call changes nothing.
pub fn provide_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
