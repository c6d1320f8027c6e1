//! What `dev/fuzz` starts from, and every input that once failed, through every decoder of outside bytes; and random changes of
//! them, because the fuzzer itself does not run with every test.

#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

use targets::Decoder;

/// Changed inputs a file of the corpus.
const CHANGED: usize = 400;

/// The files of the corpus: decoder, name and bytes.
fn corpus() -> Vec<(&'static str, Decoder, Vec<u8>)> {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus"));
    let mut inputs = Vec::new();
    for &(name, decode) in targets::TARGETS {
        let before = inputs.len();
        for file in fs::read_dir(corpus.join(name)).into_iter().flatten().flatten() {
            inputs.push((name, decode, fs::read(file.path()).unwrap_or_default()));
        }
        assert!(inputs.len() > before, "there is no corpus of {name}");
    }
    inputs
}

#[test]
fn the_corpus_is_decoded_or_refused_but_never_panics() {
    for (name, decode, bytes) in corpus() {
        println!("{name}: {} bytes", bytes.len());
        decode(&bytes);
    }
}

/// A fixed sequence (SplitMix64): a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }

    /// Some bytes flipped, repeated, cut out or replaced by extremes.
    fn change(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(changed.len() + 1);
            let end = (at + self.below(9)).min(changed.len());
            match self.below(5) {
                0 if at < changed.len() => changed[at] ^= 1 << self.below(8),
                1 if at < changed.len() => changed[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => drop(changed.drain(at..end)),
                3 => changed.truncate(at),
                _ => {
                    let copied = changed[at..end].to_vec();
                    changed.splice(at..at, copied);
                }
            }
        }
        changed
    }
}

#[test]
fn changed_inputs_are_decoded_or_refused_but_never_panic() {
    let mut random = Random(1);
    for (name, decode, bytes) in corpus() {
        for _ in 0..CHANGED {
            let changed = random.change(&bytes);
            // Told only when it fails: the output of a test that passes is dropped.
            println!("{name}: {changed:?}");
            decode(&changed);
        }
    }
}
