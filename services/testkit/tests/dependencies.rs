//! Holds what is built in to `deny.toml`: licences, the registry, no two versions of a kind but those named there with their
//! reason. And no dependency is declared that no source names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(ROOT)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn packages(more: &[&str]) -> Vec<Value> {
    let arguments = [&["metadata", "--format-version", "1", "--locked"], more].concat();
    let metadata: Value = serde_json::from_str(&cargo(&arguments)).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// On the platform of the test: what others need may not be at hand.
fn packages_here() -> Vec<Value> {
    let about = cargo(&["--version", "--verbose"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    packages(&["--filter-platform", host])
}

fn deny() -> toml::Table {
    fs::read_to_string(Path::new(ROOT).join("deny.toml"))
        .unwrap()
        .parse()
        .unwrap()
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

/// Whether an SPDX expression can be met with these licences; `/` is the old word for OR.
fn is_met(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let expression = expression.trim();
    let parts = |word: &str| -> Option<Vec<String>> {
        let mut depth = 0_i32;
        let mut parts = vec![String::new()];
        for token in expression
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ")
            .split_whitespace()
        {
            depth += i32::from(token == "(") - i32::from(token == ")");
            if depth == 0 && token == word {
                parts.push(String::new());
            } else {
                let part = parts.last_mut().unwrap();
                part.push_str(token);
                part.push(' ');
            }
        }
        (parts.len() > 1).then_some(parts)
    };
    if let Some(any) = parts("OR") {
        return any.iter().any(|part| is_met(part, allowed));
    }
    if let Some(all) = parts("AND") {
        return all.iter().all(|part| is_met(part, allowed));
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_met(inner, allowed),
        None => allowed.contains(expression),
    }
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let allowed = BTreeSet::from(["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"]);
    for met in [
        "MIT",
        "GPL-3.0 OR MIT",
        "GPL-3.0/MIT",
        "(GPL-3.0 OR MIT) AND Zlib",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_met(met, &allowed), "{met}");
    }
    for unmet in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "Apache-2.0",
        "(MIT OR Zlib) AND GPL-3.0",
        "",
    ] {
        assert!(!is_met(unmet, &allowed), "{unmet}");
    }
}

#[test]
fn licences_are_allowed_and_the_registry_is_the_only_source() {
    let deny = deny();
    let allowed: BTreeSet<&str> = deny["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|licence| licence.as_str().unwrap())
        .collect();
    let packages = packages_here();
    assert!(packages.len() > 100, "{} packages", packages.len());
    let mut wrong = Vec::new();
    for package in &packages {
        let (name, licence, source) = (text(package, "name"), text(package, "license"), text(package, "source"));
        if !is_met(licence, &allowed) {
            wrong.push(format!("{name}: licence {licence:?} is not in deny.toml"));
        }
        if source != REGISTRY && !(source.is_empty() && name.starts_with("sla-")) {
            wrong.push(format!("{name}: comes from {source:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_two_versions_of_a_kind_without_a_reason() {
    let deny = deny();
    let banned: Vec<&str> = deny["bans"]["deny"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ban| ban["crate"].as_str().unwrap())
        .collect();
    let mut skipped: BTreeMap<&str, bool> = BTreeMap::new();
    for skip in deny["bans"]["skip"].as_array().unwrap() {
        let spec = skip["crate"].as_str().unwrap();
        assert!(
            skip.get("reason")
                .is_some_and(|reason| !reason.as_str().unwrap().is_empty()),
            "{spec} has no reason"
        );
        skipped.insert(spec, false);
    }
    // `cargo tree` knows which features are on; the resolution in the metadata does not.
    let tree = cargo(&[
        "tree",
        "--locked",
        "--workspace",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            let version = version.trim_start_matches('v').split('+').next().unwrap();
            versions.entry(name).or_default().insert(version);
        }
    }
    let mut wrong = Vec::new();
    for (name, versions) in versions {
        if banned.contains(&name) {
            wrong.push(format!("{name} is banned by deny.toml"));
        }
        let kept: Vec<&str> = versions
            .iter()
            .copied()
            .filter(|version| {
                let skip = skipped.iter_mut().find(|(spec, _)| {
                    let (skipped, least) = spec.split_once('@').unwrap();
                    skipped == name && (*version == least || version.starts_with(&format!("{least}.")))
                });
                skip.map(|(_, is_used)| *is_used = versions.len() > 1).is_none()
            })
            .collect();
        if kept.len() > 1 {
            wrong.push(format!(
                "{name} {}: two versions; choose one, or say in deny.toml (bans.skip) why not",
                kept.join(", ")
            ));
        }
    }
    let needless = skipped.iter().filter(|(_, is_used)| !**is_used);
    wrong.extend(needless.map(|(spec, _)| format!("{spec} in deny.toml is no second version any more")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All sources below a folder, without comment lines.
fn code(folder: &Path, into: &mut String) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            code(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.for_each(|line| into.extend([line, "\n"]));
        }
    }
}

/// Whether a crate is named: `name::…`, `use name;`, `use name as …`.
fn is_named(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let begins = !before.ends_with(is_word) && !before.ends_with('.');
        let used = before.ends_with("use ") && [";", " as "].iter().any(|end| after.starts_with(end));
        begins && (after.starts_with("::") || used)
    })
}

#[test]
fn every_dependency_is_named_in_the_sources() {
    let mut wrong = Vec::new();
    let packages = packages(&["--no-deps"]);
    for package in &packages {
        let folder = Path::new(text(package, "manifest_path")).parent().unwrap();
        let (mut product, mut tests, mut build) = (String::new(), String::new(), String::new());
        code(&folder.join("src"), &mut product);
        for folder in ["tests", "benches", "examples"].map(|name| folder.join(name)) {
            code(&folder, &mut tests);
        }
        tests += &product;
        if let Ok(text) = fs::read_to_string(folder.join("build.rs")) {
            build = text;
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            let (name, kind) = (text(dependency, "name"), text(dependency, "kind"));
            let rename = text(dependency, "rename");
            let word = if rename.is_empty() { name } else { rename }.replace('-', "_");
            let code = match kind {
                "dev" => &tests,
                "build" => &build,
                _ => &product,
            };
            let owner = text(package, "name");
            if !is_named(code, &word) && name != owner {
                wrong.push(format!("{owner} declares {name} ({kind}) and does not name it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
