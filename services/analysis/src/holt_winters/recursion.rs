//! The recursions with given parameters.

use super::model::{Filtered, Parameters, State, check_season};
use crate::degenerate::Degenerate;

/// Runs the recursions over `values` (equal spacing) from `start` with given parameters: no optimiser, strict arithmetic.
///
/// # Errors
/// [`Degenerate`] for no values, gaps, parameters outside 0…1, a state that is not finite, an empty or too long season, overflow.
pub fn filter(values: &[f64], parameters: Parameters, start: &State) -> Result<Filtered, Degenerate> {
    if values.is_empty() {
        return Err(Degenerate::Empty);
    }
    let odd = values.iter().filter(|x| !x.is_finite()).count();
    if odd > 0 {
        return Err(Degenerate::NonFinite { count: odd });
    }
    parameters.check()?;
    check_season(start.season.len(), usize::MAX)?;
    if !(start.level.is_finite() && start.trend.is_finite() && start.season.iter().all(|s| s.is_finite())) {
        return Err(Degenerate::BadParameter { name: "start" });
    }
    let filtered = textbook(values, parameters, start);
    if !filtered.sse.is_finite() || !filtered.end.level.is_finite() {
        return Err(Degenerate::OutOfRange);
    }
    Ok(filtered)
}

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
fn textbook(values: &[f64], parameters: Parameters, start: &State) -> Filtered {
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
