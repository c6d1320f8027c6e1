//! What `dev/fuzz` starts from, and every input that once failed, through every decoder of outside bytes.

#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn the_corpus_is_decoded_or_refused_but_never_panics() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus"));
    for (name, decode) in targets::TARGETS {
        let folder = corpus.join(name);
        let files: Vec<_> = fs::read_dir(&folder)
            .map(|found| found.flatten().collect())
            .unwrap_or_default();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            println!("{name} {}", file.file_name().display());
            decode(&fs::read(file.path()).unwrap_or_default());
        }
    }
}
