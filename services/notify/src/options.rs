//! What can be chosen.

use std::path::PathBuf;

const MINUTE_MS: i64 = 60_000;

/// Options of the role.
#[derive(Debug, Clone)]
pub struct NotifyOptions {
    /// Name of the instance, told in messages.
    pub instance: String,
    /// The bot of `telegram` channels; `None`: there are none.
    pub telegram: Option<Telegram>,
    /// The server of `email` channels; `None`: there are none.
    pub mail: Option<Mail>,
    /// So many violations of a series within `flap_window_ms` come and go: they are counted, not told.
    pub flap_count: u32,
    /// See `flap_count`, milliseconds.
    pub flap_window_ms: i64,
    /// What is expected with at least this probability is told, where the forecaster is proven.
    pub coming_from: f64,
}

impl Default for NotifyOptions {
    fn default() -> Self {
        Self {
            instance: "default".to_owned(),
            telegram: None,
            mail: None,
            flap_count: 3,
            flap_window_ms: 30 * MINUTE_MS,
            coming_from: 0.5,
        }
    }
}

/// A bot of Telegram.
#[derive(Debug, Clone)]
pub struct Telegram {
    /// File with its token, read again at every message; nobody but its owner may read it.
    pub token_file: PathBuf,
    /// Where the Bot API is.
    pub url: String,
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// TLS after STARTTLS, or not at all.
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// In the clear.
    Off,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: MailTls,
    /// The sender: `sla@example.org`.
    pub from: String,
    /// Who logs in; empty: nobody does.
    pub user: String,
    /// File with the password, read again at every message; nobody but its owner may read it.
    pub password_file: Option<PathBuf>,
}
