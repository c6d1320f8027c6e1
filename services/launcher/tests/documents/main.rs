//! The pages are the test: what README, guide and error pages show is run against the demo with a clock that stands still.
//! `SLA_UPDATE_DOCS=1 cargo test -p sla-launcher --test documents` writes anew what they print.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

mod page;
mod scene;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use page::{Page, pages, root};
use scene::Scene;

/// Commands that are shown and not run here, each with its reason. `…` stands for anything.
const NOT_RUN: &[(&str, &str)] = &[
    ("sla", "opens the console: tests/console.rs"),
    ("sla demo", "opens the console: tests/console.rs"),
    ("sla --config /dev/null demo", "opens the console: tests/console.rs"),
    ("sla --plain…", "opens the console, line by line: tests/console.rs"),
    ("sla replay …", "wants a recording: the tests of tui/src/shell"),
    (
        "sla sets back-end",
        "wants an estate that watches itself: tests/own_metrics.rs",
    ),
    ("sla --read-only…", "opens the console: tests/console.rs"),
    ("sla --record …", "opens the console: tests/console.rs"),
    (
        "sla --prometheus …",
        "opens the console on a server: tests/prometheus.rs",
    ),
    ("sla --instance …", "opens the console on a server: tests/prometheus.rs"),
    ("sla serve…", "stays until it is stopped: tests/ending.rs"),
    ("sla --connect …", "goes to another host: tests/contract"),
    ("sla check --connect …", "goes to another host: tests/contract"),
    (
        "sla config check --roles …",
        "wants the files of /etc/sla: tests/contract",
    ),
    ("sla stop", "would end the instance all others ask: tests/prometheus.rs"),
    (
        "sla metrics --source …",
        "wants a second server: tests/etl/sources.rs of sla-etl",
    ),
    (
        "sla storage …",
        "a word about a topic that was cut, or copies of an instance of one's own: tests/others.rs",
    ),
    (
        "sla user …",
        "asks for a password, and changes who may what: tests/accounts",
    ),
    (
        "sla weather …",
        "asks a provider; in the demo there is none: tests/weather.rs",
    ),
    ("sla login…", "asks for a password: tests/accounts"),
    ("sla session …", "wants users: tests/accounts"),
    ("sla notify add …", "wants another end: tests/messages"),
    ("sla notify link …", "wants a bot: tests/messages"),
    ("sla notify test …", "wants another end: tests/messages"),
    ("sla notify remove …", "wants a channel: tests/messages"),
    ("sla notify enable …", "wants a disabled channel: tests/messages"),
    ("sla notify ack …", "wants a violation that goes on: tests/messages"),
    ("sla notify snooze …", "wants one that was told: tests/messages"),
    ("sla token …", "wants users: tests/accounts"),
    (
        "sla COMMAND --help",
        "a pattern: docs/reference is made from every help text",
    ),
];

/// What a word in capitals stands for in a command.
const STANDS_FOR: &[(&str, &str)] = &[
    ("[SET]", "shop"),
    ("[--nagios]", "--nagios"),
    ("SELECTOR", "node_load1"),
    ("FILE.jsonl", "tasks.jsonl"),
    ("FILE.json", "values.json"),
    ("--csv FILE", "--csv samples.csv"),
    ("sets apply FILE", "sets apply agreements.toml"),
    ("sets apply agreements.toml", "sets apply agreements.toml --yes"),
    ("sla sets export |", "sla sets export > agreements.toml |"),
];

#[expect(clippy::disallowed_methods, reason = "one variable rewrites the pages")]
fn rewrites() -> bool {
    std::env::var_os("SLA_UPDATE_DOCS").is_some()
}

/// Runs the lines behind `$ ` in a block, and says what it would have to show.
fn run_block(scene: &Scene, block: &str) -> String {
    let mut shown = String::new();
    for line in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let (said, code) = scene.shell(line);
        let said: String = said.lines().fold(String::new(), |mut all, line| {
            let _ = writeln!(all, "{}", line.trim_end());
            all
        });
        let _ = write!(shown, "$ {line}\n{said}");
        if code != 0 {
            let _ = writeln!(shown, "(exit code {code})");
        }
    }
    shown
}

#[test]
fn what_pages_print_is_what_is_printed() {
    let scene = Scene::new();
    let mut examples = 0;
    let mut wrong = Vec::new();
    for mut page in pages() {
        for block in page.blocks().iter().rev().filter(|block| block.language == "console") {
            let shows = page.text[block.lines.clone()].to_owned();
            let prints = run_block(&scene, &shows);
            examples += 1;
            if shows != prints {
                wrong.push(format!("{} shows\n{shows}\nand this is printed:\n{prints}", page.name));
                page.text.replace_range(block.lines.clone(), &prints);
            }
        }
        if rewrites() {
            page.save();
        }
    }
    assert!(examples > 5, "{examples} examples were found");
    assert!(wrong.is_empty() || rewrites(), "{}", wrong.join("\n"));
}

