//! The key of a provider, in a file that its owner alone may read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::error::ProviderError;

/// Characters of a key at most.
const MAX_CHARS: usize = 256;

/// Where the key stands. It is read again each time, so that it can be changed.
#[derive(Debug, Clone)]
pub(super) struct Key(PathBuf);

impl Key {
    pub(super) fn in_file(path: PathBuf) -> Self {
        Self(path)
    }

    /// The key as it is now.
    ///
    /// # Errors
    /// [`ProviderError::KeyFile`] for a file that is not there, that others may read, or that holds no key.
    pub(super) async fn read(&self) -> Result<String, ProviderError> {
        let shown = self.0.display();
        let bad = |rule: String| ProviderError::KeyFile(format!("{shown} {rule}"));
        let about = tokio::fs::metadata(&self.0).await;
        let about = about.map_err(|error| bad(format!("cannot be read: {error}")))?;
        if about.permissions().mode() & 0o077 != 0 {
            return Err(bad("may be read by others: `chmod 600` it".to_owned()));
        }
        if about.len() > 4 * MAX_CHARS as u64 {
            return Err(bad("is too long for a key".to_owned()));
        }
        let text = tokio::fs::read_to_string(&self.0).await;
        let text = text.map_err(|error| bad(format!("cannot be read: {error}")))?;
        let key = text.lines().next().unwrap_or_default().trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if key.is_empty() || key.len() > MAX_CHARS || !key.chars().all(plain) {
            return Err(bad(
                "must hold the key in its first line: letters, digits, - _ and .".to_owned()
            ));
        }
        Ok(key.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};

    use super::*;

    #[tokio::test]
    async fn only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let of = async |text: &str, mode: u32| {
            write(&path, text).unwrap();
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            Key::in_file(path.clone())
                .read()
                .await
                .map_err(|error| error.to_string())
        };
        assert_eq!(of("abc123\nrest", 0o600).await.unwrap(), "abc123");
        assert_eq!(of(" abc123 \r\n", 0o400).await.unwrap(), "abc123");
        for mode in [0o640, 0o604, 0o660] {
            assert!(of("abc123", mode).await.unwrap_err().contains("chmod 600"));
        }
        for text in ["", "a b", "a&b", &"a".repeat(300), &"a".repeat(3_000)] {
            let words = of(text, 0o600).await.unwrap_err();
            assert!(text.is_empty() || !words.contains(text), "a key is never told");
        }
        let missing = Key::in_file(folder.path().join("none")).read().await.unwrap_err();
        assert!(missing.to_string().contains("cannot be read"));
    }
}
