//! libFuzzer on one of the targets, the one that `SLA_FUZZ_TARGET` names: one binary is linked, not ten.
#![no_main]

mod targets;

use std::sync::LazyLock;

static TARGET: LazyLock<targets::Decoder> = LazyLock::new(|| {
    let name = std::env::var("SLA_FUZZ_TARGET").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|(target, _)| *target == name);
    found
        .unwrap_or_else(|| panic!("SLA_FUZZ_TARGET={name:?} is no target"))
        .1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
