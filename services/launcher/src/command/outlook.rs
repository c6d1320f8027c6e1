//! What the pool expects of a series, as JSON: the shape of `sla forecast --tasks` and of `sla analyze`'s `forecast`.

use serde_json::{Map, Value, json};
use sla_analysis::pool::{History, LEVELS, MAX_HORIZON_STEPS, PoolError, PoolForecast, Question, Side, forecast};

/// Seed of the paths: the same input gives the same answer.
const SEED: u64 = 1;

/// The pool's answer to `question`, whose horizons start `missing` steps after the newest value of `history`; its weights are
/// learned inside that history.
pub(super) fn ask(history: &History, question: &Question, missing: usize) -> Result<PoolForecast, PoolError> {
    question.check()?;
    let mut shifted = question.clone();
    for steps in &mut shifted.horizons_steps {
        *steps = steps.saturating_add(missing).min(MAX_HORIZON_STEPS);
    }
    forecast(history, &shifted, None, SEED).map(|(answer, _)| answer)
}

/// `p`, `q`, `low_confidence` and `method` of an answer that [`ask`] gave for the same `question` and `missing`.
pub(super) fn json(answer: &PoolForecast, question: &Question, missing: usize) -> Map<String, Value> {
    let mut p = Map::new();
    for (steps, row) in question.horizons_steps.iter().zip(&answer.probability) {
        p.insert(steps.to_string(), json!(row));
    }
    let longest = question.horizons_steps.iter().copied().max().unwrap_or(0);
    let mut q = Map::new();
    for (level, row) in LEVELS.iter().zip(answer.value_per_step()) {
        // Beyond the longest horizon of the pool its last step stands.
        let last = row.last().copied();
        let wanted: Vec<Option<f64>> = (missing..missing + longest)
            .map(|at| row.get(at).copied().or(last))
            .collect();
        q.insert(level.to_string(), json!(wanted));
    }
    let mut out = Map::new();
    out.insert("p".to_owned(), Value::Object(p));
    out.insert("q".to_owned(), Value::Object(q));
    out.insert("low_confidence".to_owned(), json!(answer.low_confidence));
    out.insert("method".to_owned(), json!(answer.method));
    out
}

/// The word of a side in JSON.
pub(super) fn side_word(side: Side) -> &'static str {
    match side {
        Side::Upper => "upper",
        Side::Lower => "lower",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_analysis::pool::Threshold;

    #[test]
    fn missing_values_at_the_end_shift_the_future() {
        let values: Vec<f64> = (0..400).map(|k| f64::from((k * 7) % 13)).collect();
        let history = History::regular(&values, 15_000).unwrap();
        let question = Question::new(vec![4, 10], vec![Threshold::upper(11.5), Threshold::lower(-1.0)]);
        let here = ask(&history, &question, 0).unwrap();
        let later = ask(&history, &question, 3).unwrap();
        let (here, later) = (json(&here, &question, 0), json(&later, &question, 3));
        for out in [&here, &later] {
            assert_eq!(out["p"]["4"].as_array().unwrap().len(), 2);
            assert_eq!(out["q"]["0.5"].as_array().unwrap().len(), 10);
        }
        assert!(later["p"]["4"][0].as_f64() >= here["p"]["4"][0].as_f64());
    }

    #[test]
    fn quantiles_do_not_cross_and_probabilities_stay_inside() {
        let values: Vec<f64> = (0..300).map(|k| f64::from((k * k) % 101)).collect();
        let history = History::regular(&values, 60_000).unwrap();
        let question = Question::new(vec![10, 60], vec![Threshold::upper(90.0)]);
        let out = json(&ask(&history, &question, 0).unwrap(), &question, 0);
        for step in 0..60 {
            let rows: Vec<f64> = LEVELS
                .iter()
                .map(|level| out["q"][level.to_string()][step].as_f64().unwrap())
                .collect();
            assert!(rows.is_sorted(), "{rows:?}");
        }
        for horizon in ["10", "60"] {
            let p = out["p"][horizon][0].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&p), "{p}");
        }
    }
}
