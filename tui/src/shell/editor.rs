//! The user's editor on a private file: the terminal is the editor's until it ends.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::say;

/// How text is edited: what the launcher knows of the environment.
#[derive(Debug, Clone)]
pub struct Editing {
    /// `$VISUAL`, `$EDITOR` or an editor that is installed: a command for the shell, which gets the file as its last argument.
    pub command: String,
    /// Where a private folder for the file is made.
    pub folder: PathBuf,
}

/// What comes back: the new text, or nothing when it was left as it was; else a sentence.
pub(crate) type Edited = Result<Option<String>, String>;

/// An edited file beyond this size is not ours, bytes.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// One file being edited.
pub(crate) struct Edit {
    child: Child,
    folder: PathBuf,
    file: PathBuf,
    before: String,
}

impl Edit {
    /// Writes the text to a file that nobody else may read and starts the editor on it. `mono_ms` makes the name unique.
    pub(crate) fn start(editing: &Editing, name: &str, text: &str, mono_ms: i64) -> Result<Self, String> {
        let folder = editing
            .folder
            .join(format!("sla-edit-{}-{mono_ms}", std::process::id()));
        let said = |what: &str, error: &std::io::Error| format!("{}: {what}: {error}", folder.display());
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| said(say::shell::cannot_be_made(), &error))?;
        let file = folder.join(file_name(name));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut out| out.write_all(text.as_bytes()));
        // As git does it: the command may have arguments of its own, the file's name is never read by the shell.
        let started = written.and_then(|()| {
            Command::new("sh")
                .args(["-c", &format!("{} \"$@\"", editing.command), "sla"])
                .arg(&file)
                .spawn()
        });
        match started {
            Ok(child) => Ok(Self {
                child,
                folder,
                file,
                before: text.to_owned(),
            }),
            Err(error) => {
                let words = said(say::shell::the_editor_cannot_be(), &error);
                remove(&folder);
                Err(words)
            }
        }
    }

    /// The editor's process.
    pub(crate) fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Waits for the editor's end and reads what it left. Blocks.
    pub(crate) fn wait(mut self) -> Edited {
        let status = self.child.wait().map_err(|error| say::shell::the_editor(&error));
        let read = status.and_then(|status| {
            if status.success() {
                self.read()
            } else {
                Err(say::shell::the_editor_ended_with(&status))
            }
        });
        remove(&self.folder);
        read
    }

    fn read(&self) -> Edited {
        let said = |error: std::io::Error| format!("{}: {error}", self.file.display());
        let file = File::open(&self.file).map_err(said)?;
        let mut text = String::new();
        let read = file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text).map_err(said)?;
        if read as u64 > TEXT_BYTES_MAX {
            return Err(say::shell::the_edited_text_is().to_owned());
        }
        Ok((text != self.before).then_some(text))
    }
}

/// Ends an editor that is left behind.
pub(crate) fn end(pid: Pid) {
    let _ = kill_process(pid, Signal::TERM);
}

/// A name that no shell and no editor misreads.
fn file_name(set: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let stem: String = set.chars().take(40).map(safe).collect();
    format!("{}.toml", if stem.is_empty() { "set" } else { &stem })
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::warn!(%error, folder = %folder.display(), "the edited file could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn edit(command: &str, mono_ms: i64) -> Result<Edit, String> {
        let editing = Editing {
            command: command.to_owned(),
            folder: std::env::temp_dir(),
        };
        Edit::start(&editing, "web; rm -rf '$HOME'", "before\n", mono_ms)
    }

    #[test]
    fn what_the_editor_writes_comes_back_and_nothing_stays_behind() {
        let edit = edit("sed -i s/before/after/", 1).unwrap();
        let (folder, file) = (edit.folder.clone(), edit.file.clone());
        assert_eq!(file.file_name().unwrap(), "web--rm--rf---HOME-.toml");
        assert_eq!(edit.wait(), Ok(Some("after\n".to_owned())));
        assert!(!folder.exists());
    }

    #[test]
    fn an_editor_that_changes_nothing_or_fails_takes_nothing() {
        assert_eq!(edit("true", 2).unwrap().wait(), Ok(None));
        let failed = edit("false", 3).unwrap().wait().unwrap_err();
        assert!(failed.contains("nothing was taken"), "{failed}");
        let missing = edit("/no/such/editor", 4).unwrap().wait().unwrap_err();
        assert!(missing.contains("127"), "{missing}");
    }

    #[test]
    fn nobody_else_may_read_the_file() {
        let edit = edit("sleep 5;:", 5).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&edit.folder), mode(&edit.file)), (0o700, 0o600));
        end(edit.pid().unwrap());
        edit.wait().unwrap_err();
    }
}
