//! View and difference of one frame after a key, 20 series in the table: `cargo bench -p sla-tui --features bench`.

#![allow(missing_docs, reason = "the macros of criterion make public items")]

use criterion::{Criterion, criterion_group, criterion_main};
use sla_tui::bench::Frames;

fn frames(criterion: &mut Criterion) {
    for (width, height) in [(80, 24), (200, 60)] {
        for (name, tab) in [("metrics", "1"), ("sets", "2"), ("past", "3"), ("future", "4")] {
            let mut frames = Frames::new(width, height, tab);
            criterion.bench_function(&format!("{name} {width}x{height}"), |bench| {
                bench.iter(|| frames.step());
            });
        }
    }
}

criterion_group!(benches, frames);
criterion_main!(benches);
