//! The recursions with given parameters.

use super::{Filtered, Parameters, State};

/// One pass; values and states are taken relative to the first value, so that a large offset costs no digits.
pub(super) fn run(values: &[f64], parameters: Parameters, start: &State) -> Filtered {
    let Parameters { alpha, beta, gamma } = parameters;
    let m = start.season.len();
    let offset = start.level;
    let (mut level, mut trend) = (0.0, start.trend);
    let mut season = start.season.clone();
    let mut residuals = Vec::with_capacity(values.len());
    let mut sse = 0.0;
    for chunk in values.chunks(m) {
        for (y, s) in chunk.iter().zip(season.iter_mut()) {
            let error = ((y - offset) - *s) - (level + trend);
            level += trend + alpha * error;
            trend += alpha * beta * error;
            *s += gamma * error;
            sse += error * error;
            residuals.push(error);
        }
    }
    season.rotate_left(values.len() % m);
    Filtered {
        sse,
        residuals,
        end: State {
            level: level + offset,
            trend,
            season,
        },
    }
}

/// One pass in the textbook's weighted form and its order of operations, on the raw values.
///
/// This is how other tools compute it, so given parameters give their numbers to the last digits, rounding noise at 1e15 included;
/// a fit uses [`run`], which has less of it.
pub(super) fn textbook(values: &[f64], parameters: Parameters, start: &State) -> Filtered {
    let Parameters { alpha, beta, gamma } = parameters;
    let m = start.season.len();
    let (mut level, mut trend) = (start.level, start.trend);
    let mut season = start.season.clone();
    let mut residuals = Vec::with_capacity(values.len());
    let mut sse = 0.0;
    for chunk in values.chunks(m) {
        for (y, s) in chunk.iter().zip(season.iter_mut()) {
            let ahead = level + trend;
            let error = (ahead + *s) - y;
            let next = alpha * y - alpha * *s + (1.0 - alpha) * ahead;
            trend = beta * (next - level) + (1.0 - beta) * trend;
            *s = gamma * y - gamma * ahead + (1.0 - gamma) * *s;
            level = next;
            sse += error * error;
            residuals.push(-error);
        }
    }
    season.rotate_left(values.len() % m);
    Filtered {
        sse,
        residuals,
        end: State { level, trend, season },
    }
}
