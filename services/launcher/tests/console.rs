//! The real binary in a real pseudo-terminal: it draws, follows keys and sizes, and leaves the terminal as it was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

#[path = "shared/terminal.rs"]
mod terminal;

use std::time::{Duration, Instant};

use portable_pty::PtySize;
use sla_domain::{Clock as _, SystemClock};
use sla_testkit::instance::faketime;
use terminal::{Console, PATIENCE, screen};

fn contains(bytes: &[u8], sequence: &str) -> bool {
    bytes
        .windows(sequence.len())
        .any(|window| window == sequence.as_bytes())
}

/// No mode that was set may stay set.
fn assert_restored(bytes: &[u8]) {
    for (set, reset) in [
        ("\u{1b}[?1049h", "\u{1b}[?1049l"),
        ("\u{1b}[?25l", "\u{1b}[?25h"),
        ("\u{1b}[?2004h", "\u{1b}[?2004l"),
    ] {
        assert!(!contains(bytes, set) || contains(bytes, reset), "{set:?} was left on");
    }
}

#[test]
fn the_demo_draws_follows_keys_and_restores_the_terminal() {
    let mut console = Console::open(&["demo", "--frozen"], 80, 24);
    console.see("DEMO");
    console.see("node_load1");
    for (key, words) in [
        ("2", "OBJECTIVE"),
        ("3", "never add counts"),
        ("4", "P"),
        ("5", "next"),
        ("1", "SERIES"),
    ] {
        console.press(key);
        console.see(words);
    }
    console.press("?");
    console.see("quit");
    console.press("\u{1b}");
    let size = PtySize {
        rows: 50,
        cols: 160,
        pixel_width: 0,
        pixel_height: 0,
    };
    console.pty.resize(size).unwrap();
    console.screen = screen(50, 160);
    console.press("2");
    console.see("OBJECTIVE");
    console.press("q");
    let (code, bytes) = console.ended();
    assert_eq!(code, 0);
    assert_restored(&bytes);
}

#[test]
fn a_terminal_of_any_size_is_no_reason_to_crash() {
    let mut console = Console::open(&["demo", "--frozen"], 80, 24);
    console.see("DEMO");
    for (columns, rows) in [(1, 1), (7, 2), (40, 10), (60, 16), (300, 3), (20, 80), (80, 24)] {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        console.pty.resize(size).unwrap();
        for key in ["1", "2", "3", "4", "5"] {
            console.press(key);
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    console.screen = screen(24, 80);
    console.press("5");
    console.press("q");
    let (code, bytes) = console.ended();
    assert_eq!(
        code,
        0,
        "{}",
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(2000)..])
    );
    assert_restored(&bytes);
}

#[test]
fn sigterm_restores_the_terminal() {
    let mut console = Console::open(&["demo", "--frozen"], 80, 24);
    console.see("DEMO");
    let pid = console.child.process_id().unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &pid.to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let (_, bytes) = console.ended();
    assert_restored(&bytes);
}

/// The first time it writes a mistake, then a bound. It asks for a key, which must reach it and not the console.
const EDITOR: &str = r#"
printf 'press a key: '; read -r key; printf '%s' "$key" > "$(dirname "$0")/key"
if grep -q '^broken' "$1"; then sed -i '/^broken/d; s/^max = .*/max = 123.5/' "$1"; else echo 'broken = [' >> "$1"; fi
"#;

#[test]
fn a_set_is_edited_in_the_users_editor() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("editor");
    std::fs::write(&script, EDITOR).unwrap();
    let editor = format!("sh {}", script.display());
    let mut console = Console::open_with(&["demo", "--frozen"], 100, 30, &[("EDITOR", editor.as_str())]);
    console.see("DEMO");
    console.press("2");
    console.see("this range in 12h");
    console.press("e");
    console.see("press a key");
    console.press("q\n");
    console.see("Nothing was taken");
    console.see("line");
    let key = std::fs::read_to_string(folder.path().join("key")).unwrap();
    assert_eq!(key, "q", "the key was the editor's");
    console.press("\u{1b}");
    console.see("OBJECTIVE");
    console.press("e");
    console.see("press a key");
    console.press("x\n");
    console.see("not saved");
    console.see("124");
    // What is not saved is asked about before the console goes.
    console.press("q");
    console.see("changes are not saved");
    console.press("\r");
    let (code, bytes) = console.ended();
    assert_eq!(code, 0);
    assert_restored(&bytes);
}

/// Processes whose command line holds all these words.
fn processes(words: &[&str]) -> Vec<String> {
    let folders = std::fs::read_dir("/proc").unwrap().flatten();
    folders
        .filter_map(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let pid = entry.file_name().to_string_lossy().into_owned();
            words.iter().all(|word| line.contains(word)).then_some(pid)
        })
        .collect()
}

