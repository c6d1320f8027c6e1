//! What SQLite's errors mean to a store.

use std::time::Duration;

use rusqlite::{Error, ErrorCode};

use crate::error::StoreError;

/// How long a statement waits for a lock. Only a foreign process (a backup, a shell) can hold one.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLITE_IOERR_SHMSIZE, <https://www.sqlite.org/rescode.html>.
const IOERR_SHMSIZE: i32 = 4874;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull(Box::new(error)),
            // The index of the write-ahead log could not grow.
            Some(ErrorCode::SystemIoFailure)
                if error
                    .sqlite_error()
                    .is_some_and(|error| error.extended_code == IOERR_SHMSIZE) =>
            {
                Self::DiskFull(Box::new(error))
            }
            Some(ErrorCode::SystemIoFailure) => Self::Disk(Box::new(error)),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(Box::new(error)),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt {
                finding: error.to_string(),
            },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy {
                waited_ms: BUSY_TIMEOUT.as_millis() as u64,
            },
            _ => Self::Database(Box::new(error)),
        }
    }
}
