//! The real shell on a real pseudo-terminal. The child is this test binary, running the ignored test [`console`].

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::wire::FakeWire;
use crate::shell::caps::Caps;
use crate::shell::run::{TuiOptions, run_on};

/// Not a test: the console on a scripted instance, for the tests below and for measurements.
#[test]
#[ignore = "the child process of the other tests"]
fn console() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let clock = Arc::new(sla_domain::ManualClock::at(super::script::NOW_MS));
    let exit = runtime.block_on(run_on(FakeWire::default(), TuiOptions::new(Caps::default(), clock)));
    std::process::exit(i32::from(exit.is_err()));
}

struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    keyboard: Option<Box<dyn std::io::Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Every byte written, for the words of a failure.
    bytes: Arc<Mutex<Vec<u8>>>,
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

impl Terminal {
    fn start() -> Self {
        let pair = native_pty_system().openpty(size(80, 24)).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "tests::pty::console",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ]);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(
            24.try_into().unwrap(),
            80.try_into().unwrap(),
            0,
        )));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let theirs = Arc::clone(&screen);
        let all = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&all);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = reader.read(&mut bytes) {
                if count == 0 {
                    break;
                }
                kept.lock().unwrap().extend_from_slice(&bytes[..count]);
                theirs.lock().unwrap().process(&bytes[..count]);
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        Self {
            master: Some(pair.master),
            keyboard: Some(keyboard),
            child,
            screen,
            bytes: all,
        }
    }

    fn type_bytes(&mut self, bytes: &[u8]) {
        self.keyboard.as_mut().unwrap().write_all(bytes).unwrap();
    }

    fn contents(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn last_bytes(&self) -> String {
        let bytes = self.bytes.lock().unwrap();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(300)..])
            .escape_debug()
            .to_string()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let until = Instant::now() + Duration::from_secs(10);
        while !self.contents().contains(text) {
            assert!(Instant::now() < until, "nowhere `{text}` in\n{}", self.contents());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.process_id().unwrap().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Whether the child ended within `limit`.
    fn ended(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().unwrap();
        false
    }

    #[track_caller]
    fn is_restored(&self) {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let parser = self.screen.lock().unwrap();
            let screen = parser.screen();
            if !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste() {
                return;
            }
            drop(parser);
            assert!(Instant::now() < until, "a mode was left on: ...{}", self.last_bytes());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn starts_moves_and_leaves_a_clean_terminal() {
    let mut terminal = Terminal::start();
    terminal.wait_for("✗ 1 violated");
    terminal.wait_for("▸ node_load1                 host-1");
    // An arrow cut in two by the line is still an arrow.
    terminal.type_bytes(b"\x1b");
    std::thread::sleep(Duration::from_millis(10));
    terminal.type_bytes(b"[B");
    terminal.wait_for("▸ node_load1                 host-2");
    terminal.type_bytes(b"q");
    assert!(terminal.ended(Duration::from_secs(2)));
    terminal.is_restored();
}

#[test]
fn a_lone_paste_start_does_not_stop_the_keys() {
    let mut terminal = Terminal::start();
    terminal.wait_for("✗ 1 violated");
    terminal.type_bytes(b"\x1b[200~");
    std::thread::sleep(Duration::from_millis(1_300));
    terminal.type_bytes(b"5");
    terminal.wait_for("#418");
    terminal.type_bytes(b"q");
    assert!(terminal.ended(Duration::from_secs(2)));
}

#[test]
fn a_storm_of_sizes_ends_in_a_whole_picture() {
    let mut terminal = Terminal::start();
    terminal.wait_for("✗ 1 violated");
    for (cols, rows) in [(40, 10), (200, 60), (3, 2), (80, 5), (1, 1), (120, 40), (80, 24)] {
        terminal
            .screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(rows.try_into().unwrap(), cols.try_into().unwrap());
        terminal.master.as_ref().unwrap().resize(size(cols, rows)).unwrap();
        std::thread::sleep(Duration::from_millis(15));
    }
    terminal.wait_for("SERIES");
    terminal.wait_for("q quit");
    terminal.type_bytes(b"q");
    assert!(terminal.ended(Duration::from_secs(2)));
}

#[test]
fn sigterm_leaves_a_clean_terminal() {
    let mut terminal = Terminal::start();
    terminal.wait_for("✗ 1 violated");
    terminal.signal(Signal::TERM);
    assert!(terminal.ended(Duration::from_secs(2)));
    terminal.is_restored();
}

#[test]
fn suspended_it_gives_the_terminal_back_and_takes_it_again() {
    let mut terminal = Terminal::start();
    terminal.wait_for("✗ 1 violated");
    terminal.type_bytes(b"\x1a");
    let stat = format!("/proc/{}/stat", terminal.child.process_id().unwrap());
    let until = Instant::now() + Duration::from_secs(5);
    while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
        assert!(Instant::now() < until, "it did not stop");
        std::thread::sleep(Duration::from_millis(5));
    }
    terminal.is_restored();
    terminal.signal(Signal::CONT);
    terminal.wait_for("✗ 1 violated");
    terminal.type_bytes(b"q");
    assert!(terminal.ended(Duration::from_secs(2)));
    terminal.is_restored();
}

#[test]
fn it_goes_when_the_terminal_goes() {
    let mut terminal = Terminal::start();
    terminal.wait_for("✗ 1 violated");
    terminal.keyboard = None;
    terminal.master = None;
    // The reader holds the last copy of the master; a hang-up needs it gone, so SIGHUP stands in for a lost line.
    terminal.signal(Signal::HUP);
    assert!(terminal.ended(Duration::from_secs(2)));
}
