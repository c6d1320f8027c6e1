//! The binary, run over a file.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

/// Golden files that must be present.
const FILES: usize = 51;

/// One golden file.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) answers: Value,
}

pub(crate) fn golden_files() -> Vec<Golden> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../analysis/tests/golden");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    assert_eq!(paths.len(), FILES, "golden files in {folder}");
    let read = |path: PathBuf| {
        let answers: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let name = answers["name"].as_str().unwrap().to_owned();
        Golden { name, path, answers }
    };
    paths.into_iter().map(read).collect()
}

/// Exit code and answer of `sla analyze --values PATH … --json`.
pub(crate) fn analyze(path: &Path, more: &[&str]) -> (i32, Value) {
    let path = path.to_str().unwrap();
    let out = sla(&[&["analyze", "--values", path, "--json"], more].concat());
    let answer = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|error| panic!("{path} {more:?}: {error}\n{}", String::from_utf8_lossy(&out.stderr)));
    (out.status.code().unwrap(), answer)
}

/// The binary with a home of its own.
pub(crate) fn sla(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    sla_testkit::instance::sla(home.path())
        .args(arguments)
        .output()
        .unwrap()
}
