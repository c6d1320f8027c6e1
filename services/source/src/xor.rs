//! Gorilla XOR chunks exactly as Prometheus stores and ships them: a 2-byte big-endian sample count, then bits.
//! Sources: Prometheus `tsdb/chunkenc/xor.go` and `bstream.go`; Pelkonen et al., "Gorilla", VLDB 2015.
//!
//! Any bytes may be decoded: garbage ends in an error, never in a panic, a loop or more samples than the chunk's count.

use sla_domain::Samples;

use crate::bits::{BitReader, Fault};

/// Length of the sample count at the head of a chunk, in bytes.
pub const HEADER_BYTES: usize = 2;
/// Most samples one chunk can hold: its count has 16 bits.
pub const MAX_CHUNK_SAMPLES: usize = u16::MAX as usize;

/// Why a chunk cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XorError {
    /// Fewer bits than the count promises.
    #[error("chunk ends inside sample {sample}")]
    Truncated {
        /// Which sample, from 0.
        sample: u16,
    },
    /// A variable-length number longer than 64 bits.
    #[error("number too long in sample {sample}")]
    Varint {
        /// Which sample, from 0.
        sample: u16,
    },
    /// A value's bit window lies outside 64 bits.
    #[error("impossible bit window in sample {sample}")]
    BitWindow {
        /// Which sample, from 0.
        sample: u16,
    },
    /// Times that do not rise.
    #[error("time does not rise at sample {sample}")]
    Order {
        /// Which sample, from 0.
        sample: u16,
    },
}

impl Fault {
    /// The same, in a sample.
    pub(crate) fn at(self, sample: u16) -> XorError {
        match self {
            Self::Truncated => XorError::Truncated { sample },
            Self::Varint => XorError::Varint { sample },
        }
    }
}

/// The samples of one chunk, in order, straight from its bits. Ends after an error.
#[derive(Debug, Clone)]
pub struct XorIter<'a> {
    bits: BitReader<'a>,
    total: u16,
    read: u16,
    time: i64,
    delta: u64,
    value: u64,
    leading: u32,
    trailing: u32,
    failed: bool,
}

impl<'a> XorIter<'a> {
    /// Over the chunk `bytes`. Fewer than two bytes count as an empty chunk.
    pub fn new(bytes: &'a [u8]) -> Self {
        let (total, body) = match bytes {
            [high, low, body @ ..] => (u16::from_be_bytes([*high, *low]), body),
            _ => (0, &[][..]),
        };
        Self {
            bits: BitReader::new(body),
            total,
            read: 0,
            time: 0,
            delta: 0,
            value: 0,
            leading: 0,
            trailing: 0,
            failed: false,
        }
    }

    /// How many samples the chunk claims to hold.
    pub fn claimed(&self) -> u16 {
        self.total
    }

