//! Every deviation is collected before a test fails.

use serde_json::Value;

/// A number, also where JSON has none: "nan", "inf", "-inf"; null is NaN.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::Number(n) => n.as_f64().unwrap(),
        Value::String(text) => text.parse().unwrap(),
        Value::Null => f64::NAN,
        other => panic!("not a number: {other}"),
    }
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// Deviations of one test over all files.
#[derive(Default)]
pub(crate) struct Report {
    checks: usize,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn check(&mut self, good: bool, file: &str, key: &str, detail: impl FnOnce() -> String) {
        self.checks += 1;
        if !good {
            self.failures.push(format!("{file} {key}: {}", detail()));
        }
    }

    pub(crate) fn relative(&mut self, file: &str, key: &str, got: &Value, want: f64, tolerance: f64) {
        self.absolute(file, key, got, want, tolerance * want.abs());
    }

    pub(crate) fn absolute(&mut self, file: &str, key: &str, got: &Value, want: f64, tolerance: f64) {
        let good = got.as_f64().is_some_and(|got| (got - want).abs() <= tolerance);
        self.check(good, file, key, || {
            format!("got {got}, want {want:?} within {tolerance:.1e}")
        });
    }

    /// Every number of a list; where the reference has NaN ours has null.
    pub(crate) fn all(&mut self, file: &str, key: &str, got: &Value, want: &[f64], tolerance: impl Fn(f64) -> f64) {
        let list = got.as_array().map(Vec::as_slice).unwrap_or_default();
        self.check(list.len() == want.len(), file, key, || {
            format!("{} entries, want {}", list.len(), want.len())
        });
        for (i, (got, want)) in list.iter().zip(want).enumerate() {
            let key = format!("{key}[{i}]");
            if want.is_nan() {
                self.check(got.is_null(), file, &key, || got.to_string());
            } else {
                self.absolute(file, &key, got, *want, tolerance(*want));
            }
        }
    }

    /// Fails the test when anything deviated or fewer than `expected` checks ran.
    pub(crate) fn finish(self, expected: usize) {
        let shown: Vec<&String> = self.failures.iter().take(60).collect();
        assert!(
            shown.is_empty(),
            "{} of {} checks failed:\n{shown:#?}",
            self.failures.len(),
            self.checks
        );
        assert!(
            self.checks >= expected,
            "only {} checks ran, expected {expected}",
            self.checks
        );
    }
}
