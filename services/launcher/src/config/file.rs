//! The configuration file: where it is looked for, and its text. Only what is not there at all is passed over without a word.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::variables::environment;

/// The file of the system.
const SYSTEM: &str = "/etc/sla/config.toml";
/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file and its text: the one that is named, by a flag or by SLA_CONFIG, the user's, the system's.
pub(super) fn read(named: Option<PathBuf>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let named = named.or_else(|| environment("SLA_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        return text(path).map(Some);
    }
    for path in user_config_file().into_iter().chain([PathBuf::from(SYSTEM)]) {
        match text(path.clone()) {
            Err(ConfigError::Missing { source, .. }) if stands_for_it(&path) => {
                let words = "a link in its place, or in that of its folder, leads nowhere, or a file is in the way";
                let source = io::Error::new(source.kind(), words);
                return Err(ConfigError::Unreadable { path, source });
            }
            Err(ConfigError::Missing { .. }) => {}
            read => return read.map(Some),
        }
    }
    Ok(None)
}

/// Where the user's own file is or would be.
pub(crate) fn user_config_file() -> Option<PathBuf> {
    let folder = environment("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| Path::new(&home).join(".config")))?;
    Some(folder.join("sla").join("config.toml"))
}

/// Whether something is there that leads to no file: a link, or what should be its folder.
fn stands_for_it(path: &Path) -> bool {
    let leads_nowhere = |path: &Path| path.symlink_metadata().is_ok() && !path.is_dir();
    leads_nowhere(path) || path.parent().is_some_and(leads_nowhere)
}

fn text(path: PathBuf) -> Result<(PathBuf, String), ConfigError> {
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    let read = read.and_then(|_| told(bytes));
    match read {
        Ok(text) => Ok((path, text)),
        Err(source) if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(ConfigError::Missing { path, source })
        }
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

fn told(bytes: Vec<u8>) -> io::Result<String> {
    let wrong = |words: String| Err(io::Error::new(ErrorKind::InvalidData, words));
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return wrong(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return wrong("it is UTF-16; save it as UTF-8".to_owned());
    }
    String::from_utf8(bytes).or_else(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        wrong(format!("byte {at} is no UTF-8; save it as UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_is_not_there_is_passed_over() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("sla/config.toml");
        let missing = |path: &Path| {
            let missing = matches!(text(path.to_owned()), Err(ConfigError::Missing { .. }));
            missing && !stands_for_it(path)
        };
        assert!(missing(&file) && missing(Path::new("/dev/null/.config/sla/config.toml")));
        let folder = file.parent().unwrap();
        symlink("/nowhere", folder).unwrap();
        assert!(!missing(&file), "its folder is a link that leads nowhere");
        std::fs::remove_file(folder).unwrap();
        std::fs::write(folder, "").unwrap();
        assert!(!missing(&file), "its folder is a file");
        std::fs::remove_file(folder).unwrap();
        std::fs::create_dir(folder).unwrap();
        assert!(missing(&file));
        symlink("/nowhere", &file).unwrap();
        assert!(!missing(&file), "a link that leads nowhere");
    }
}
