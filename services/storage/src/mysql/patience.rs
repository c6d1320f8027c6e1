//! How long a failed attempt is made again: pauses grow with jitter, so that two writers that met do not meet again, and
//! everything ends before the caller's deadline.

use std::time::{Duration, Instant};

use super::error::Verdict;

/// Attempts of writers that keep meeting.
const MAX_MEETINGS: u32 = 20;
/// The first pause, at most.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Of one piece of work.
#[derive(Debug)]
pub(super) struct Patience {
    until: Instant,
    meetings: u32,
    pause: Duration,
}

impl Patience {
    /// Ends after `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            until: Instant::now() + limit,
            meetings: 0,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits a moment and says whether to try again.
    pub(super) fn again(&mut self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Final => return false,
            Verdict::Again => self.meetings += 1,
            Verdict::Lost | Verdict::Elsewhere => {}
        }
        let pause = self.pause.mul_f64(share());
        if self.meetings >= MAX_MEETINGS || Instant::now() + pause >= self.until {
            return false;
        }
        std::thread::sleep(pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// A random share of a whole.
fn share() -> f64 {
    let mut bytes = [0; 2];
    // Without randomness the pauses are whole ones.
    getrandom::fill(&mut bytes).map_or(1.0, |()| f64::from(u16::from_le_bytes(bytes)) / 65_536.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_by_count_or_by_time() {
        assert!(!Patience::new(Duration::from_secs(5)).again(Verdict::Final));
        let mut lost = Patience::new(Duration::from_millis(200));
        let begin = Instant::now();
        while lost.again(Verdict::Lost) {}
        assert!(begin.elapsed() <= Duration::from_millis(250));
        let mut meeting = Patience::new(Duration::from_mins(10));
        meeting.pause = Duration::ZERO;
        let mut times = 1;
        while meeting.again(Verdict::Again) {
            meeting.pause = Duration::ZERO;
            times += 1;
        }
        assert_eq!(times, MAX_MEETINGS);
    }
}
