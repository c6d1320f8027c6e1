//! Keeps files small and named by nouns: ≤ 600 lines, no `utils`, `common` or `helpers`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The longest a source file may be, in lines.
const MAX_LINES: usize = 600;

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
    {
        let name = entry
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("")
            .to_owned();
        if entry.is_dir() {
            if name != "target" && !name.starts_with('.') {
                sources(&entry, into);
            }
        } else if entry
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "proto")
        {
            into.push(entry);
        }
    }
}

#[test]
fn files_are_short_and_named_by_nouns() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut files = Vec::new();
    sources(root, &mut files);
    assert!(files.len() > 20, "the tree was not found: {files:?}");
    let mut wrong = Vec::new();
    for file in files {
        let lines = fs::read_to_string(&file).expect("UTF-8 source").lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{}: {lines} lines", file.display()));
        }
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        if ["util", "utils", "common", "helper", "helpers", "misc"].contains(&stem) {
            wrong.push(format!("{}: not a noun of this product", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
