//! The share of time an objective promises, kept exactly (semantics §12).

use std::fmt;

use crate::invalid::Invalid;

/// A promised percentage strictly inside (0, 100), as decimal text such as `99.9`.
///
/// Text and integer stay the truth: `99.9` has no exact binary form, and a budget is a small difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    text: String,
    /// Percent × 10^decimals.
    scaled: u64,
    decimals: u32,
}

impl Target {
    /// The most decimals a target may have.
    pub const MAX_DECIMALS: usize = 9;

    /// Reads digits with an optional point; a trailing `%` and blanks around are allowed, signs and exponents are not.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let refuse = |rule: &str| {
            Err(Invalid::new(
                "target",
                text,
                rule,
                "give a percentage between 0 and 100, for example 99.9",
            ))
        };
        let bare = text.trim();
        let bare = bare.strip_suffix('%').unwrap_or(bare).trim_end();
        let (whole, fraction) = bare.split_once('.').unwrap_or((bare, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || (bare.contains('.') && fraction.is_empty()) {
            return refuse("must be a decimal number");
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > Self::MAX_DECIMALS {
            return refuse("has more than 9 decimals");
        }
        let decimals = fraction.len() as u32;
        let hundred = 100 * 10_u64.pow(decimals);
        let scaled = if whole.len() > 2 {
            hundred
        } else {
            format!("{whole}{fraction}").parse().unwrap_or(0)
        };
        if scaled == 0 || scaled >= hundred {
            return refuse("must lie strictly between 0 and 100: 0 promises nothing, 100 leaves no budget");
        }
        let whole = if whole.is_empty() { "0" } else { whole };
        let text = if fraction.is_empty() {
            whole.to_owned()
        } else {
            format!("{whole}.{fraction}")
        };
        Ok(Self { text, scaled, decimals })
    }

    /// The decimal text, without leading or trailing zeros.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The promised percentage, in (0, 100).
    pub fn percent(&self) -> f64 {
        self.scaled as f64 / 10_f64.powi(self.decimals as i32)
    }

    /// The error budget 1 − target as an exact fraction (numerator, denominator).
    pub fn budget_fraction(&self) -> (u64, u64) {
        let whole = 100 * 10_u64.pow(self.decimals);
        (whole - self.scaled, whole)
    }

    /// The error budget 1 − target, in (0, 1), rounded once.
    pub fn budget(&self) -> f64 {
        let (part, whole) = self.budget_fraction();
        part as f64 / whole as f64
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let target = Target::parse("99.9").unwrap();
        assert_eq!(target.budget_fraction(), (1, 1000));
        assert_eq!(target.budget(), 0.001);
        assert_eq!(target.percent(), 99.9);
        assert_eq!(Target::parse(" 099.990 % ").unwrap().text(), "99.99");
        assert_eq!(Target::parse("99.999999999").unwrap().budget(), 1e-11);
        assert_eq!(Target::parse("0.5").unwrap().text(), "0.5");
        assert_eq!(Target::parse("50").unwrap().budget(), 0.5);
    }

    #[test]
    fn the_ends_are_refused() {
        for text in [
            "0",
            "100",
            "0.0",
            "100.0",
            "101",
            "-1",
            "+5",
            "1e1",
            "",
            ".",
            "99.",
            ".5",
            "nan",
            "99,9",
            "99.9999999999",
            "1000000000000000000000",
            "%",
        ] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
