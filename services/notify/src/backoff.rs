//! When a message is tried again, and when it is given up.

/// The pause after the first failure, milliseconds; each further one doubles it …
const FIRST_MS: i64 = 5_000;
/// … up to this.
const LONGEST_MS: i64 = 15 * 60_000;
/// The longest pause that the other end may ask for, milliseconds.
const LONGEST_ASKED_MS: i64 = 60 * 60_000;
/// A message older than this is of no use any more, milliseconds.
pub(crate) const GIVEN_UP_AFTER_MS: i64 = 24 * 3_600_000;
/// Pauses differ by up to a quarter to both sides, so that many messages do not come back at one instant.
const JITTER_PERCENT: i64 = 25;

/// The pause after attempt number `attempts` (from 1), milliseconds. What the other end asked for is waited at least.
pub(crate) fn pause_ms(attempts: u32, asked_ms: Option<i64>) -> i64 {
    let doublings = attempts.saturating_sub(1).min(20);
    let plain = FIRST_MS.saturating_mul(1 << doublings).min(LONGEST_MS);
    let mut random = [0; 2];
    // Without randomness all come back at once: no reason not to try.
    let _ = getrandom::fill(&mut random);
    let random = i64::from(u16::from_le_bytes(random));
    let percent = 100 - JITTER_PERCENT + random * 2 * JITTER_PERCENT / i64::from(u16::MAX);
    let jittered = plain * percent / 100;
    asked_ms.map_or(jittered, |asked| jittered.max(asked.clamp(0, LONGEST_ASKED_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_limit_and_are_never_shorter_than_asked() {
        for (attempts, plain) in [
            (1, 5_000),
            (2, 10_000),
            (5, 80_000),
            (9, LONGEST_MS),
            (4_000_000, LONGEST_MS),
        ] {
            for _ in 0..100 {
                let pause = pause_ms(attempts, None);
                assert!((plain * 3 / 4..=plain * 5 / 4).contains(&pause), "{attempts}: {pause}");
            }
        }
        assert_eq!(pause_ms(1, Some(30_000)), 30_000);
        assert_eq!(pause_ms(1, Some(i64::MAX)), LONGEST_ASKED_MS);
        assert!(pause_ms(1, Some(-5)) >= 3_750);
    }
}
