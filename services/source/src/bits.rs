//! Bits from the most significant down, as the chunk encodings of Prometheus lay them out. Any bytes may be read.

/// Why bits cannot be read as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bits end before the number does.
    Truncated,
    /// A variable-length number longer than 64 bits.
    Varint,
}

/// Reads bits from the most significant down. `window` holds the next bits left-aligned, `have` of them are counted.
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, left-aligned.
    pub(crate) window: u64,
    have: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            window: 0,
            have: 0,
        }
    }

    /// Brings `have` to at least 56, or to all that is left.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "50 M samples a second hang on this staying in registers"
    )]
    pub(crate) fn refill(&mut self) {
        if let Some(next) = self.data.get(self.at..self.at + 8) {
            // The bits beyond `have` are the right ones too, so or-ing them in again later changes nothing.
            let word = u64::from_be_bytes([next[0], next[1], next[2], next[3], next[4], next[5], next[6], next[7]]);
            self.window |= word >> self.have;
            let bytes = (63 - self.have) >> 3;
            self.at += bytes as usize;
            self.have += bytes * 8;
        } else {
            while self.have <= 56 && self.at < self.data.len() {
                self.window |= u64::from(self.data[self.at]) << (56 - self.have);
                self.at += 1;
                self.have += 8;
            }
        }
    }

    /// Drops `count` bits; the caller has checked `have` or calls [`Self::checked`] afterwards. `count` < 64.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    pub(crate) fn drop_bits(&mut self, count: u32) -> bool {
        if count > self.have {
            return false;
        }
        self.window <<= count;
        self.have -= count;
        true
    }

    /// The next `count` bits (1 ≤ count ≤ 56) after a refill; `None` when there are fewer.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    pub(crate) fn take(&mut self, count: u32) -> Option<u64> {
        let bits = self.window >> (64 - count);
        self.drop_bits(count).then_some(bits)
    }

    /// The next `count` bits, 1 ≤ count ≤ 64.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    pub(crate) fn take_wide(&mut self, count: u32) -> Option<u64> {
        self.refill();
        if count <= 56 {
            return self.take(count);
        }
        let high = self.take(32)?;
        self.refill();
        let low = self.take(count - 32)?;
        Some((high << (count - 32)) | low)
    }

    /// A base-128 number, least significant group first, as Go's `binary.PutUvarint` writes it.
    pub(crate) fn uvarint(&mut self) -> Result<u64, Fault> {
        let mut out = 0_u64;
        for shift in (0..64).step_by(7) {
            self.refill();
            let byte = self.take(8).ok_or(Fault::Truncated)?;
            if shift == 63 && byte > 1 {
                break;
            }
            out |= (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(out);
            }
        }
        Err(Fault::Varint)
    }
}

/// A signed number from its zigzag form.
pub(crate) fn unzigzag(raw: u64) -> i64 {
    ((raw >> 1) as i64) ^ -((raw & 1) as i64)
}
