//! Values that servers spell differently: Prometheus 2 stores the bound of a bucket as it is exposed (`le="1"`), 3 as a
//! decimal number (`le="1.0"`).

use super::{MatchOp, Selector};

/// Labels whose values are numbers in text.
const NUMBER_LABELS: [&str; 2] = ["le", "quantile"];

impl Selector {
    /// The other spelling of a bucket's bound or a quantile that this selector asks for by `=`: what to try when it finds
    /// nothing. `None` where there is no other.
    pub fn other_spelling(&self) -> Option<String> {
        self.matchers()
            .iter()
            .filter(|matcher| matcher.op() == MatchOp::Equal && NUMBER_LABELS.contains(&matcher.name()))
            .find_map(|matcher| {
                let other = match matcher.value().strip_suffix(".0") {
                    Some(whole) => whole.to_owned(),
                    None => format!("{}.0", matcher.value()),
                };
                let is_whole = other.strip_suffix(".0").unwrap_or(&other).parse::<i64>().is_ok();
                is_whole.then(|| format!("{}=\"{other}\"", matcher.name()))
            })
    }
}

#[cfg(test)]
mod tests {
    use crate::query::Query;

    #[test]
    fn whole_bounds_have_two_spellings() {
        for (selector, other) in [
            (r#"x_bucket{le="1"}"#, Some(r#"le="1.0""#)),
            (r#"x_bucket{le="1.0"}"#, Some(r#"le="1""#)),
            (r#"x{job="a",quantile="1"}"#, Some(r#"quantile="1.0""#)),
            (r#"x_bucket{le="0.5"}"#, None),
            (r#"x_bucket{le="+Inf"}"#, None),
            (r#"x_bucket{le=~"1"}"#, None),
            (r#"x{zone="1"}"#, None),
        ] {
            let parsed = Query::parse_selector(selector).unwrap();
            assert_eq!(parsed.other_spelling().as_deref(), other, "{selector}");
        }
    }
}
