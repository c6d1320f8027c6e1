//! Where the role works: asks the provider, keeps what it says, and stores each city as the storage's state of roles.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::Clock;
use sla_proto::Peer;
use sla_proto::convert::timestamp;
use sla_proto::storage::v1::{GetStateRequest, PutStateRequest, StateEntry};
use sla_runtime::ownership::Claimant;
use sla_source::KeptSamples;
use tokio::sync::{Notify, OnceCell, RwLock};

use crate::asking::Asking;
use crate::book::Book;
use crate::choice::Wanted;
use crate::city::City;
use crate::error::{ProviderError, WeatherError};
use crate::options::{MAX_CITIES, MAX_SEARCHES, ProviderKind, SEARCH_AGE_MS};
use crate::pace::{Pace, Used};
use crate::place::Place;
use crate::port::Provider;
use crate::reading::Report;
use crate::rounds::{Next, Rounds};

/// Days that what is stored of a city stays without a poll.
const KEEP_DAYS: u32 = 3_650;
/// Days that the count of a day's requests stays: it says nothing about another day.
const KEEP_USED_DAYS: u32 = 2;
/// What the provider says is now may be this old, milliseconds …
const MAX_AGE_MS: i64 = 3 * 3_600_000;
/// … and lie this far ahead of our clock.
const MAX_AHEAD_MS: i64 = 900_000;
/// A forecast that costs a request of its own is asked for again after this long, milliseconds …
const FORECAST_AGE_MS: i64 = 3 * 3_600_000;
/// … which are so many a day.
const FORECASTS_A_DAY: u32 = 8;

/// Polls since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// An answer of the geocoding: what was asked, when, and what was found.
type Searched = (String, i64, Vec<Place>);

/// What the desk is made from.
pub(crate) struct DeskParts {
    pub(crate) kind: ProviderKind,
    pub(crate) quota: u32,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) samples: Arc<KeptSamples>,
    pub(crate) peer: Peer,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The desk. Shared by all parts of the role.
pub(crate) struct Desk {
    pub(crate) parts: DeskParts,
    pub(crate) counts: Counts,
    asking: Asking,
    /// Told of a new city.
    pub(crate) changed: Notify,
    book: OnceCell<Mutex<Book>>,
    /// Read by what changes a city here and in the storage, written by what reads them anew: neither sees half of the other.
    changing: RwLock<()>,
    searches: Mutex<Vec<Searched>>,
    /// Cities that have answered since they were stored.
    unstored: Mutex<BTreeSet<u32>>,
}

/// A number in [0, 1); 0.5 where there is no randomness.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / (f64::from(u32::MAX) + 1.0))
}

/// Refuses a report that is not about now.
fn checked(report: Report, now_ms: i64) -> Result<Report, ProviderError> {
    let age_ms = now_ms - report.now.observed_ms;
    if !(-MAX_AHEAD_MS..=MAX_AGE_MS).contains(&age_ms) {
        return Err(ProviderError::schema("time", "is not about now"));
    }
    if report.now.values().next().is_none() {
        return Err(ProviderError::schema("current", "says nothing"));
    }
    Ok(report)
}

impl Desk {
    pub(crate) fn new(parts: DeskParts) -> Self {
        Self {
            parts,
            counts: Counts::default(),
            asking: Asking::default(),
            changed: Notify::new(),
            book: OnceCell::new(),
            changing: RwLock::default(),
            searches: Mutex::default(),
            unstored: Mutex::default(),
        }
    }

