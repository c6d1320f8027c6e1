//! Groups of files that reach each other.

use std::collections::BTreeSet;

use super::arrows::Arrows;
use super::tree::FileId;

/// Every group of two files or more in which each reaches each; a file is in one group at most.
pub(crate) fn groups(arrows: &Arrows) -> Vec<BTreeSet<FileId>> {
    let mut groups: Vec<BTreeSet<FileId>> = Vec::new();
    let files: BTreeSet<FileId> = arrows.keys().map(|(from, _)| *from).collect();
    for file in files {
        if groups.iter().any(|group| group.contains(&file)) {
            continue;
        }
        let reached = reached(arrows, file, |(from, to)| (from, to));
        let reaching = self::reached(arrows, file, |(from, to)| (to, from));
        let group: BTreeSet<_> = reached.intersection(&reaching).copied().collect();
        if group.len() > 1 {
            groups.push(group);
        }
    }
    groups
}

/// What is reached from `file` along the arrows, each turned by `turned`; the file itself when it lies on a circle.
fn reached(arrows: &Arrows, file: FileId, turned: impl Fn((FileId, FileId)) -> (FileId, FileId)) -> BTreeSet<FileId> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(next) = open.pop() {
        for arrow in arrows.keys() {
            let (from, to) = turned(*arrow);
            if from == next && reached.insert(to) {
                open.push(to);
            }
        }
    }
    reached
}
