//! Reading the golden files, and collecting every deviation before a test fails.

use serde_json::Value;

/// One golden file.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    pub(crate) answers: Value,
}

/// Golden files that must be present.
const FILES: usize = 51;

pub(crate) fn all() -> Vec<Golden> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    paths.sort();
    assert_eq!(paths.len(), FILES, "golden files in {folder}");
    paths
        .iter()
        .map(|path| {
            let answers: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            Golden {
                name: answers["name"].as_str().unwrap().to_owned(),
                values: numbers(&answers["values"]),
                answers,
            }
        })
        .collect()
}

/// A number, also where JSON has none: "nan", "inf", "-inf".
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::Number(n) => n.as_f64().unwrap(),
        Value::String(s) => match s.as_str() {
            "nan" => f64::NAN,
            "inf" => f64::INFINITY,
            "-inf" => f64::NEG_INFINITY,
            other => panic!("not a number: {other}"),
        },
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
    pub(crate) fn check(&mut self, ok: bool, file: &str, key: &str, detail: impl FnOnce() -> String) {
        self.checks += 1;
        if !ok {
            self.failures.push(format!("{file} {key}: {}", detail()));
        }
    }

    pub(crate) fn relative(&mut self, file: &str, key: &str, got: f64, want: f64, tolerance: f64) {
        let ok = got == want || (got - want).abs() <= tolerance * want.abs();
        self.check(ok, file, key, || {
            format!(
                "got {got:?}, want {want:?}, off by {:.2e} of it",
                (got - want).abs() / want.abs()
            )
        });
    }

    pub(crate) fn absolute(&mut self, file: &str, key: &str, got: f64, want: f64, tolerance: f64) {
        let ok = got == want || (got - want).abs() <= tolerance;
        self.check(ok, file, key, || {
            format!(
                "got {got:?}, want {want:?}, off by {:.2e}, allowed {tolerance:.1e}",
                (got - want).abs()
            )
        });
    }

    /// Fails the test when anything deviated or fewer than `expected` checks ran.
    pub(crate) fn finish(self, expected: usize) {
        assert!(
            self.failures.is_empty(),
            "{} of {} checks failed:\n{}",
            self.failures.len(),
            self.checks,
            self.failures.join("\n")
        );
        assert!(
            self.checks >= expected,
            "only {} checks ran, expected {expected}",
            self.checks
        );
    }
}
