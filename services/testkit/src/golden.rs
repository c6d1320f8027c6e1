//! Golden files of the numerics, for who computes and for who prints: numbers that JSON does not have, and a report that
//! collects every deviation before a test fails.

use serde_json::Value;

/// Deviations that are shown; the rest is counted.
const SHOWN: usize = 60;

/// Series that a model fits to rounding precision: the reference's likelihood is noise there.
pub fn is_exact(file: &str) -> bool {
    let exact = [
        "zero",
        "constant",
        "1ulp",
        "alternating",
        "denormal",
        "linear_ramp",
        "quadratic",
        "sine",
        "square_p10",
    ];
    exact.iter().any(|part| file.contains(part)) || file.starts_with("tiny_")
}

/// A number, also where JSON has none: "nan", "inf", "-inf"; null is NaN.
///
/// # Panics
/// When it is anything else.
pub fn number(value: &Value) -> f64 {
    match value {
        Value::Number(n) => n.as_f64().unwrap(),
        Value::String(text) => text.parse().unwrap(),
        Value::Null => f64::NAN,
        other => panic!("not a number: {other}"),
    }
}

/// A list of such numbers.
pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// What was found: a number, or what a command printed, which is none where it printed null.
pub trait Found {
    /// NaN where there is no number.
    fn found(self) -> f64;
}

impl Found for f64 {
    fn found(self) -> f64 {
        self
    }
}

impl Found for &Value {
    fn found(self) -> f64 {
        self.as_f64().unwrap_or(f64::NAN)
    }
}

/// Deviations of one test over all files.
#[derive(Default)]
pub struct Report {
    checks: usize,
    failures: Vec<String>,
}

impl Report {
    /// Whatever must hold.
    pub fn check(&mut self, holds: bool, file: &str, key: &str, detail: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.failures.push(format!("{file} {key}: {}", detail()));
        }
    }

    /// Within this share of what is wanted.
    pub fn relative(&mut self, file: &str, key: &str, got: impl Found, want: f64, tolerance: f64) {
        self.absolute(file, key, got, want, tolerance * want.abs());
    }

    /// Within this distance of what is wanted.
    pub fn absolute(&mut self, file: &str, key: &str, got: impl Found, want: f64, tolerance: f64) {
        let got = got.found();
        let holds = got == want || (got - want).abs() <= tolerance;
        self.check(holds, file, key, || {
            let off = (got - want).abs();
            format!("got {got:?}, want {want:?}, off by {off:.2e}, allowed {tolerance:.1e}")
        });
    }

    /// Every number of a printed list; where the reference has NaN ours has null.
    pub fn all(&mut self, file: &str, key: &str, got: &Value, want: &[f64], tolerance: impl Fn(f64) -> f64) {
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

    /// Ends the test.
    ///
    /// # Panics
    /// When anything deviated or fewer than `expected` checks ran.
    pub fn finish(self, expected: usize) {
        let Self { checks, failures } = self;
        let shown: Vec<&str> = failures.iter().take(SHOWN).map(String::as_str).collect();
        let count = failures.len();
        assert!(
            failures.is_empty(),
            "{count} of {checks} checks failed:\n{}",
            shown.join("\n")
        );
        assert!(checks >= expected, "only {checks} checks ran, expected {expected}");
    }
}
