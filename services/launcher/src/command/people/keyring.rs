//! Where the token of a login is kept: a file for each instance, in a folder of this user, both closed to others.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use color_eyre::eyre::{Report, WrapErr as _, eyre};
use sla_proto::peer::MAX_TOKEN_BYTES;
use zeroize::Zeroizing;

use crate::config::environment;
use crate::instance;

/// Characters of an instance's name or address in the name of the file.
const MAX_SHOWN: usize = 40;

/// The token to call with: from the file that was named, else from the last login; `None` without one.
pub(crate) fn load(named: Option<&Path>, kept: Option<&Path>) -> Result<Option<Zeroizing<String>>, Report> {
    if let Some(file) = named {
        return read(file).wrap_err_with(|| format!("cannot read the token in {}", file.display()));
    }
    // One that cannot be used is none: the instance then says what to do, and `sla login` writes it anew.
    Ok(kept
        .filter(|file| file.exists())
        .and_then(|file| read(file).unwrap_or_default()))
}

/// Removes the file of a token; one that is gone is as good.
pub(crate) fn remove(file: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes a token to a file of this user alone.
pub(crate) fn write(file: &Path, token: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        instance::make_folder(folder)?;
    }
    let mut open = instance::open_private(file)?;
    // One that was there, and open to others, is closed before it holds the token.
    open.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    open.set_len(0)?;
    open.write_all(token.as_bytes())?;
    open.write_all(b"\n")?;
    open.sync_all()
}

/// The first line of a file.
fn read(file: &Path) -> Result<Option<Zeroizing<String>>, Report> {
    let text = super::secrets::first_line(std::fs::File::open(file)?, MAX_TOKEN_BYTES)?;
    if text.is_empty() {
        return Err(eyre!("the file is empty"));
    }
    Ok(Some(text))
}

/// The file of a login to `target`: an address, or an instance of this host. `None` without a home folder.
pub(crate) fn file(target: &str) -> Option<PathBuf> {
    let folder = environment("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| Path::new(&home).join(".local").join("state")));
    Some(folder?.join("sla").join("tokens").join(file_name(target)))
}

/// Something to recognize, and a number that tells targets apart.
fn file_name(target: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let shown: String = target.chars().take(MAX_SHOWN).map(plain).collect();
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    format!("{shown}-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_kept_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("deep").join("token");
        write(&file, "a longer one than the next").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        write(&file, "canary").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(read(&file).unwrap().unwrap().as_str(), "canary");
        std::fs::write(&file, "x".repeat(MAX_TOKEN_BYTES + 1)).unwrap();
        assert!(read(&file).is_err());
    }

    #[test]
    fn targets_have_files_of_their_own() {
        let names = ["http://a:1", "http://a:2", "default in /x", "default in /y"].map(file_name);
        let mut different = names.to_vec();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), names.len());
        assert!(names.iter().all(|name| !name.contains('/')));
    }
}
