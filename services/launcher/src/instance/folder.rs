//! Folders and files that are nobody else's business: 0700 and 0600 whatever the umask, and mended where an older version, or
//! somebody's hand, left them open.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// How deep the files of an instance lie.
const MAX_DEPTH: usize = 4;
/// Rights of anybody but the owner.
const OTHERS: u32 = 0o077;

/// From now on every file and folder this process makes is its owner's alone.
pub(crate) fn close_umask() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(OTHERS));
}

/// Makes `folder`, and what is missing above it, for its owner alone. One that is there stays as it is.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Closes `folder` and all below it to others; only for folders that hold nothing but an instance's own things. What belongs to
/// another user, or is a link, stays as it is.
pub(super) fn mend(folder: &Path) -> io::Result<()> {
    mend_below(folder, MAX_DEPTH)
}

fn mend_below(path: &Path, depth: usize) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    if found.uid() != our_uid() || found.file_type().is_symlink() {
        return Ok(());
    }
    if found.mode() & OTHERS != 0 {
        let closed = Permissions::from_mode(found.mode() & !OTHERS & 0o7777);
        std::fs::set_permissions(path, closed)?;
    }
    if found.is_dir() && depth > 0 {
        for entry in std::fs::read_dir(path)? {
            mend_below(&entry?.path(), depth - 1)?;
        }
    }
    Ok(())
}

/// Opens `path` for writing, made for its owner alone when it is not there. Never through a symbolic link, and what it holds is
/// not touched: the caller cuts it when it knows that the file is its own. What is no regular file is refused; a pipe would be
/// waited for without end.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    regular(file)
}

/// Opens `path` for reading; what is no regular file is refused.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    regular(OpenOptions::new().read(true).custom_flags(flags).open(path)?)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }
}

/// Whether `folder` is a folder of ours that nobody else may write in.
pub(super) fn is_ours(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder)
        .is_ok_and(|found| found.is_dir() && found.uid() == our_uid() && found.mode() & 0o022 == 0)
}

/// Whether another user owns `folder`: he could put other things in the place of ours. Root may, where nobody else writes in it.
pub(super) fn is_foreign(folder: &Path) -> bool {
    std::fs::metadata(folder)
        .is_ok_and(|found| found.uid() != our_uid() && (found.uid() != 0 || found.mode() & 0o022 != 0))
}

/// The user this process works as.
pub(super) fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_open_is_closed_and_links_are_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let (folder, outside) = (place.path().join("data"), place.path().join("outside"));
        std::fs::create_dir_all(folder.join("log")).unwrap();
        std::fs::write(folder.join("log/sla.log"), "x").unwrap();
        std::fs::write(&outside, "x").unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("link")).unwrap();
        for (path, mode) in [("log/sla.log", 0o666), ("log", 0o777), ("", 0o755)] {
            std::fs::set_permissions(folder.join(path), Permissions::from_mode(mode)).unwrap();
        }
        std::fs::set_permissions(&outside, Permissions::from_mode(0o644)).unwrap();
        mend(&folder).unwrap();
        let modes = ["log/sla.log", "log", ""].map(|path| mode(&folder.join(path)));
        assert_eq!((modes, mode(&outside)), ([0o600, 0o700, 0o700], 0o644));
    }

    #[test]
    fn a_link_is_not_followed_and_nothing_is_cut() {
        let place = tempfile::tempdir().unwrap();
        let (target, link) = (place.path().join("target"), place.path().join("link"));
        std::fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        open_private(&link).unwrap_err();
        open_private(&target).unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
        let pipe = place.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        open_private(&pipe).unwrap_err();
        open_regular(&pipe).unwrap_err();
        let fresh = place.path().join("fresh");
        open_private(&fresh).unwrap();
        assert_eq!(mode(&fresh), 0o600);
    }
}
