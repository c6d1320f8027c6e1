//! The timer that starts runs by itself: reading what `:schedule` was given, and telling how it stands.

use sla_proto::convert as time;
use sla_proto::etl::v1::{Schedule, UpdateScheduleRequest};

use crate::context::{Context, wire};
use crate::format::{duration, parse_duration_ms};
use crate::say;

/// What may be typed, for the one who typed something else.
const FORM: &str = "`schedule results 5m metadata 1d`, `schedule pause`, `schedule resume`";

/// `results 5m metadata 1d pause` as a change.
///
/// # Errors
/// What was typed, and what may be.
pub(super) fn change(typed: &str) -> Result<UpdateScheduleRequest, String> {
    let mut change = UpdateScheduleRequest::default();
    let mut words = typed.split_whitespace();
    while let Some(word) = words.next() {
        let every = match word {
            "pause" | "resume" => {
                change.paused = Some(word == "pause");
                continue;
            }
            "results" => &mut change.results_every,
            "metadata" => &mut change.metadata_every,
            _ => return Err(say::runs::schedule_is_not_known(&word, &FORM)),
        };
        let length = words.next().unwrap_or_default();
        let ms = parse_duration_ms(length).ok_or_else(|| say::runs::schedule_is_no_length(&word, &length, &FORM))?;
        *every = Some(time::duration(ms));
    }
    Ok(change)
}

/// How the timer stands, in a line.
pub(super) fn words(cx: &Context, schedule: &Schedule) -> String {
    if schedule.paused {
        return say::runs::the_timer_is_paused().to_owned();
    }
    let every = |span: Option<&prost_types::Duration>| wire::span_ms(span).map_or_else(|| "–".to_owned(), duration);
    let next = |at: Option<&prost_types::Timestamp>| {
        wire::ms(at).map_or_else(|| "–".to_owned(), |t| cx.zone.coming(t, cx.data_now_ms()))
    };
    say::runs::next_statistics_and_forecasts(
        &next(schedule.next_results.as_ref()),
        &every(schedule.results_every.as_ref()),
        &next(schedule.next_metadata.as_ref()),
        &every(schedule.metadata_every.as_ref()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_pausing_are_typed_in_any_order() {
        let asked = change("pause metadata 1d results 5m").unwrap();
        assert_eq!(asked.paused, Some(true));
        assert_eq!(asked.results_every, Some(time::duration(300_000)));
        assert_eq!(asked.metadata_every, Some(time::duration(86_400_000)));
        assert_eq!(change("resume").unwrap().paused, Some(false));
        assert_eq!(change("").unwrap(), UpdateScheduleRequest::default());
    }

    #[test]
    fn what_is_no_time_is_told_with_what_may_be_typed() {
        for (typed, named) in [
            ("results", "results ``"),
            ("results soon", "`soon`"),
            ("metadata 5", "`5`"),
            ("hourly", "`hourly`"),
            ("results -5m", "`-5m`"),
        ] {
            let why = change(typed).unwrap_err();
            assert!(why.contains(named) && why.contains(FORM), "{typed}: {why}");
        }
    }
}
