//! Keeps the console's words in its catalogues: no string with words stands in `tui/src` unless it is named below.
//!
//! That every text is in both languages, with the same placeables, and is used, is an error of the compiler
//! (`tui/build.rs`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Where, what it holds, and why it is not translated.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("app/typing.rs", "last ", "the language of `:range`"),
    (
        "command/docs.rs",
        "| command |",
        "pages of the documentation are English",
    ),
    ("command/docs.rs", ".SH CONSOLE", "the man page is English"),
    ("command/docs.rs", ".TP", "the man page is English"),
    ("context/shown.rs", "curl ", "a line for the shell"),
    ("context/shown.rs", "--data-urlencode", "a line for the shell"),
    ("context/wire.rs", "at risk", "a key of JSON and filters"),
    ("context/wire.rs", "no data", "a key of JSON and filters"),
    ("context/wire.rs", "not watched", "a key of JSON and filters"),
    ("context/wire.rs", "min ", "as commands and configuration write a bound"),
    ("context/wire.rs", "max ", "as commands and configuration write a bound"),
    ("format.rs", " ms", "a unit"),
    ("screens/metrics/range.rs", " to ", "the language of `:range`"),
    ("screens/metrics/range.rs", "last ", "the language of `:range`"),
    ("context/graph.rs", "Prometheus ", "what a server calls itself"),
    (
        "screens/now/columns.rs",
        "12h ◂ now ▸ 10m",
        "the name of a column, not its head",
    ),
    ("screens/now/rows.rs", "fold ", "a key of a row"),
    ("screens/runs/timer.rs", "`schedule ", "the language of `:schedule`"),
    (
        "screens/sets/columns.rs",
        "LAST 12h",
        "the name of a column, not its head",
    ),
    ("screens/sets/view.rs", "LAST 12h", "the name of a column, not its head"),
    (
        "screens/future/columns.rs",
        "TRACK RECORD",
        "the name of a column, not its head",
    ),
    (
        "screens/future/view.rs",
        "TRACK RECORD",
        "the name of a column, not its head",
    ),
    (
        "screens/weather/columns.rs",
        "FORECAST °C",
        "the name of a column, not its head",
    ),
    (
        "screens/weather/view.rs",
        "FORECAST °C",
        "the name of a column, not its head",
    ),
    ("shell/clipboard.rs", "sla: ", "the name of the program"),
    ("app/view.rs", "sla ", "the name of the program"),
    (
        "shell/run.rs",
        "the instance",
        "said before the console starts, by the program",
    ),
    (
        "shell/run.rs",
        "the console needs",
        "said before the console starts, by the program",
    ),
    (
        "shell/run.rs",
        "the terminal could not",
        "said before the console starts, by the program",
    ),
    (
        "shell/run.rs",
        "nothing can be recorded",
        "said before the console starts, by the program",
    ),
    (
        "shell/run.rs",
        ": the file exists already",
        "said before the console starts, by the program",
    ),
    (
        "shell/run.rs",
        ": give a file in a folder",
        "said before the console starts, by the program",
    ),
    ("shell/term.rs", "a panic without words", "a line of the log"),
    (
        "theme/own.rs",
        "theme {name}",
        "read by the program before the console starts",
    ),
];

/// Macros that write to the log, and those of tests.
const NOT_SHOWN: [&str; 8] = [
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "debug_assert",
    "assert",
    "unreachable",
];

/// String literals of the code that is not for tests.
fn literals(tokens: TokenStream, out: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let next = |by: usize| tokens.get(at + by);
        let is = |tree: Option<&TokenTree>, text: &str| tree.is_some_and(|tree| tree.to_string() == text);
        match &tokens[at] {
            TokenTree::Punct(hash) if hash.as_char() == '#' => {
                let inner = usize::from(is(next(1), "!"));
                if let Some(TokenTree::Group(attribute)) = next(1 + inner) {
                    let text = attribute.stream().to_string().replace(' ', "");
                    if text.starts_with("cfg(test)") || text.starts_with("cfg(any(test") {
                        // The item ends with its body or a semicolon.
                        at += 2;
                        while at < tokens.len()
                            && !is(Some(&tokens[at]), ";")
                            && !matches!(&tokens[at], TokenTree::Group(body) if body.delimiter() == Delimiter::Brace)
                        {
                            at += 1;
                        }
                    } else {
                        if text.starts_with("error(") {
                            literals(attribute.stream(), out);
                        }
                        at += 1 + inner;
                    }
                }
            }
            TokenTree::Ident(name) if NOT_SHOWN.contains(&name.to_string().as_str()) && is(next(1), "!") => {
                at += 2;
            }
            TokenTree::Group(group) => literals(group.stream(), out),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.starts_with('"') || text.starts_with("r\"") || text.starts_with("r#") {
                    out.insert(text);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Whether a literal holds a word beside a blank, placeholders apart.
fn has_words(literal: &str) -> bool {
    let mut text = String::new();
    let mut depth = 0_u32;
    for c in literal.trim_matches(['r', '#', '"']).replace("\\n", "\n").chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if depth == 0 => text.push(c),
            _ => {}
        }
    }
    let word = text
        .split(|c: char| !c.is_ascii_alphabetic())
        .any(|word| word.len() >= 2);
    word && text.contains(' ')
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "tests" {
                sources(&path, out);
            }
        } else if !["tests.rs", "chart_tests.rs", "bench.rs"].contains(&name) {
            out.push(path);
        }
    }
}

#[test]
fn words_of_the_console_stand_in_its_catalogues() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tui/src"));
    let mut files = Vec::new();
    sources(root, &mut files);
    assert!(files.len() > 90, "the console was not found");
    let (mut wrong, mut met) = (Vec::new(), BTreeSet::new());
    for path in files {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let tokens = fs::read_to_string(&path).expect("UTF-8 text").parse().expect("Rust");
        let mut found = BTreeSet::new();
        literals(tokens, &mut found);
        for literal in found.into_iter().filter(|literal| has_words(literal)) {
            let mut excepted = EXCEPTIONS
                .iter()
                .enumerate()
                .filter(|(_, (file, part, _))| *file == name && literal.contains(part));
            match excepted.next() {
                Some((at, _)) => {
                    met.insert(at);
                    met.extend(excepted.map(|(at, _)| at));
                }
                None => wrong.push(format!("{name}: {literal}")),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "words outside the catalogues (put them into tui/locales, or name them above with a reason):\n{}",
        wrong.join("\n")
    );
    let idle: Vec<_> = EXCEPTIONS
        .iter()
        .enumerate()
        .filter(|(at, _)| !met.contains(at))
        .map(|(_, exception)| exception)
        .collect();
    assert!(idle.is_empty(), "exceptions without use: {idle:?}");
}

#[test]
fn what_holds_words_is_told_from_what_does_not() {
    for words in ["\"no data\"", "\" above \"", "\"{} of {count}\"", "\"saved: {name}\""] {
        assert!(has_words(words), "{words}");
    }
    for other in ["\"state\"", "\"{} {count} {}\"", "\"sla-sets\"", "\"a\""] {
        assert!(!has_words(other), "{other}");
    }
    let mut found = BTreeSet::new();
    let code = "fn a() { say(\"one\"); } #[cfg(test)] mod tests { fn b() { say(\"two\"); } } #[error(\"three\")] struct C; tracing::warn!(\"four\");";
    literals(code.parse().unwrap(), &mut found);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["\"one\"", "\"three\""]);
}
