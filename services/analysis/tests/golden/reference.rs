//! Reading the golden files.

use serde_json::Value;
use sla_testkit::golden::numbers;

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
