//! Opening the database: directory and file modes, the lock against a second process, the check after an unclean end.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use sla_runtime::status::chain;

use super::error::BUSY_TIMEOUT;
use super::migration;
use super::place::{self, Place};
use crate::error::{Cause, StoreError};
use crate::options::file_in;

const LOCK_FILE: &str = "sla.db.lock";
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// A link in the place of a file is nobody's database.
const NO_LINKS: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
/// The write-ahead log is cut back to this size after a checkpoint.
const JOURNAL_SIZE_LIMIT_BYTES: i64 = 16 << 20;
/// Page cache a connection, KiB (negative by SQLite's convention).
const CACHE_KIB: i64 = -4096;
/// A database up to this size is checked at every start; a larger one, which takes seconds, after an unclean end.
const CHECKED_BYTES: u64 = 128 << 20;
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
    /// Why it can only be read, where it can: a full disk, a read-only file system.
    pub(super) unwritable: Option<StoreError>,
}

/// Opens (or makes) the database in `data_dir` and brings its schema up to date.
///
/// # Errors
/// [`StoreError::Emptied`] where there was one that holds nothing now, [`StoreError::Damaged`] where it is not sound: both are for
/// people to decide about, never begun anew without a word.
pub(crate) fn open(data_dir: &Path, now_ms: i64) -> Result<Opened, StoreError> {
    let lock = take_place(data_dir)?;
    let path = file_in(data_dir);
    let holds_nothing = fs::metadata(&path).map_or(true, |file| file.len() == 0);
    if holds_nothing && place::copies(data_dir).is_dir() {
        return Err(StoreError::Emptied {
            path,
            folder: place::copies(data_dir),
        });
    }
    let mut unwritable = None;
    let opened = open_to_write(&path, now_ms).or_else(|error| {
        if holds_nothing || !is_unwritable(&error) {
            return Err(error);
        }
        // What is known is shown all the same; the banner says that nothing can be saved.
        tracing::warn!(error = chain(&error), "the database is opened for reading only");
        let reader = open_to_read(&path)?;
        if migration::version(&reader)? != migration::NEWEST {
            return Err(error);
        }
        unwritable = Some(error);
        Ok((reader, Place::of(&path)?))
    });
    let (writer, place) = opened.map_err(|error| match error {
        StoreError::Corrupt { finding } => StoreError::Damaged {
            path: path.clone(),
            finding,
        },
        other => other,
    })?;
    if let Err(error) = place::make_copies(data_dir) {
        tracing::warn!(error = chain(&error), "there is no folder for copies of the database");
    }
    Ok(Opened {
        writer,
        path,
        place,
        lock,
        unwritable,
    })
}

/// Whether an error is about the disk below the file, not about the file.
fn is_unwritable(error: &StoreError) -> bool {
    match error {
        StoreError::DiskFull(_) | StoreError::ReadOnly(_) | StoreError::Disk(_) => true,
        StoreError::File { source, .. } => is_about_disk(source),
        StoreError::Database(cause) => cannot_open(cause),
        _ => false,
    }
}

fn is_about_disk(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// What keeps a file from being opened, by its own name where the disk is the matter.
fn by_the_disk(error: StoreError, path: &Path) -> StoreError {
    let is_full = || rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_bavail == 0);
    match error {
        StoreError::File { source, .. } if source.kind() == ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly(Box::new(source))
        }
        StoreError::File { source, .. } if is_about_disk(&source) => StoreError::DiskFull(Box::new(source)),
        error if is_unwritable(&error) && is_full() => match error {
            StoreError::Database(cause) | StoreError::Disk(cause) | StoreError::ReadOnly(cause) => {
                StoreError::DiskFull(cause)
            }
            other => other,
        },
        StoreError::Database(cause) if cannot_open(&cause) => StoreError::Disk(cause),
        other => other,
    }
}

/// SQLite cannot make the files beside a database in WAL mode.
fn cannot_open(cause: &Cause) -> bool {
    let code = cause
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code);
    code == Some(rusqlite::ErrorCode::CannotOpen)
}

/// A connection to a file that cannot be written, nor can anything beside it: as it stands on the disk.
fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let probed = |uri: &str| -> Result<Connection, StoreError> {
        let connection = Connection::open_with_flags(uri, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.query_row("SELECT COUNT(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok(connection)
    };
    let mut name = String::new();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._".contains(byte) {
            name.push(char::from(*byte));
        } else {
            let _ = write!(name, "%{byte:02X}"); // writing to a String cannot fail
        }
    }
    // Without the index of its log nobody can read what is in the log alone; the file itself is whole.
    probed(&format!("file:{name}?mode=ro")).or_else(|_| probed(&format!("file:{name}?mode=ro&immutable=1")))
}

/// The connection that writes, its schema up to date.
pub(super) fn open_to_write(path: &Path, now_ms: i64) -> Result<(Connection, Place), StoreError> {
    open_file(path, now_ms).map_err(|error| by_the_disk(error, path))
}

fn open_file(path: &Path, now_ms: i64) -> Result<(Connection, Place), StoreError> {
    make_file(path)?;
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    let unclean = fs::metadata(write_ahead_log(path)).is_ok_and(|log| log.len() > 0);
    let mut writer = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW,
    )?;
    configure(&writer)?;
    // Before the first table, or it has no effect: lets retention give pages back to the disk in small steps.
    writer.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    writer.pragma_update(None, "journal_size_limit", JOURNAL_SIZE_LIMIT_BYTES)?;
    if unclean {
        tracing::info!("the database was not closed cleanly; checking it");
    }
    // Bytes change on disks that were closed cleanly, too.
    if unclean || bytes <= CHECKED_BYTES {
        quick_check(&writer)?;
    }
    migration::migrate(&mut writer, now_ms)?;
    // Whoever held a lease of this file did it through a process that has gone. Its token stays: if it lives elsewhere and
    // nobody was faster, it holds the lease again.
    writer.execute("UPDATE lease SET until_ms = 0 WHERE until_ms > 0", [])?;
    let place = Place::of(path)?;
    Ok((writer, place))
}

/// Makes `data_dir` and takes the lock that keeps other processes out of it.
pub(super) fn take_place(data_dir: &Path) -> Result<File, StoreError> {
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
    let to_write = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .custom_flags(NO_LINKS)
        .open(path);
    let opened = to_write.or_else(|error| {
        // Where nothing can be written, the file of an earlier start can still be held.
        if is_about_disk(&error) {
            OpenOptions::new().read(true).custom_flags(NO_LINKS).open(path)
        } else {
            Err(error)
        }
    });
    let mut file = opened.map_err(|source| StoreError::File {
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
        .custom_flags(NO_LINKS)
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
    open_beside_writer(path).or_else(|error| {
        if is_unwritable(&error) {
            open_to_read(path)
        } else {
            Err(error)
        }
    })
}

fn open_beside_writer(path: &Path) -> Result<Connection, StoreError> {
    let reader = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW,
    )?;
    configure(&reader)?;
    reader.pragma_update(None, "query_only", true)?;
    // The first read opens what lies beside the file.
    reader.query_row("SELECT COUNT(*) FROM sqlite_master", [], |_| Ok(()))?;
    Ok(reader)
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Without it a statement whose LIMIT is a parameter is compiled anew each time it is run: the limit might change the plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
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
