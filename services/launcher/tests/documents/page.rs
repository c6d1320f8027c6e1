//! What a page shows: blocks of code, and words in backticks.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A page, and where it lies below the project's folder.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block of code.
pub(crate) struct Block {
    /// The word behind the fence.
    pub(crate) language: String,
    /// Where its lines lie in the page.
    pub(crate) lines: Range<usize>,
}

/// README, guide and error pages, by name.
pub(crate) fn pages() -> Vec<Page> {
    let mut files = vec![root().join("README.md")];
    for folder in ["docs/guide", "docs/errors", "docs/errors/source"] {
        let found = fs::read_dir(root().join(folder)).unwrap();
        let found = found.map(|entry| entry.unwrap().path());
        files.extend(found.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    files.sort();
    assert!(files.len() > 30, "{} pages", files.len());
    files.iter().map(PathBuf::as_path).map(Page::read).collect()
}

impl Page {
    fn read(path: &Path) -> Self {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(path).unwrap();
        Self { name, text }
    }

    /// Its blocks, in order.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(String, usize)> = None;
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            if let Some(word) = line.strip_prefix("```") {
                match open.take() {
                    Some((language, begin)) => blocks.push(Block {
                        language,
                        lines: begin..at,
                    }),
                    None => open = Some((word.trim().to_owned(), at + line.len())),
                }
            }
            at += line.len();
        }
        assert!(open.is_none(), "{}: a block is not closed", self.name);
        blocks
    }

    /// What stands in backticks outside of blocks.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut prose = self.text.clone();
        for block in self.blocks().iter().rev() {
            prose.replace_range(block.lines.clone(), "\n");
        }
        let prose = prose.replace("```", "\n");
        let mut words = Vec::new();
        for paragraph in prose.split("\n\n") {
            words.extend(
                paragraph
                    .split('`')
                    .skip(1)
                    .step_by(2)
                    .map(|word| word.replace('\n', " ")),
            );
        }
        words
    }

    /// Writes it as it is now.
    pub(crate) fn save(&self) {
        fs::write(root().join(&self.name), &self.text).unwrap();
    }
}
