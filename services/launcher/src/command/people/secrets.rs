//! Reading what nobody else shall see: from the terminal without echo, from a file, from stdin.

use std::io::{IsTerminal as _, Read};
use std::path::Path;

use color_eyre::eyre::{Report, WrapErr as _, eyre};
use zeroize::Zeroizing;

use crate::cli::Secret;
use crate::exit::{Exit, Failure};

/// The longest password that is read, bytes.
const MAX_PASSWORD_BYTES: usize = 1024;

/// The password for `whom`: from the file that was named, else from the terminal.
pub(crate) fn password(secret: &Secret, whom: &str) -> Result<Zeroizing<String>, Report> {
    match given(secret)? {
        Some(password) => Ok(password),
        None => ask(&format!("Password of {whom}: ")),
    }
}

/// A new password, asked for twice where it is typed.
pub(crate) fn new_password(secret: &Secret, whom: &str) -> Result<Zeroizing<String>, Report> {
    if let Some(password) = given(secret)? {
        return Ok(password);
    }
    let first = ask(&format!("New password of {whom}: "))?;
    if *first != *ask("Once more: ")? {
        return Err(Failure::new(Exit::DATA, "the two passwords differ; nothing was changed").into());
    }
    Ok(first)
}

/// Whether a password can be had without a person.
pub(crate) fn is_given(secret: &Secret) -> bool {
    secret.password_file.is_some() || std::io::stdin().is_terminal()
}

/// A password typed at the terminal; it is not shown.
pub(crate) fn ask(prompt: &str) -> Result<Zeroizing<String>, Report> {
    if !std::io::stdin().is_terminal() {
        let words = "nobody can be asked here: give --password-file FILE, or - for stdin";
        return Err(Failure::new(Exit::USAGE, words).into());
    }
    let typed = rpassword::prompt_password(prompt).wrap_err("cannot read the password from the terminal")?;
    Ok(Zeroizing::new(typed))
}

/// The first line of a file with a secret; - for stdin.
pub(crate) fn from_file(file: &Path) -> Result<Zeroizing<String>, Report> {
    if file == Path::new("-") {
        return first_line(std::io::stdin().lock(), MAX_PASSWORD_BYTES);
    }
    let opened = std::fs::File::open(file).wrap_err_with(|| format!("cannot open {}", file.display()))?;
    first_line(opened, MAX_PASSWORD_BYTES).wrap_err_with(|| format!("cannot use {}", file.display()))
}

fn given(secret: &Secret) -> Result<Option<Zeroizing<String>>, Report> {
    secret.password_file.as_deref().map(from_file).transpose()
}

/// The first line of `from`, at most `limit` bytes of it.
pub(crate) fn first_line(from: impl Read, limit: usize) -> Result<Zeroizing<String>, Report> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 3));
    from.take(limit as u64 + 3)
        .read_to_end(&mut bytes)
        .wrap_err("cannot read it")?;
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > limit {
        return Err(eyre!("its first line is longer than {limit} bytes"));
    }
    let text = std::str::from_utf8(line).map_err(|_| eyre!("its first line is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_to_its_end_and_no_further() {
        let read = |text: &str| first_line(text.as_bytes(), 8).map(|line| line.to_string());
        assert_eq!(read("secret\r\nmore\n").unwrap(), "secret");
        assert_eq!(read("12345678\nx").unwrap(), "12345678");
        assert_eq!(read("").unwrap(), "");
        assert_eq!(read("a b \n").unwrap(), "a b ", "spaces belong to it");
        assert!(read("123456789").is_err());
        assert!(first_line(&b"\xff\xfe"[..], 8).is_err());
    }
}