/// The commands of a page that are shown without what they print.
fn commands(page: &Page) -> BTreeSet<String> {
    let mut lines: Vec<String> = page.words();
    for block in page
        .blocks()
        .iter()
        .filter(|block| ["", "sh"].contains(&block.language.as_str()))
    {
        lines.extend(page.text[block.lines.clone()].lines().map(str::to_owned));
    }
    let is_ours = |line: &&String| *line == "sla" || line.starts_with("sla ");
    lines
        .iter()
        .filter(is_ours)
        .flat_map(|line| alternatives(line))
        .collect()
}

/// A line of a synopsis as the lines it stands for: what explains it goes, words in capitals become examples.
fn alternatives(line: &str) -> Vec<String> {
    let line = line
        .split("  ")
        .next()
        .unwrap_or_default()
        .split(" #")
        .next()
        .unwrap_or_default();
    let line = STANDS_FOR
        .iter()
        .fold(line.to_owned(), |line, (word, example)| line.replace(word, example));
    line.split(" | ")
        .flat_map(|command| {
            let mut parts = command.split('|');
            let first = parts.next().unwrap_or_default().trim().to_owned();
            let stem: Vec<&str> = first.split(' ').take(2).collect();
            let others: Vec<String> = parts
                .map(|part| format!("{} {}", stem.join(" "), part.trim()))
                .collect();
            std::iter::once(first).chain(others)
        })
        .collect()
}

fn is_not_run(command: &str) -> bool {
    NOT_RUN.iter().any(|(pattern, _)| match pattern.strip_suffix('…') {
        Some(begin) => command.starts_with(begin),
        None => command == *pattern,
    })
}

#[test]
fn every_command_that_pages_name_runs() {
    let scene = Scene::new();
    let (mut run, mut wrong) = (0, Vec::new());
    let all: BTreeSet<String> = pages().iter().flat_map(commands).collect();
    // Exporting comes before applying.
    let (exports, others): (Vec<_>, Vec<_>) = all.iter().partition(|command| command.contains(" export"));
    for command in exports.into_iter().chain(others).filter(|command| !is_not_run(command)) {
        let (said, code) = scene.shell(command);
        run += 1;
        // 0 to 3 is what was found: ok, at risk, violated, no data.
        if !(0..=3).contains(&code) {
            wrong.push(format!("{command}: exit code {code}\n{said}"));
        }
    }
    for (pattern, _) in NOT_RUN {
        let begin = pattern.trim_end_matches('…');
        if !all.iter().any(|command| command.starts_with(begin)) {
            wrong.push(format!("{pattern} is excluded and stands on no page"));
        }
    }
    assert!(run >= 20, "{run} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the tables of a reference page name in backticks.
fn reference(name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("docs/reference").join(name)).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// A key as the reference writes it: one visible character, or a name, with or without modifiers.
fn is_key(word: &str) -> bool {
    const NAMES: [&str; 8] = ["Enter", "Esc", "Space", "Tab", "Home", "End", "PageUp", "PageDown"];
    let bare = word
        .strip_prefix("ctrl-")
        .or_else(|| word.strip_prefix("alt-"))
        .unwrap_or(word);
    NAMES.contains(&bare) || (bare.len() == 1 && bare.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[test]
fn every_key_and_setting_that_pages_name_exists() {
    let (keys, settings) = (reference("commands.md"), reference("config.md"));
    let sections: BTreeSet<&str> = settings.iter().filter_map(|key| key.split('.').next()).collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for page in pages() {
        for word in page.words() {
            // NO_PROXY's `*` is no key.
            if is_key(&word) && word != "*" {
                seen += 1;
                if !keys.contains(&word) {
                    wrong.push(format!("{}: no command has the key `{word}`", page.name));
                }
            }
            let name = word.split([' ', '=']).next().unwrap_or_default();
            let is_setting = name.split_once('.').is_some_and(|(section, rest)| {
                sections.contains(section) && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            });
            if is_setting {
                seen += 1;
                if !settings.contains(name) {
                    wrong.push(format!("{}: there is no setting `{name}`", page.name));
                }
            }
        }
    }
    assert!(seen > 40, "{seen} keys and settings were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_configuration_that_pages_show_is_one() {
    let home = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for page in pages() {
        for block in page.blocks() {
            let text = &page.text[block.lines.clone()];
            if block.language != "toml" && !text.starts_with("[source") {
                continue;
            }
            let file = home.path().join("config.toml");
            std::fs::write(&file, text).unwrap();
            let output = sla_testkit::instance::sla(home.path())
                .arg("--config")
                .arg(&file)
                .args(["config", "show"])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {said}\n{text}", page.name);
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen} configurations were found");
}
