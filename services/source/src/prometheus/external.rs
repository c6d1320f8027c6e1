//! Which labels a server adds to remote reads: the names under `global.external_labels` of its configuration, as
//! `/api/v1/status/config` prints it.

use serde::Deserialize;

use super::Prometheus;
use super::json;
use super::question::Question;
use crate::error::SourceError;
use crate::port::Call;

/// Most names taken; a server with more is treated as one whose names are not known.
const MAX_NAMES: usize = 100;

impl Prometheus {
    /// The names, or `None` where the server does not tell them in a form that is understood without doubt.
    pub(super) async fn added_labels(&self, call: &Call) -> Result<Option<Vec<String>>, SourceError> {
        #[derive(Deserialize)]
        struct Config {
            yaml: String,
        }
        let question = Question::Get {
            path: "api/v1/status/config",
            parameters: Vec::new(),
        };
        match self.client.ask(&question, call).await {
            Ok(answer) => Ok(json::success::<Config>(&answer)
                .ok()
                .and_then(|config| label_names(&config.data.yaml))),
            Err(error @ (SourceError::Cancelled { .. } | SourceError::Unreachable { .. })) => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// The keys of `global.external_labels` in a configuration as Prometheus' own printer writes it: blocks indented by two,
/// one key a line. `None` where it has no `global` block or a line that is not understood. The values do not matter.
pub(super) fn label_names(yaml: &str) -> Option<Vec<String>> {
    let mut lines = yaml.lines().skip_while(|line| line.trim_end() != "global:");
    lines.next()?;
    let mut names = Vec::new();
    let mut inside = false;
    for line in lines {
        let indent = line.len() - line.trim_start_matches(' ').len();
        match indent {
            0 if line.trim().is_empty() => {}
            0 => break,
            2 => inside = line.trim_end() == "  external_labels:",
            4 if inside => names.push(key(&line[4..])?),
            // Deeper lines go on with a value.
            _ => {}
        }
        // Written in one line, or in a way that this reader does not know.
        if indent == 2 && !inside && line.trim_start().starts_with("external_labels") {
            return (line.trim_end() == "  external_labels: {}").then(Vec::new);
        }
    }
    (names.len() <= MAX_NAMES).then_some(names)
}

/// The key at the start of `line`: plain, or in quotes.
fn key(line: &str) -> Option<String> {
    let name = match line.chars().next()? {
        '"' => {
            let (name, rest) = line[1..].split_once('"')?;
            // Escapes could stand for anything.
            (!name.contains('\\') && rest.starts_with(':')).then_some(name)?
        }
        '\'' => {
            let (name, rest) = line[1..].split_once('\'')?;
            rest.starts_with(':').then_some(name)?
        }
        '?' | '-' | '{' | '[' | '&' | '*' | '!' | '|' | '>' | '%' | '@' | '`' | '#' => return None,
        _ => match line.split_once(": ") {
            Some((name, _)) => name,
            None => line.trim_end().strip_suffix(':')?,
        },
    };
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_a_server_adds() {
        let names = |yaml: &str| label_names(yaml).map(|names| names.join(" "));
        let printed = "global:\n  scrape_interval: 15s\n  external_labels:\n    cluster: eu\n    \"on\": \"yes\"\n    'a''b': x\n";
        assert_eq!(names(printed), None);
        let printed = "global:\n  scrape_interval: 15s\n  external_labels:\n    cluster: eu west, a long value that the printer\n      goes on with below: here\n    \"on\": \"yes\"\n    'my.label': |-\n      two\n      lines\n    empty:\n  runtime:\n    gogc: 75\nscrape_configs:\n- job_name: x\n  external_labels:\n    no: no\n";
        assert_eq!(names(printed).as_deref(), Some("cluster on my.label empty"));
        assert_eq!(
            names("global:\n  scrape_interval: 1m\nrule_files: []\n").as_deref(),
            Some("")
        );
        assert_eq!(names("global:\n  external_labels: {}\n").as_deref(), Some(""));
        assert_eq!(names("global:\n  external_labels: {a: b}\n"), None);
        assert_eq!(names("global:\n  external_labels:\n    ? long\n    : x\n"), None);
        assert_eq!(names("global:\n  external_labels:\n    \"a\\u0062\": x\n"), None);
        // Of another product.
        assert_eq!(names("target: all\n"), None);
        assert_eq!(names(""), None);
    }
}
