//! What commands write: answers to stdout, complaints to stderr. All outside text is made harmless first.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use color_eyre::eyre::{Report, WrapErr as _};
use serde::Serialize;
use sla_domain::{Invalid, SafeText};
use sla_runtime::refusal::Refusal;
use sla_runtime::status::Problem;
use tonic_types::StatusExt as _;

use crate::exit::Exit;

/// Why an answer did not arrive. Kept beside the commands: none of them can forget to look, and `sla` ends with it ([`arrived`]).
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes an answer.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(end));
    note(written.and_then(|()| out.flush()));
}

/// Keeps what went wrong with an answer. A reader that has gone away (`| head`) is no error.
pub(crate) fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Whether all answers are where they were sent: on a full disk they are cut, or not there at all.
pub(crate) fn arrived() -> Result<(), Report> {
    let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner).take();
    lost.map_or(Ok(()), Err)
        .wrap_err("the answer could not be written to stdout: what stands there is not whole")
}

/// Writes a value as one line of JSON, or indented for people who look at it in a terminal.
pub(crate) fn print_json(value: &impl Serialize) {
    use std::io::IsTerminal as _;
    // By way of a value: keys come sorted.
    let value = serde_json::to_value(value).unwrap_or_default();
    let text = if io::stdout().is_terminal() {
        serde_json::to_string_pretty(&value)
    } else {
        serde_json::to_string(&value)
    };
    print(&text.unwrap_or_default());
}

/// Writes a remark that is not part of the answer.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes an error as one line of JSON, as the gateway answers one (RFC 9457).
pub(crate) fn complain_json(report: &Report, exit: Exit) {
    let status = report
        .chain()
        .find_map(|cause| cause.downcast_ref::<tonic::Status>())
        .filter(|status| !Exit::is_lost(status))
        .cloned()
        .or_else(|| {
            report
                .chain()
                .find_map(|cause| cause.downcast_ref::<Invalid>())
                .map(bad_input)
        });
    // What else went wrong has the reason of its exit code: one of the two alone would be half of an answer.
    let words = || harmless(&format!("{report:#}"));
    write_error(&status.unwrap_or_else(|| exit.problem(&words()).status()), exit);
}

fn write_error(status: &tonic::Status, exit: Exit) {
    let json = serde_json::json!({ "error": Refusal::from(status), "exit": exit.code() });
    let _ = writeln!(io::stderr().lock(), "{json}");
}

/// Writes what is wrong with a command line that could not be read, in the same form.
pub(crate) fn misused_json(error: &clap::Error) {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let text = harmless(&error.to_string());
    // The first paragraph says what is wrong; usage and where to look for more follow.
    let said = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command or an argument is missing",
        _ => text.split("\n\n").next().unwrap_or_default(),
    };
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut problem = Exit::USAGE.problem(&said).hint("sla --help tells what can be given");
    let named = [
        ContextKind::InvalidArg,
        ContextKind::InvalidSubcommand,
        ContextKind::ValidSubcommand,
    ];
    let arguments = match named.into_iter().find_map(|kind| error.get(kind)) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(several)) => several.clone(),
        _ => Vec::new(),
    };
    for argument in arguments {
        problem = problem.field(harmless(&argument), said.clone());
    }
    write_error(&problem.status(), Exit::USAGE);
}

fn bad_input(invalid: &Invalid) -> tonic::Status {
    let words = invalid.to_string();
    Problem::invalid(words.clone())
        .field(invalid.field.clone(), words)
        .status()
}

/// Writes an error with its causes and, where a service gave one, the fields and the hint.
pub(crate) fn complain(report: &Report) {
    let mut text = String::from("sla: ");
    let mut last = String::new();
    for (depth, cause) in report.chain().enumerate() {
        let words = cause
            .downcast_ref::<tonic::Status>()
            .map_or_else(|| cause.to_string(), status_words);
        // Errors that repeat their cause in their own words are said once.
        if last.contains(&words) {
            continue;
        }
        if depth > 0 {
            text.push_str("\n  because: ");
        }
        text.push_str(&harmless(&words));
        last = words;
    }
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn status_words(status: &tonic::Status) -> String {
    let details = status.get_error_details();
    let mut words = status.message().to_owned();
    if let Some(bad) = details.bad_request() {
        // A message that tells them all is not told twice.
        let untold = |violation: &&tonic_types::FieldViolation| !status.message().contains(&violation.description);
        for violation in bad.field_violations.iter().filter(untold) {
            words.push_str(&format_args!("\n  {}: {}", violation.field, violation.description).to_string());
        }
    }
    // Two editors: what the other one has saved, and what was refused.
    let conflict = details.error_info().and_then(|info| info.metadata.get("conflict"));
    for line in conflict.iter().flat_map(|lines| lines.lines()) {
        words.push_str("\n  differs: ");
        words.push_str(line);
    }
    let hint = details.error_info().and_then(|info| info.metadata.get("hint"));
    if let Some(hint) = hint.filter(|hint| !words.contains(hint.as_str())) {
        words.push_str("\n  hint: ");
        words.push_str(hint);
    }
    words
}

/// Each line made harmless by itself: our own line breaks stay.
fn harmless(text: &str) -> String {
    text.lines()
        .map(|line| SafeText::new(line).into_string())
        .collect::<Vec<_>>()
        .join("\n")
}
