//! `[notify]`: the bot and the mail server that messages go through, and when what comes and goes is one message.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::span::Span;

/// Words of `smtp_tls`, with their usual ports.
const SMTP_TLS: [(&str, u16); 3] = [("starttls", 587), ("tls", 465), ("none", 25)];

/// `[notify]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NotifyConfig {
    /// File with the token of a Telegram bot, mode 600, read again at every message; empty = no telegram channels.
    pub(crate) telegram_token_file: Option<PathBuf>,
    /// Where the Bot API of Telegram is.
    pub(crate) telegram_url: String,
    /// Mail server; empty = no email channels.
    pub(crate) smtp_host: String,
    /// Its port; 0 = 587 with starttls, 465 with tls, 25 with none.
    pub(crate) smtp_port: u16,
    /// starttls, tls (from the first byte), or none: in the clear, on this host only.
    pub(crate) smtp_tls: String,
    /// Sender of all mail: `sla@example.org`.
    pub(crate) smtp_from: String,
    /// Who logs in there; empty = nobody does.
    pub(crate) smtp_user: String,
    /// File with his password, mode 600, read again at every message.
    pub(crate) smtp_password_file: Option<PathBuf>,
    /// So many violations of one series within `flap_window` are one message with a count; at least 2.
    pub(crate) flap_count: u32,
    /// See `flap_count`.
    pub(crate) flap_window: Span,
    /// What is expected with at least this probability is told, where the forecaster is proven: above 0, at most 1.
    pub(crate) coming_from: f64,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            telegram_token_file: None,
            telegram_url: "https://api.telegram.org".to_owned(),
            smtp_host: String::new(),
            smtp_port: 0,
            smtp_tls: "starttls".to_owned(),
            smtp_from: String::new(),
            smtp_user: String::new(),
            smtp_password_file: None,
            flap_count: 3,
            flap_window: Span(1_800_000),
            coming_from: 0.5,
        }
    }
}

/// Whether a name or address is this host's own.
fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl NotifyConfig {
    /// The port that is spoken to.
    pub(crate) fn port(&self) -> u16 {
        let usual = SMTP_TLS.iter().find(|(word, _)| *word == self.smtp_tls);
        match (self.smtp_port, usual) {
            (0, Some((_, port))) => *port,
            (given, _) => given,
        }
    }

    /// Refuses what cannot work, and what would let others read a secret on its way.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let rule = |key, value: String, rule: &str, fix: &str| {
            Err(ConfigError::Rule {
                key,
                value,
                rule: rule.to_owned(),
                fix: fix.to_owned(),
            })
        };
        let url = &self.telegram_url;
        let host = url.strip_prefix("http://").map(|rest| {
            let host = rest.split('/').next().unwrap_or(rest);
            host.rsplit_once(':').map_or(host, |(host, _)| host)
        });
        if !url.starts_with("https://") && !host.is_some_and(is_here) {
            let words = "the bot's token goes there: https:// is needed, or http:// on this host";
            return rule(
                "notify.telegram_url",
                url.clone(),
                words,
                "leave it out for https://api.telegram.org",
            );
        }
        if !SMTP_TLS.iter().any(|(word, _)| *word == self.smtp_tls) {
            let fix = "give one of starttls, tls, none";
            return rule("notify.smtp_tls", self.smtp_tls.clone(), "unknown word", fix);
        }
        if self.smtp_tls == "none" && !self.smtp_host.is_empty() && !is_here(&self.smtp_host) {
            let words = "mail to another host, and the password for it, must be encrypted";
            return rule("notify.smtp_tls", self.smtp_tls.clone(), words, "give starttls or tls");
        }
        if !self.smtp_host.is_empty() && !self.smtp_from.contains('@') {
            let fix = "give the address of the sender, such as sla@example.org";
            return rule("notify.smtp_from", self.smtp_from.clone(), "mail has a sender", fix);
        }
        if !self.smtp_user.is_empty() && self.smtp_password_file.is_none() {
            let fix = "set notify.smtp_password_file";
            return rule(
                "notify.smtp_user",
                self.smtp_user.clone(),
                "who logs in has a password",
                fix,
            );
        }
        if !(self.coming_from > 0.0 && self.coming_from <= 1.0) {
            let fix = "leave it out for 0.5";
            return rule(
                "notify.coming_from",
                self.coming_from.to_string(),
                "above 0, at most 1",
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
    fn secrets_do_not_travel_in_the_clear() {
        let refused = |change: fn(&mut NotifyConfig)| {
            let mut config = NotifyConfig::default();
            change(&mut config);
            config.check().err().map(|error| error.to_string())
        };
        assert_eq!(refused(|_| {}), None);
        assert_eq!(refused(|c| c.telegram_url = "http://127.0.0.1:8081/x".to_owned()), None);
        assert_eq!(refused(|c| c.telegram_url = "http://[::1]:8081".to_owned()), None);
        let told = refused(|c| c.telegram_url = "http://api.example.org".to_owned()).unwrap();
        assert!(told.contains("notify.telegram_url"), "{told}");
        let told = refused(|c| {
            c.smtp_host = "mail.example.org".to_owned();
            c.smtp_from = "sla@example.org".to_owned();
            c.smtp_tls = "none".to_owned();
        });
        assert!(told.unwrap().contains("notify.smtp_tls"));
        let told = refused(|c| c.smtp_host = "localhost".to_owned()).unwrap();
        assert!(told.contains("notify.smtp_from"), "{told}");
        assert!(
            refused(|c| c.smtp_user = "ada".to_owned())
                .unwrap()
                .contains("smtp_user")
        );
        assert!(refused(|c| c.coming_from = f64::NAN).unwrap().contains("coming_from"));
        let mut config = NotifyConfig::default();
        assert_eq!(config.port(), 587);
        config.smtp_port = 2_525;
        assert_eq!(config.port(), 2_525);
    }
}
