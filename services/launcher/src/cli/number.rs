//! Numbers of options: what is none is told by the rule and a fix, as everywhere.

use std::ops::RangeInclusive;
use std::str::FromStr;

/// How much slower and faster a recording is shown.
const SPEEDS: RangeInclusive<f64> = 0.01..=1_000.0;

/// A whole number, not below 0.
pub(crate) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    let fits = |_| "must be a whole number that is not too large; write for example 20".to_owned();
    text.trim().parse().map_err(fits)
}

/// A finite number.
pub(crate) fn finite(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| "must be a number; write for example 1.5".to_owned())
}

/// How many times as fast.
pub(crate) fn speed(text: &str) -> Result<f64, String> {
    let speed = text.trim().parse::<f64>().ok().filter(|speed| SPEEDS.contains(speed));
    speed.ok_or_else(|| {
        format!(
            "must be a number from {} to {}; write for example 2",
            SPEEDS.start(),
            SPEEDS.end()
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn what_is_no_number_is_told_by_rule_and_fix() {
        for line in [
            "runs --limit x",
            "around up --rows=-1.5",
            "around up --rows 99999999999999999999",
            "notify log --limit 1e3",
            "audit --limit x",
            "replay a --speed fast",
            "replay a --speed nan",
            "replay a --speed 0",
            "replay a --speed -1",
            "replay a --speed 1001",
            "weather subscribe Oslo --t-min cold",
            "storage rewind s 0 x",
            "storage rewind s -- -1 0",
            "user add zoe --uid root",
        ] {
            let words = std::iter::once("sla").chain(line.split(' '));
            let told = Cli::try_parse_from(words).unwrap_err().to_string();
            assert!(told.contains("; write for example "), "{line}: {told}");
        }
    }
}
