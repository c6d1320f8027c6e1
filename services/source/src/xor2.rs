//! XOR2 chunks: Prometheus' later encoding of floats, `storage.tsdb.chunk_encoding.floats: xor2`. Read only; what is read
//! goes on as XOR. Source: Prometheus `tsdb/docs/format/chunks.md`, "XOR2 chunk data".
//!
//! Against XOR: a header byte for start timestamps follows the count; from the third sample on one prefix says both how
//! the distance in time changed and whether the value did; a stale marker has a code of its own and leaves the value that
//! the next one is told against as it was. Any bytes may be decoded: garbage ends in an error.

use sla_domain::{STALE_NAN_BITS, Samples};

use crate::bits::{BitReader, Fault, unzigzag};
use crate::xor::XorError;

/// Length of count and start timestamp header, in bytes.
const HEADER_BYTES: usize = 3;
/// Bits of a signed number behind each count of leading ones, as `varbit_ts` of a start timestamp has them.
const VARBIT_WIDTHS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];

struct Reader<'a> {
    bits: BitReader<'a>,
    /// From which sample on a start timestamp follows each sample; 0 = never.
    starts_from: u16,
    time: i64,
    delta: u64,
    /// The last value that was no stale marker.
    value: u64,
    leading: u32,
    trailing: u32,
}

/// Why a sample cannot be read.
enum Broken {
    Bits(Fault),
    Window,
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Bits(fault)
    }
}

/// All samples of `chunk`. A chunk of fewer than three bytes is empty.
pub fn decode(chunk: &[u8]) -> Result<Samples, XorError> {
    let Some((head, body)) = chunk.split_at_checked(HEADER_BYTES) else {
        return Ok(Samples::default());
    };
    let total = u16::from_be_bytes([head[0], head[1]]);
    let first_start = head[2] & 0x80 != 0;
    let mut reader = Reader {
        bits: BitReader::new(body),
        starts_from: u16::from(head[2] & 0x7f),
        time: 0,
        delta: 0,
        value: 0,
        leading: 0,
        trailing: 0,
    };
    let mut out = Samples::default();
    // At least 1 bit a sample from the third on: the claim cannot reserve more than 8 × the bytes that are really there.
    let expected = usize::from(total).min(chunk.len().saturating_mul(8));
    out.times_ms.reserve(expected);
    out.values.reserve(expected);
    for sample in 0..total {
        let bits = match sample {
            0 => reader.first(first_start),
            1 => reader.second(),
            _ => reader.later(),
        };
        let bits = bits
            .and_then(|bits| reader.start(sample).map(|()| bits))
            .map_err(|broken| match broken {
                Broken::Bits(fault) => fault.at(sample),
                Broken::Window => XorError::BitWindow { sample },
            })?;
        if !out.push(reader.time, f64::from_bits(bits)) {
            return Err(XorError::Order { sample });
        }
    }
    Ok(out)
}

impl Reader<'_> {
    fn bit(&mut self) -> Result<bool, Broken> {
        self.bits.refill();
        Ok(self.bits.take(1).ok_or(Fault::Truncated)? == 1)
    }

    fn wide(&mut self, count: u32) -> Result<u64, Broken> {
        Ok(self.bits.take_wide(count).ok_or(Fault::Truncated)?)
    }

    /// Counts ones up to the first zero, at most `most`; the zero is taken, after `most` ones there is none.
    fn ones(&mut self, most: u32) -> Result<u32, Broken> {
        let mut count = 0;
        while count < most && self.bit()? {
            count += 1;
        }
        Ok(count)
    }

    fn first(&mut self, has_start: bool) -> Result<u64, Broken> {
        self.time = unzigzag(self.bits.uvarint()?);
        let bits = self.wide(64)?;
        if bits != STALE_NAN_BITS {
            self.value = bits;
        }
        if has_start {
            self.bits.uvarint()?;
        }
        Ok(bits)
    }

    fn second(&mut self) -> Result<u64, Broken> {
        self.delta = self.bits.uvarint()?;
        self.advance(0);
        self.value_or_stale()
    }

    fn later(&mut self) -> Result<u64, Broken> {
        match self.ones(5)? {
            0 => {
                self.advance(0);
                Ok(self.value)
            }
            1 => {
                self.advance(0);
                let fresh = self.bit()?;
                self.changed(fresh)
            }
            2 => self.later_by(13),
            3 => self.later_by(20),
            4 => self.later_by(64),
            _ => {
                self.advance(0);
                Ok(STALE_NAN_BITS)
            }
        }
    }

    /// A change of the distance in `width` bits of two's complement, then the value.
    fn later_by(&mut self, width: u32) -> Result<u64, Broken> {
        let raw = self.wide(width)?;
        let unused = 64 - width;
        self.advance(((raw << unused) as i64) >> unused);
        self.value_or_stale()
    }

    fn advance(&mut self, change: i64) {
        self.delta = self.delta.wrapping_add(change as u64);
        self.time = self.time.wrapping_add(self.delta as i64);
    }

    /// A value where nothing is known of it yet: the same, changed in the known bit window, in a fresh one, or stale.
    fn value_or_stale(&mut self) -> Result<u64, Broken> {
        match self.ones(3)? {
            0 => Ok(self.value),
            1 => self.changed(false),
            2 => self.changed(true),
            _ => Ok(STALE_NAN_BITS),
        }
    }

    /// A changed value, in a `fresh` bit window or in the last one.
    fn changed(&mut self, fresh: bool) -> Result<u64, Broken> {
        if fresh {
            let shape = self.wide(11)?;
            let leading = (shape >> 6) as u32;
            let width = match (shape & 0x3f) as u32 {
                0 => 64,
                width => width,
            };
            if leading + width > 64 {
                return Err(Broken::Window);
            }
            self.leading = leading;
            self.trailing = 64 - leading - width;
        }
        let bits = self.wide(64 - self.leading - self.trailing)?;
        self.value ^= bits << self.trailing;
        Ok(self.value)
    }

    /// Reads past the start timestamp behind `sample`, where there is one: nobody here asks for it.
    fn start(&mut self, sample: u16) -> Result<(), Broken> {
        if sample == 0 || self.starts_from == 0 || sample < self.starts_from {
            return Ok(());
        }
        let ones = self.ones(8)?;
        let width = VARBIT_WIDTHS.get(ones as usize).copied().unwrap_or(64);
        if width > 0 {
            self.wide(width)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
