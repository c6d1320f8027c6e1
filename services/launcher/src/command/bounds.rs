//! The bounds that commands take.

use sla_domain::{Invalid, Unit, quantity};

/// `--min` and `--max`, read in the unit of the values; a refusal names the one it is about.
pub(super) fn read(min: Option<&str>, max: Option<&str>, unit: Unit) -> Result<(Option<f64>, Option<f64>), Invalid> {
    let read = |field: &str, text: Option<&str>| {
        let bound = text.map(|text| quantity::parse(text, unit)).transpose();
        bound.map_err(|invalid| Invalid {
            field: field.to_owned(),
            ..invalid
        })
    };
    Ok((read("--min", min)?, read("--max", max)?))
}
