//! Which place is meant by what somebody typed. What is ambiguous is asked, not guessed.

use sla_domain::{Invalid, SafeText};

use crate::error::WeatherError;
use crate::place::Place;

/// Bytes of a name at most.
const MAX_BYTES: usize = 200;
/// Degrees within which coordinates mean a place.
const NEAR: f64 = 0.051;

/// `NAME[, REGION][, COUNTRY][@LAT,LON]`, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    parts: Vec<String>,
    at: Option<(f64, f64)>,
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

impl Wanted {
    /// Reads what was typed.
    ///
    /// # Errors
    /// The field `city` for what is no name.
    pub(crate) fn read(text: &str) -> Result<Self, WeatherError> {
        let refused = |rule: &str, fix: &str| {
            let shown = text.chars().take(80).collect::<String>();
            WeatherError::Invalid(vec![Invalid::new("city", &shown, rule, fix)])
        };
        if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
            return Err(refused(
                "is no name: at most 200 bytes of plain text",
                "give the name of a city",
            ));
        }
        let (names, at) = match text.split_once('@') {
            None => (text, None),
            Some((names, at)) => {
                let numbers = at
                    .split_once(',')
                    .map(|(lat, lon)| (lat.trim().parse(), lon.trim().parse()));
                let Some((Ok(lat), Ok(lon))) = numbers else {
                    return Err(refused(
                        "has no coordinates after @",
                        "give for example Springfield@39.80,-89.64",
                    ));
                };
                (names, Some((lat, lon)))
            }
        };
        let mut parts = names.split(',').map(|part| part.trim().to_owned());
        let name = parts.next().unwrap_or_default();
        let parts: Vec<String> = parts.collect();
        if name.is_empty() || parts.iter().any(String::is_empty) {
            return Err(refused("is missing", "give the name of a city, for example Catania"));
        }
        Ok(Self { name, parts, at })
    }

    /// Whether region, country and coordinates fit; the name is the geocoding's matter.
    pub(crate) fn fits(&self, place: &Place) -> bool {
        let is_there = |(lat, lon): (f64, f64)| (place.lat - lat).abs() < NEAR && (place.lon - lon).abs() < NEAR;
        let mut parts = self.parts.iter();
        parts.all(|part| same(part, &place.region) || same(part, &place.country)) && self.at.is_none_or(is_there)
    }

    /// Whether this names exactly `place`: with all there is to it, or by its coordinates.
    pub(crate) fn is_exactly(&self, place: &Place) -> bool {
        let told = [&place.region, &place.country]
            .into_iter()
            .filter(|part| !part.is_empty());
        let is_whole = self.parts.len() == told.count();
        same(&self.name, &place.name) && (is_whole || self.at.is_some()) && self.fits(place)
    }

    /// The one place among `found` that is meant.
    ///
    /// # Errors
    /// [`WeatherError::UnknownCity`]; [`WeatherError::Ambiguous`] with texts that each mean one of them.
    pub(crate) fn choose(&self, found: &[Place]) -> Result<Place, WeatherError> {
        let mut fitting: Vec<&Place> = found.iter().filter(|place| self.fits(place)).collect();
        // Geocoding also finds what only begins so, or is called so in another language.
        if fitting.iter().any(|place| same(&self.name, &place.name)) {
            fitting.retain(|place| same(&self.name, &place.name));
        }
        let mut different: Vec<&Place> = Vec::new();
        for place in fitting {
            if !different.iter().any(|known| known.key() == place.key()) {
                different.push(place);
            }
        }
        match different.as_slice() {
            [] => Err(WeatherError::UnknownCity(SafeText::new(&self.name))),
            [one] => Ok((*one).clone()),
            several => Err(WeatherError::Ambiguous {
                name: SafeText::new(&self.name),
                candidates: several.iter().map(|place| told_apart(place, several)).collect(),
            }),
        }
    }
}

/// A text that means this place alone of all.
fn told_apart(place: &Place, all: &[&Place]) -> String {
    let name = place.full_name();
    let [lat, lon] = place.coordinates();
    // What has neither region nor country would be as ambiguous again.
    let is_alone = all.iter().filter(|other| other.full_name() == name).count() == 1;
    if is_alone && name != place.name {
        name
    } else {
        format!("{name}@{lat},{lon}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, region: &str, country: &str, lat: f64, lon: f64) -> Place {
        Place::new(name, region, country, lat, lon).unwrap()
    }

    fn springfields() -> Vec<Place> {
        vec![
            place("Springfield", "Missouri", "US", 37.21, -93.29),
            place("Springfield", "Illinois", "US", 39.80, -89.64),
            place("Springfield", "Illinois", "US", 41.0, -88.0),
            place("Springfield Lakes", "Queensland", "AU", -27.66, 152.92),
            place("Springfield", "", "", 1.0, 1.0),
        ]
    }

    fn choice(text: &str) -> Result<String, String> {
        let chosen = Wanted::read(text).and_then(|wanted| wanted.choose(&springfields()));
        chosen.map(|place| place.key()).map_err(|error| match error {
            WeatherError::Ambiguous { candidates, .. } => candidates.join("; "),
            other => other.to_string(),
        })
    }

    #[test]
    fn one_is_taken_and_several_are_asked() {
        assert_eq!(choice("springfield, missouri, us").unwrap(), "37.21,-93.29");
        assert_eq!(choice("Springfield,Missouri").unwrap(), "37.21,-93.29");
        assert_eq!(choice("Springfield Lakes").unwrap(), "-27.66,152.92");
        assert_eq!(choice("Springfield@39.8, -89.6").unwrap(), "39.80,-89.64");
        let several = "Springfield, Missouri, US; Springfield, Illinois, US@39.80,-89.64; \
                       Springfield, Illinois, US@41.00,-88.00; Springfield@1.00,1.00";
        assert_eq!(choice("Springfield").unwrap_err(), several);
        assert_eq!(choice("Springfield, FR").unwrap_err(), "no place is called Springfield");
    }

    #[test]
    fn every_candidate_means_one_place() {
        let ambiguous = choice("Springfield").unwrap_err();
        for text in ambiguous.split("; ") {
            let chosen = choice(text).unwrap();
            let exactly = Wanted::read(text).unwrap();
            let of_key: Vec<Place> = springfields()
                .into_iter()
                .filter(|place| place.key() == chosen)
                .collect();
            assert!(exactly.is_exactly(&of_key[0]), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_by_name() {
        for text in [
            "",
            " ",
            ",US",
            "a,,b",
            "a\u{1b}b",
            "x@",
            "x@1",
            "x@a,b",
            &"x".repeat(300),
        ] {
            assert!(choice(text).unwrap_err().starts_with("city"), "{text:?}");
        }
        assert!(!Wanted::read("Springfield").unwrap().is_exactly(&springfields()[0]));
    }
}
