//! How much of the provider's quota one user may use: whoever registers may subscribe, and the day's requests are everybody's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sla_proto::peer::Rank;
use sla_runtime::ownership::Claimant;

use crate::error::WeatherError;

const HOUR_MS: i64 = 3_600_000;
/// Questions to the provider that one user below the rank editor causes in an hour, at most: a new city takes two.
const EACH: u32 = 60;

/// Questions of this hour.
#[derive(Debug, Default)]
struct Hour {
    /// Hours since 1970.
    number: i64,
    of_users: HashMap<String, u32>,
}

/// Counts the questions of users. Those of one hour are remembered, so there are at most as many as users who asked in it.
#[derive(Debug, Default)]
pub(crate) struct Asking(Mutex<Hour>);

impl Asking {
    /// Books a question that `claimant` causes at `now_ms`, Unix milliseconds. Editors, and whoever is not asked who he is, ask as
    /// much as they like.
    ///
    /// # Errors
    /// [`WeatherError::AskedTooMuch`].
    pub(crate) fn book(&self, claimant: &Claimant, now_ms: i64) -> Result<(), WeatherError> {
        let Some(user) = claimant.user().filter(|_| !claimant.is_at_least(Rank::Editor)) else {
            return Ok(());
        };
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now_ms.div_euclid(HOUR_MS);
        if hour.number != number {
            *hour = Hour {
                number,
                of_users: HashMap::new(),
            };
        }
        let asked = hour.of_users.entry(user.to_owned()).or_default();
        if *asked >= EACH {
            return Err(WeatherError::AskedTooMuch {
                each: EACH,
                left_ms: (number + 1) * HOUR_MS - now_ms,
            });
        }
        *asked += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_looks_has_so_many_questions_an_hour() {
        let asking = Asking::default();
        let (ada, eve) = (
            Claimant::new("ada", Some(Rank::Viewer)),
            Claimant::new("eve", Some(Rank::Viewer)),
        );
        let now_ms = 490_000 * HOUR_MS + 1_800_000;
        for _ in 0..EACH {
            asking.book(&ada, now_ms).unwrap();
        }
        let refused = asking.book(&ada, now_ms).unwrap_err();
        assert!(
            matches!(refused, WeatherError::AskedTooMuch { left_ms: 1_800_000, .. }),
            "{refused}"
        );
        asking.book(&eve, now_ms).unwrap();
        for other in [Claimant::new("ada", Some(Rank::Editor)), Claimant::new("ada", None)] {
            (0..=EACH).for_each(|_| asking.book(&other, now_ms).unwrap());
        }
        asking.book(&ada, now_ms + 1_800_000).unwrap();
    }
}
