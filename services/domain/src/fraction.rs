//! Exact fractions for budgets and burn factors, where a rounding error would decide whether an alert can ever fire.

use std::cmp::Ordering;
use std::fmt;

/// A non-negative fraction.
#[derive(Debug, Clone, Copy)]
pub struct Fraction {
    part: u64,
    whole: u64,
}

impl Fraction {
    /// `part` / `whole`; `None` when the whole is 0.
    pub fn new(part: u64, whole: u64) -> Option<Self> {
        (whole > 0).then_some(Self { part, whole })
    }

    /// From decimal text such as `14.4`: digits with an optional point, at most 9 digits on either side.
    pub fn parse_decimal(text: &str) -> Option<Self> {
        const MAX_DIGITS: usize = 9;
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let plain = |part: &str| part.len() <= MAX_DIGITS && part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(decimals) || text.ends_with('.') {
            return None;
        }
        Self::new(
            format!("{whole}{decimals}").parse().ok()?,
            10_u64.pow(decimals.len() as u32),
        )
    }

    /// The upper part.
    pub fn part(self) -> u64 {
        self.part
    }

    /// The lower part, above 0.
    pub fn whole(self) -> u64 {
        self.whole
    }

    /// The nearest floating-point number.
    pub fn as_f64(self) -> f64 {
        let common = gcd(self.part, self.whole);
        (self.part / common) as f64 / (self.whole / common) as f64
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fraction {}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = u128::from(self.part) * u128::from(other.whole);
        left.cmp(&(u128::from(other.part) * u128::from(self.whole)))
    }
}

/// As a decimal number.
impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_is_exact() {
        let third = Fraction::new(1, 3).unwrap();
        assert_eq!(third, Fraction::new(2, 6).unwrap());
        assert!(third > Fraction::parse_decimal("0.333333333").unwrap());
        assert_eq!(Fraction::parse_decimal("14.4"), Fraction::new(72, 5));
        assert_eq!(Fraction::new(14_400_000, 1_000_000).unwrap().as_f64(), 14.4);
        for text in ["", ".", "1.", ".5", "-1", "1e3", "1234567890"] {
            assert_eq!(Fraction::parse_decimal(text), None, "{text}");
        }
        assert_eq!(Fraction::new(1, 0), None);
    }
}
