//! The last lines of the console's own log, for `:log`. The file has them all.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines kept.
const LINES_MAX: usize = 500;
/// Bytes kept of a line.
const LINE_BYTES_MAX: usize = 1_000;

/// A shared ring of lines. It is an [`io::Write`], so that a tracing layer can write to a clone of it.
#[derive(Debug, Clone, Default)]
pub struct LogRing {
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl LogRing {
    /// Keeps a line; the oldest goes.
    pub fn push(&self, line: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        let mut end = line.len().min(LINE_BYTES_MAX);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        lines.push_back(line[..end].to_owned());
    }

    /// The newest `count` lines, oldest first, after leaving out the newest `skip`.
    pub(crate) fn tail(&self, count: usize, skip: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let end = lines.len().saturating_sub(skip);
        lines.range(end.saturating_sub(count)..end).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl io::Write for LogRing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(bytes).lines() {
            self.push(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_bounded_in_lines_and_bytes() {
        let ring = LogRing::default();
        for n in 0..LINES_MAX + 10 {
            ring.push(&format!("{n}é{}", "é".repeat(LINE_BYTES_MAX)));
        }
        assert_eq!(ring.len(), LINES_MAX);
        let tail = ring.tail(2, 1);
        assert!(tail[1].starts_with(&format!("{}", LINES_MAX + 8)) && tail[1].len() <= LINE_BYTES_MAX);
    }
}
