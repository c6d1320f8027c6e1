//! The file of a recording, an event at a time: it may be a pipe, or have no end.

use std::path::Path;

use color_eyre::eyre::{Report, WrapErr as _};
use serde_json::Value;
use sla_domain::Invalid;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

/// Longer lines are no recordings of ours, bytes.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One output of the console.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) at_s: f64,
    pub(super) text: String,
}

/// A recording, read up to a line.
pub(super) struct Recording {
    name: String,
    lines: BufReader<File>,
    at: usize,
}

impl Recording {
    /// Opens it and reads its head; what is wrong with it is told with its line.
    pub(super) async fn open(path: &Path) -> Result<Self, Report> {
        let name = path.display().to_string();
        let file = File::open(path).await.wrap_err_with(|| format!("cannot read {name}"))?;
        let mut recording = Self {
            name,
            lines: BufReader::new(file),
            at: 0,
        };
        let head = recording.line().await?.unwrap_or_default();
        let head: Value = serde_json::from_slice(&head).map_err(|_| recording.wrong("is no JSON"))?;
        if head["version"] != 2 {
            return Err(recording.wrong("does not begin with an asciicast of version 2"));
        }
        Ok(recording)
    }

    /// The next output; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Report> {
        while let Some(line) = self.line().await? {
            let parsed: Value = match serde_json::from_slice(&line) {
                Ok(parsed) => parsed,
                // The last line of a console that was killed may be cut.
                Err(_) if !line.ends_with(b"\n") => return Ok(None),
                Err(_) => return Err(self.wrong("is no JSON")),
            };
            match (parsed[0].as_f64(), parsed[1].as_str(), parsed[2].as_str()) {
                (Some(at_s), Some("o"), Some(text)) => {
                    let text = text.to_owned();
                    return Ok(Some(Event { at_s, text }));
                }
                (Some(_), Some(_), _) => {}
                _ => return Err(self.wrong("is no event")),
            }
        }
        Ok(None)
    }

    /// The next line with its end. No more of it is read than a line may have.
    async fn line(&mut self) -> Result<Option<Vec<u8>>, Report> {
        self.at += 1;
        let mut line = Vec::new();
        let read = (&mut self.lines)
            .take(LINE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', &mut line)
            .await
            .wrap_err_with(|| format!("cannot read {} line {}", self.name, self.at))?;
        if read > LINE_BYTES_MAX {
            return Err(self.wrong("is too long"));
        }
        Ok((read > 0).then_some(line))
    }

    fn wrong(&self, what: &str) -> Report {
        let field = format!("{} line {}", self.name, self.at);
        Invalid::new(field, "", what, "give a file that `sla --record FILE` has written").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of it, and how it ends.
    async fn read(path: &Path) -> (Vec<(f64, String)>, Result<(), String>) {
        let mut shown = Vec::new();
        let outcome = async {
            let mut recording = Recording::open(path).await?;
            while let Some(event) = recording.next().await? {
                shown.push((event.at_s, event.text));
            }
            Ok::<(), Report>(())
        };
        let outcome = outcome.await.map_err(|report| format!("{report:#}"));
        (shown, outcome)
    }

    async fn read_text(text: &str) -> (Vec<(f64, String)>, Result<(), String>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path()).await
    }

    #[tokio::test]
    async fn a_recording_is_read_and_a_cut_end_is_forgiven() {
        let text =
            "{\"version\":2,\"width\":80}\n[0.5,\"o\",\"a\"]\n[0.7,\"i\",\"x\"]\n[1.5,\"o\",\"b\"]\n[2.0,\"o\",\"c";
        let shown = vec![(0.5, "a".to_owned()), (1.5, "b".to_owned())];
        assert_eq!(read_text(text).await, (shown, Ok(())));
    }

    #[tokio::test]
    async fn what_is_no_recording_is_refused_with_its_line() {
        for (text, line) in [
            ("", "line 1"),
            ("hello\n", "line 1"),
            ("{\"version\":1}\n", "line 1"),
            ("{\"version\":2}\n{}\n", "line 2"),
            (
                "{\"version\":2}\n[0,\"o\",\"a\"]\n[0.1,\"o\",\"b\n[0,\"o\",\"c\"]\n",
                "line 3",
            ),
        ] {
            let refused = read_text(text).await.1.unwrap_err();
            assert!(refused.contains(line), "{text}: {refused}");
        }
        read(Path::new("/nonexistent/a.cast")).await.1.unwrap_err();
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_not_read_to_its_end() {
        let refused = read(Path::new("/dev/zero")).await.1.unwrap_err();
        assert!(
            refused.contains("line 1") && refused.contains("is too long"),
            "{refused}"
        );
    }
}
