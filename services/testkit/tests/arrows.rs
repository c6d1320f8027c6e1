//! Keeps the arrows of docs/ARCHITECTURE.md: which crate may import which. Reads `cargo metadata`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

const SERVICE: &[&str] = &[
    "sla-analysis",
    "sla-domain",
    "sla-proto",
    "sla-source",
    "sla-runtime",
    "sla-bus",
];

/// What a crate of ours may import; `None`: everything.
fn allowed(package: &str) -> Option<&'static [&'static str]> {
    Some(match package {
        "sla-analysis" | "sla-domain" => &[],
        "sla-proto" => &["sla-domain"],
        "sla-source" | "sla-runtime" | "sla-bus" | "sla-tui" | "sla-views" => &["sla-domain", "sla-proto"],
        "sla-testkit" => &["sla-domain", "sla-proto", "sla-source"],
        "sla-account" | "sla-etl" | "sla-notify" | "sla-storage" | "sla-retrieval" | "sla-manager" | "sla-weather" => {
            SERVICE
        }
        "sla-gateway" => &["sla-domain", "sla-proto", "sla-runtime", "sla-views"],
        // The two that make whole instances: one ships, the other is tests only.
        "sla-launcher" | "sla-simulation" => return None,
        other => panic!("{other} is new: say in docs/ARCHITECTURE.md and here what it may import"),
    })
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

#[test]
fn crates_import_only_what_the_architecture_allows() {
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for package in metadata()["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("name");
        let Some(allowed) = allowed(name) else { continue };
        let imports = package["dependencies"].as_array().expect("dependencies");
        seen.insert(name.to_owned(), imports.len());
        for import in imports {
            let other = import["name"].as_str().expect("name");
            // The testkit may be used by everyone's tests, but by nothing that ships.
            let test_only = import["kind"] == "dev" && (other == "sla-testkit" || other == name);
            if other.starts_with("sla-") && !allowed.contains(&other) && !test_only {
                wrong.push(format!("{name} → {other}"));
            }
        }
    }
    assert!(seen.len() >= 12, "the workspace has lost crates: {seen:?}");
    assert!(wrong.is_empty(), "forbidden imports:\n{}", wrong.join("\n"));
}
