//! What must hold of each forecast that is told, whatever it says.

use sla_proto::convert::millis;
use sla_proto::violation::v1::{FanPoint, NoOutlook, Outlook};

use crate::truth::is_outside;

/// Words of what is wrong with what is expected of a series, under an objective with this upper bound, at `now_ms`.
pub(crate) fn wrong(outlook: &Outlook, max: f64, now_ms: i64) -> Option<String> {
    let made_ms = outlook.made.as_ref().map_or(i64::MIN, millis);
    let mut last_ms = made_ms;
    let mut rises = |point: &FanPoint| {
        let at_ms = point.time.as_ref().map_or(i64::MIN, millis);
        std::mem::replace(&mut last_ms, at_ms) < at_ms
    };
    let told = outlook.probability;
    let checks = [
        (
            told.is_none_or(|chance| (0.0..=1.0).contains(&chance)),
            "a probability is none",
        ),
        (
            told.is_some() != (outlook.no_outlook() != NoOutlook::Unspecified),
            "neither a probability nor why there is none, or both",
        ),
        (made_ms <= now_ms, "it was made later than now"),
        (outlook.fan.iter().all(&mut rises), "its steps do not follow each other"),
        (outlook.fan.iter().all(is_nested), "its bands do not lie in each other"),
        (
            outlook
                .predicted_outside
                .iter()
                .all(|point| is_outside(point.value, max)),
            "a point is told to be outside and is not",
        ),
    ];
    let wrong = checks.iter().find(|(holds, _)| !holds)?;
    Some(format!("{}: {outlook:?}", wrong.1))
}

/// Whether each band holds the narrower one.
fn is_nested(point: &FanPoint) -> bool {
    let rising = [
        point.low_95,
        point.low_80,
        point.low_50,
        point.median,
        point.high_50,
        point.high_80,
        point.high_95,
    ];
    rising.windows(2).all(|pair| pair[0] <= pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_found() {
        let fine = Outlook {
            probability: Some(0.5),
            ..Outlook::default()
        };
        assert_eq!(wrong(&fine, 1.0, 0), None);
        let none = Outlook::default();
        assert!(wrong(&none, 1.0, 0).is_some_and(|words| words.starts_with("neither")));
        let bands = FanPoint {
            median: 2.0,
            ..FanPoint::default()
        };
        let crossed = Outlook {
            fan: vec![bands],
            ..fine
        };
        assert!(wrong(&crossed, 1.0, 0).is_some());
    }
}
