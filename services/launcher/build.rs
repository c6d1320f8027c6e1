//! Links `sla` to a fixed address.
//!
//! A program that can be loaded anywhere carries some 100,000 addresses that the loader has to correct before the first line runs: 2 MiB more in
//! the file, and as much memory of each console that it shares with nobody. Stack, heap and libraries lie at random addresses all the same.

#[expect(clippy::disallowed_methods, reason = "cargo tells build scripts what they build for")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
