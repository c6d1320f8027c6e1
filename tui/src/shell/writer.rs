//! The frame writer: one thread, one frame in flight, the latest wins.
//!
//! The loop never waits for the terminal: at 20 KB/s a blocking write would hold a key for half a second.
//! The difference is taken here, against the frame that was really sent, never against one that was skipped.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;

use super::encode::Encoder;
use crate::widget::marks::Marks;

/// One write(2) is at most this long, so that leaving never waits for a whole frame on a slow line.
const WRITE_CHUNK_BYTES: usize = 1024;
/// Out-of-band sequences (clipboard) that may wait for the writer.
const ASIDE_BYTES_MAX: usize = 256 * 1024;

/// Where the bytes go: the terminal, or a buffer in tests.
pub(crate) trait Sink: Send + 'static {
    /// Writes some of `bytes`, returns how many.
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

/// Standard output, unbuffered.
pub(crate) struct StdoutSink;

impl Sink for StdoutSink {
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stdout: BorrowedFd<'static> = rustix::stdio::stdout();
        loop {
            match rustix::io::write(stdout, bytes) {
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(written) => return Ok(written),
            }
        }
    }
}

struct Frame {
    buffer: Buffer,
    marks: Marks,
}

#[derive(Default)]
struct Slot {
    frame: Option<Frame>,
    aside: Vec<u8>,
    spare: Option<Buffer>,
    invalidate: bool,
    stop: bool,
    busy: bool,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
    abandon: AtomicBool,
    frame_bytes: AtomicU64,
    frames: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handle to the writer thread.
pub(crate) struct FrameWriter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl FrameWriter {
    /// Starts the thread.
    pub(crate) fn start(sink: impl Sink) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("frame-writer".to_owned())
            .spawn(move || write_frames(&theirs, sink))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Hands over a whole frame; one that still waits is replaced and never seen.
    pub(crate) fn submit(&self, buffer: Buffer, marks: Marks) {
        let mut slot = self.shared.lock();
        if let Some(skipped) = slot.frame.replace(Frame { buffer, marks }) {
            slot.spare = Some(skipped.buffer);
        }
        drop(slot);
        self.shared.changed.notify_all();
    }

    /// A buffer no longer on screen, for the next frame.
    pub(crate) fn spare(&self) -> Option<Buffer> {
        self.shared.lock().spare.take()
    }

    /// The next frame clears and repaints: after a resume or a redraw command.
    pub(crate) fn invalidate(&self) {
        self.shared.lock().invalidate = true;
    }

    /// Writes `bytes` between two frames; refused when too many wait.
    pub(crate) fn aside(&self, bytes: &[u8]) -> bool {
        let mut slot = self.shared.lock();
        if slot.aside.len() + bytes.len() > ASIDE_BYTES_MAX {
            return false;
        }
        slot.aside.extend_from_slice(bytes);
        drop(slot);
        self.shared.changed.notify_all();
        true
    }

    /// Bytes of the last frame written, and how many frames so far.
    pub(crate) fn last_frame(&self) -> (u64, u64) {
        (
            self.shared.frame_bytes.load(Ordering::Relaxed),
            self.shared.frames.load(Ordering::Relaxed),
        )
    }

