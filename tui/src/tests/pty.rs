//! The real shell on a real pseudo-terminal. The child is this test binary, running the ignored test [`console`].

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::wire::FakeWire;
use crate::shell::run::{TuiOptions, run_on};
use crate::theme::caps::Caps;

/// Not a test: the console on a scripted instance, for the tests below and for measurements.
#[test]
#[ignore = "the child process of the other tests"]
fn console() {
    let clock = Arc::new(sla_domain::ManualClock::at(super::script::NOW_MS));
    leave_with(FakeWire::default(), TuiOptions::new(Caps::default(), clock));
}

/// Not a test: the console, where reading the names panics.
#[test]
#[ignore = "the child process of another test"]
fn console_with_a_panicking_worker() {
    let wire = FakeWire::default();
    wire.panicking.store(true, std::sync::atomic::Ordering::SeqCst);
    let clock = Arc::new(sla_domain::ManualClock::at(super::script::NOW_MS));
    leave_with(wire, TuiOptions::new(Caps::default(), clock));
}

/// Not a test: the console, where the loop itself panics once its clock was read often enough.
#[test]
#[ignore = "the child process of another test"]
fn console_with_a_panicking_loop() {
    leave_with(
        FakeWire::default(),
        TuiOptions::new(Caps::default(), Arc::new(DyingClock::default())),
    );
}

/// Readings of the clock before it panics: enough for the first pictures.
const READINGS: u32 = 60;

#[derive(Debug, Default)]
struct DyingClock(std::sync::atomic::AtomicU32);

impl sla_domain::Clock for DyingClock {
    fn now_ms(&self) -> i64 {
        let before = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        assert!(before < READINGS, "the clock died");
        super::script::NOW_MS
    }
}

fn leave_with(wire: FakeWire, options: TuiOptions) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let exit = runtime.block_on(run_on(wire, options));
    std::process::exit(i32::from(exit.is_err()));
}

struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    keyboard: Option<Box<dyn std::io::Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Every byte written, for the words of a failure.
    bytes: Arc<Mutex<Vec<u8>>>,
    /// The reader ends at the next bytes.
    cut: Arc<std::sync::atomic::AtomicBool>,
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
        Self::of("tests::pty::console", false)
    }

    /// A child test by its name; with SIGHUP ignored, as under `nohup`.
    fn of(child: &str, no_hangup: bool) -> Self {
        let pair = native_pty_system().openpty(size(80, 24)).unwrap();
        let program = std::env::current_exe().unwrap();
        let mut command = if no_hangup {
            let mut shell = CommandBuilder::new("sh");
            shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
            shell.arg(&program);
            shell
        } else {
            CommandBuilder::new(&program)
        };
        command.args(["--exact", child, "--ignored", "--nocapture", "--test-threads=1"]);
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
        let cut = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let line = Arc::clone(&cut);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = reader.read(&mut bytes) {
                // The line is cut when the test says so: a terminal that is gone has no reader either.
                if count == 0 || line.load(std::sync::atomic::Ordering::SeqCst) {
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
            cut,
        }
    }

    fn type_bytes(&mut self, bytes: &[u8]) {
        self.keyboard.as_mut().unwrap().write_all(bytes).unwrap();
    }

    fn contents(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn wrote(&self, sequence: &[u8]) -> bool {
        let bytes = self.bytes.lock().unwrap();
        bytes.windows(sequence.len()).any(|window| window == sequence)
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
    terminal.type_bytes(b"1");
    terminal.wait_for("▸ node_load1                 host-1");
    // An arrow cut in two by the line is still an arrow.
    terminal.type_bytes(b"\x1b");
    std::thread::sleep(Duration::from_millis(10));
    terminal.type_bytes(b"[B");
    terminal.wait_for("▸ node_load1                 host-2");
    assert!(
        !terminal.wrote(b"\x1b[6n"),
        "a bare terminal answers no question about its cursor"
    );
    assert!(terminal.wrote(b"\x1b[?2026h"), "frames are shown whole");
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
    terminal.wait_for("SINCE");
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

#[test]
fn it_goes_when_the_terminal_goes_even_where_hangups_are_ignored() {
    let mut terminal = Terminal::of("tests::pty::console", true);
    terminal.wait_for("✗ 1 violated");
    // The reader ends at the next bytes, and with it the last copy of the master.
    terminal.cut.store(true, std::sync::atomic::Ordering::SeqCst);
    terminal.type_bytes(b"5");
    terminal.keyboard = None;
    terminal.master = None;
    assert!(terminal.ended(Duration::from_secs(3)), "it stayed without a terminal");
}

#[test]
fn a_worker_that_panics_is_told_and_the_console_goes_on() {
    let mut terminal = Terminal::of("tests::pty::console_with_a_panicking_worker", false);
    terminal.wait_for("✗ 1 violated");
    terminal.type_bytes(b"1n");
    terminal.wait_for("a part of the console failed");
    terminal.wait_for("this console failed while it read the answer");
    terminal.type_bytes(b"5");
    terminal.wait_for("#418");
    terminal.type_bytes(b"q");
    assert!(terminal.ended(Duration::from_secs(2)));
    terminal.is_restored();
    assert!(!terminal.wrote(b"panicked at"), "nothing was printed over the screen");
}

#[test]
fn a_loop_that_panics_restores_the_terminal_and_then_says_so() {
    let mut terminal = Terminal::of("tests::pty::console_with_a_panicking_loop", false);
    terminal.wait_for("✗ 1 violated");
    for _ in 0..READINGS {
        terminal.type_bytes(b"j");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(terminal.ended(Duration::from_secs(5)));
    terminal.is_restored();
    let bytes = terminal.bytes.lock().unwrap().clone();
    let place = |sequence: &[u8]| bytes.windows(sequence.len()).rposition(|window| window == sequence);
    assert!(
        place(b"the clock died") > place(b"\x1b[?1049l"),
        "the words stand on the terminal that was given back"
    );
}