    fn uvarint(&mut self) -> Result<u64, XorError> {
        self.bits.uvarint().map_err(|fault| fault.at(self.read))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn next_delta(&mut self) -> Result<(), XorError> {
        let truncated = XorError::Truncated { sample: self.read };
        self.bits.refill();
        let prefix = (!self.bits.window).leading_zeros().min(4);
        let change = match prefix {
            0 => {
                return if self.bits.drop_bits(1) { Ok(()) } else { Err(truncated) };
            }
            1 => self.small_change(2, 14),
            2 => self.small_change(3, 17),
            3 => self.small_change(4, 20),
            _ => {
                if !self.bits.drop_bits(4) {
                    return Err(truncated);
                }
                self.bits.take_wide(64).map(|bits| bits as i64)
            }
        };
        self.delta = self.delta.wrapping_add(change.ok_or(truncated)? as u64);
        Ok(())
    }

    /// A signed number of `width` bits behind a prefix; its range is −(2^(w−1)−1) … 2^(w−1), as Prometheus has it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn small_change(&mut self, prefix: u32, width: u32) -> Option<i64> {
        if !self.bits.drop_bits(prefix) {
            return None;
        }
        let bits = self.bits.take(width)? as i64;
        Some(if bits > 1 << (width - 1) {
            bits - (1 << width)
        } else {
            bits
        })
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn next_value(&mut self) -> Result<(), XorError> {
        let truncated = XorError::Truncated { sample: self.read };
        self.bits.refill();
        let head = self.bits.window >> 62;
        if head < 0b10 {
            return if self.bits.drop_bits(1) { Ok(()) } else { Err(truncated) };
        }
        if !self.bits.drop_bits(2) {
            return Err(truncated);
        }
        if head == 0b11 {
            let shape = self.bits.take(11).ok_or(truncated)?;
            let leading = (shape >> 6) as u32;
            let width = match (shape & 0x3f) as u32 {
                0 => 64,
                width => width,
            };
            if leading + width > 64 {
                return Err(XorError::BitWindow { sample: self.read });
            }
            self.leading = leading;
            self.trailing = 64 - leading - width;
        }
        let width = 64 - self.leading - self.trailing;
        let bits = self.bits.take_wide(width).ok_or(truncated)?;
        self.value ^= bits << self.trailing;
        Ok(())
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn step(&mut self) -> Result<(i64, f64), XorError> {
        match self.read {
            0 => {
                let raw = self.uvarint()?;
                self.time = crate::bits::unzigzag(raw);
                self.value = self.bits.take_wide(64).ok_or(XorError::Truncated { sample: 0 })?;
            }
            1 => {
                self.delta = self.uvarint()?;
                self.advance()?;
                self.next_value()?;
            }
            _ => {
                self.next_delta()?;
                self.advance()?;
                self.next_value()?;
            }
        }
        self.read += 1;
        Ok((self.time, f64::from_bits(self.value)))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn advance(&mut self) -> Result<(), XorError> {
        let next = self.time.wrapping_add(self.delta as i64);
        if next <= self.time {
            return Err(XorError::Order { sample: self.read });
        }
        self.time = next;
        Ok(())
    }
}

impl Iterator for XorIter<'_> {
    type Item = Result<(i64, f64), XorError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.read >= self.total {
            return None;
        }
        let item = self.step();
        self.failed = item.is_err();
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // A claim from outside is no reason to reserve memory: each sample takes at least 2 bits.
        (0, Some(usize::from(self.total - self.read)))
    }
}

/// Appends the samples of `chunk` in (`after_ms`, `until_ms`] to `out`. Where the chunk overlaps what `out` holds
/// already, the two are merged by time and the later chunk's value stays. On an error `out` holds what came before it.
pub fn decode_range(chunk: &[u8], after_ms: i64, until_ms: i64, out: &mut Samples) -> Result<(), XorError> {
    let mut samples = XorIter::new(chunk);
    // At least 2 bits a sample: the claim cannot make us reserve more than 4 × the bytes that are really there.
    let expected = usize::from(samples.claimed()).min(chunk.len().saturating_mul(4));
    let start = out.times_ms.len();
    out.times_ms.reserve(expected);
    out.values.reserve(expected);
    let mut failed = None;
    while samples.read < samples.total {
        match samples.step() {
            Ok((time, _)) if time > until_ms => break,
            Ok((time, value)) => {
                if time > after_ms {
                    out.times_ms.push(time);
                    out.values.push(value);
                }
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    if start > 0 && out.times_ms.len() > start && out.times_ms[start] <= out.times_ms[start - 1] {
        let all = std::mem::take(out);
        *out = Samples::from_columns(all.times_ms, all.values);
    }
    failed.map_or(Ok(()), Err)
}

/// Time of the first and last sample and their count; decodes everything, so a chunk that passes decodes for good.
/// `None` for an empty chunk.
pub fn check(chunk: &[u8]) -> Result<Option<(i64, i64, u16)>, XorError> {
    let mut samples = XorIter::new(chunk);
    let mut first = None;
    while samples.read < samples.total {
        let (time, _) = samples.step()?;
        first.get_or_insert(time);
    }
    Ok(first.map(|first| (first, samples.time, samples.total)))
}

/// Writes one chunk, sample by sample.
#[derive(Debug, Clone)]
pub struct XorEncoder {
    bytes: Vec<u8>,
    /// Unused bits of the last byte.
    free: u32,
    count: u16,
    first: i64,
    time: i64,
    delta: u64,
    value: u64,
    /// `u32::MAX` until the first bit window.
    leading: u32,
    trailing: u32,
}

impl Default for XorEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl XorEncoder {
    /// An empty chunk.
    pub fn new() -> Self {
        Self {
            bytes: vec![0; HEADER_BYTES],
            free: 0,
            count: 0,
            first: 0,
            time: 0,
            delta: 0,
            value: 0,
            leading: u32::MAX,
            trailing: 0,
        }
    }

    /// Samples written.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Time of the first sample, Unix milliseconds; `None` when empty.
    pub fn first_ms(&self) -> Option<i64> {
        (self.count > 0).then_some(self.first)
    }

    /// Time of the last sample, Unix milliseconds; `None` when empty.
    pub fn last_ms(&self) -> Option<i64> {
        (self.count > 0).then_some(self.time)
    }

    /// The chunk so far, complete and decodable.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends a sample; `false`, and nothing written, when its time does not rise or the chunk is full.
    pub fn push(&mut self, time_ms: i64, value: f64) -> bool {
        if self.len() >= MAX_CHUNK_SAMPLES {
            return false;
        }
        let bits = value.to_bits();
        if self.count == 0 {
            self.put_uvarint(((time_ms << 1) ^ (time_ms >> 63)) as u64);
            self.put(bits, 64);
            self.first = time_ms;
        } else {
            // A distance over i64::MAX cannot be told from a step back when decoding.
            let Some(delta) = time_ms.checked_sub(self.time).filter(|delta| *delta > 0) else {
                return false;
            };
            let delta = delta as u64;
            if self.count == 1 {
                self.put_uvarint(delta);
            } else {
                self.put_change(delta.wrapping_sub(self.delta) as i64);
            }
            self.delta = delta;
            self.put_value(bits);
        }
        self.time = time_ms;
        self.value = bits;
        self.count += 1;
        self.bytes[..HEADER_BYTES].copy_from_slice(&self.count.to_be_bytes());
        true
    }

    fn put(&mut self, bits: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let now = left.min(self.free);
            let part = (bits >> (left - now)) & ((1 << now) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (part as u8) << (self.free - now);
            }
            self.free -= now;
            left -= now;
        }
    }

    fn put_uvarint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.put(number & 0x7f | 0x80, 8);
            number >>= 7;
        }
        self.put(number, 8);
    }

    fn put_change(&mut self, change: i64) {
        let fits = |width: u32| -((1 << (width - 1)) - 1) <= change && change <= 1 << (width - 1);
        if change == 0 {
            self.put(0, 1);
        } else if fits(14) {
            self.put(0b10, 2);
            self.put(change as u64 & 0x3fff, 14);
        } else if fits(17) {
            self.put(0b110, 3);
            self.put(change as u64 & 0x1_ffff, 17);
        } else if fits(20) {
            self.put(0b1110, 4);
            self.put(change as u64 & 0xf_ffff, 20);
        } else {
            self.put(0b1111, 4);
            self.put(change as u64, 64);
        }
    }

    fn put_value(&mut self, bits: u64) {
        let change = bits ^ self.value;
        if change == 0 {
            self.put(0, 1);
            return;
        }
        let leading = change.leading_zeros().min(31);
        let trailing = change.trailing_zeros();
        if self.leading != u32::MAX && leading >= self.leading && trailing >= self.trailing {
            self.put(0b10, 2);
            self.put(change >> self.trailing, 64 - self.leading - self.trailing);
            return;
        }
        self.leading = leading;
        self.trailing = trailing;
        let width = 64 - leading - trailing;
        self.put(0b11, 2);
        self.put(u64::from(leading), 5);
        self.put(u64::from(width & 0x3f), 6);
        self.put(change >> trailing, width);
    }
}

#[cfg(test)]
mod tests;
