//! Who may come in, as another user would try it: nothing an instance makes is open to others whatever the umask, and whoever
//! reaches its socket all the same, by a folder that somebody opened or as a member of its owner's group, is turned away.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sla_testkit::{Instance, Served};

/// A user that owns nothing here.
const STRANGER: u32 = 65_534;
/// Nobody listens there: an instance serves all the same.
const NOWHERE: &str = "http://127.0.0.1:9";

struct Running {
    // Ends before its folder goes.
    _served: Served,
    instance: Instance,
}

impl Running {
    /// An instance whose process was started under this umask, with a folder that an older version left open.
    fn under(umask: &str) -> Self {
        let instance = Instance::on(NOWHERE);
        let open = instance.folder.path().join("default/log");
        std::fs::create_dir_all(&open).unwrap();
        std::fs::write(open.join("old.log"), "x").unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        let inner = instance.command(&["serve"]);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
            .arg(inner.get_program())
            .args(inner.get_args())
            .env("HOME", instance.folder.path())
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("XDG_CONFIG_HOME")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut served = Served::spawn(&mut shell);
        let socket = instance.socket();
        served.wait_until("its socket answers", || UnixStream::connect(&socket).is_ok());
        Self {
            _served: served,
            instance,
        }
    }

    /// `sla` as this user and group, told where the socket is.
    fn as_user(&self, user: u32, group: u32, arguments: &[&str]) -> (Option<i32>, String) {
        let home = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(home.path(), Some(user), Some(group)).unwrap();
        // A copy that the stranger may read wherever the build lies.
        let program = home.path().join("sla");
        std::fs::copy(env!("CARGO_BIN_EXE_sla"), &program).unwrap();
        let output = Command::new(&program)
            .args(arguments)
            .uid(user)
            .gid(group)
            .current_dir("/")
            .env_clear()
            .env("HOME", home.path())
            .env("SLA_INSTANCE__SOCKET", self.instance.socket())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    }
}

/// Everything below `folder`, itself included, that others may use, with its mode.
fn open_to_others(folder: &Path) -> Vec<(PathBuf, u32)> {
    let found = std::fs::symlink_metadata(folder).unwrap();
    let mode = found.mode() & 0o777;
    let mut open = Vec::new();
    if mode & 0o077 != 0 {
        open.push((folder.to_owned(), mode));
    }
    if found.is_dir() {
        for entry in std::fs::read_dir(folder).unwrap() {
            open.extend(open_to_others(&entry.unwrap().path()));
        }
    }
    open
}

#[test]
#[ignore = "root: dev/test"]
fn nothing_is_open_to_others_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let running = Running::under(umask);
        let copied = running.instance.sla(&["storage", "backup"]);
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        // The folder itself is the test's.
        let folder = running.instance.folder.path();
        let made = std::fs::read_dir(folder).unwrap();
        let open: Vec<_> = made.flat_map(|entry| open_to_others(&entry.unwrap().path())).collect();
        assert_eq!(open, [], "umask {umask}");
        for made in [
            "default/sla.db",
            "default/lock",
            "default/backups",
            "default/log",
            "run/default.sock",
        ] {
            assert!(folder.join(made).exists(), "{made} was looked at");
        }
    }
}

#[test]
#[ignore = "root: dev/test"]
fn strangers_and_the_owners_group_are_turned_away() {
    let running = Running::under("022");
    let folder = running.instance.folder.path();
    for (user, group) in [(STRANGER, STRANGER), (STRANGER, 0)] {
        let (code, said) = running.as_user(user, group, &["sets"]);
        assert_ne!(code, Some(0), "closed folders: {said}");
    }
    // Permissions do not count everywhere; who is at the other end does.
    for path in [folder.to_owned(), folder.join("run"), running.instance.socket()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    for (user, group) in [(STRANGER, STRANGER), (STRANGER, 0)] {
        for command in [&["sets"][..], &["stop"], &["schedule", "--pause"]] {
            let (code, said) = running.as_user(user, group, command);
            assert_ne!(code, Some(0), "{command:?}: {said}");
        }
    }
    let (code, said) = running.as_user(0, 0, &["sets", "--json"]);
    assert_eq!(code, Some(0), "its owner is let in: {said}");
}

#[test]
#[ignore = "root: dev/test"]
fn links_and_foreign_files_in_its_way_are_left_alone() {
    let instance = Instance::on(NOWHERE);
    let folder = instance.folder.path();
    let (target, data) = (folder.join("precious"), folder.join("default"));
    std::fs::create_dir(&data).unwrap();
    std::fs::write(&target, "precious").unwrap();
    for name in ["lock", "sla.db.lock", "sla.db"] {
        let link = data.join(name);
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let ended = instance.sla(&["serve"]);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && said.contains(name), "{name}: {said}");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious", "{name}");
        std::fs::remove_file(link).unwrap();
    }
}
