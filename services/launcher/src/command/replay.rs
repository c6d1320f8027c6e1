//! `sla replay`: shows what `sla --record` has recorded.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use color_eyre::eyre::{Report, WrapErr as _};
use sla_domain::Invalid;

use crate::cli::ReplayArgs;
use crate::exit::{Exit, Failure};

/// Pauses longer than this are cut short, seconds.
const PAUSE_MAX_S: f64 = 2.0;
/// Longer lines and larger files are no recordings of ours, bytes.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Alternate screen without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// One output of the console.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    at_s: f64,
    text: String,
}

/// Plays a recording on this terminal until its end or Ctrl-C.
pub(crate) async fn replay(arguments: &ReplayArgs) -> Result<Exit, Report> {
    let events = read(&arguments.file)?;
    if !std::io::stdout().is_terminal() {
        return Err(Failure::new(Exit::USAGE, "a recording needs a terminal to be shown on").into());
    }
    show(ENTER)?;
    let played = tokio::select! {
        played = play(&events, arguments.speed.clamp(0.01, 1_000.0)) => played,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    show(LEAVE)?;
    played.map(|()| Exit::OK)
}

async fn play(events: &[Event], speed: f64) -> Result<(), Report> {
    let mut before_s = 0.0;
    for event in events {
        let pause_s = (event.at_s - before_s).clamp(0.0, PAUSE_MAX_S) / speed;
        tokio::time::sleep(Duration::from_secs_f64(pause_s)).await;
        show(&event.text)?;
        before_s = event.at_s;
    }
    // The last picture stands until somebody has seen it.
    tokio::time::sleep(Duration::from_secs_f64(PAUSE_MAX_S / speed)).await;
    Ok(())
}

fn show(text: &str) -> Result<(), Report> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .wrap_err("the terminal is gone")
}

/// All outputs of a recording; what is wrong with it is told with its line.
fn read(path: &Path) -> Result<Vec<Event>, Report> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).wrap_err_with(|| format!("cannot read {name}"))?;
    let size = file.metadata().map_or(0, |meta| meta.len());
    let wrong = |line: usize, what: &str| {
        Invalid::new(
            format!("{name} line {line}"),
            "",
            what,
            "give a file that `sla --record FILE` has written",
        )
    };
    if size > FILE_BYTES_MAX {
        return Err(wrong(1, "is too large for a recording").into());
    }
    let mut events = Vec::new();
    for (at, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line.wrap_err_with(|| format!("cannot read {name} line {}", at + 1))?;
        if line.len() > LINE_BYTES_MAX {
            return Err(wrong(at + 1, "is too long").into());
        }
        let parsed: serde_json::Value = match serde_json::from_str(&line) {
            Ok(parsed) => parsed,
            // The last line of a console that was killed may be cut.
            Err(_) if at > 0 => break,
            Err(_) => return Err(wrong(1, "is no JSON").into()),
        };
        if at == 0 {
            if parsed["version"] != 2 {
                return Err(wrong(1, "does not begin with an asciicast of version 2").into());
            }
            continue;
        }
        match (parsed[0].as_f64(), parsed[1].as_str(), parsed[2].as_str()) {
            (Some(at_s), Some("o"), Some(text)) => events.push(Event {
                at_s,
                text: text.to_owned(),
            }),
            (Some(_), Some(_), _) => {}
            _ => return Err(wrong(at + 1, "is no event").into()),
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_recording_is_read_and_a_cut_end_is_forgiven() {
        let file = written(
            "{\"version\":2,\"width\":80}\n[0.5,\"o\",\"a\"]\n[0.7,\"i\",\"x\"]\n[1.5,\"o\",\"b\"]\n[2.0,\"o\",\"c",
        );
        let events = read(file.path()).unwrap();
        let told: Vec<(f64, &str)> = events.iter().map(|e| (e.at_s, e.text.as_str())).collect();
        assert_eq!(told, [(0.5, "a"), (1.5, "b")]);
    }

    #[test]
    fn what_is_no_recording_is_refused_with_its_line() {
        for (text, line) in [
            ("hello\n", "line 1"),
            ("{\"version\":1}\n", "line 1"),
            ("{\"version\":2}\n{}\n", "line 2"),
        ] {
            let error = format!("{:#}", read(written(text).path()).unwrap_err());
            assert!(error.contains(line), "{text}: {error}");
        }
        assert!(read(Path::new("/nonexistent/a.cast")).is_err());
    }
}
