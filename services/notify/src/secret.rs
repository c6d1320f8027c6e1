//! Secrets in files that only their owner may read.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

/// The longest secret, bytes.
const MAX_SECRET_BYTES: u64 = 1_024;
/// The bits of a file's mode that let others read or write it.
const OTHERS: u32 = 0o077;

/// The first line of a file. What is wrong is said without a byte of it.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|error| format!("cannot open {shown}: {error}"))?;
    let mode = file
        .metadata()
        .map_err(|error| format!("cannot look at {shown}: {error}"))?
        .permissions()
        .mode();
    if mode & OTHERS != 0 {
        return Err(format!(
            "{shown} may be read by others (mode {:o}): `chmod 600` it",
            mode & 0o777
        ));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_SECRET_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read {shown}: {error}"))?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err(format!("{shown} is empty"));
    }
    Ok(Zeroizing::new(line.to_owned()))
}
