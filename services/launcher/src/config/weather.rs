//! `[weather]`: whom the weather of cities is asked from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sla_weather::{ProviderKind, WeatherOptions};

use super::ConfigError;

/// `[weather]`: the weather of cities as a source called `weather`, and subscriptions to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WeatherConfig {
    /// Whom to ask: open-meteo or openweathermap; empty = nobody, and the role weather does not run.
    pub(crate) provider: String,
    /// Where it answers, instead of its own address.
    pub(crate) base_url: String,
    /// Where its search of places answers; empty = `base_url`, or its own address.
    pub(crate) geocoding_url: String,
    /// File of mode 0600 with the key in its first line, read again at each request; OpenWeatherMap needs one.
    pub(crate) key_file: Option<PathBuf>,
    /// Requests of a day; 0 = those of the free tier: 10,000 of Open-Meteo, 32,000 of OpenWeatherMap.
    pub(crate) daily_quota: u32,
}

impl WeatherConfig {
    /// Whether the role runs.
    pub(crate) fn is_on(&self) -> bool {
        !self.provider.is_empty()
    }

    /// For the role; `None` where it does not run.
    pub(crate) fn options(&self) -> Option<WeatherOptions> {
        let provider = ProviderKind::of_word(&self.provider)?;
        Some(WeatherOptions {
            base_url: self.base_url.clone(),
            geocoding_url: self.geocoding_url.clone(),
            key_file: self.key_file.clone(),
            daily_quota: Some(self.daily_quota).filter(|quota| *quota > 0),
            ..WeatherOptions::new(provider)
        })
    }

    /// Refuses what parses but cannot work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |key, value: &str, rule: &str, fix: String| {
            Err(ConfigError::Rule {
                key,
                value: value.to_owned(),
                rule: rule.to_owned(),
                fix,
            })
        };
        if self.is_on() && self.options().is_none() {
            let words = ProviderKind::ALL.map(ProviderKind::word).join(", ");
            return refused(
                "weather.provider",
                &self.provider,
                "unknown word",
                format!("give one of {words}"),
            );
        }
        for (key, url) in [
            ("weather.base_url", &self.base_url),
            ("weather.geocoding_url", &self.geocoding_url),
        ] {
            if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
                let fix = "give https://host, or http://127.0.0.1:PORT for a server of this host".to_owned();
                return refused(key, url, "an address begins with https:// or http://", fix);
            }
        }
        if self.provider == ProviderKind::OpenWeatherMap.word() && self.key_file.is_none() {
            let fix = "put your key into a file of mode 0600 and name it here".to_owned();
            return refused(
                "weather.key_file",
                "",
                "OpenWeatherMap answers nobody without a key",
                fix,
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named_and_what_can_reaches_the_role() {
        let check = |text: &str| {
            let config: WeatherConfig = toml::from_str(text).unwrap();
            config.check().map_err(|error| error.to_string())
        };
        assert!(check("").is_ok());
        for (text, key) in [
            ("provider = \"met\"", "weather.provider"),
            ("provider = \"openweathermap\"", "weather.key_file"),
            ("provider = \"open-meteo\"\nbase_url = \"ftp://x\"", "weather.base_url"),
            ("geocoding_url = \"x\"", "weather.geocoding_url"),
        ] {
            let refused = check(text).unwrap_err();
            assert!(refused.contains(key), "{refused}");
        }
        let text = "provider = \"openweathermap\"\nkey_file = \"/k\"\ndaily_quota = 7\nbase_url = \"http://h\"";
        check(text).unwrap();
        let options = toml::from_str::<WeatherConfig>(text).unwrap().options().unwrap();
        assert_eq!(options.provider, ProviderKind::OpenWeatherMap);
        assert_eq!((options.daily_quota, options.base_url.as_str()), (Some(7), "http://h"));
        assert_eq!(options.key_file, Some(PathBuf::from("/k")));
        assert!(WeatherConfig::default().options().is_none());
    }
}
