//! Keeps what documents and comments point at: files that are there, sections that are there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).to_owned()
}

/// Every file of the tree that ends with one of `endings`, as its path from the root and its text.
fn files(endings: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder)
            .expect("folder")
            .map(|entry| entry.expect("entry").path())
        {
            let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8 name");
            if path.is_dir() {
                if name != "target" && (!name.starts_with('.') || name == ".github") {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let text = fs::read_to_string(&path).expect("UTF-8 text");
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 10, "the tree was not found: {found:?}");
    found
}

/// The texts between `before` and the next `after`, line by line.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    for mut rest in text.lines() {
        while let Some((_, inside)) = rest.split_once(before)
            && let Some((inside, behind)) = inside.split_once(after)
        {
            found.push(inside);
            rest = behind;
        }
    }
    found
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn expanded(path: &str) -> Vec<String> {
    match path
        .split_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        Some((before, (choices, after))) => choices
            .split(',')
            .map(|choice| format!("{before}{choice}{after}"))
            .collect(),
        None => vec![path.to_owned()],
    }
}

#[test]
fn links_between_documents_lead_to_files() {
    let mut wrong = Vec::new();
    for (page, text) in files(&[".md"]) {
        for target in between(&text, "](", ")") {
            let file = target.split('#').next().unwrap();
            if target.contains("://") || file.is_empty() {
                continue;
            }
            let beside = root().join(&page).parent().unwrap().join(file);
            if !beside.exists() {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn paths_named_in_documents_exist() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (page, text) in files(&[".md"]) {
        if page == Path::new("CHANGELOG.md") {
            continue; // What was true when it was written.
        }
        for named in between(&text, "`", "`") {
            let ours = [
                "services/",
                "tui/",
                "proto/",
                "docs/",
                "dev/",
                "fuzz/",
                ".ci/",
                ".github/",
            ];
            let is_path = ours.iter().any(|folder| named.starts_with(folder)) && !named.contains(['*', '<', '=']);
            let file = named.split(' ').next().unwrap();
            for path in expanded(file).iter().filter(|_| is_path) {
                seen += 1;
                if !root().join(path).exists() {
                    wrong.push(format!("{}: {path}", page.display()));
                }
            }
        }
    }
    assert!(seen > 20, "the documents name {seen} files only");
    assert!(wrong.is_empty(), "files that are not there:\n{}", wrong.join("\n"));
}

#[test]
fn sections_named_in_comments_exist() {
    let page = fs::read_to_string(root().join("docs/guide/semantics.md")).expect("the rules of evaluation");
    let sections: BTreeSet<_> = between(&page, "## ", ".").into_iter().collect();
    assert!(sections.len() > 10, "{sections:?}");
    let mut wrong = Vec::new();
    let mut references = 0;
    for (file, text) in files(&[".rs", ".proto"]) {
        for line in text.lines().filter(|line| line.contains("semantics §")) {
            for section in line.split('§').skip(1) {
                references += 1;
                let number: String = section.chars().take_while(char::is_ascii_digit).collect();
                if !sections.contains(number.as_str()) && !file.ends_with("references.rs") {
                    wrong.push(format!("{}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(references > 10, "the comments were not found");
    assert!(
        wrong.is_empty(),
        "docs/guide/semantics.md has no such section:\n{}",
        wrong.join("\n")
    );
}
