//! A compressed header block, walked by its lengths alone: the value of `:authority` is found without a table.
//!
//! Source: RFC 7541, sections 5 (integers, strings) and 6 (representations), appendix A (static table).

/// The place of `:authority` in the static table.
const AUTHORITY_INDEX: usize = 1;
const AUTHORITY: &[u8] = b":authority";
/// A longer integer than this is nobody's length.
const MAX_SHIFT: u32 = 21;

/// What an integer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The place of a whole field, or the size of the table.
    Nothing,
    /// The place of a literal's name; 0 where the name follows.
    Name,
    /// The length of a string.
    Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a representation.
    Start,
    /// Within an integer.
    Integer { value: usize, shift: u32, meaning: Meaning },
    /// Before the first byte of a string's length.
    Before,
    /// Within a string.
    Within { left: usize },
    /// This is no header block.
    Lost,
}

/// Mends the value of `:authority` where it is written out.
#[derive(Debug)]
pub(super) struct HeaderBlock {
    place: Place,
    /// The string at hand is a name.
    is_name: bool,
    /// The string at hand is in Huffman code.
    is_huffman: bool,
    /// So far the name is that of the authority; how much of it.
    matched: Option<usize>,
}

impl Default for HeaderBlock {
    fn default() -> Self {
        Self {
            place: Place::Start,
            is_name: false,
            is_huffman: false,
            matched: None,
        }
    }
}

impl HeaderBlock {
    /// Mends the next bytes of the block.
    pub(super) fn mend(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.place = match self.place {
                Place::Start => self.representation(*byte),
                Place::Integer { value, shift, meaning } => {
                    let value = value + (usize::from(*byte & 0x7f) << shift);
                    if *byte < 0x80 {
                        self.integer(value, meaning)
                    } else if shift >= MAX_SHIFT {
                        Place::Lost
                    } else {
                        Place::Integer {
                            value,
                            shift: shift + 7,
                            meaning,
                        }
                    }
                }
                Place::Before => {
                    self.is_huffman = *byte & 0x80 != 0;
                    self.prefixed(*byte, 7, Meaning::Length)
                }
                Place::Within { left } => {
                    self.string(byte);
                    if left > 1 {
                        Place::Within { left: left - 1 }
                    } else {
                        self.after_string()
                    }
                }
                Place::Lost => return,
            };
        }
    }

    fn representation(&mut self, byte: u8) -> Place {
        match byte {
            0x80.. => self.prefixed(byte, 7, Meaning::Nothing),
            0x40.. => self.prefixed(byte, 6, Meaning::Name),
            0x20.. => self.prefixed(byte, 5, Meaning::Nothing),
            _ => self.prefixed(byte, 4, Meaning::Name),
        }
    }

    /// An integer whose first bits are the last ones of this byte.
    fn prefixed(&mut self, byte: u8, bits: u32, meaning: Meaning) -> Place {
        let full = (1_u8 << bits) - 1;
        let value = usize::from(byte & full);
        if byte & full < full {
            return self.integer(value, meaning);
        }
        Place::Integer {
            value,
            shift: 0,
            meaning,
        }
    }

    fn integer(&mut self, value: usize, meaning: Meaning) -> Place {
        match meaning {
            Meaning::Nothing => Place::Start,
            Meaning::Name => {
                self.is_name = value == 0;
                self.matched = match value {
                    0 => Some(0),
                    AUTHORITY_INDEX => Some(AUTHORITY.len()),
                    _ => None,
                };
                Place::Before
            }
            Meaning::Length if value == 0 => self.after_string(),
            Meaning::Length => Place::Within { left: value },
        }
    }

    fn string(&mut self, byte: &mut u8) {
        if self.is_name {
            self.matched = self
                .matched
                .filter(|at| !self.is_huffman && AUTHORITY.get(*at) == Some(byte))
                .map(|at| at + 1);
        } else if self.matched == Some(AUTHORITY.len())
            && !self.is_huffman
            && !byte.is_ascii_alphanumeric()
            && *byte != b'.'
        {
            *byte = b'-';
        }
    }

    fn after_string(&mut self) -> Place {
        if std::mem::take(&mut self.is_name) {
            Place::Before
        } else {
            Place::Start
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(block: &[u8]) -> Vec<u8> {
        let mut bytes = block.to_vec();
        HeaderBlock::default().mend(&mut bytes);
        bytes
    }

    #[test]
    fn only_an_authority_is_touched() {
        let value = b"a/b";
        let of = |head: &[u8], value: &[u8]| [head, &[3], value].concat();
        let named = [&[0x10, 10][..], AUTHORITY].concat();
        for head in [&[0x41][..], &[0x01], &[0x11], &named] {
            assert_eq!(mended(&of(head, value)), of(head, b"a-b"), "{head:?}");
        }
        let other = [&[0x40, 10][..], b":authoritx"].concat();
        // `:path`, another name, a place in the table beyond the static one.
        for head in [&[0x44][..], &other, &[0x7f, 0x20]] {
            assert_eq!(mended(&of(head, value)), of(head, value), "{head:?}");
        }
        let huffman = [0x41, 0x83, b'a', b'/', b'b'];
        assert_eq!(mended(&huffman), huffman);
        // A table size, an indexed field, an empty value, then an authority.
        let sequence = |value: &[u8]| [&[0x3f, 0xe1, 0x1f, 0x82, 0x44, 0, 0x41, 3][..], value].concat();
        assert_eq!(mended(&sequence(value)), sequence(b"a-b"));
    }
}
