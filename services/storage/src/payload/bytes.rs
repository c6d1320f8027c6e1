//! Numbers as few bytes, and back. Reading never panics: `None` where the bytes end or make no sense.

/// Appends numbers.
#[derive(Debug, Default)]
pub(super) struct Sink(pub(super) Vec<u8>);

impl Sink {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// LEB128, as protobuf has it.
    pub(super) fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Small numbers of either sign stay short.
    pub(super) fn zigzag(&mut self, number: i64) {
        self.varint(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// Milliseconds; whole minutes, which windows and steps are, take one byte to four days, three at most to 68 years.
    pub(super) fn interval(&mut self, ms: i64) {
        if ms % 60_000 == 0 {
            self.byte(1);
            self.zigzag(ms / 60_000);
        } else {
            self.byte(0);
            self.zigzag(ms);
        }
    }

    pub(super) fn double(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A double whose lowest 16 bits are zero.
    pub(super) fn six_bytes(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_le_bytes()[2..]);
    }

    pub(super) fn single(&mut self, number: f32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn short(&mut self, number: u16) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.varint(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// Takes numbers off the front.
#[derive(Debug)]
pub(super) struct Source<'a>(pub(super) &'a [u8]);

impl Source<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn interval(&mut self) -> Option<i64> {
        match self.byte()? {
            0 => self.zigzag(),
            1 => self.zigzag()?.checked_mul(60_000),
            _ => None,
        }
    }

    pub(super) fn double(&mut self) -> Option<f64> {
        self.take().map(f64::from_le_bytes)
    }

    pub(super) fn six_bytes(&mut self) -> Option<f64> {
        let [a, b, c, d, e, f] = self.take()?;
        Some(f64::from_le_bytes([0, 0, a, b, c, d, e, f]))
    }

    pub(super) fn single(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes)
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.count()?;
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(std::str::from_utf8(head).ok()?.to_owned())
    }

    /// A number of things of at least one byte each: never more than there are bytes left, so that memory reserved for
    /// them is bounded.
    pub(super) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
