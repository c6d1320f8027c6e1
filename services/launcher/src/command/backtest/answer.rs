//! How a backtest and a replay answer, and the bounds and the seed that both take.

use serde_json::Value;

use crate::output;

/// Quantiles of the part before the first forecast that serve as bounds, set once and kept.
pub(super) const QUANTILES: [f64; 3] = [0.9, 0.95, 0.99];
/// Seed of the pool's paths.
pub(super) const SEED: u64 = 1;

/// Prints what came of each series; in JSON one by itself, several as an array.
pub(super) fn tell<T>(answers: &[T], as_json: fn(&T) -> Value, in_words: fn(&T) -> String, json: bool) {
    if json {
        let mut told: Vec<Value> = answers.iter().map(as_json).collect();
        output::print_json(&match told.as_mut_slice() {
            [one] => one.take(),
            _ => Value::Array(told),
        });
    }
    for answer in answers.iter().filter(|_| !json) {
        output::print(&in_words(answer));
    }
}
