//! From the configuration's `[notify]` to the options of the role.

use sla_notify::{Mail, MailTls, NotifyOptions, Telegram};

use crate::config::Config;

/// The options of the role notify.
pub(super) fn options(config: &Config) -> NotifyOptions {
    let notify = &config.notify;
    let bot = notify.telegram_token_file.as_ref();
    NotifyOptions {
        instance: config.instance.name.clone(),
        telegram: bot.map(|token_file| Telegram {
            token_file: token_file.clone(),
            url: notify.telegram_url.clone(),
        }),
        mail: (!notify.smtp_host.is_empty()).then(|| Mail {
            host: notify.smtp_host.clone(),
            port: notify.port(),
            tls: match notify.smtp_tls.as_str() {
                "tls" => MailTls::Implicit,
                "none" => MailTls::Off,
                _ => MailTls::StartTls,
            },
            from: notify.smtp_from.clone(),
            user: notify.smtp_user.clone(),
            password_file: notify.smtp_password_file.clone(),
        }),
        flap_count: notify.flap_count,
        flap_window_ms: notify.flap_window.ms(),
        coming_from: notify.coming_from,
    }
}
