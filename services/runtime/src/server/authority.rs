//! Clients that call a Unix socket by its path. gRPC's C core (Python, C++, Ruby, PHP) names the socket's path as the
//! `:authority` of its calls, percent-encoded; the HTTP library takes no such thing for an authority and resets the stream.
//! Nobody here reads the authority, so its odd characters become harmless ones on their way in.
//!
//! Only the bytes of such a value change, never a length, so the tables of header compression stay the same at both ends.
//! Values in Huffman code are left as they are.
//!
//! Source: RFC 9113, sections 3.4, 4.1, 6.2 and 6.10; RFC 7541, sections 5 and 6.

use super::header_block::HeaderBlock;

/// Bytes of the client's preface.
const PREFACE: usize = 24;
/// Bytes of a frame's head.
const HEAD: usize = 9;
/// Bytes of a priority.
const WEIGHT: usize = 5;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// What the next bytes of the connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    PadLength,
    Fragment,
    /// Nothing of ours.
    Other,
}

/// Follows the bytes of one connection and mends them in place, however they are cut.
#[derive(Debug)]
pub(super) struct Mender {
    part: Part,
    /// Bytes of it still to come.
    left: usize,
    /// The head that is arriving.
    head: [u8; HEAD],
    /// Bytes of the frame after this part.
    after: usize,
    padding: usize,
    priority: bool,
    block: HeaderBlock,
}

impl Default for Mender {
    fn default() -> Self {
        Self {
            part: Part::Other,
            left: PREFACE,
            head: [0; HEAD],
            after: 0,
            padding: 0,
            priority: false,
            block: HeaderBlock::default(),
        }
    }
}

impl Mender {
    /// Mends the next bytes.
    pub(super) fn mend(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = bytes.len().min(self.left);
            let (part, rest) = bytes.split_at_mut(taken);
            match self.part {
                Part::Head => {
                    let at = HEAD - self.left;
                    self.head[at..at + taken].copy_from_slice(part);
                }
                Part::PadLength => self.padding = part.first().copied().map_or(0, usize::from),
                Part::Fragment => self.block.mend(part),
                Part::Other => {}
            }
            bytes = rest;
            self.left -= taken;
            while self.left == 0 {
                self.next();
            }
        }
    }

    /// The part after one that is through; it may be empty.
    fn next(&mut self) {
        (self.part, self.left) = match self.part {
            Part::Head => self.begin(),
            Part::PadLength => {
                self.after = self.after.saturating_sub(self.padding);
                self.before_fragment()
            }
            Part::Other if self.after > 0 => (Part::Fragment, std::mem::take(&mut self.after)),
            Part::Fragment if self.padding > 0 => (Part::Other, std::mem::take(&mut self.padding)),
            Part::Fragment | Part::Other => (Part::Head, HEAD),
        };
    }

    fn begin(&mut self) -> (Part, usize) {
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        (self.after, self.padding, self.priority) = (0, 0, false);
        match kind {
            HEADERS => {
                self.block = HeaderBlock::default();
                self.priority = flags & PRIORITY != 0;
                self.after = length;
                if flags & PADDED != 0 && length > 0 {
                    self.after -= 1;
                    return (Part::PadLength, 1);
                }
                self.before_fragment()
            }
            CONTINUATION => (Part::Fragment, length),
            _ => (Part::Other, length),
        }
    }

    /// The priority, if there is one; the fragment follows it.
    fn before_fragment(&mut self) -> (Part, usize) {
        if self.priority && self.after >= WEIGHT {
            self.after -= WEIGHT;
            return (Part::Other, WEIGHT);
        }
        (Part::Fragment, std::mem::take(&mut self.after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &[u8] = b"%2Frun%2Fsla.sock";
    const MENDED: &[u8] = b"-2Frun-2Fsla.sock";

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = &(payload.len() as u32).to_be_bytes()[1..];
        [length, &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn authority(value: &[u8]) -> Vec<u8> {
        // Method POST by index, then the authority as a literal with indexing.
        [&[0x83, 0x41, value.len() as u8], value].concat()
    }

    fn mended(frames: &[u8], piece: usize) -> Vec<u8> {
        let mut bytes = [&[b'P'; PREFACE][..], frames].concat();
        let mut mender = Mender::default();
        for piece in bytes.chunks_mut(piece) {
            mender.mend(piece);
        }
        bytes.split_off(PREFACE)
    }

    #[test]
    fn a_path_becomes_harmless_however_the_bytes_are_cut() {
        let (given, wanted) = (authority(PATH), authority(MENDED));
        let cases = |block: &[u8]| {
            let padded = [&[3][..], block, &[0; 3]].concat();
            let weighted = [&[0; WEIGHT][..], block].concat();
            let both = [&[3][..], &[0; WEIGHT], block, &[0; 3]].concat();
            let (first, second) = block.split_at(7);
            [
                frame(HEADERS, 4, block),
                frame(HEADERS, 4 | PADDED, &padded),
                frame(HEADERS, 4 | PRIORITY, &weighted),
                frame(HEADERS, 4 | PADDED | PRIORITY, &both),
                [frame(HEADERS, 0, first), frame(CONTINUATION, 4, second)].concat(),
                // Data that looks the same is not touched.
                [
                    frame(4, 0, &[]),
                    frame(0, 0, &authority(PATH)),
                    frame(HEADERS, 4, block),
                ]
                .concat(),
            ]
        };
        for (given, wanted) in cases(&given).iter().zip(cases(&wanted)) {
            for piece in 1..60 {
                assert_eq!(mended(given, piece), wanted, "pieces of {piece}");
            }
        }
    }

    #[test]
    fn nonsense_is_survived() {
        let mut seed = 7_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        for _ in 0..2_000 {
            let payload: Vec<u8> = (0..40).map(|_| noise()).collect();
            let bytes = [frame(HEADERS, noise(), &payload), frame(HEADERS, noise(), &[])].concat();
            assert_eq!(mended(&bytes, 7).len(), bytes.len());
        }
    }
}
