//! The hang-up watcher: when the terminal is gone the process goes too, even where SIGHUP is ignored.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use tokio_util::sync::CancellationToken;

/// How long the loop may take to leave by itself before the watcher ends the process.
const GRACE: Duration = Duration::from_millis(500);
/// 128 + SIGHUP, what a shell would report.
const EXIT_CODE: i32 = 129;

/// Starts the watcher on standard input. It sleeps in `poll` with no events asked for, which reports only hang-up and errors,
/// so it never wakes an idle console. On hang-up it cancels `gone`, and ends the process when `left` is not cancelled soon after.
pub(crate) fn watch(gone: CancellationToken, left: CancellationToken) -> std::io::Result<()> {
    std::thread::Builder::new().name("hangup".to_owned()).spawn(move || {
        let stdin = rustix::stdio::stdin();
        loop {
            let mut fds = [PollFd::from_borrowed_fd(stdin, PollFlags::empty())];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
                Ok(_) => {}
            }
            if fds[0]
                .revents()
                .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
            {
                break;
            }
        }
        gone.cancel();
        std::thread::sleep(GRACE);
        if !left.is_cancelled() {
            std::process::exit(EXIT_CODE);
        }
    })?;
    Ok(())
}
