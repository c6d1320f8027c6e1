//! The allocator of the system, told to give back what it does not need.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// glibc reads these once, before `main`. By default it makes eight arenas a core, each of which keeps what its threads have freed, and
/// stops giving large blocks back once it has seen some: an instance that judges 1,000 series held twice what it used (mallopt(3),
/// `dev/bench-soak`).
pub(super) const FRUGAL: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];

/// The same for a console: answers are decoded by one thread and freed by another, so that two arenas keep what each could have
/// reused.
const SPARING: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "65536"),
];

/// For an instance.
pub(crate) fn make_frugal() {
    again_with(FRUGAL);
}

/// For a console.
pub(crate) fn make_sparing() {
    again_with(SPARING);
}

/// Starts this program again in its own place, with the same arguments, where nobody has told the allocator anything yet. Before the
/// first thread; where it cannot be done the process goes on as it is.
fn again_with(settings: [(&str, &str); 3]) {
    let mut told = std::env::vars_os().map(|(name, _)| name);
    if cfg!(not(target_env = "gnu")) || told.any(|name| settings.iter().any(|(known, _)| name == *known)) {
        return;
    }
    let mut words = std::env::args_os();
    if let (Some(name), Ok(program)) = (words.next(), std::env::current_exe()) {
        let _not_done = Command::new(program).arg0(name).args(words).envs(settings).exec();
    }
}
