//! Copying and telling through the terminal: OSC 52 and OSC 9, which work over ssh.

use super::alert::Alert;

/// Terminals cut longer sequences (xterm's limit is about 100 kB encoded).
const TEXT_BYTES_MAX: usize = 74_000;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The sequence that puts `text` into the clipboard; `None` when it is too long.
pub(crate) fn osc52(text: &str) -> Option<Vec<u8>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let mut out = b"\x1b]52;c;".to_vec();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]);
            } else {
                out.push(b'=');
            }
        }
    }
    out.extend_from_slice(b"\x1b\\");
    Some(out)
}

/// The longest notification, characters.
const ALERT_CHARS_MAX: usize = 200;

/// The sequence that tells a violation: BEL, or OSC 9 with its text (iTerm2; kept by `ConEmu`, kitty, foot, `WezTerm`).
pub(crate) fn alert(how: Alert, text: &str) -> Option<Vec<u8>> {
    match how {
        Alert::Nothing => None,
        Alert::Bell => Some(vec![0x07]),
        Alert::Desktop => {
            let safe = sla_domain::SafeText::with_limit(text, ALERT_CHARS_MAX);
            Some(format!("\x1b]9;sla: {safe}\x1b\\").into_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::osc52;

    #[test]
    fn base64_as_in_rfc_4648() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            let expected = format!("\u{1b}]52;c;{encoded}\u{1b}\\");
            assert_eq!(osc52(text).unwrap(), expected.as_bytes(), "{text}");
        }
        assert!(osc52(&"x".repeat(80_000)).is_none());
    }
}
