//! Whether seeds leave anything behind in this process.

use std::fmt;

/// Memory that seeds may leave behind, bytes: what allocators keep is not counted twice.
const KEPT_BYTES: u64 = 64 << 20;
/// Descriptors that they may.
const KEPT_FILES: usize = 2;
const PAGE_BYTES: u64 = 4_096;

/// What this process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    bytes: u64,
    files: usize,
}

impl Held {
    /// Now.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn now() -> std::io::Result<Self> {
        let text = std::fs::read_to_string("/proc/self/statm")?;
        let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
        Ok(Self {
            bytes: pages.unwrap_or_default() * PAGE_BYTES,
            files: std::fs::read_dir("/proc/self/fd")?.count(),
        })
    }

    /// Whether what is held now is as much, but for what allocators keep.
    pub fn is_flat(self, now: Self) -> bool {
        now.bytes < self.bytes + KEPT_BYTES && now.files <= self.files + KEPT_FILES
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB and {} descriptors", self.bytes >> 20, self.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_behind_is_seen() {
        let before = Held::now().unwrap();
        assert!(before.is_flat(Held::now().unwrap()));
        let more = vec![1_u8; 2 * KEPT_BYTES as usize];
        let files: Vec<_> = (0..8)
            .map(|_| std::fs::File::open("/proc/self/statm").unwrap())
            .collect();
        let now = Held::now().unwrap();
        assert!(
            now.bytes > before.bytes + KEPT_BYTES && !before.is_flat(now),
            "{before}, then {now}"
        );
        drop((more, files));
    }
}
