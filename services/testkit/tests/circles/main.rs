//! Keeps files of a crate on floors: no group of two files or more that reach each other.
//!
//! An arrow goes from a file to the file that **defines** what it names: re-exports are followed to their origin, paths in
//! bodies count as imports do. A module that only declares and re-exports its children draws no arrow, and what only tests
//! see (`cfg(test)`) is not read. Methods called with a dot and what macros make are not seen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

mod arrows;
mod examples;
mod groups;
mod names;
mod tree;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tree::Tree;

/// Every folder of the workspace with sources of its own.
fn crates() -> Vec<(String, PathBuf)> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut crates: Vec<_> = fs::read_dir(root.join("services"))
        .expect("services/")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("UTF-8 name"))
        .map(|name| format!("services/{name}"))
        .chain(["proto".to_owned(), "tui".to_owned()])
        .map(|name| (name.clone(), root.join(&name).join("src")))
        .filter(|(_, sources)| sources.is_dir())
        .collect();
    crates.sort();
    crates
}

/// The circles of the crate at `sources`, written for people; empty when there are none.
fn circles_of(sources: &Path) -> String {
    let mut text = String::new();
    for root in ["lib.rs", "main.rs"].map(|root| sources.join(root)) {
        if !root.is_file() {
            continue;
        }
        let tree = Tree::read(&root);
        let arrows = arrows::arrows(&tree);
        for group in groups::groups(&arrows) {
            writeln!(text, "{} files reach each other:", group.len()).unwrap();
            for ((from, to), names) in &arrows {
                if group.contains(from) && group.contains(to) {
                    let (from, to) = (tree.file(*from), tree.file(*to));
                    let names: Vec<_> = names.iter().take(5).map(String::as_str).collect();
                    writeln!(text, "  {from} → {to}: {}", names.join(", ")).unwrap();
                }
            }
        }
    }
    text
}

#[test]
fn no_files_of_a_crate_reach_each_other() {
    let crates = crates();
    assert!(crates.len() >= 12, "the workspace has lost crates: {crates:?}");
    let mut wrong = String::new();
    for (name, sources) in crates {
        let circles = circles_of(&sources);
        if !circles.is_empty() {
            writeln!(wrong, "{name}: {circles}").unwrap();
        }
    }
    assert!(
        wrong.is_empty(),
        "what files share stands below those who share it:\n{wrong}"
    );
}
