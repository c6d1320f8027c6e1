//! Recording what goes to the terminal, for bug reports, demonstrations and pictures: asciicast version 2, one JSON array a line
//! (docs.asciinema.org/manual/asciicast/v2). What was typed is not in it.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Instant;

use super::writer::Sink;

/// A recording ends at this size, bytes.
const RECORDING_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A sink that writes what passes into a file, too.
pub(crate) struct Recorded<S> {
    sink: S,
    file: Option<BufWriter<File>>,
    started: Instant,
    written: u64,
    /// The beginning of a character whose rest has not come.
    rest: Vec<u8>,
}

impl<S> Recorded<S> {
    /// Records into a file that must not exist yet; `None` records nothing. `time_s`: Unix seconds.
    pub(crate) fn start(sink: S, path: Option<&Path>, (width, height): (u16, u16), time_s: i64) -> io::Result<Self> {
        let file = match path {
            None => None,
            Some(path) => {
                let mut options = std::fs::OpenOptions::new();
                let file = options.write(true).create_new(true).mode(0o600).open(path)?;
                let mut file = BufWriter::new(file);
                let head = serde_json::json!({"version": 2, "width": width, "height": height, "timestamp": time_s, "title": "sla"});
                writeln!(file, "{head}")?;
                Some(file)
            }
        };
        Ok(Self {
            sink,
            file,
            started: Instant::now(),
            written: 0,
            rest: Vec::new(),
        })
    }

    fn note(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        self.rest.drain(..whole);
        if text.is_empty() {
            return;
        }
        let line = serde_json::json!([self.started.elapsed().as_secs_f64(), "o", text]).to_string();
        self.written += line.len() as u64 + 1;
        // A frame is worth having at once: what was recorded is there although the console is killed.
        let kept = writeln!(file, "{line}").and_then(|()| file.flush());
        if kept.is_err() || self.written > RECORDING_BYTES_MAX {
            tracing::warn!(written = self.written, "the recording ends here");
            self.file = None;
        }
    }
}

impl<S: Sink> Sink for Recorded<S> {
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write_some(bytes)?;
        self.note(&bytes[..written]);
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that takes three bytes at a time.
    struct Narrow;

    impl Sink for Narrow {
        fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len().min(3))
        }
    }

    #[test]
    fn what_passed_is_in_the_file_and_characters_are_whole() {
        let folder = std::env::temp_dir().join(format!("sla-record-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.cast");
        let _ = std::fs::remove_file(&path);
        let mut sink = Recorded::start(Narrow, Some(&path), (80, 24), 7).unwrap();
        let mut bytes: &[u8] = "\u{1b}[2J▁▂ load\n".as_bytes();
        while !bytes.is_empty() {
            let written = sink.write_some(bytes).unwrap();
            bytes = &bytes[written..];
        }
        assert!(
            Recorded::start(Narrow, Some(&path), (80, 24), 7).is_err(),
            "nothing is overwritten"
        );
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let head = lines.next().unwrap();
        assert_eq!((&head["version"], &head["width"]), (&2.into(), &80.into()));
        let told: String = lines.map(|event| event[2].as_str().unwrap().to_owned()).collect();
        assert_eq!(told, "\u{1b}[2J▁▂ load\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
