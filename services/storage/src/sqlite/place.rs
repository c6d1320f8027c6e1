//! Whether the file that is written is still the one that its path names. A deleted file takes writes as before, and what
//! they wrote is gone with the process.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// The folder of the copies, beside the database.
const COPIES: &str = "backups";

/// The folder of the copies of the database in `data_dir`. It is made with the database: where it is and the database is not,
/// something was lost.
pub(super) fn copies(data_dir: &Path) -> PathBuf {
    data_dir.join(COPIES)
}

/// Makes it, for its owner alone.
pub(super) fn make_copies(data_dir: &Path) -> Result<(), StoreError> {
    let path = copies(data_dir);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.map_err(|source| StoreError::File {
        action: "create",
        path,
        source,
    })
}

/// A path and what was found there when the database was opened.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Place {
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let found = fs::metadata(path).map_err(|source| StoreError::File {
            action: "open",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        })
    }

    /// Asked before a write is acknowledged.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == (self.device, self.inode) => Ok(()),
            _ => Err(StoreError::Gone {
                path: self.path.clone(),
            }),
        }
    }
}
