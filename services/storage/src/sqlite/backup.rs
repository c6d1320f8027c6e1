//! Copies of the database beside it, made by SQLite's own online backup: what people agreed, what was violated, what roles
//! remember and which runs there were. Results of runs are left out: they are most of the file, and the next runs make them anew.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::migration;
use super::opening::{open_reader, take_place};
use super::place::{copies, make_copies};
use crate::error::StoreError;
use crate::options::file_in;

/// Copies kept; the oldest go.
pub const KEPT: usize = 3;
/// A copy is made only where this many times its size is free: the disk belongs to the watch first.
const FREE_TIMES: u64 = 3;
/// A copy dated further ahead than this was made while the clock was wrong, milliseconds; less is a clock set right by seconds.
const AHEAD_MS: i64 = 5 * 60_000;
/// How often a lock is tried for, and the pause between.
const STEP_TRIES: u32 = 100;
const STEP_PAUSE: Duration = Duration::from_millis(50);
/// Findings of a check that are told.
const FINDINGS: usize = 20;
const FILE_MODE: u32 = 0o600;
const PREFIX: &str = "sla-";
const SUFFIX: &str = ".db";
/// Tables of results, in an order in which rows may be deleted.
const RESULTS: [&str; 5] = ["result", "latest", "series", "run_progress", "dead_letter"];

/// A copy of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFile {
    /// Where it lies.
    pub path: PathBuf,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
    /// Its size.
    pub bytes: u64,
    /// Dated in the future: the clock was wrong when it was made, or is now. How old it is nobody knows.
    pub is_ahead: bool,
}

/// What [`restore`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The copy that is the database now.
    pub from: PathBuf,
    /// It is dated in the future: no other one was sound.
    pub is_ahead: bool,
    /// Where the database that was there lies now, if there was one.
    pub aside: Option<PathBuf>,
}

/// The copies in `data_dir` as of `now_ms`, the newest first; those dated in the future come last, as the oldest.
pub fn list(data_dir: &Path, now_ms: i64) -> Vec<BackupFile> {
    let entries = fs::read_dir(copies(data_dir)).into_iter().flatten().flatten();
    let mut found: Vec<BackupFile> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let made = name.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
            let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let made_ms = made.parse().ok()?;
            Some(BackupFile {
                path: entry.path(),
                made_ms,
                bytes: meta.len(),
                is_ahead: made_ms > now_ms.saturating_add(AHEAD_MS),
            })
        })
        .collect();
    found.sort_by_key(|file| (file.is_ahead, std::cmp::Reverse(file.made_ms)));
    found
}

/// Makes a copy now, beside an instance that runs or without one, and drops those beyond [`KEPT`].
///
/// # Errors
/// [`StoreError::NoRoom`] where the disk has less than three times the size of the database free; what the file or SQLite said
/// else. Then nothing is left behind and older copies stay.
pub fn take(data_dir: &Path, now_ms: i64) -> Result<BackupFile, StoreError> {
    let database = file_in(data_dir);
    let size = fs::metadata(&database)
        .map_err(|source| failed("read", &database, source))?
        .len();
    // What was written last stands in the log beside it until it is folded in; the copy holds it.
    let size = size + fs::metadata(with_ending(&database, "-wal")).map_or(0, |log| log.len());
    let free = free_bytes(data_dir);
    if free.is_some_and(|free| free < size.saturating_mul(FREE_TIMES)) {
        return Err(StoreError::NoRoom {
            path: copies(data_dir),
            free: free.unwrap_or(0),
            wanted: size.saturating_mul(FREE_TIMES),
        });
    }
    make_copies(data_dir)?;
    let path = copies(data_dir).join(format!("{PREFIX}{now_ms}{SUFFIX}"));
    let part = path.with_extension("part");
    let _ = fs::remove_file(&part);
    let made = copy(&database, &part).and_then(|()| {
        fs::set_permissions(&part, Permissions::from_mode(FILE_MODE))
            .map_err(|source| failed("protect", &part, source))?;
        settle(&part, &path)
    });
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made?;
    for old in list(data_dir, now_ms).into_iter().skip(KEPT) {
        let _ = fs::remove_file(old.path);
    }
    let bytes = fs::metadata(&path)
        .map_err(|source| failed("read", &path, source))?
        .len();
    Ok(BackupFile {
        path,
        made_ms: now_ms,
        bytes,
        is_ahead: false,
    })
}