    /// Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.parts.clock.now_ms()
    }

    /// The book, read from the storage when nobody has read it yet.
    pub(crate) async fn book(&self) -> Result<MutexGuard<'_, Book>, WeatherError> {
        let book = self
            .book
            .get_or_try_init(|| async { self.load(0..MAX_CITIES as u32).await.map(Mutex::new) })
            .await?;
        Ok(book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same where it was read already.
    pub(crate) fn known(&self) -> Option<MutexGuard<'_, Book>> {
        let book = self.book.get()?;
        Some(book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the book anew: another process may have changed the cities. What is no longer there is forgotten.
    pub(crate) async fn read(&self) -> Result<(), WeatherError> {
        let _alone = self.changing.write().await;
        let Some(book) = self.book.get() else {
            return self.book().await.map(drop);
        };
        let new = self.load(0..MAX_CITIES as u32).await?;
        let old = std::mem::replace(&mut *book.lock().unwrap_or_else(PoisonError::into_inner), new);
        let gone = old.cities.values().map(|city| &city.place);
        for place in gone.filter(|place| self.known().is_some_and(|book| book.slot_of(&place.key()).is_none())) {
            self.forget_samples(place);
        }
        Ok(())
    }

    /// Reads the slots that were free: another process may have added cities.
    pub(crate) async fn read_new(&self) -> Result<(), WeatherError> {
        let _alone = self.changing.write().await;
        let Some(book) = self.book.get() else { return Ok(()) };
        let is_taken = |slot: &u32| self.known().is_some_and(|book| book.cities.contains_key(slot));
        let free: Vec<u32> = (0..MAX_CITIES as u32).filter(|slot| !is_taken(slot)).collect();
        let new = self.load(free).await?;
        let now_ms = self.now_ms();
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        book.unread = new.unread;
        new.cities
            .into_iter()
            .for_each(|(slot, city)| book.put(slot, city, now_ms));
        Ok(())
    }

    /// What is stored in these slots.
    async fn load(&self, slots: impl IntoIterator<Item = u32>) -> Result<Book, WeatherError> {
        let further = match self.parts.kind {
            ProviderKind::OpenMeteo => 0,
            ProviderKind::OpenWeatherMap => FORECASTS_A_DAY,
        };
        self.resume().await?;
        let mut book = Book::new(Rounds::new(self.parts.quota, further));
        let now_ms = self.now_ms();
        let mut keys: Vec<String> = slots.into_iter().map(key).collect();
        while !keys.is_empty() {
            let request = GetStateRequest {
                objective_id: String::new(),
                keys: keys.clone(),
            };
            let answer = self.parts.peer.state().get_state(request).await;
            let answer = answer
                .map_err(WeatherError::upstream("reading the cities"))?
                .into_inner();
            for entry in answer.entries {
                let Some(slot) = entry.key.strip_prefix(PREFIX).and_then(|slot| slot.parse().ok()) else {
                    continue;
                };
                // Empty: what was there is removed.
                if entry.body.is_empty() {
                    continue;
                }
                match serde_json::from_slice(&entry.body) {
                    Ok(city) => book.put(slot, self.restored(city), now_ms),
                    // The others do not suffer for it, and it stays stored: who wrote it may read it again.
                    Err(error) => {
                        tracing::warn!(slot, %error, "a city cannot be read and is left out");
                        book.unread.insert(slot);
                    }
                }
            }
            keys.drain(..(answer.looked_up as usize).clamp(1, keys.len()));
        }
        Ok(book)
    }

    /// The day's requests are counted on from what is stored, or a restart would give the provider's quota a second time.
    async fn resume(&self) -> Result<(), WeatherError> {
        let request = GetStateRequest {
            objective_id: String::new(),
            keys: vec![self.quota_key()],
        };
        let answer = self.parts.peer.state().get_state(request).await;
        let answer = answer.map_err(WeatherError::upstream("reading how much of the quota is used"))?;
        for entry in answer.into_inner().entries {
            match serde_json::from_slice(&entry.body) {
                Ok(used) => self.parts.pace.resume(used, self.now_ms()),
                Err(error) => {
                    tracing::warn!(%error, "how much of the quota is used cannot be read: it is counted anew");
                }
            }
        }
        Ok(())
    }

    /// Each provider has a quota of its own.
    fn quota_key(&self) -> String {
        format!("weather/quota/{}", self.parts.kind.word())
    }

    /// A stored city with its samples. Those of another provider have other labels and another meaning: they are left behind.
    fn restored(&self, city: City) -> City {
        let provider = self.parts.kind.word();
        if city.provider != provider {
            return City::new(city.place, provider, city.pinned);
        }
        for (polled_ms, reading) in &city.readings {
            self.keep(&city.place, *polled_ms, reading);
        }
        city
    }

    fn keep(&self, place: &Place, polled_ms: i64, reading: &crate::reading::Reading) {
        for (metric, value) in reading.values() {
            let labels = place.labels(metric, self.parts.kind.word());
            if !self.parts.samples.put(&labels, polled_ms, value) {
                tracing::debug!(
                    city = place.full_name(),
                    metric,
                    "a sample was not newer than the last one"
                );
            }
        }
    }

    /// Stores a city, and with it how much of the quota is used.
    async fn store(&self, slot: u32, body: Vec<u8>) -> Result<(), WeatherError> {
        let used = self.parts.pace.unstored();
        let entries = [self.entry(key(slot), body, KEEP_DAYS)].into_iter();
        self.put(entries.chain(self.quota_entry(used)).collect(), used).await
    }

    /// Stores how much of the quota is used, where no city was stored that would have told it.
    async fn store_used(&self) {
        let used = self.parts.pace.unstored();
        let Some(entry) = self.quota_entry(used) else { return };
        if let Err(error) = self.put(vec![entry], used).await {
            // The next request stores it.
            let error = sla_runtime::status::chain(&error);
            tracing::debug!(error, "how much of the quota is used is not stored");
        }
    }

    fn quota_entry(&self, used: Option<Used>) -> Option<StateEntry> {
        let body = serde_json::to_vec(&used?).ok()?;
        Some(self.entry(self.quota_key(), body, KEEP_USED_DAYS))
    }

    fn entry(&self, key: String, body: Vec<u8>, keep_days: u32) -> StateEntry {
        StateEntry {
            objective_id: String::new(),
            key,
            body,
            written: Some(timestamp(self.now_ms())),
            keep_days,
        }
    }

    async fn put(&self, entries: Vec<StateEntry>, used: Option<Used>) -> Result<(), WeatherError> {
        let stored = self.parts.peer.state().put_state(PutStateRequest { entries }).await;
        stored.map_err(WeatherError::upstream("storing the city"))?;
        if let Some(used) = used {
            self.parts.pace.stored(used);
        }
        Ok(())
    }

    async fn ask(&self, place: &Place, forecast_wanted: bool) -> Result<Report, ProviderError> {
        let report = self.parts.provider.report(place, forecast_wanted).await;
        let report = report.and_then(|report| checked(report, self.now_ms()));
        let count = if report.is_ok() {
            &self.counts.answered
        } else {
            &self.counts.failed
        };
        count.fetch_add(1, Ordering::Relaxed);
        report
    }

    /// Which city is next; a pause of the provider is everybody's.
    pub(crate) fn next(&self) -> Next {
        let now_ms = self.now_ms();
        match (self.parts.pace.pause(now_ms), self.known()) {
            (Some(pause), _) => Next::Wait(pause.until_ms),
            (None, Some(mut book)) => book.rounds.next(now_ms),
            (None, None) => Next::Wait(now_ms + 1_000),
        }
    }

    /// Asks for the city in a slot that [`Desk::next`] gave; [`Desk::store_polled`] stores what it says.
    pub(crate) async fn poll(&self, slot: u32) {
        let _change = self.changing.read().await;
        let wanted = self.known().and_then(|book| {
            let city = book.cities.get(&slot)?;
            let is_old = city
                .forecast_made_ms
                .is_none_or(|made_ms| !(0..FORECAST_AGE_MS).contains(&(self.now_ms() - made_ms)));
            Some((city.place.clone(), is_old))
        });
        let Some((place, forecast_wanted)) = wanted else { return };
        let outcome = self.ask(&place, forecast_wanted).await;
        self.take(slot, &place, outcome);
    }

    fn unstored(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.unstored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many cities wait to be stored.
    pub(crate) fn count_unstored(&self) -> usize {
        self.unstored().len()
    }

    /// Stores what polls have brought, in one write, and how much of the quota is used.
    pub(crate) async fn store_polled(&self) {
        let _change = self.changing.read().await;
        let slots = std::mem::take(&mut *self.unstored());
        let mut entries: Vec<StateEntry> = {
            let Some(book) = self.known() else { return };
            // One that was removed meanwhile does not come back.
            let cities = slots.iter().filter_map(|slot| Some((*slot, book.cities.get(slot)?)));
            let bodies = cities.filter_map(|(slot, city)| Some((slot, serde_json::to_vec(city).ok()?)));
            bodies
                .map(|(slot, body)| self.entry(key(slot), body, KEEP_DAYS))
                .collect()
        };
        let used = self.parts.pace.unstored();
        entries.extend(self.quota_entry(used));
        if entries.is_empty() {
            return;
        }
        let cities = slots.len();
        if let Err(error) = self.put(entries, used).await {
            // The samples are kept in memory; the next poll stores them.
            tracing::warn!(cities, error = sla_runtime::status::chain(&error), "not stored");
        }
    }

    /// Takes over what became of a poll.
    fn take(&self, slot: u32, place: &Place, outcome: Result<Report, ProviderError>) {
        let now_ms = self.now_ms();
        let Some(mut book) = self.known() else { return };
        let book = &mut *book;
        // Removed meanwhile, or another one is there.
        let Some(city) = book.cities.get_mut(&slot).filter(|city| city.place == *place) else {
            return;
        };
        match outcome {
            Ok(report) => {
                self.keep(place, now_ms, &report.now);
                city.take(report, now_ms);
                book.rounds.answered(slot, now_ms, jitter());
                self.unstored().insert(slot);
            }
            Err(error) => {
                city.fail(&error);
                if self.parts.pace.pause(now_ms).is_some() {
                    book.rounds.put_back(slot);
                } else {
                    tracing::warn!(city = place.full_name(), %error, "a poll failed");
                    book.rounds.failed(slot, now_ms);
                }
            }
        }
    }

    /// Places of a name, for `claimant`.
    pub(crate) async fn search(&self, name: &str, claimant: &Claimant) -> Result<Vec<Place>, WeatherError> {
        let name = name.to_lowercase();
        let now_ms = self.now_ms();
        if let Some((_, _, found)) = self
            .searches()
            .iter()
            .find(|(asked, at_ms, _)| *asked == name && now_ms - at_ms < SEARCH_AGE_MS)
        {
            return Ok(found.clone());
        }
        self.asking.book(claimant, now_ms)?;
        // What was used before is known first.
        drop(self.book().await?);
        let found = self.parts.provider.search(&name).await;
        self.store_used().await;
        let found = found.map_err(|error| WeatherError::Provider {
            city: name.clone(),
            error,
        })?;
        let mut searches = self.searches();
        searches.retain(|(asked, _, _)| *asked != name);
        if searches.len() >= MAX_SEARCHES {
            searches.remove(0);
        }
        searches.push((name, now_ms, found.clone()));
        Ok(found)
    }

    fn searches(&self) -> MutexGuard<'_, Vec<Searched>> {
        self.searches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The city that a text of `claimant` means; it is polled from now on. Whether it is new.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub(crate) async fn add(
        &self,
        text: &str,
        pinned: bool,
        claimant: &Claimant,
    ) -> Result<(Place, bool), WeatherError> {
        let wanted = Wanted::read(text)?;
        let _change = self.changing.read().await;
        let known = {
            let book = self.book().await?;
            book.exactly(text)
                .and_then(|slot| book.cities.get(&slot))
                .map(|city| city.place.clone())
        };
        let place = match known {
            Some(place) => place,
            None => wanted.choose(&self.search(&wanted.name, claimant).await?)?,
        };
        let slot = self.book().await?.slot_of(&place.key());
        if let Some(slot) = slot {
            self.pin(slot, pinned).await?;
            return Ok((place, false));
        }
        self.asking.book(claimant, self.now_ms())?;
        let report = match self.ask(&place, true).await {
            Ok(report) => report,
            Err(error) => {
                self.store_used().await;
                let city = place.full_name();
                return Err(WeatherError::Provider { city, error });
            }
        };
        let now_ms = self.now_ms();
        let (slot, body) = {
            let mut book = self.book().await?;
            if book.slot_of(&place.key()).is_some() {
                // Somebody was faster.
                return Ok((place, false));
            }
            let slot = book.free_slot().ok_or(WeatherError::TooManyCities(MAX_CITIES))?;
            let mut city = City::new(place.clone(), self.parts.kind.word(), pinned);
            self.keep(&place, now_ms, &report.now);
            city.take(report, now_ms);
            let body = serde_json::to_vec(&city).map_err(WeatherError::Stored)?;
            book.put(slot, city, now_ms);
            (slot, body)
        };
        if let Err(error) = self.store(slot, body).await {
            self.forget(slot).await?;
            return Err(error);
        }
        self.changed.notify_one();
        Ok((place, true))
    }

    /// Says that a city stays without subscriptions.
    async fn pin(&self, slot: u32, pinned: bool) -> Result<(), WeatherError> {
        let body = {
            let mut book = self.book().await?;
            match book.cities.get_mut(&slot) {
                Some(city) if pinned && !city.pinned => {
                    city.pinned = true;
                    serde_json::to_vec(city).map_err(WeatherError::Stored)?
                }
                _ => return Ok(()),
            }
        };
        self.store(slot, body).await
    }

    async fn forget(&self, slot: u32) -> Result<Option<City>, WeatherError> {
        let removed = self.book().await?.remove(slot);
        if let Some(city) = &removed {
            self.forget_samples(&city.place);
        }
        Ok(removed)
    }

    fn forget_samples(&self, place: &Place) {
        for about in crate::reading::ABOUT {
            let labels = place.labels(about.name, self.parts.kind.word());
            self.parts.samples.forget(&labels);
        }
    }

    /// Polls a city no longer.
    pub(crate) async fn remove(&self, slot: u32) -> Result<(), WeatherError> {
        let _change = self.changing.read().await;
        // Durable first: what is removed does not come back with the next start.
        self.store(slot, Vec::new()).await?;
        self.forget(slot).await.map(drop)
    }
}

const PREFIX: &str = "weather/city/";

fn key(slot: u32) -> String {
    format!("{PREFIX}{slot}")
}