    /// Waits until nothing is left to write, at most `limit`. Returns whether that came true.
    pub(crate) fn drain(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut slot = self.shared.lock();
        while slot.busy || slot.frame.is_some() || !slot.aside.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            slot = self
                .shared
                .changed
                .wait_timeout(slot, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Stops the thread; a frame in flight gets `limit`, then the rest of it is dropped.
    /// Returns whether all of it was written.
    pub(crate) fn stop(&mut self, limit: Duration) -> bool {
        let drained = self.drain(limit);
        self.shared.abandon.store(true, Ordering::Relaxed);
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread stuck in write(2) on a dead line is left behind: the process is about to end.
            if drained || thread.is_finished() {
                let _ = thread.join();
            }
        }
        drained
    }
}

fn write_frames(shared: &Shared, mut sink: impl Sink) {
    let mut encoder = Encoder::new();
    let mut bytes = Vec::with_capacity(16 * 1024);
    loop {
        let mut slot = shared.lock();
        while slot.frame.is_none() && slot.aside.is_empty() && !slot.stop {
            slot = shared.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
        if slot.stop {
            return;
        }
        if std::mem::take(&mut slot.invalidate) {
            encoder.invalidate();
        }
        let frame = slot.frame.take();
        bytes.clear();
        bytes.append(&mut slot.aside);
        slot.busy = true;
        drop(slot);

        let mut spare = None;
        if let Some(frame) = frame {
            let before = bytes.len();
            spare = Some(encoder.encode(frame.buffer, frame.marks, &mut bytes));
            shared
                .frame_bytes
                .store((bytes.len() - before) as u64, Ordering::Relaxed);
            shared.frames.fetch_add(1, Ordering::Relaxed);
        }
        let whole = write_whole(shared, &mut sink, &bytes);

        let mut slot = shared.lock();
        slot.busy = false;
        if spare.is_some() {
            slot.spare = spare;
        }
        drop(slot);
        shared.changed.notify_all();
        if !whole {
            // The terminal is gone or we are leaving; the hang-up watcher decides about the process.
            return;
        }
    }
}

fn write_whole(shared: &Shared, sink: &mut impl Sink, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        if shared.abandon.load(Ordering::Relaxed) {
            return false;
        }
        let chunk = &rest[..rest.len().min(WRITE_CHUNK_BYTES)];
        match sink.write_some(chunk) {
            Ok(0) | Err(_) => return false,
            Ok(written) => rest = &rest[written..],
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// A line that passes one write each time the test says so.
    struct Gated(Receiver<()>, SyncSender<Vec<u8>>);

    impl Sink for Gated {
        fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::Error::other("closed"))?;
            let _ = self.1.send(bytes.to_vec());
            Ok(bytes.len())
        }
    }

    #[test]
    fn the_latest_frame_wins_and_the_screen_is_right() {
        let (open, gate) = sync_channel(100);
        let (sent, got) = sync_channel(100);
        let mut writer = FrameWriter::start(Gated(gate, sent)).unwrap();
        let frame = |text: &str| Buffer::with_lines([text]);
        writer.submit(frame("first 0"), Marks::default());
        // Wait until the first frame is in flight, then send many while the line is blocked.
        while !writer.shared.lock().busy {
            std::thread::yield_now();
        }
        for n in 1..50 {
            writer.submit(frame(&format!("later {}", n % 10)), Marks::default());
        }
        for _ in 0..100 {
            let _ = open.try_send(());
        }
        assert!(writer.drain(Duration::from_secs(5)));
        let (_, frames) = writer.last_frame();
        assert_eq!(frames, 2, "48 frames were skipped");
        let mut parser = vt100::Parser::new(1.try_into().unwrap(), 7.try_into().unwrap(), 0);
        while let Ok(bytes) = got.try_recv() {
            parser.process(&bytes);
        }
        assert_eq!(parser.screen().contents(), "later 9");
        writer.stop(Duration::from_millis(100));
    }

    #[test]
    fn stopping_does_not_wait_for_a_blocked_line() {
        let (_open, gate) = sync_channel(1);
        let (sent, _got) = sync_channel(1);
        let mut writer = FrameWriter::start(Gated(gate, sent)).unwrap();
        writer.submit(Buffer::with_lines(["x"]), Marks::default());
        let started = Instant::now();
        writer.stop(Duration::from_millis(30));
        assert!(started.elapsed() < Duration::from_millis(500));
    }

    #[test]
    fn too_much_aside_is_refused() {
        let (_open, gate) = sync_channel(1);
        let (sent, _got) = sync_channel(1);
        let writer = FrameWriter::start(Gated(gate, sent)).unwrap();
        assert!(!writer.aside(&vec![b'x'; ASIDE_BYTES_MAX + 1]));
    }
}