/// One snapshot of `database`, without results.
fn copy(database: &Path, into: &Path) -> Result<(), StoreError> {
    let source = open_reader(database)?;
    // An instance that starts has the file before it has the tables.
    wait_until(|| Ok(migration::version(&source)? > 0))?;
    let mut copy = Connection::open(into)?;
    {
        let backup = Backup::new(&source, &mut copy)?;
        // All pages in one step: a write in between would begin it anew. Without a lock nothing was copied: that is no failure
        // of SQLite's, and no copy either.
        wait_until(|| Ok(backup.step(-1)? == StepResult::Done))?;
    }
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.pragma_update(None, "foreign_keys", false)?;
    for table in RESULTS {
        copy.execute(&format!("DELETE FROM {table}"), [])?;
    }
    copy.execute_batch("VACUUM")?;
    let findings = findings(&copy)?;
    copy.close().map_err(|(_, error)| error)?;
    match findings.into_iter().next() {
        None => Ok(()),
        Some(finding) => Err(StoreError::Damaged {
            path: database.to_owned(),
            finding,
        }),
    }
}

/// Tries until it is done, a moment apart.
fn wait_until(mut is_done: impl FnMut() -> Result<bool, StoreError>) -> Result<(), StoreError> {
    for _ in 0..STEP_TRIES {
        if is_done()? {
            return Ok(());
        }
        std::thread::sleep(STEP_PAUSE);
    }
    let waited_ms = (STEP_PAUSE * STEP_TRIES).as_millis() as u64;
    Err(StoreError::Busy { waited_ms })
}

/// Makes `part` durable under its name.
fn settle(part: &Path, path: &Path) -> Result<(), StoreError> {
    sync(part).map_err(|source| failed("write", part, source))?;
    fs::rename(part, path).map_err(|source| failed("write", path, source))?;
    if let Some(folder) = path.parent() {
        sync(folder).map_err(|source| failed("write", folder, source))?;
    }
    Ok(())
}

/// SQLite's full check of a database file, beside whoever uses it: what is wrong with it, nothing for a sound one.
///
/// # Errors
/// Where it cannot be read at all.
pub fn check(file: &Path) -> Result<Vec<String>, StoreError> {
    let bytes = fs::metadata(file).map_err(|source| failed("read", file, source))?.len();
    if bytes == 0 {
        return Ok(vec!["the file is empty".to_owned()]);
    }
    let found = open_reader(file).and_then(|connection| findings(&connection));
    match found {
        Err(StoreError::Corrupt { finding }) => Ok(vec![finding]),
        other => other,
    }
}

