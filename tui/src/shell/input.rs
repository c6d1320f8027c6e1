//! Where keys come from: the terminal, or a script in tests.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::keys::{InputEvent, KeyParser};

/// Chunks read from the terminal that may wait for the loop.
const CHUNKS_MAX: usize = 64;
/// Bytes read at once.
const CHUNK_BYTES: usize = 4096;

/// A source of input. `next` may be dropped at any await without losing input.
pub(crate) trait InputSource {
    /// The next event; after [`InputEvent::Closed`] it never returns again.
    fn next(&mut self) -> impl Future<Output = InputEvent>;
    /// Reads nothing more until told: the keys are another program's.
    fn pause(&mut self, paused: bool);
}

/// Closed while another program has the keyboard.
#[derive(Debug, Default)]
struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, closed: bool) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = closed;
        self.changed.notify_all();
    }

    /// Waits while it is closed; whether it was.
    fn pass(&self) -> bool {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = *closed;
        drop(
            self.changed
                .wait_while(closed, |closed| *closed)
                .unwrap_or_else(PoisonError::into_inner),
        );
        waited
    }
}

/// Standard input, read by a thread of its own: no parser and no other library sees these bytes.
pub(crate) struct TerminalInput {
    bytes: mpsc::Receiver<Vec<u8>>,
    parser: KeyParser,
    started: Instant,
    closed: bool,
    gate: Arc<Gate>,
}

impl TerminalInput {
    /// Starts the reader. `esc_hold_ms`: see [`KeyParser::new`].
    pub(crate) fn start(esc_hold_ms: i64) -> std::io::Result<Self> {
        let (send, bytes) = mpsc::channel(CHUNKS_MAX);
        let gate = Arc::new(Gate::default());
        let theirs = Arc::clone(&gate);
        std::thread::Builder::new()
            .name("terminal-input".to_owned())
            .spawn(move || read_terminal(&send, &theirs))?;
        Ok(Self {
            bytes,
            parser: KeyParser::new(esc_hold_ms),
            started: Instant::now(),
            closed: false,
            gate,
        })
    }

    fn now_ms(&self) -> i64 {
        self.started.elapsed().as_millis() as i64
    }
}

impl InputSource for TerminalInput {
    fn pause(&mut self, paused: bool) {
        self.gate.set(paused);
    }

    async fn next(&mut self) -> InputEvent {
        loop {
            if let Some(event) = self.parser.next() {
                return event;
            }
            if self.closed {
                std::future::pending::<()>().await;
            }
            let until = self
                .parser
                .deadline_ms()
                .map(|ms| self.started + std::time::Duration::from_millis(ms as u64));
            tokio::select! {
                chunk = self.bytes.recv() => if let Some(chunk) = chunk {
                    let now = self.now_ms();
                    self.parser.feed(&chunk, now);
                } else {
                    self.closed = true;
                    return InputEvent::Closed;
                },
                () = sleep_until(until) => {
                    let now = self.now_ms();
                    self.parser.expire(now);
                }
            }
        }
    }
}

/// Sleeps until then, or for ever.
pub(crate) async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

fn read_terminal(send: &mpsc::Sender<Vec<u8>>, gate: &Gate) {
    let stdin = rustix::stdio::stdin();
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    loop {
        let mut fds = [PollFd::from_borrowed_fd(stdin, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
        // Bytes that came meanwhile belong to the other program, which reads them.
        if gate.pass() {
            continue;
        }
        let ready = fds[0].revents();
        if ready.contains(PollFlags::IN) {
            match rustix::io::read(stdin, &mut chunk[..]) {
                Ok(0) => return,
                Ok(count) => {
                    if send.blocking_send(chunk[..count].to_vec()).is_err() {
                        return;
                    }
                }
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(_) => return,
            }
        } else if ready.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return;
        }
    }
}
