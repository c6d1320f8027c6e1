//! The sky over one city: what a provider of weather tells of it, in whatever mood it is, and what must be told of that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sla_domain::{Clock as _, SourceId};
use sla_proto::Peer;
use sla_proto::convert::millis;
use sla_proto::weather::v1::{AddCityRequest, CityState, ListCitiesRequest};
use sla_source::{Call, KeptSamples, MetricSource as _, ReadRequest};
use sla_weather::sky::Sky;

use crate::clock::LifeClock;
use crate::fault::SkyMood;
use crate::weather::Weather;

/// The city, as it is asked for.
const CITY: &str = "catania";
/// The series of its temperature.
const TEMPERATURE: &str = "weather_temperature_celsius";
/// When nothing comes, this is how long it takes to notice.
const SILENCE: Duration = Duration::from_secs(5);
/// The weather of a provider changes this often, milliseconds; it is asked for no sooner.
const ROUND_MS: i64 = 900_000;
/// No turn is further ahead, milliseconds.
const FURTHEST_MS: i64 = ROUND_MS / 20 * 21 + 1_000;
/// What is old is of so long ago, milliseconds.
const OLD_MS: i64 = 4 * 3_600_000;
/// An answer that came so short before a death, or before the write that was cut at last, may be lost with it, milliseconds.
const UNSTORED_MS: (i64, i64) = (1_000, 16_000);
/// A clock that is wrong by more than this may make an answer one that is not about now, milliseconds.
const DOUBTED_MS: i64 = 600_000;

/// A question, and what was told of now.
#[derive(Debug, Clone, Copy)]
struct Asked {
    life: u64,
    world_ms: i64,
    /// By how much the machine's clock was ahead.
    skew_ms: i64,
    told: Option<(i64, f64)>,
}

/// All questions of a world.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    asked: Mutex<Vec<Asked>>,
    added: Mutex<bool>,
}

/// The sky during one life.
pub(crate) struct WorldSky {
    pub(crate) questions: Arc<Questions>,
    pub(crate) clock: Arc<LifeClock>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) life: u64,
    /// What the role makes of it.
    pub(crate) samples: Arc<KeptSamples>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Sky for WorldSky {
    async fn temperature(&self) -> Result<(i64, f64), String> {
        let mood = self.weather.mood().sky;
        match mood {
            SkyMood::Away => tokio::time::sleep(SILENCE).await,
            SkyMood::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            SkyMood::Fine | SkyMood::Old => {}
        }
        let world_ms = self.clock.world_ms();
        let observed_ms = world_ms - world_ms.rem_euclid(ROUND_MS);
        let now = (observed_ms, (observed_ms / ROUND_MS % 40) as f64 / 2.0);
        let is_told = matches!(mood, SkyMood::Fine | SkyMood::Slow(_));
        locked(&self.questions.asked).push(Asked {
            life: self.life,
            world_ms,
            skew_ms: self.skew_ms(),
            told: is_told.then_some(now),
        });
        match mood {
            SkyMood::Away => Err("nobody answers".to_owned()),
            SkyMood::Old => Ok((observed_ms - OLD_MS, 99.0)),
            SkyMood::Fine | SkyMood::Slow(_) => Ok(now),
        }
    }
}

impl WorldSky {
    /// Samples that are kept by a clock.
    pub(crate) fn samples(clock: &Arc<LifeClock>) -> Arc<KeptSamples> {
        let id = SourceId(sla_weather::SOURCE.to_owned());
        Arc::new(KeptSamples::new(id, clock.clone(), sla_weather::ABOUT))
    }

    fn skew_ms(&self) -> i64 {
        self.clock.now_ms() - self.clock.world_ms()
    }

    /// Asks for the city; whether that was acknowledged.
    pub(crate) async fn add(&self, console: &Peer) -> bool {
        let request = AddCityRequest { city: CITY.to_owned() };
        let added = console.weather().add_city(request).await.is_ok();
        *locked(&self.questions.added) |= added;
        added
    }

    /// What must hold when nothing is wrong. `deaths_ms` is when lives end.
    pub(crate) async fn check(&self, peer: &Peer, deaths_ms: &[i64], asks_once: bool) -> Result<(), String> {
        let answer = peer.weather().list_cities(ListCitiesRequest::default()).await;
        let answer = answer.map_err(|status| format!("the cities cannot be read: {}", status.message()))?;
        let cities = answer.into_inner().cities;
        let is_ours = |state: &&CityState| state.city.as_ref().is_some_and(|city| city.name == CITY);
        let Some(city) = cities.iter().find(is_ours) else {
            let was_added = *locked(&self.questions.added);
            return if was_added {
                Err(format!("{CITY} was added and is not there"))
            } else {
                Ok(())
            };
        };
        let now_ms = self.clock.now_ms();
        let ahead_ms = city.next_poll.as_ref().map_or(0, |next| millis(next) - now_ms);
        if ahead_ms > FURTHEST_MS {
            return Err(format!("{CITY} is asked for next in {ahead_ms} ms"));
        }
        let asked = locked(&self.questions.asked).clone();
        let shown = city
            .now
            .as_ref()
            .and_then(|now| Some((now.observed.as_ref().map(millis)?, now.temperature_celsius?)));
        if let Some(shown) = shown
            && !asked.iter().any(|one| one.told == Some(shown))
        {
            return Err(format!("{CITY} has {shown:?}, which nobody told"));
        }
        if let Some(last) = asked
            .last()
            .filter(|last| last.life == self.life && last.skew_ms == self.skew_ms())
            && last.told.is_some()
            && last.skew_ms.abs() <= DOUBTED_MS
        {
            if shown != last.told || !city.problem.is_empty() {
                return Err(format!(
                    "{CITY} has {shown:?} ({}), told was {:?}",
                    city.problem, last.told
                ));
            }
            self.check_sample(last.told, now_ms).await?;
        }
        if asks_once {
            check_once(&asked, deaths_ms)?;
        }
        Ok(())
    }

    /// The newest sample that is known now is what was told last.
    async fn check_sample(&self, told: Option<(i64, f64)>, now_ms: i64) -> Result<(), String> {
        let wanted = ReadRequest::selector(TEMPERATURE, now_ms - 2 * ROUND_MS, now_ms);
        let read = self.samples.read(&wanted, &Call::default()).await;
        let read = read.map_err(|error| format!("the samples of {CITY} cannot be read: {error}"))?;
        let newest = read
            .series
            .iter()
            .find_map(|series| series.samples(i64::MIN, i64::MAX).ok()?.values.last().copied());
        if newest == told.map(|(_, value)| value) {
            return Ok(());
        }
        Err(format!("the newest sample of {CITY} is {newest:?}, told was {told:?}"))
    }
}

/// Who has answered is left alone for a round, whoever dies meanwhile.
fn check_once(asked: &[Asked], deaths_ms: &[i64]) -> Result<(), String> {
    let stored = |one: &&Asked| {
        let dies = |death_ms: &i64| (death_ms - UNSTORED_MS.0..death_ms + UNSTORED_MS.1).contains(&one.world_ms);
        one.told.is_some() && !deaths_ms.iter().any(dies)
    };
    let answered: Vec<&Asked> = asked.iter().filter(stored).collect();
    match answered
        .windows(2)
        .find(|pair| pair[1].world_ms - pair[0].world_ms < ROUND_MS)
    {
        Some(pair) => Err(format!(
            "{CITY} was asked for twice within a round: {} ms apart, in lives {} and {}",
            pair[1].world_ms - pair[0].world_ms,
            pair[0].life,
            pair[1].life
        )),
        None => Ok(()),
    }
}
