use sla_domain::ManualClock;

use super::*;

const DAY_MS: i64 = 86_400_000;

#[test]
fn the_tail_is_bounded_and_filtered() {
    let journal = Journal::in_memory(Arc::new(ManualClock::at(5)));
    for k in 0..MAX_LINES + 10 {
        journal.write(Level::Info, if k % 2 == 0 { "a" } else { "b" }, &format!("line {k}"));
    }
    let tail = journal.tail("a", 2);
    assert_eq!(
        tail.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(),
        ["line 5006", "line 5008"]
    );
    assert_eq!(journal.tail("", usize::MAX).len(), MAX_LINES);
}

#[test]
fn lines_are_harmless_and_short() {
    let journal = Journal::in_memory(Arc::new(ManualClock::at(5)));
    journal.write(Level::Error, "", &format!("bad\u{1b}[2J\nnews{}", "x".repeat(5_000)));
    let text = journal.tail("", 1)[0].text.clone();
    assert!(!text.as_str().contains(['\u{1b}', '\n']));
    assert_eq!(text.as_str().chars().count(), MAX_LINE_CHARS);
}

#[test]
fn a_file_a_day_with_a_cap_read_back_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(DAY_MS * 20_000));
    let journal = Journal::open(directory.path(), 400, 2, clock.clone()).unwrap();
    journal.write(Level::Info, "run-1", "one");
    journal.write(Level::Warn, "", "two");
    drop(journal);

    // A restart on the same day continues the file and the screen.
    let journal = Journal::open(directory.path(), 400, 2, clock.clone()).unwrap();
    let lines = journal.tail("", 10);
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (lines[0].run_id.as_str(), lines[0].text.as_str(), lines[0].level),
        ("run-1", "one", Level::Info)
    );
    for _ in 0..20 {
        journal.write(Level::Info, "", &"x".repeat(50));
    }
    clock.advance(DAY_MS);
    journal.write(Level::Info, "", "next day");
    clock.advance(DAY_MS);
    journal.write(Level::Info, "", "and the next");
    let memory = journal.tail("", 100);
    assert_eq!(memory.last().unwrap().text, "and the next");
    drop(journal);

    let mut names: Vec<String> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["etl-2024-10-05.log", "etl-2024-10-06.log"],
        "the oldest of three days is gone"
    );
}

#[test]
fn the_cap_holds_and_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path(), 300, 3, Arc::new(ManualClock::at(0))).unwrap();
    for k in 0..50 {
        journal.write(Level::Info, "r", &format!("line {k}"));
    }
    let lines = journal.lines.clone();
    let file = journal.file.clone().unwrap();
    drop(journal);
    assert_eq!(lines.lock().unwrap().len(), 50);
    drop(Arc::into_inner(file).unwrap());
    let text = std::fs::read_to_string(directory.path().join("etl-1970-01-01.log")).unwrap();
    assert_eq!(text.matches("has reached its cap").count(), 1);
    // The notice itself may lie beyond the cap; nothing comes after it.
    assert!(
        text.trim_end().ends_with("cap of 300 bytes") && text.len() < 450,
        "{text}"
    );
}

#[test]
fn an_unusable_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Journal::open(&file, 1, 1, Arc::new(ManualClock::at(0))).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