#[test]
fn an_instance_of_weather_alone_asks_for_no_prometheus_and_misses_none() {
    let variables = [
        ("SLA_WEATHER__PROVIDER", "open-meteo"),
        ("SLA_WEATHER__BASE_URL", "http://127.0.0.1:1"),
        ("SLA_INSTANCE__IDLE_EXIT", "1s"),
    ];
    let mut console = Console::open_with(&[], 120, 40, &variables);
    console.see("nothing is agreed yet");
    console.see("6 Weather");
    for (key, words) in [
        ("6", "no city is polled yet"),
        ("1", "0 names"),
        ("5", "next"),
        ("0", "nothing is agreed yet"),
    ] {
        console.press(key);
        console.see(words);
        let screen = console.screen.screen().contents();
        for fault in ["unreachable", "Prometheus", "failing"] {
            assert!(!screen.contains(fault), "{fault}: {screen}");
        }
    }
    console.press("q");
    let (code, bytes) = console.ended();
    assert_eq!(code, 0);
    assert_restored(&bytes);
}

/// Central Europe, without a database of zones.
const ZONE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// A console that is open when the clocks are changed: its times of before, then of after.
fn clocks_change(switch: &str, before: &str, after: &str) {
    const EARLIER_MS: i64 = 30_000;
    let library = faketime();
    let switch_ms = sla_domain::instant::parse_ms(switch).unwrap();
    let ahead_s = (switch_ms - EARLIER_MS - SystemClock.now_ms()) / 1_000;
    let variables = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", &format!("{ahead_s:+}s")),
        ("TZ", ZONE),
        ("SLA_EVALUATION__FLOOR", "1s"),
    ];
    let mut console = Console::open_with(&["demo"], 100, 30, &variables);
    console.see("DEMO");
    console.press("Z");
    for hour in [before, after] {
        let judged = format!("judged {hour}:");
        console.see_that(&judged, |picture| {
            let mut lines = picture.lines();
            lines.any(|line| line.contains(&judged) && line.contains(" local"))
        });
    }
    console.press("q");
    assert_eq!(console.ended().0, 0);
}

#[test]
#[ignore = "real server: dev/test"]
fn an_open_console_follows_the_change_of_the_clocks() {
    let spring = std::thread::spawn(|| clocks_change("2027-03-28T01:00:00Z", "01:59", "03:00"));
    clocks_change("2026-10-25T01:00:00Z", "02:59", "02:00");
    spring.join().unwrap();
}

#[test]
fn an_instance_that_was_killed_is_started_again_and_the_screen_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let mut console = Console::open_with(&["demo", "--frozen"], 100, 30, &[("TMPDIR", place)]);
    console.see("DEMO");
    console.see("node_load1");
    let servers = processes(&["serve", place]);
    assert_eq!(servers.len(), 1, "one instance: {servers:?}");
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &servers[0]])
        .status()
        .unwrap();
    assert!(killed.success());
    console.see("again");
    console.see("node_load1");
    let begun = Instant::now();
    while processes(&["serve", place]).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "no instance was started again");
        std::thread::sleep(Duration::from_millis(50));
    }
    console.press("5");
    console.see("next");
    console.press("q");
    let (code, bytes) = console.ended();
    assert_eq!(code, 0);
    assert_restored(&bytes);
}

/// A recording of others: the clipboard, the mouse, and words; then, slowly, more.
const FOREIGN: &str = "{\"version\":2}\n[0,\"o\",\"\\u001b]52;c;cm0=\\u0007\\u001b[?1000hseen\"]\n";

#[test]
fn a_replay_lets_nothing_foreign_through_and_gives_the_terminal_back() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("foreign.cast");
    let name = file.display().to_string();
    for (rest, signal, code, said) in [
        ("[1,\"o\",\"late\"]\n", Some("-TERM"), 143, "2 sequences"),
        ("[1,\"o\",\"late\"]\n", Some("-HUP"), 129, "2 sequences"),
        ("[1,\"o\",\"late\"]\n", Some("-QUIT"), 131, "2 sequences"),
        ("[1,\"o\",\"late\"]\n", Some("-INT"), 0, "2 sequences"),
        ("[0,\"o\",\"cut\n[0,\"o\",\"on\"]\n", None, 65, "line 3"),
    ] {
        std::fs::write(&file, format!("{FOREIGN}{rest}")).unwrap();
        let mut console = Console::open_in(home.path(), &["replay", &name, "--speed", "0.01"], (80, 24), &[]);
        if let Some(signal) = signal {
            console.see("seen");
            let pid = console.child.process_id().unwrap().to_string();
            let killed = std::process::Command::new("kill").args([signal, &pid]).status();
            assert!(killed.unwrap().success());
        }
        let (ended, bytes) = console.ended();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            ended == code && text.contains(said),
            "{signal:?} ended {ended}: {text:?}"
        );
        assert!(
            contains(&bytes, "\u{1b}[?1049l") && contains(&bytes, "\u{1b}[?25h"),
            "{text:?}"
        );
        assert!(!text.contains("]52;") && !text.contains("?1000h"), "{text:?}");
    }
}

#[test]
fn a_recording_that_exists_is_said_before_the_terminal_is_touched() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a.cast");
    std::fs::write(&file, "precious").unwrap();
    let name = file.display().to_string();
    let arguments = ["--connect", "127.0.0.1:1", "--record", &name];
    let (code, bytes) = Console::open_in(home.path(), &arguments, (160, 24), &[]).ended();
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        code == 65 && text.contains("the file exists already; give another name"),
        "{code}: {text}"
    );
    assert!(!contains(&bytes, "\u{1b}[?1049h"), "{text:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}
