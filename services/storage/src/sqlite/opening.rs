//! Opening the database: directory and file modes, the lock against a second process, the check after an unclean end.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::BUSY_TIMEOUT;
use super::migration;
use super::place::Place;
use crate::error::StoreError;
use crate::options::file_in;

const LOCK_FILE: &str = "sla.db.lock";
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The write-ahead log is cut back to this size after a checkpoint.
const JOURNAL_SIZE_LIMIT_BYTES: i64 = 16 << 20;
/// Page cache a connection, KiB (negative by SQLite's convention).
const CACHE_KIB: i64 = -4096;
/// Prepared statements kept a connection.
const STATEMENT_CACHE: usize = 64;

/// A database that this process alone has open. The kernel drops the lock when the process ends, however it ends.
///
/// Why a lock file with `flock` and not SQLite's exclusive locking mode: that mode would shut out our own readers too, and
/// an instance that finds the lock taken can say which process holds it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) writer: Connection,
    pub(crate) path: PathBuf,
    pub(super) place: Place,
    pub(crate) lock: File,
}

/// Opens (or makes) the database in `data_dir` and brings its schema up to date.
pub(crate) fn open(data_dir: &Path, now_ms: i64) -> Result<Opened, StoreError> {
    let lock = open_unmigrated_lock(data_dir)?;
    let path = file_in(data_dir);
    make_file(&path)?;
    let unclean = fs::metadata(write_ahead_log(&path)).is_ok_and(|log| log.len() > 0);
    let mut writer = Connection::open_with_flags(
        &path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW,
    )?;
    configure(&writer)?;
    // Before the first table, or it has no effect: lets retention give pages back to the disk in small steps.
    writer.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    writer.pragma_update(None, "journal_size_limit", JOURNAL_SIZE_LIMIT_BYTES)?;
    if unclean {
        tracing::info!("the database was not closed cleanly; checking it");
        quick_check(&writer)?;
    }
    migration::migrate(&mut writer, now_ms)?;
    // Whoever held a lease of this file did it through a process that has gone. Its token stays: if it lives elsewhere and
    // nobody was faster, it holds the lease again.
    writer.execute("UPDATE lease SET until_ms = 0 WHERE until_ms > 0", [])?;
    let place = Place::of(&path)?;
    Ok(Opened {
        writer,
        path,
        place,
        lock,
    })
}

fn open_unmigrated_lock(data_dir: &Path) -> Result<File, StoreError> {
    if !data_dir.is_dir() {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(data_dir)
            .map_err(|source| StoreError::File {
                action: "create",
                path: data_dir.to_owned(),
                source,
            })?;
    }
    take_lock(&data_dir.join(LOCK_FILE))
}

fn take_lock(path: &Path) -> Result<File, StoreError> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map_err(|source| StoreError::File {
            action: "open",
            path: path.to_owned(),
            source,
        })?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // What the owner wrote is only for the message; without it the message is shorter.
            let read = (&mut file).take(20).read_to_string(&mut pid).is_ok();
            let pid = pid.trim();
            let known = read && !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
            let owner = if known { format!(" (pid {pid})") } else { String::new() };
            return Err(StoreError::InUse {
                path: path.to_owned(),
                owner,
            });
        }
        Err(TryLockError::Error(source)) => {
            return Err(StoreError::File {
                action: "lock",
                path: path.to_owned(),
                source,
            });
        }
    }
    // On a full disk the pid cannot be written; the lock holds all the same.
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()));
    if let Err(error) = written {
        tracing::debug!(%error, "the lock file does not name this process");
    }
    Ok(file)
}

fn make_file(path: &Path) -> Result<(), StoreError> {
    let failed = |action, source| StoreError::File {
        action,
        path: path.to_owned(),
        source,
    };
    // SQLite gives its -wal and -shm files the mode of the database file.
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(|source| failed("open", source))?;
    let mode = file
        .metadata()
        .map_err(|source| failed("open", source))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(FILE_MODE))
            .map_err(|source| failed("protect", source))?;
    }
    Ok(())
}

fn write_ahead_log(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Opens a connection that can only read.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let reader = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW,
    )?;
    configure(&reader)?;
    reader.pragma_update(None, "query_only", true)?;
    Ok(reader)
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

/// SQLite's own check, without the index contents.
pub(crate) fn quick_check(connection: &Connection) -> Result<(), StoreError> {
    let finding: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if finding == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt { finding })
    }
}
