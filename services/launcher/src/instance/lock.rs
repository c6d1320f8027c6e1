//! One instance a data folder: a lock that dies with its process, in a file that names the socket of whoever holds it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use color_eyre::eyre::{Report, WrapErr as _};
use rustix::fs::{FlockOperation, flock};

use super::folder::{open_private, open_regular};
use crate::exit::{Exit, Failure};

/// The file in the data folder.
const FILE: &str = "lock";
/// How long an instance that is ending is waited for: its drain and the closing of its database.
const ENDING_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two tries.
const TRY_EVERY: Duration = Duration::from_millis(30);
/// Longest path of a socket read from the file; the system allows 108 bytes.
const MAX_PATH_BYTES: u64 = 4096;

/// The lock, held while this lives.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, never read")] File);

/// Takes the lock of `data` for an instance that listens on `socket`. One that is ending is waited for; one that answers is
/// said, and its console attaches to it.
pub(super) async fn take(data: &Path, socket: &Path) -> Result<Lock, Report> {
    let path = data.join(FILE);
    let opened = open_private(&path).or_else(|error| {
        // On a read-only file system the file of an earlier start can still be held.
        if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
            open_regular(&path)
        } else {
            Err(error)
        }
    });
    let mut file = opened.wrap_err_with(|| format!("cannot write {}", path.display()))?;
    let begun = Instant::now();
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let holder = socket_of(data);
        let answers = |socket: &Path| std::os::unix::net::UnixStream::connect(socket).is_ok();
        if holder.as_deref().is_some_and(answers) || begun.elapsed() > ENDING_LIMIT {
            let place = holder.map_or_else(|| data.display().to_string(), |socket| socket.display().to_string());
            let words = format!("an instance is already starting or running on {place}");
            return Err(Failure::new(Exit::UNAVAILABLE, words).into());
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
    // It holds without its name, too: a full disk or a read-only one is no reason not to show what is known.
    if let Err(error) = name(&mut file, socket) {
        tracing::warn!(%error, path = %path.display(), "the lock does not name the socket");
    }
    Ok(Lock(file))
}

fn name(file: &mut File, socket: &Path) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(socket.as_os_str().as_bytes())
}

/// The socket of the instance that holds the lock of `data`, or held it last.
pub(super) fn socket_of(data: &Path) -> Option<PathBuf> {
    let mut bytes = Vec::new();
    let file = open_regular(&data.join(FILE)).ok()?;
    file.take(MAX_PATH_BYTES).read_to_end(&mut bytes).ok()?;
    let socket = PathBuf::from(std::ffi::OsString::from_vec(bytes));
    socket.is_absolute().then_some(socket)
}

/// Whether no instance holds the lock of `data`.
pub(crate) fn is_free(data: &Path) -> bool {
    // Without the file there was never an instance; one that cannot be opened is not ours to wait for.
    open_regular(&data.join(FILE)).map_or(true, |file| flock(&file, FlockOperation::NonBlockingLockShared).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_one_that_ends_and_is_refused_by_one_that_answers() {
        let place = tempfile::tempdir().unwrap();
        let (data, socket) = (place.path(), place.path().join("x.sock"));
        assert!(is_free(data));
        let first = take(data, &socket).await.unwrap();
        assert!(!is_free(data));
        assert_eq!(socket_of(data), Some(socket.clone()));

        let answering = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let refused = take(data, &socket).await.unwrap_err();
        assert!(
            refused.to_string().contains("already starting or running on"),
            "{refused}"
        );
        drop(answering);

        let (second, ()) = tokio::join!(take(data, &socket), async {
            tokio::time::sleep(3 * TRY_EVERY).await;
            drop(first);
        });
        second.unwrap();
        assert!(is_free(data));
    }
}
