//! How far a probability can be trusted, in the words of the agreement: never a bare number.

use sla_domain::{SafeText, likelihood};
use sla_proto::violation::v1::{Outlook, TrackRecord, Trust};

use crate::context::{Context, wire};
use crate::say;

/// Whether forecasts were shown to be at least as good as "as it is now".
pub(crate) fn of(outlook: &Outlook) -> Trust {
    outlook
        .track_record
        .as_ref()
        .map_or(Trust::Unproven, TrackRecord::trust)
}

/// The probability in words; of under an hour of history only in tens, for it is worth no more.
pub(crate) fn probability(outlook: &Outlook) -> Option<String> {
    outlook.probability.map(|p| in_words(outlook, p))
}

/// The same with what ARIMA says beside it, where it says something.
pub(crate) fn with_arima(outlook: &Outlook) -> Option<String> {
    let ours = probability(outlook)?;
    Some(match outlook.arima_probability {
        Some(p) => say::trust::with_arima(&ours, &in_words(outlook, p)),
        None => ours,
    })
}

fn in_words(outlook: &Outlook, p: f64) -> String {
    if outlook.low_confidence {
        likelihood::coarse(p)
    } else {
        likelihood::fine(p)
    }
}

/// How far ahead it looks, milliseconds: an objective may have a horizon of its own.
pub(crate) fn horizon_ms(cx: &Context, outlook: &Outlook) -> i64 {
    wire::span_ms(outlook.horizon.as_ref()).unwrap_or_else(|| cx.horizon_ms())
}

/// As exports write it.
pub(crate) fn word(outlook: &Outlook) -> &'static str {
    match of(outlook) {
        Trust::Proven => "proven",
        Trust::Withheld => "withheld",
        Trust::Unproven | Trust::Unspecified => "unproven",
    }
}

/// `42 %`: the verdict is the server's, from an interval.
fn better(record: &TrackRecord) -> Option<String> {
    record.better.map(|share| format!("{:.0} %", share * 100.0))
}

/// `42 % better than last value (61 scored)`, `unproven (12 scored, 1 violation)`, `withheld: worse than last value`.
pub(crate) fn words(outlook: &Outlook) -> String {
    if !outlook.problem.is_empty() {
        return SafeText::new(&outlook.problem).into_string();
    }
    let record = outlook.track_record.clone().unwrap_or_default();
    let seeded = match record.hindsight {
        0 => String::new(),
        all if all == record.scored => say::trust::all_over_stored_history().to_owned(),
        some => say::trust::of_them_over_stored(&some),
    };
    match of(outlook) {
        Trust::Withheld => say::trust::withheld_worse_than_last().to_owned(),
        Trust::Proven => match better(&record) {
            Some(share) => say::trust::better_than_last(&share, &record.scored, &seeded),
            None => say::trust::as_good_as_last(&record.scored, &seeded),
        },
        Trust::Unproven | Trust::Unspecified if record.scored == 0 => say::trust::unproven_none_is_scored().to_owned(),
        Trust::Unproven | Trust::Unspecified => {
            let left = say::counts::violations(&record.violations);
            say::trust::unproven_scored(&record.scored, &left, &seeded)
        }
    }
}

/// The same for a table: `42 % better`, `as good`, `unproven (12, 1)`, `withheld: worse`.
pub(crate) fn short(outlook: &Outlook) -> String {
    if !outlook.problem.is_empty() {
        return words(outlook);
    }
    let record = outlook.track_record.clone().unwrap_or_default();
    match of(outlook) {
        Trust::Withheld => say::trust::withheld_worse().to_owned(),
        Trust::Proven => {
            better(&record).map_or_else(|| say::trust::as_good().to_owned(), |share| say::trust::better(&share))
        }
        Trust::Unproven | Trust::Unspecified if record.scored == 0 => say::trust::none_scored_yet().to_owned(),
        Trust::Unproven | Trust::Unspecified => say::trust::unproven(&record.scored, &record.violations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlook(trust: Trust, better: Option<f64>) -> Outlook {
        Outlook {
            track_record: Some(TrackRecord {
                trust: trust as i32,
                scored: 61,
                violations: 1,
                right: 58,
                better,
                ..TrackRecord::default()
            }),
            ..Outlook::default()
        }
    }

    #[test]
    fn under_an_hour_of_history_a_probability_has_no_second_digit() {
        let mut told = Outlook {
            probability: Some(0.98),
            ..Outlook::default()
        };
        assert_eq!(probability(&told).unwrap(), "98 %");
        told.low_confidence = true;
        assert_eq!(probability(&told).unwrap(), "> 95 %");
        told.probability = Some(0.11);
        assert_eq!(probability(&told).unwrap(), "~10 %");
        told.probability = Some(0.04);
        assert_eq!(probability(&told).unwrap(), "< 5 %");
        assert_eq!(with_arima(&told).unwrap(), "< 5 %");
        told.arima_probability = Some(0.52);
        assert_eq!(with_arima(&told).unwrap(), "< 5 % (ARIMA: ~50 %)");
    }

    #[test]
    fn trust_is_told_in_the_words_of_the_agreement() {
        let mut proven = outlook(Trust::Proven, None);
        assert_eq!((word(&proven), short(&proven).as_str()), ("proven", "as good"));
        assert_eq!(words(&proven), "as good as last value (61 scored)");
        proven.track_record.as_mut().unwrap().better = Some(0.424);
        assert_eq!(short(&proven), "42 % better");
        assert_eq!(words(&proven), "42 % better than last value (61 scored)");
        let unproven = outlook(Trust::Unproven, None);
        assert_eq!(words(&unproven), "unproven (61 scored, 1 violation)");
        assert_eq!(short(&unproven), "unproven (61, 1)");
        let withheld = outlook(Trust::Withheld, None);
        assert_eq!(
            (short(&withheld).as_str(), word(&withheld)),
            ("withheld: worse", "withheld")
        );
        assert_eq!(
            words(&Outlook::default()),
            "unproven: none is scored yet",
            "never proven by default"
        );
    }
}
