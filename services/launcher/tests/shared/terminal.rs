//! A real console in a pseudo-terminal: keys in, the picture out.

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// The longest any expected text may take; a debug binary on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// One console.
pub(crate) struct Console {
    pub(crate) pty: Box<dyn MasterPty + Send>,
    pub(crate) child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    bytes: Receiver<Vec<u8>>,
    pub(crate) screen: vt100::Parser,
    raw: Vec<u8>,
    #[allow(dead_code, reason = "removed at the end")]
    home: Option<tempfile::TempDir>,
}

impl Console {
    /// With a home of its own.
    pub(crate) fn open(arguments: &[&str], columns: u16, rows: u16) -> Self {
        Self::open_with(arguments, columns, rows, &[])
    }

    /// With a home of its own and these variables.
    pub(crate) fn open_with(arguments: &[&str], columns: u16, rows: u16, variables: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut console = Self::open_in(home.path(), arguments, (columns, rows), variables);
        console.home = Some(home);
        console
    }

    /// In this home.
    pub(crate) fn open_in(
        home: &Path,
        arguments: &[&str],
        (columns, rows): (u16, u16),
        variables: &[(&str, &str)],
    ) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_sla"));
        command.args(arguments);
        command.env("HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for name in ["XDG_RUNTIME_DIR", "VISUAL", "EDITOR"] {
            command.env_remove(name);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let (send, bytes) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(read) = reader.read(&mut buffer) {
                if read == 0 || send.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let screen = screen(rows, columns);
        Self {
            pty: pair.master,
            child,
            keys,
            bytes,
            screen,
            raw: Vec::new(),
            home: None,
        }
    }

    /// Types.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Reads until the screen holds `text`.
    pub(crate) fn see(&mut self, text: &str) {
        self.see_that(text, |picture| picture.contains(text));
    }

    /// Reads until `is_so` of the screen; `what` is told when it does not come.
    pub(crate) fn see_that(&mut self, what: &str, is_so: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        let mut told: Vec<String> = Vec::new();
        while !is_so(&self.screen.screen().contents()) {
            let picture = self.screen.screen().contents();
            if let Some(last) = picture
                .lines()
                .last()
                .filter(|last| told.last().is_none_or(|one| one != last))
            {
                told.push(last.to_owned());
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{what:?} did not come:\n{picture}\nthe last line told meanwhile:\n{}",
                told.join("\n")
            );
            if let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(100)) {
                self.screen.process(&bytes);
                self.raw.extend(bytes);
            }
        }
    }

    /// Whether `is_so` of the screen within this time.
    #[allow(dead_code, reason = "not every suite asks")]
    pub(crate) fn sees_within(&mut self, span: Duration, is_so: impl Fn(&str) -> bool) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < span {
            if let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(100)) {
                self.screen.process(&bytes);
                self.raw.extend(bytes);
            }
            if is_so(&self.screen.screen().contents()) {
                return true;
            }
        }
        false
    }

    /// Waits for the end and gives all bytes that were written.
    pub(crate) fn ended(mut self) -> (u32, Vec<u8>) {
        let begun = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.exit_code();
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "it did not end:\n{}",
                self.screen.screen().contents()
            );
            while let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(20)) {
                self.raw.extend(bytes);
            }
        };
        while let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(200)) {
            self.raw.extend(bytes);
        }
        (code, self.raw)
    }
}

/// A picture of that size, empty.
pub(crate) fn screen(rows: u16, columns: u16) -> vt100::Parser {
    let cells = |count| NonZeroU16::new(count).expect("a screen has cells");
    vt100::Parser::new(cells(rows), cells(columns), 0)
}