fn findings(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({FINDINGS})"))?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut found: Vec<String> = rows.collect::<Result<_, _>>()?;
    found.retain(|finding| finding != "ok");
    if found.is_empty() {
        match migration::version(connection)? {
            0 => found.push("it holds no tables of sla".to_owned()),
            newer if newer > migration::NEWEST => {
                found.push(format!("its schema {newer} is newer than this version of sla"));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Puts the copy `from`, or the newest sound one, in the place of the database in `data_dir`. What was there stays beside it under
/// another name; nobody may be using it.
///
/// # Errors
/// [`StoreError::InUse`] while an instance runs; [`StoreError::Damaged`] where the copy is not sound; [`StoreError::NoBackup`]
/// without one; [`StoreError::NoRoomBack`] on a full disk.
pub fn restore(data_dir: &Path, from: Option<&Path>, now_ms: i64) -> Result<Restored, StoreError> {
    let _lock = take_place(data_dir)?;
    let (from, is_ahead) = match from {
        Some(file) => match check(file)?.into_iter().next() {
            None => (file.to_owned(), false),
            Some(finding) => {
                let path = file.to_owned();
                return Err(StoreError::Damaged { path, finding });
            }
        },
        None => list(data_dir, now_ms)
            .into_iter()
            .map(|copy| (copy.path, copy.is_ahead))
            .find(|(path, _)| check(path).is_ok_and(|found| found.is_empty()))
            .ok_or_else(|| StoreError::NoBackup {
                folder: copies(data_dir),
            })?,
    };
    let database = file_in(data_dir);
    let part = database.with_extension("part");
    let there = put(&from, &part);
    if there.is_err() {
        let _ = fs::remove_file(&part);
    }
    there?;
    let mut aside = None;
    for ending in ["", "-wal", "-shm"] {
        let there = with_ending(&database, ending);
        if there.exists() {
            let kept = with_ending(&database, &format!(".replaced-{now_ms}{ending}"));
            fs::rename(&there, &kept).map_err(|source| failed("move", &there, source))?;
            if ending.is_empty() {
                aside = Some(kept);
            }
        }
    }
    settle(&part, &database)?;
    Ok(Restored { from, is_ahead, aside })
}

/// Copies `from` to `part`. It is on the disk, whole, before anything that was there is moved.
fn put(from: &Path, part: &Path) -> Result<(), StoreError> {
    let wanted = fs::metadata(from).map_err(|source| failed("read", from, source))?.len();
    let no_room = || {
        let path = part.parent().unwrap_or(part).to_owned();
        let free = free_bytes(&path).unwrap_or(0);
        StoreError::NoRoomBack { path, free, wanted }
    };
    if part.parent().and_then(free_bytes).is_some_and(|free| free < wanted) {
        return Err(no_room());
    }
    let failed = |action, path, source: std::io::Error| match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => no_room(),
        _ => failed(action, path, source),
    };
    fs::copy(from, part).map_err(|source| failed("copy", from, source))?;
    fs::set_permissions(part, Permissions::from_mode(FILE_MODE)).map_err(|source| failed("protect", part, source))?;
    sync(part).map_err(|source| failed("write", part, source))
}

fn sync(path: &Path) -> std::io::Result<()> {
    File::open(path).and_then(|file| file.sync_all())
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::File {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};

    use super::*;
    use crate::sqlite::opening::open;

    fn made(data_dir: &Path) {
        let opened = open(data_dir, 1).unwrap();
        let insert = "INSERT INTO retention_mark VALUES (?1, 1)";
        for name in ["a", "b"] {
            opened.writer.execute(insert, [name]).unwrap();
        }
        opened.writer.close().unwrap();
    }

    fn marks(data_dir: &Path) -> i64 {
        let opened = open(data_dir, 1).unwrap();
        let count = "SELECT COUNT(*) FROM retention_mark";
        opened.writer.query_row(count, [], |row| row.get(0)).unwrap()
    }

    fn flip(file: &Path) {
        let bytes = fs::metadata(file).unwrap().len();
        let mut open = fs::OpenOptions::new().write(true).open(file).unwrap();
        for at in 0..50 {
            open.seek(SeekFrom::Start(100 + at * (bytes - 200) / 50)).unwrap();
            open.write_all(&[0xa5]).unwrap();
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_damaged_database_comes_back_from_its_newest_sound_copy() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path();
        made(data);
        for day in 1..=5 {
            take(data, day * 86_400_000).unwrap();
        }
        let kept = list(data, 5 * 86_400_000);
        assert_eq!(kept.len(), KEPT);
        assert_eq!((mode(&kept[0].path), mode(&copies(data))), (0o600, 0o700));
        flip(&file_in(data));
        flip(&kept[0].path);
        assert!(!check(&file_in(data)).unwrap().is_empty());
        let told = open(data, 2).unwrap_err().to_string();
        assert!(
            told.contains("sla.db") && told.contains("sla storage restore"),
            "{told}"
        );

        let restored = restore(data, None, 7).unwrap();
        assert_eq!(restored.from, kept[1].path, "the newest is damaged as well");
        assert!(restored.aside.unwrap().exists(), "nothing is thrown away");
        assert_eq!((marks(data), mode(&file_in(data))), (2, 0o600));
        assert!(check(&file_in(data)).unwrap().is_empty());
        let refused = restore(data, Some(&kept[0].path), 8).unwrap_err();
        assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
    }

    #[test]
    fn copies_from_the_future_are_the_oldest_for_all_that_asks() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path();
        made(data);
        let (now_ms, wrong_ms) = (1_000_000_000, 4_000_000_000_000);
        for second in 0..3 {
            take(data, wrong_ms + second * 1_000).unwrap();
        }
        let restored = restore(data, None, now_ms).unwrap();
        assert!(restored.from.ends_with("sla-4000000002000.db"), "there is no other");
        for day in 0..3 {
            let copy = take(data, now_ms + day).unwrap();
            let kept = list(data, now_ms + day);
            assert_eq!((kept.len(), &kept[0]), (KEPT, &copy), "the new one stays");
            assert_eq!(
                kept.iter().filter(|copy| copy.is_ahead).count() as i64,
                2 - day,
                "one that is ahead goes for it"
            );
            assert_eq!(restore(data, None, now_ms + day).unwrap().from, copy.path);
        }
        assert!(
            !list(data, now_ms - AHEAD_MS)[0].is_ahead,
            "a clock set back by minutes"
        );
    }

    #[test]
    fn what_stands_in_the_log_counts_as_size() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path();
        let opened = open(data, 1).unwrap();
        let free = free_bytes(data).unwrap();
        let log = fs::OpenOptions::new()
            .write(true)
            .open(with_ending(&file_in(data), "-wal"));
        let log = log.unwrap();
        log.set_len(free / 2).unwrap();
        let refused = take(data, 1).unwrap_err();
        assert!(
            matches!(refused, StoreError::NoRoom { wanted, .. } if wanted > free),
            "{refused}"
        );
        drop(opened);
    }

    #[test]
    fn an_emptied_or_missing_database_is_told_and_never_begun_anew() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path();
        made(data);
        take(data, 1).unwrap();
        fs::write(file_in(data), b"").unwrap();
        assert!(matches!(open(data, 2).unwrap_err(), StoreError::Emptied { .. }));
        fs::remove_file(file_in(data)).unwrap();
        assert!(matches!(open(data, 2).unwrap_err(), StoreError::Emptied { .. }));
        restore(data, None, 3).unwrap();
        assert_eq!(marks(data), 2);
    }

    #[test]
    fn a_full_disk_leaves_what_was_there_and_names_the_room() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path();
        made(data);
        let copy = take(data, 1).unwrap();
        let part = file_in(data).with_extension("part");
        std::os::unix::fs::symlink("/dev/full", &part).unwrap();
        let refused = restore(data, None, 2).unwrap_err();
        let wanted = format!("{} are wanted", copy.bytes);
        assert!(refused.to_string().contains(&wanted), "{refused}");
        assert!(part.symlink_metadata().is_err(), "nothing is left of it");
        assert_eq!(marks(data), 2);
    }

    #[test]
    fn a_running_instance_is_copied_but_never_replaced() {
        let place = tempfile::tempdir().unwrap();
        let opened = open(place.path(), 1).unwrap();
        opened
            .writer
            .execute("INSERT INTO retention_mark VALUES ('x', 1)", [])
            .unwrap();
        let copy = take(place.path(), 5).unwrap();
        assert!(check(&copy.path).unwrap().is_empty());
        assert!(matches!(restore(place.path(), None, 6), Err(StoreError::InUse { .. })));
        drop(opened);
        restore(place.path(), None, 6).unwrap();
        assert_eq!(marks(place.path()), 1);
    }
}
