//! What can be chosen, and the limits that cannot.

use std::path::PathBuf;
use std::time::Duration;

/// The name of the metric source.
pub const SOURCE: &str = "weather";
/// Cities at most.
pub(crate) const MAX_CITIES: usize = 1_000;
/// A city is asked for at most once in this time, milliseconds: providers change their values no faster.
pub(crate) const MIN_ROUND_MS: i64 = 900_000;
/// Questions to the provider under way at once.
pub(crate) const MAX_AT_ONCE: usize = 4;
/// Cities that were asked for are stored together, at most so many.
pub(crate) const MAX_UNSTORED: usize = 16;
/// Largest answer that is read, bytes.
pub(crate) const MAX_BODY_BYTES: usize = 512 << 10;
/// How long one question may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(6);
/// Candidates of a search at most.
pub(crate) const MAX_CANDIDATES: usize = 20;
/// Hours of the provider's forecast at most.
pub(crate) const MAX_FORECAST: usize = 48;
/// Readings of a city that are kept: 26 h at the shortest distance, and some that were asked for by hand.
pub(crate) const MAX_READINGS: usize = 160;
/// Answers of the geocoding that are remembered, and for how long, milliseconds.
pub(crate) const MAX_SEARCHES: usize = 256;
pub(crate) const SEARCH_AGE_MS: i64 = 86_400_000;

/// Whom the weather is asked from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    /// open-meteo.com; its free tier needs no key.
    OpenMeteo,
    /// openweathermap.org; needs a key.
    OpenWeatherMap,
}

impl ProviderKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::OpenMeteo, Self::OpenWeatherMap];

    /// The word in the configuration and in the label `provider`.
    pub fn word(self) -> &'static str {
        match self {
            Self::OpenMeteo => "open-meteo",
            Self::OpenWeatherMap => "openweathermap",
        }
    }

    /// The one of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whom the data is from; the licences of both ask to show it.
    pub(crate) fn attribution(self) -> &'static str {
        match self {
            Self::OpenMeteo => "Weather data by Open-Meteo.com (CC BY 4.0)",
            Self::OpenWeatherMap => "Weather data provided by OpenWeather",
        }
    }

    /// Requests of a day that the free tier has: 10,000 of Open-Meteo (open-meteo.com/en/pricing); 1,000,000 a month of
    /// OpenWeatherMap (openweathermap.org/price), a thirty-first of it.
    pub(crate) fn daily_quota(self) -> u32 {
        match self {
            Self::OpenMeteo => 10_000,
            Self::OpenWeatherMap => 32_000,
        }
    }

    /// Least distance of two requests: 600 and 60 a minute are free.
    pub(crate) fn gap(self) -> Duration {
        match self {
            Self::OpenMeteo => Duration::from_millis(120),
            Self::OpenWeatherMap => Duration::from_millis(1_100),
        }
    }

    /// Where it answers, unless another address is given; and where its geocoding does.
    pub(crate) fn addresses(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenMeteo => ("https://api.open-meteo.com", "https://geocoding-api.open-meteo.com"),
            Self::OpenWeatherMap => ("https://api.openweathermap.org", "https://api.openweathermap.org"),
        }
    }
}

/// Options of the role.
#[derive(Debug, Clone)]
pub struct WeatherOptions {
    /// Whom to ask.
    pub provider: ProviderKind,
    /// Base address instead of the provider's own; empty = its own.
    pub base_url: String,
    /// The same for the search of places; empty = `base_url`, or the provider's own.
    pub geocoding_url: String,
    /// File with the key in its first line, readable by its owner alone; read again at each request.
    pub key_file: Option<PathBuf>,
    /// Requests of a day; `None` = those of the free tier.
    pub daily_quota: Option<u32>,
    /// Least distance of two requests; `None` = that of the free tier.
    pub gap: Option<Duration>,
}

impl WeatherOptions {
    /// The usual ones.
    pub fn new(provider: ProviderKind) -> Self {
        Self {
            provider,
            base_url: String::new(),
            geocoding_url: String::new(),
            key_file: None,
            daily_quota: None,
            gap: None,
        }
    }

    /// Requests of a day, at least one.
    pub(crate) fn quota(&self) -> u32 {
        self.daily_quota.unwrap_or_else(|| self.provider.daily_quota()).max(1)
    }
}
