//! How far the server's clock is from ours, learnt from the `Date` of its answers.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use reqwest::header::{AGE, DATE, HeaderMap};
use sla_domain::{Clock as _, SystemClock};

use crate::reply::ClockOffset;

/// How many answers the offset is taken from: one slow answer or one jump of a clock does not move a median of five.
const ANSWERS: usize = 5;
/// `Date` counts whole seconds, cut off: half of one is the expected rest.
const HALF_SECOND_MS: i64 = 500;

/// The last few offsets of one server.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    offsets_ms: Mutex<VecDeque<i64>>,
}

impl ServerClock {
    /// What our clock says now, Unix milliseconds.
    pub(super) fn ours_ms() -> i64 {
        SystemClock.now_ms()
    }

    /// Takes note of the head of one answer to a call that was sent at `sent_ms` and answered at `came_ms` of our clock.
    /// An answer out of a cache (`Age`) says when it was made, not what time it is.
    pub(super) fn observe(&self, headers: &HeaderMap, sent_ms: i64, came_ms: i64) {
        if headers.contains_key(AGE) {
            return;
        }
        let Some(offset_ms) = server_ms(headers).map(|date_ms| offset_ms(date_ms, sent_ms, came_ms)) else {
            return;
        };
        let mut offsets = self.offsets_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if offsets.len() == ANSWERS {
            offsets.pop_front();
        }
        offsets.push_back(offset_ms);
    }

    /// The median of what was observed; `None` before the first answer with a `Date`.
    pub(super) fn offset(&self) -> Option<ClockOffset> {
        let mut offsets: Vec<i64> = {
            let offsets = self.offsets_ms.lock().unwrap_or_else(PoisonError::into_inner);
            offsets.iter().copied().collect()
        };
        offsets.sort_unstable();
        Some(ClockOffset {
            offset_ms: *offsets.get(offsets.len() / 2)?,
            answers: offsets.len(),
        })
    }
}

/// `Date`, Unix milliseconds.
fn server_ms(headers: &HeaderMap) -> Option<i64> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Server minus ours, in milliseconds.
fn offset_ms(date_ms: i64, sent_ms: i64, came_ms: i64) -> i64 {
    date_ms
        .saturating_add(HALF_SECOND_MS)
        .saturating_sub(sent_ms + came_ms.saturating_sub(sent_ms) / 2)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    /// 2026-11-20 19:00:00 UTC.
    const NOON_MS: i64 = 1_795_201_200_000;

    fn observed(answers: &[(&'static str, Option<&'static str>, i64)]) -> Option<ClockOffset> {
        let clock = ServerClock::default();
        for (date, age, sent_ms) in answers {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_static(date));
            if let Some(age) = age {
                headers.insert(AGE, HeaderValue::from_static(age));
            }
            clock.observe(&headers, *sent_ms, *sent_ms + 200);
        }
        clock.offset()
    }

    #[test]
    fn the_offset_is_the_median_of_the_last_five_answers_that_are_no_copies() {
        let noon = "Fri, 20 Nov 2026 19:00:00 GMT";
        assert_eq!(observed(&[]), None);
        assert_eq!(observed(&[("soon", None, NOON_MS)]), None);
        assert_eq!(observed(&[(noon, Some("30"), NOON_MS)]), None);
        // Half a second into that second, in the middle of a call of 200 ms: the clocks agree.
        let one = observed(&[(noon, None, NOON_MS + 400)]).unwrap();
        assert_eq!((one.offset_ms, one.answers), (0, 1));
        // Ours is 40 s ahead; two answers that took their time do not matter.
        let skewed = observed(&[
            (noon, None, NOON_MS + 90_000),
            (noon, None, NOON_MS + 40_000),
            (noon, None, NOON_MS + 40_400),
            (noon, Some("1"), NOON_MS),
            (noon, None, NOON_MS + 40_500),
            (noon, None, NOON_MS + 55_000),
            (noon, None, NOON_MS + 40_300),
        ])
        .unwrap();
        assert_eq!((skewed.offset_ms, skewed.answers), (-40_000, 5));
    }
}
