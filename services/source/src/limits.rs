//! How much of an answer is taken, by count where bytes say little: a sample may cost two bits on the wire and sixteen
//! bytes decoded.

/// Most samples of one series in one read and in the cache: a day and two hours at five a second. 8 MB decoded.
pub const MAX_SERIES_SAMPLES: u64 = 500_000;
/// Most samples of one answer that stay compressed.
pub const MAX_ANSWER_SAMPLES: u64 = 10_000_000;
/// Most samples of one answer that come as numbers: 200 series of 12 h at 15 s, and half as many again. 16 MB decoded.
pub const MAX_PLAIN_SAMPLES: u64 = 1_000_000;
/// Most series taken from one answer of the query API.
pub const MAX_ANSWER_SERIES: usize = 100_000;
/// Most bytes of names and values of one series' labels; a series with more is left out and told.
pub const MAX_LABELS_BYTES: usize = 64 << 10;
/// Most labels of one series, for the same reason.
pub const MAX_LABELS: usize = 1_000;
/// How long a series that is too dense is left alone before it is read again, milliseconds: often enough to see it mend.
pub const DENSE_PAUSE_MS: i64 = 20_000;
