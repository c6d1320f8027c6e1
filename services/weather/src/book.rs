//! All cities that are polled, each in a slot of its own, and when each is due.

use std::collections::{BTreeMap, BTreeSet};

use crate::choice::Wanted;
use crate::city::City;
use crate::options::MAX_CITIES;
use crate::rounds::Rounds;

/// The book.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) cities: BTreeMap<u32, City>,
    pub(crate) rounds: Rounds,
    /// Slots of cities that are stored in words that are not ours.
    pub(crate) unread: BTreeSet<u32>,
}

impl Book {
    pub(crate) fn new(rounds: Rounds) -> Self {
        Self {
            cities: BTreeMap::new(),
            rounds,
            unread: BTreeSet::new(),
        }
    }

    /// The slot of the city with this key.
    pub(crate) fn slot_of(&self, key: &str) -> Option<u32> {
        let found = self.cities.iter().find(|(_, city)| city.place.key() == key);
        found.map(|(slot, _)| *slot)
    }

    /// A slot that is free, below [`MAX_CITIES`].
    pub(crate) fn free_slot(&self) -> Option<u32> {
        (0..MAX_CITIES as u32).find(|slot| !self.cities.contains_key(slot) && !self.unread.contains(slot))
    }

    pub(crate) fn put(&mut self, slot: u32, city: City, now_ms: i64) {
        self.rounds.add(slot, city.answered_ms(), now_ms);
        self.cities.insert(slot, city);
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<City> {
        self.rounds.remove(slot);
        self.cities.remove(&slot)
    }

    /// The city that a text means beyond doubt: a key, or a name with all there is to it.
    pub(crate) fn exactly(&self, text: &str) -> Option<u32> {
        if let Some(slot) = self.slot_of(text.trim()) {
            return Some(slot);
        }
        let wanted = Wanted::read(text).ok()?;
        let mut found = self.cities.iter().filter(|(_, city)| wanted.is_exactly(&city.place));
        let one = found.next().map(|(slot, _)| *slot);
        one.filter(|_| found.next().is_none())
    }

    /// The same, or the only city of that name here.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.exactly(text).or_else(|| {
            let places: Vec<_> = self.cities.values().map(|city| city.place.clone()).collect();
            let wanted = Wanted::read(text).ok()?;
            let called: Vec<_> = places
                .into_iter()
                .filter(|place| place.name.to_lowercase() == wanted.name.to_lowercase())
                .collect();
            self.slot_of(&wanted.choose(&called).ok()?.key())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    #[test]
    fn a_name_means_what_is_here_when_there_is_one() {
        let mut book = Book::new(Rounds::new(1_000, 0));
        let mut add = |name: &str, region: &str, lat: f64| {
            let slot = book.free_slot().unwrap();
            let place = Place::new(name, region, "US", lat, 1.0).unwrap();
            book.put(slot, City::new(place, "open-meteo", false), 0);
        };
        add("Salem", "Oregon", 44.94);
        add("Salem", "Ohio", 40.9);
        add("Reno", "Nevada", 39.53);
        assert_eq!(book.find("reno"), Some(2));
        assert_eq!(book.exactly("reno"), None, "there may be another one elsewhere");
        assert_eq!(book.exactly("Reno, Nevada, US"), Some(2));
        assert_eq!(book.find("Salem"), None);
        assert_eq!(book.find("Salem, Ohio"), Some(1));
        assert_eq!(book.exactly("44.94,1.00"), Some(0));
        assert_eq!(book.find("Nowhere"), None);
        assert!(book.remove(1).is_some());
        assert_eq!((book.free_slot(), book.find("Salem")), (Some(1), Some(0)));
    }
}
