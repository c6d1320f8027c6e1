//! `[storage]`: which server, and whether this binary can talk to it.

use sla_storage::server_place::{Password, ServerPlace, ServerUrl};

use super::ConfigError;
use super::schema::StorageConfig;

/// Whether the adapter is in this binary.
const HAS_MYSQL: bool = cfg!(feature = "mysql");

impl StorageConfig {
    /// Where the database server is; `None` = a file.
    pub(crate) fn server(&self) -> Result<Option<ServerPlace>, ConfigError> {
        if self.url.is_empty() {
            return Ok(None);
        }
        let url: ServerUrl = self.url.parse().map_err(|error| ConfigError::Rule {
            key: "storage.url",
            // A password in it must not be shown.
            value: self.url.rsplit_once('@').map_or("", |(_, rest)| rest).to_owned(),
            rule: format!("a URL of a database server {error}"),
            fix: "give mysql://user@host:3306/database".to_owned(),
        })?;
        let mut place = ServerPlace::new(url);
        place.password = match (&self.password_file, self.password.as_str()) {
            (Some(file), "") => Password::File(file.clone()),
            (None, "") => Password::None,
            (None, password) => Password::Given(password.to_owned()),
            (Some(_), _) => {
                return Err(ConfigError::Rule {
                    key: "storage.password",
                    value: "(hidden)".to_owned(),
                    rule: "password_file gives one already".to_owned(),
                    fix: "leave one of the two out".to_owned(),
                });
            }
        };
        place.ca_file.clone_from(&self.ca_file);
        place.insecure = self.insecure;
        Ok(Some(place))
    }

    /// Refuses what parses but cannot work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.server()? {
            Some(place) if !HAS_MYSQL => Err(ConfigError::Rule {
                key: "storage.url",
                value: place.url.to_string(),
                rule: "this binary was built without the feature mysql".to_owned(),
                fix: "build it with --features mysql, or leave storage.url out to keep everything in a file".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_url(url: &str) -> StorageConfig {
        StorageConfig {
            url: url.to_owned(),
            ..StorageConfig::default()
        }
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        let told = with_url("mysql://sla:hush@db/sla").server().unwrap_err().to_string();
        assert!(told.contains("password_file") && !told.contains("hush"), "{told}");
        assert!(with_url("").server().unwrap().is_none());
        let both = StorageConfig {
            password: "hush".to_owned(),
            password_file: Some("/run/secret".into()),
            ..with_url("mysql://sla@db/sla")
        };
        let told = both.server().unwrap_err().to_string();
        assert!(told.contains("storage.password") && !told.contains("hush"), "{told}");
    }

    #[test]
    fn a_missing_feature_is_named() {
        let checked = with_url("mysql://sla@db/sla").check();
        if HAS_MYSQL {
            checked.unwrap();
        } else {
            assert!(checked.unwrap_err().to_string().contains("--features mysql"));
        }
    }
}
